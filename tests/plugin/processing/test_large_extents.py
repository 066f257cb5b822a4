"""Extents larger than one upload: drawn to the disk tile by tile, one raster for the engine."""

from __future__ import annotations

import shutil
import tempfile
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from osgeo import gdal
from qgis.core import (
    QgsApplication,
    QgsFeature,
    QgsGeometry,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
    QgsVectorLayer,
)

from rsrefseg_qgis.engine.client import EngineClient
from rsrefseg_qgis.engine.manager import EngineManager
from rsrefseg_qgis.engine.wire import SegmentRequest
from rsrefseg_qgis.layers import scratch
from rsrefseg_qgis.tasks import delivery, segment
from tests.plugin import rasters
from tests.plugin.processing.conftest import Feedback
from tests.support.tile_service import EDGE_PX, TILE_M, tile_service, tiles_layer

Run = Callable[..., dict[str, Any]]
PHRASE = "all buildings; water"
# Low, so that also weak weights find something to compare.
LOW = 0.05


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """700 x 600 px: several windows of the model, blobs across their borders."""
    image = rasters.rgb(700, 600, (150, 100, 300, 250))
    image[:, 300:420, 400:640] = np.array([30, 80, 150], np.uint8)[:, None, None]
    pixel = (500000.0, 0.5, 0.0, 5200000.0, 0.0, -0.5)
    return rasters.write(tmp_path / "scene.tif", image, pixel)


def shapes(layer: QgsVectorLayer) -> list[tuple[str, str, float]]:
    return sorted(
        (feature["phrase"], feature.geometry().asWkt(4), round(feature["score"], 9))
        for feature in layer.getFeatures()
    )


def left_behind() -> set[str]:
    return {str(path) for path in Path(tempfile.gettempdir()).glob("rsrefseg-*/scene.tif")}


