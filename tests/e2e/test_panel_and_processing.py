"""Panel, Processing and `qgis_process` with the real engine's process."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from osgeo import gdal
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsGeometry,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
    QgsVectorLayer,
)
from qgis.gui import QgsMessageBar

from rsrefseg_qgis.engine.manager import EngineState
from rsrefseg_qgis.gui.request import ExtentMode
from rsrefseg_qgis.gui.state import Activity
from rsrefseg_qgis.plugin import RSRefSegPlugin
from rsrefseg_qgis.settings import Settings
from tests.plugin import rasters
from tests.support.tile_service import EDGE_PX, TILE_M, tile_service, tiles_layer

ROOT = Path(__file__).parents[2]
WAIT_MS = 300_000
PHRASE = "all buildings"


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scene")
    return rasters.write(folder / "scene.tif", rasters.rgb(256, 256, (60, 80, 140, 150)))


@pytest.fixture
def plugin(
    settings: Settings,
    qgis_iface: Any,
    qgis_new_project: None,
    qgis_processing: None,
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[RSRefSegPlugin]:
    main = qgis_iface.mainWindow()
    bar = QgsMessageBar(main)
    for name in ("addDockWidget", "removeDockWidget"):
        monkeypatch.setattr(qgis_iface, name, getattr(main, name))
    monkeypatch.setattr(qgis_iface, "messageBar", lambda: bar)
    made = RSRefSegPlugin(qgis_iface, settings)
    made.initGui()
    main.show()
    made.panel.show()
    yield made
    made.unload()
    main.hide()


def messages(plugin: RSRefSegPlugin) -> list[str]:
    return [item.text() for item in plugin.iface.messageBar().items()]


def ask(plugin: RSRefSegPlugin, qtbot: Any, phrase: str) -> list[QgsVectorLayer]:
    """Ask through the panel's own widgets and wait."""
    plugin.iface.messageBar().clearWidgets()
    plugin.panel.phrase_edit.setText(phrase)
    plugin.panel.segment_button.click()
    wait(plugin, qtbot)
    project = QgsProject.instance()
    return [project.mapLayer(layer_id) for layer_id in plugin.state.view.result_ids]


def wait(plugin: RSRefSegPlugin, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: plugin.state.view.activity is Activity.IDLE, timeout=WAIT_MS)


def add(plugin: RSRefSegPlugin, layer: QgsRasterLayer) -> None:
    assert layer.isValid()
    QgsProject.instance().addMapLayer(layer)
    plugin.panel.raster_combo.setLayer(layer)
    plugin.panel.extent.set_mode(ExtentMode.LAYER)


def shapes(layer: QgsVectorLayer) -> list[tuple[str, float, str]]:
    """Features in an order of their own, for comparing."""
    return sorted(
        (feature.geometry().asWkt(6), round(feature["score"], 9), feature["phrase"])
        for feature in layer.getFeatures()
    )


def test_panel_toolbox_and_qgis_process_agree(
    plugin: RSRefSegPlugin, qtbot: Any, scene: Path, tmp_path: Path
) -> None:
    import processing

    add(plugin, QgsRasterLayer(str(scene), "scene"))
    # An untrained model finds this or that; a low bar makes it find something.
    plugin.panel.shape_box.threshold.setValue(0.05)
    layers = ask(plugin, qtbot, PHRASE)
    health = plugin.manager.health
    assert health is not None
    assert health.model is not None
    panel = shapes(layers[0]) if layers else []
    if layers:
        extent = QgsGeometry.fromRect(QgsRectangle(*_bounds(scene)))
        assert all(
            extent.buffer(1e-6, 1).contains(feature.geometry())
            for feature in layers[0].getFeatures()
        )
        assert layers[0].crs().authid() == "EPSG:32633"
        assert next(layers[0].getFeatures())["model"] == health.model.name
    else:
        assert "Nothing here matches" in messages(plugin)[0]
    parameters = {"INPUT": str(scene), "PHRASE": PHRASE, "THRESHOLD": 0.05}
    result = processing.run("rsrefseg:segmentbyphrase", {**parameters, "OUTPUT": "memory:"})
    assert shapes(result["OUTPUT"]) == panel
    target = tmp_path / "out.gpkg"
    answer = run_qgis_process(plugin.settings, tmp_path, {**parameters, "OUTPUT": str(target)})
    assert f"COUNT:\t{len(panel)}" in answer, answer
    assert shapes(QgsVectorLayer(str(target), "x", "ogr")) == panel


