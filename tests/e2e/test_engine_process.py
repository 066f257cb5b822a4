"""The plugin's side of the wire against the real engine's process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal, osr

from rsrefseg_qgis.engine.manager import EngineManager, EngineState
from rsrefseg_qgis.engine.wire import EncodeRequest, ImageRef, SegmentRequest
from rsrefseg_qgis.errors import CancelledError, EngineAnswerError, EngineDiedError
from rsrefseg_qgis.settings import Settings

ROOT = Path(__file__).parents[2]
PIXEL_M = 0.3
ORIGIN = (500_000.0, 4_000_000.0)


def geotiff(size_px: int) -> bytes:
    """A GeoTIFF in UTM: noise with bright squares."""
    gdal.UseExceptions()
    name = f"/vsimem/{size_px}.tif"
    dataset = gdal.GetDriverByName("GTiff").Create(name, size_px, size_px, 3, gdal.GDT_Byte)
    dataset.SetGeoTransform((ORIGIN[0], PIXEL_M, 0, ORIGIN[1], 0, -PIXEL_M))
    crs = osr.SpatialReference()
    crs.ImportFromEPSG(32633)
    dataset.SetProjection(crs.ExportToWkt())
    pixels = np.random.default_rng(1).integers(40, 90, (3, size_px, size_px), np.uint8)
    pixels[0, 20 : size_px // 2, 20 : size_px // 2] = 220
    dataset.WriteArray(pixels)
    dataset = None
    size = gdal.VSIStatL(name).size
    file = gdal.VSIFOpenL(name, "rb")
    data = bytes(gdal.VSIFReadL(1, size, file))
    gdal.VSIFCloseL(file)
    gdal.Unlink(name)
    return data


def ring_points(geometry: dict) -> list[list[float]]:
    polygons = geometry["coordinates"]
    if geometry["type"] == "Polygon":
        polygons = [polygons]
    return [point for polygon in polygons for ring in polygon for point in ring]


def test_phrase_to_polygons(
    manager: EngineManager, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # what QGIS and its users have set must not matter
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    monkeypatch.setenv("PROJ_LIB", "/nowhere")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    manager.stop()
    client = manager.ensure()
    assert manager.health is not None
    assert manager.health.device is not None
    assert manager.health.device.why
    image = client.put_image(geotiff(256))
    assert (image.width, image.height, image.bands) == (256, 256, 3)
    assert image.transform == pytest.approx((PIXEL_M, 0, ORIGIN[0], 0, -PIXEL_M, ORIGIN[1]))
    assert client.put_image(geotiff(256)).image_id == image.image_id
    assert client.encode(EncodeRequest("e", ImageRef(id=image.image_id))).windows >= 1
    phrases = ("the red square", "a thing that is not there")
    answer = client.segment(
        SegmentRequest("r", ImageRef(id=image.image_id), phrases, threshold=0.01)
    )
    assert [result.phrase for result in answer.results] == list(phrases)
    assert answer.crs is not None
    assert "33N" in answer.crs
    assert len(answer.model.sha256) == 64
    points = [
        point
        for result in answer.results
        for feature in result.features
        for point in ring_points(dict(feature.geometry))
    ]
    for x, y in points:  # on pixel edges, inside the raster
        column, row = (x - ORIGIN[0]) / PIXEL_M, (ORIGIN[1] - y) / PIXEL_M
        assert -1e-6 < column < 256 + 1e-6
        assert -1e-6 < row < 256 + 1e-6
    assert [event.kind for event in client.events("r")][-1] == "done"


def test_bad_requests_are_sentences(manager: EngineManager) -> None:
    client = manager.ensure()
    with pytest.raises(EngineAnswerError) as caught:
        client.put_image(b"no TIFF")
    assert caught.value.code == "bad_raster"
    image = client.put_image(geotiff(256))
    for phrase in ("", "   ", "x" * 2001):
        with pytest.raises(EngineAnswerError) as caught:
            client.segment(SegmentRequest("p", ImageRef(id=image.image_id), (phrase,)))
        assert caught.value.code == "bad_phrase"
        assert "\n" not in str(caught.value)
    with pytest.raises(EngineAnswerError) as caught:
        client.segment(
            SegmentRequest("x", ImageRef(id=image.image_id), ("roof",), extent=(0, 0, 1, 1))
        )
    assert caught.value.code == "bad_extent"


def long_request(manager: EngineManager, request_id: str) -> SegmentRequest:
    """A request of many windows, which takes seconds."""
    image = manager.ensure().put_image(geotiff(1800))
    return SegmentRequest(
        request_id,
        ImageRef(id=image.image_id),
        ("roof", "road", "tree"),
        ground_resolution_m=PIXEL_M,
    )


def wait_until_running(manager: EngineManager, request_id: str) -> None:
    for event in manager.ensure().events(request_id):
        if event.fraction > 0 or "window" in event.message:
            return


def test_engine_killed_in_the_middle_of_a_request(manager: EngineManager) -> None:
    request = long_request(manager, "killed")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(manager.ensure().segment, request)
        wait_until_running(manager, "killed")
        assert manager.pid is not None
        os.kill(manager.pid, signal.SIGKILL)
        with pytest.raises(EngineDiedError, match="run it again"):
            answer.result(timeout=10)
    assert manager.state is EngineState.STOPPED
    client = manager.ensure()
    image = client.put_image(geotiff(256))
    assert client.segment(SegmentRequest("next", ImageRef(id=image.image_id), ("roof",))).results


def test_cancel_in_the_middle_of_a_request(manager: EngineManager) -> None:
    request = long_request(manager, "cancelled")
    client = manager.ensure()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(client.segment, request)
        wait_until_running(manager, "cancelled")
        begun = time.monotonic()
        client.cancel("cancelled")
        with pytest.raises(CancelledError):
            answer.result(timeout=20)
    assert time.monotonic() - begun < 15
    assert client.health().state == "ready"


def test_stop_in_the_middle_of_a_request_leaves_nobody_waiting(manager: EngineManager) -> None:
    request = long_request(manager, "stopped")
    client = manager.ensure()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(client.segment, request)
        wait_until_running(manager, "stopped")
        manager.stop()
        with pytest.raises((EngineDiedError, EngineAnswerError, CancelledError)):
            answer.result(timeout=15)


def test_no_orphan_when_qgis_is_killed(settings: Settings, tmp_path: Path) -> None:
    code = (
        "import pathlib, sys, time\n"
        "from rsrefseg_qgis.engine.process import EngineProcess\n"
        "python, weights, logs = map(pathlib.Path, sys.argv[1:])\n"
        "print(EngineProcess(python, weights, log_folder=logs).start(120).pid, flush=True)\n"
        "time.sleep(120)\n"
    )
    arguments = [settings.engine_python, settings.weights, str(tmp_path)]
    command = [sys.executable, "-c", code, *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        engine = int(parent.stdout.readline())
        parent.kill()
    for _ in range(200):
        if not Path(f"/proc/{engine}").exists():
            return
        time.sleep(0.05)
    pytest.fail("the engine outlived its parent")