def test_file_on_the_disk_gives_what_an_upload_gives(
    toolbox: Run, scene: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = left_behind()
    asked = {"INPUT": str(scene), "PHRASE": PHRASE, "THRESHOLD": LOW, "OUTPUT": "memory:"}
    whole = shapes(toolbox("segmentbyphrase", **asked)["OUTPUT"])
    assert whole
    monkeypatch.setattr(delivery, "MAX_SIDE_PX", 256)
    monkeypatch.setattr("rsrefseg_qgis.layers.geotiff.TILE_PX", 200)
    assert shapes(toolbox("segmentbyphrase", **asked)["OUTPUT"]) == whole
    assert left_behind() == before


def test_what_is_drawn_is_looked_at_not_what_the_file_holds(
    toolbox: Run, scene: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = QgsRasterLayer(str(scene), "scene")
    layer.brightnessFilter().setBrightness(-255)
    QgsProject.instance().addMapLayer(layer)
    monkeypatch.setattr(delivery, "MAX_SIDE_PX", 256)
    asked = {"PHRASE": PHRASE, "THRESHOLD": LOW, "OUTPUT": "memory:"}
    dark = toolbox("segmentbyphrase", INPUT=layer.id(), **asked)["OUTPUT"]
    copy = shutil.copy(scene, scene.with_name("copy.tif"))
    plain = toolbox("segmentbyphrase", INPUT=str(copy), **asked)["OUTPUT"]
    assert shapes(dark) != shapes(plain)


def test_only_inside_polygons(toolbox: Run, scene: Path) -> None:
    keep = QgsVectorLayer("Polygon?crs=EPSG:32633", "keep", "memory")
    boxes = [
        QgsRectangle(500080, 5199880, 500140, 5199940),
        QgsRectangle(500200, 5199800, 500260, 5199840),
    ]
    features = []
    for box in boxes:
        feature = QgsFeature()
        feature.setGeometry(QgsGeometry.fromRect(box))
        features.append(feature)
    keep.dataProvider().addFeatures(features)
    asked = {"INPUT": str(scene), "PHRASE": PHRASE, "THRESHOLD": LOW, "OUTPUT": "memory:"}
    found = toolbox("segmentbyphrase", WITHIN=keep, **asked)["OUTPUT"]
    assert found.featureCount() > 0
    union = QgsGeometry.unaryUnion([QgsGeometry.fromRect(box) for box in boxes])
    for feature in found.getFeatures():
        geometry = feature.geometry()
        assert geometry.isGeosValid()
        assert union.buffer(1e-6, 1).contains(geometry)
        # a UTM zone's scale is off by at most 1 in 1000
        assert feature["area_m2"] == pytest.approx(geometry.area(), rel=2e-3)


def test_layer_without_polygons_is_a_sentence(
    toolbox: Run, scene: Path, feedback: Feedback
) -> None:
    keep = QgsVectorLayer("Polygon?crs=EPSG:32633", "keep", "memory")
    asked = {"INPUT": str(scene), "PHRASE": "x", "WITHIN": keep, "OUTPUT": "memory:"}
    with pytest.raises(QgsProcessingException):
        toolbox("segmentbyphrase", feedback, **asked)
    assert any("has no polygons" in text for text in feedback.said), feedback.said


def test_full_disk_is_a_sentence(
    toolbox: Run, scene: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(scratch.shutil, "disk_usage", lambda path: usage(1, 1, 1000))
    monkeypatch.setattr(delivery, "MAX_SIDE_PX", 256)
    with pytest.raises(QgsProcessingException, match="free some room"):
        toolbox("segmentbyphrase", INPUT=str(scene), PHRASE="x", OUTPUT="memory:")


def test_too_much_for_an_engine_elsewhere_is_a_sentence(
    toolbox: Run, scene: Path, monkeypatch: pytest.MonkeyPatch, real_manager: EngineManager
) -> None:
    monkeypatch.setattr(delivery, "MAX_SIDE_PX", 256)
    monkeypatch.setattr(EngineManager, "is_remote", property(lambda manager: True))
    asked = {"INPUT": str(scene), "PHRASE": PHRASE, "THRESHOLD": LOW, "OUTPUT": "memory:"}
    uploaded = toolbox("segmentbyphrase", **asked)["OUTPUT"]
    assert uploaded.featureCount() > 0
    monkeypatch.setattr(delivery, "REMOTE_BYTES", 1000)
    with pytest.raises(QgsProcessingException, match="more than an engine elsewhere takes"):
        toolbox("segmentbyphrase", **asked)
    monkeypatch.setattr(delivery, "REMOTE_PIXELS", 1000)
    with pytest.raises(QgsProcessingException, match="million at once"):
        toolbox("segmentbyphrase", **asked)


def test_cancel_takes_the_file_away(
    toolbox: Run, scene: Path, monkeypatch: pytest.MonkeyPatch, real_manager: EngineManager
) -> None:
    monkeypatch.setattr(delivery, "MAX_SIDE_PX", 256)
    real_manager.ensure()
    before = left_behind()
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("rsrefseg:segmentbyphrase")
    context, feedback = QgsProcessingContext(), Feedback()
    context.setProject(QgsProject.instance())
    seen: list[set[str]] = []

    def stop_when_asking(step: float) -> None:
        if step > 20 and not feedback.isCanceled():
            seen.append(left_behind() - before)
            feedback.cancel()

    feedback.progressChanged.connect(stop_when_asking)
    phrases = "; ".join(f"building number {number}" for number in range(200))
    results, good = algorithm.run(
        {"INPUT": str(scene), "PHRASE": phrases, "OUTPUT": "memory:"}, context, feedback
    )
    assert good
    assert "OUTPUT" not in results
    assert seen[0]
    assert left_behind() == before


def test_temporary_folder_goes_whatever_happens() -> None:
    with pytest.raises(KeyError), scratch.scratch_folder(10) as folder:
        (folder / "x").write_text("x")
        raise KeyError
    assert not folder.exists()


def test_tile_service_larger_than_one_upload(toolbox: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two tiles a side of a web map, each with a square in its middle."""
    x, y = 10 * TILE_M, 10 * TILE_M
    extent = f"{x},{x + 2 * TILE_M},{y},{y + 2 * TILE_M} [EPSG:3857]"
    drawn: list[np.ndarray] = []
    real_segment_call = segment.segment_call

    def spy(client: EngineClient, request: SegmentRequest, *rest: Any) -> Any:
        drawn.append(gdal.Open(request.image.path).ReadAsArray())
        return real_segment_call(client, request, *rest)

    monkeypatch.setattr(segment, "segment_call", spy)
    monkeypatch.setattr(delivery, "MAX_SIDE_PX", 256)
    monkeypatch.setattr("rsrefseg_qgis.layers.geotiff.TILE_PX", 200)
    with tile_service() as url:
        layer = tiles_layer(url)
        QgsProject.instance().addMapLayer(layer)
        # zoom level 18 has pixels of 0.6 m
        found = toolbox(
            "segmentbyphrase",
            INPUT=layer.id(),
            PHRASE="all buildings",
            EXTENT=extent,
            RESOLUTION=0.6,
            THRESHOLD=LOW,
            OUTPUT="memory:",
        )["OUTPUT"]
    (pixels,) = drawn
    assert pixels.shape == (4, 512, 512)
    tiles = pixels[0].reshape(2, 256, 2, 256)
    assert np.all(tiles[:, 96:160, :, 96:160] == 220)
    square = slice(96 - EDGE_PX, 160 + EDGE_PX)
    tiles[:, square, :, square] = 90
    assert np.all(tiles == 90)
    assert found.crs().authid() == "EPSG:3857"
    inside = QgsRectangle(x, y, x + 2 * TILE_M, y + 2 * TILE_M).buffered(1e-3)
    assert all(inside.contains(f.geometry().boundingBox()) for f in found.getFeatures())


def test_whole_world_of_a_tile_service_is_a_sentence(toolbox: Run) -> None:
    with tile_service() as url:
        layer = tiles_layer(url)
        QgsProject.instance().addMapLayer(layer)
        with pytest.raises(QgsProcessingException, match="choose a smaller extent"):
            toolbox("segmentbyphrase", INPUT=layer.id(), PHRASE="x", OUTPUT="memory:")