def test_image_that_lies_nowhere_gets_polygons_where_it_is_drawn(
    plugin: RSRefSegPlugin, qtbot: Any, tmp_path: Path
) -> None:
    import processing

    image = rasters.rgb(200, 256, (60, 80, 140, 150))
    path = rasters.write(tmp_path / "a.tif", image, geotransform=None, epsg=None)
    layer = QgsRasterLayer(str(path), "photograph")
    layer.setCrs(QgsCoordinateReferenceSystem())
    add(plugin, layer)
    plugin.panel.shape_box.threshold.setValue(0.05)
    (panel,) = ask(plugin, qtbot, PHRASE)
    assert layer.extent().buffered(1e-6).contains(panel.extent())
    parameters = {"INPUT": layer, "PHRASE": PHRASE, "THRESHOLD": 0.05, "OUTPUT": "memory:"}
    result = processing.run("rsrefseg:segmentbyphrase", parameters)
    assert shapes(result["OUTPUT"]) == shapes(panel)


def _bounds(path: Path) -> tuple[float, ...]:
    box = QgsRasterLayer(str(path), "x").extent()
    return box.xMinimum(), box.yMinimum(), box.xMaximum(), box.yMaximum()


def run_qgis_process(settings: Settings, folder: Path, parameters: dict[str, Any]) -> str:
    """The algorithm through the program, without a window."""
    program = shutil.which("qgis_process.bin") or shutil.which("qgis_process")
    assert program is not None
    plugins = folder / "plugins"
    plugins.mkdir()
    (plugins / "rsrefseg_qgis").symlink_to(ROOT / "rsrefseg_qgis")
    # in the zip it lies inside; in the source tree beside
    environment = {
        **os.environ,
        "QGIS_PLUGINPATH": str(plugins),
        "QGIS_CUSTOM_CONFIG_PATH": str(folder / "config"),
        "QT_QPA_PLATFORM": "offscreen",
        "RSREFSEG_ENGINE_PYTHON": settings.engine_python,
        "RSREFSEG_WEIGHTS": settings.weights,
        "RSREFSEG_ENGINE_FOLDER": str(folder / "user"),
        "OMP_NUM_THREADS": "1",
    }
    enable = [program, "plugins", "enable", "rsrefseg_qgis"]
    subprocess.run(enable, env=environment, check=True, capture_output=True, timeout=300)
    values = [f"{key}={value}" for key, value in parameters.items()]
    version = [int(part) for part in _version().split(".")[:2]]
    run = [program, "run", "rsrefseg:segmentbyphrase"]
    run += ["--", *values] if version < [3, 24] else [f"--{value}" for value in values]
    done = subprocess.run(
        run, env=environment, check=False, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _version() -> str:
    from qgis.core import Qgis

    return str(Qgis.QGIS_VERSION)


def test_engine_killed_in_the_middle_is_started_and_asked_again(
    plugin: RSRefSegPlugin, qtbot: Any, scene: Path
) -> None:
    add(plugin, QgsRasterLayer(str(scene), "scene"))
    ask(plugin, qtbot, "trees")
    killed = plugin.manager.pid
    plugin.iface.messageBar().clearWidgets()
    phrases = [f"building number {n}" for n in range(100)]
    plugin.panel.phrase_edit.setText("; ".join(phrases))
    plugin.panel.segment_button.click()
    qtbot.waitUntil(lambda: plugin.state.view.fraction >= 0.2, timeout=WAIT_MS)
    os.kill(killed, signal.SIGKILL)
    wait(plugin, qtbot)
    assert plugin.manager.state is EngineState.READY
    assert plugin.manager.pid != killed
    assert not any("run it again" in text for text in messages(plugin)), messages(plugin)
    assert all(f"“{phrase}”" in plugin.state.view.summary for phrase in phrases)


@pytest.mark.parametrize(
    ("kind", "phrase"),
    [
        ("one band", PHRASE),
        ("four bands with alpha", PHRASE),
        ("16 bit", PHRASE),
        ("float with nodata", PHRASE),
        ("no CRS", PHRASE),
        ("8 bit", "川の左の赤い屋根"),
        ("8 bit", "roof " * 400),
    ],
)
def test_odd_input_gives_a_result_or_a_sentence(
    plugin: RSRefSegPlugin, qtbot: Any, tmp_path: Path, kind: str, phrase: str
) -> None:
    image = rasters.rgb(256, 256)
    how: dict[str, Any] = {}
    if kind == "one band":
        image = image[:1]
    elif kind == "four bands with alpha":
        alpha = np.full((1, 256, 256), 255, np.uint8)
        alpha[:, :, :40] = 0
        image, how = np.concatenate([image, alpha]), {"alpha": True}
    elif kind == "16 bit":
        image = image.astype(np.uint16) * 12
    elif kind == "float with nodata":
        image = image.astype(np.float32)
        image[:, :40] = -9999
        how = {"nodata": -9999}
    elif kind == "no CRS":
        how = {"epsg": None}
    layer = QgsRasterLayer(str(rasters.write(tmp_path / "a.tif", image, **how)), kind)
    if kind == "no CRS":
        layer.setCrs(QgsCoordinateReferenceSystem())
    add(plugin, layer)
    layers = ask(plugin, qtbot, phrase)
    said = messages(plugin)
    assert layers or said
    assert not any("unexpected" in text for text in said), said
    if layers and kind == "four bands with alpha":
        assert layers[0].extent().xMinimum() >= rasters.NORTH_UP[0] + 40 * 0.3 - 1e-3


@pytest.fixture
def tile_url() -> Iterator[str]:
    with tile_service() as url:
        yield url


def test_tile_service_is_read_on_its_own_pixels(
    plugin: RSRefSegPlugin, qtbot: Any, tile_url: str
) -> None:
    from rsrefseg_qgis.layers.geotiff import export_geotiff
    from rsrefseg_qgis.layers.snapshot import take_snapshot

    layer = tiles_layer(tile_url)
    add(plugin, layer)
    x, y = 10 * TILE_M, 10 * TILE_M
    snapshot = take_snapshot(layer)
    grid = snapshot.grid((x, y, x + TILE_M, y + TILE_M), TILE_M / 256)
    done: list[bytes] = []
    work = threading.Thread(target=lambda: done.append(export_geotiff(snapshot, grid)))
    work.start()
    qtbot.waitUntil(lambda: not work.is_alive(), timeout=60_000)
    snapshot.pipe.release()
    gdal.FileFromMemBuffer("/vsimem/xyz.tif", done[0])
    pixels = gdal.Open("/vsimem/xyz.tif").ReadAsArray()
    assert pixels.shape == (4, 256, 256)
    rows, cols = np.nonzero(pixels[0] > 150)
    for axis in (rows, cols):
        assert 96 - EDGE_PX <= axis.min() <= 96
        assert 159 <= axis.max() <= 159 + EDGE_PX
    # and the whole way, with the visible map as extent
    canvas = plugin.iface.mapCanvas()
    canvas.setDestinationCrs(layer.crs())
    canvas.setExtent(QgsRectangle(x, y, x + TILE_M, y + TILE_M))
    plugin.panel.extent.set_mode(ExtentMode.CANVAS)
    layers = ask(plugin, qtbot, PHRASE)
    assert layers or "Nothing here matches" in messages(plugin)[0]
    if layers:
        assert layers[0].crs().authid() == "EPSG:3857"
        assert canvas.extent().buffered(TILE_M).contains(layers[0].extent())


def test_service_that_is_down_is_a_sentence(plugin: RSRefSegPlugin, qtbot: Any) -> None:
    layer = tiles_layer("http://127.0.0.1:9/{z}/{x}/{y}.png")
    add(plugin, layer)
    canvas = plugin.iface.mapCanvas()
    canvas.setDestinationCrs(layer.crs())
    canvas.setExtent(QgsRectangle(0, 0, TILE_M, TILE_M))
    plugin.panel.extent.set_mode(ExtentMode.CANVAS)
    assert ask(plugin, qtbot, PHRASE) == []
    assert any("shows nothing" in text for text in messages(plugin)), messages(plugin)
