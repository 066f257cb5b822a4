"""What is done with an answer, with the real engine's process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from qgis.core import QgsPointXY, QgsProject, QgsRasterLayer, QgsVectorLayer
from qgis.gui import QgsMessageBar
from qgis.PyQt.QtCore import Qt

from rsrefseg_qgis.gui.request import ExtentMode
from rsrefseg_qgis.gui.state import Activity
from rsrefseg_qgis.layers.result import record_of
from rsrefseg_qgis.plugin import RSRefSegPlugin
from rsrefseg_qgis.settings import Settings
from tests.plugin import rasters

WAIT_MS = 300_000


@pytest.fixture
def plugin(
    settings: Settings,
    qgis_iface: Any,
    qgis_new_project: None,
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
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
    scene = rasters.write(tmp_path / "scene.tif", rasters.rgb(256, 256, (60, 80, 140, 150)))
    layer = QgsRasterLayer(str(scene), "scene")
    QgsProject.instance().addMapLayer(layer)
    made.panel.raster_combo.setLayer(layer)
    made.panel.extent.set_mode(ExtentMode.LAYER)
    # an untrained model finds this or that; a low bar makes it find something
    made.panel.shape_box.threshold.setValue(0.05)
    made.panel.phrase_edit.setText("all buildings")
    made.panel.segment_button.click()
    wait(made, qtbot)
    yield made
    made.unload()
    main.hide()


def wait(plugin: RSRefSegPlugin, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: plugin.state.view.activity is Activity.IDLE, timeout=WAIT_MS)


def test_heat_map_click_undo_and_saving(plugin: RSRefSegPlugin, qtbot: Any, tmp_path: Path) -> None:
    project, panel = QgsProject.instance(), plugin.panel
    (scene,) = project.mapLayersByName("scene")

    panel.heat_button.click()
    looked = "all buildings: where the model looked"
    qtbot.waitUntil(lambda: bool(project.mapLayersByName(looked)), timeout=WAIT_MS)
    for name in (looked, "all buildings: probability"):
        (layer,) = project.mapLayersByName(name)
        assert layer.crs() == scene.crs()
        assert layer.extent().xMinimum() == pytest.approx(scene.extent().xMinimum(), abs=0.01)
        assert layer.extent().yMaximum() == pytest.approx(scene.extent().yMaximum(), abs=0.01)
    panel.heat_button.click()
    assert not project.mapLayersByName(looked)

    canvas = plugin.iface.mapCanvas()
    canvas.setDestinationCrs(scene.crs())
    panel.point_bar.tools["inside"].click()
    middle: QgsPointXY = scene.extent().center()
    canvas.mapTool().canvasClicked.emit(middle, Qt.MouseButton.LeftButton)
    wait(plugin, qtbot)
    run = plugin.state.view.history[0]
    assert run.points == ((middle.x(), middle.y()),)
    panel.point_bar.undo_button.click()
    wait(plugin, qtbot)
    assert plugin.state.view.history[0].points == ()

    results = [project.mapLayer(layer_id) for layer_id in plugin.state.view.result_ids]
    counts = [layer.featureCount() for layer in results]
    path = tmp_path / "town.qgz"
    assert project.write(str(path))
    project.clear()
    assert project.read(str(path))
    again = [
        layer
        for layer in project.mapLayers().values()
        if isinstance(layer, QgsVectorLayer) and record_of(layer) is not None
    ]
    assert [layer.featureCount() for layer in again] == counts
    assert [run.phrase for run in plugin.state.view.history] == ["all buildings"] * 3
