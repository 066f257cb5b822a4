from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsFeature,
    QgsGeometry,
    QgsProject,
    QgsRectangle,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import QPushButton

from rsrefseg_qgis.engine.manager import EngineState
from rsrefseg_qgis.gui.request import ExtentMode
from rsrefseg_qgis.gui.state import Activity, EngineStatus
from rsrefseg_qgis.layers.geopackage import ExportMode, tables_in
from rsrefseg_qgis.layers.result import record_of
from tests.plugin import rasters


def results() -> list[QgsVectorLayer]:
    layers = QgsProject.instance().mapLayers().values()
    return [layer for layer in layers if isinstance(layer, QgsVectorLayer)]


def bounds(layer: QgsVectorLayer) -> tuple[float, ...]:
    box = layer.extent()
    return box.xMinimum(), box.yMinimum(), box.xMaximum(), box.yMaximum()


def test_ask_makes_a_layer_above_the_raster(window: Any, scene: Path) -> None:
    raster = window.add_raster(scene)
    window.panel.extent.set_mode(ExtentMode.LAYER)
    window.ask("the red roof")
    assert window.plugin.state.view.activity is Activity.ASKING
    assert not window.panel.segment_button.isEnabled()
    assert window.panel.cancel_button.isVisible()
    window.wait()
    (layer,) = results()
    assert layer.name() == "the red roof"
    assert bounds(layer) == pytest.approx(rasters.blob_bounds(), abs=1e-3)
    names = [node.name() for node in QgsProject.instance().layerTreeRoot().children()]
    assert names == ["the red roof", "scene"]
    assert record_of(layer).layer_id == raster.id()
    assert "1 polygon" in window.panel.result_label.text()
    assert window.panel.export_button.isEnabled()
    assert window.plugin.state.view.engine.status is EngineStatus.READY
    assert "fake" in window.panel.engine_line.label.text()


def test_enter_asks(window: Any, scene: Path) -> None:
    window.add_raster(scene)
    window.panel.extent.set_mode(ExtentMode.LAYER)
    window.panel.phrase_edit.clear()
    window.qtbot.keyClicks(window.panel.phrase_edit, "red")
    window.qtbot.keyClick(window.panel.phrase_edit, Qt.Key.Key_Return)
    window.wait()
    assert len(results()) == 1


def test_several_phrases_make_several_layers(window: Any, scene: Path) -> None:
    window.add_raster(scene)
    window.panel.extent.set_mode(ExtentMode.LAYER)
    window.ask("red; nothing; roof ;; red")
    window.wait()
    assert {layer.name() for layer in results()} == {"red", "roof"}
    assert any("Nothing here matches “nothing”" in text for text in window.messages)


def test_nothing_and_unknown_words_are_said(window: Any, scene: Path) -> None:
    window.add_raster(scene)
    window.panel.extent.set_mode(ExtentMode.LAYER)
    window.ask("nothing zzheliport")
    window.wait()
    assert results() == []
    (text,) = window.messages
    assert "3%" in text
    shown = window.panel.result_label.text()
    assert text in shown
    assert "“zzheliport” is not in this model's vocabulary" in shown
    assert not window.panel.export_button.isEnabled()


@pytest.mark.parametrize("phrase", ["", "   ", ";;"])
def test_empty_phrase_is_a_sentence(window: Any, scene: Path, phrase: str) -> None:
    window.add_raster(scene)
    window.ask(phrase)
    assert "Type what to look for" in window.messages[0]
    assert window.plugin.state.view.activity is Activity.IDLE


def test_phrase_in_another_script(window: Any, scene: Path) -> None:
    window.add_raster(scene)
    window.panel.extent.set_mode(ExtentMode.LAYER)
    window.ask("川の左の赤い屋根")
    window.wait()
    assert [layer.name() for layer in results()] == ["川の左の赤い屋根"]


def test_long_phrase_is_refused_in_a_sentence(window: Any, scene: Path) -> None:
    window.add_raster(scene)
    window.panel.extent.set_mode(ExtentMode.LAYER)
    window.ask("roof " * 400)
    window.wait()
    assert "too long" in window.messages[0]


def test_no_raster_is_a_sentence(window: Any) -> None:
    window.ask("red")
    assert "add a raster layer" in window.messages[0]


def test_view_beside_the_layer_is_a_sentence(window: Any, scene: Path) -> None:
    window.add_raster(scene)
    canvas = window.iface.mapCanvas()
    canvas.setDestinationCrs(QgsCoordinateReferenceSystem("EPSG:32633"))
    canvas.setExtent(QgsRectangle(0, 0, 100, 100))
    window.panel.extent.set_mode(ExtentMode.CANVAS)
    window.ask("red")
    assert "zoom to the layer" in window.messages[0]


def test_view_in_another_crs(window: Any, scene: Path) -> None:
    layer = window.add_raster(scene)
    canvas = window.iface.mapCanvas()
    canvas.setDestinationCrs(QgsCoordinateReferenceSystem("EPSG:3857"))

    transform = QgsCoordinateTransform(
        layer.crs(), canvas.mapSettings().destinationCrs(), QgsProject.instance()
    )
    canvas.setExtent(transform.transformBoundingBox(layer.extent()))
    window.panel.extent.set_mode(ExtentMode.CANVAS)
    window.ask("red")
    window.wait()
    (result,) = results()
    assert result.crs() == layer.crs()
    assert bounds(result) == pytest.approx(rasters.blob_bounds(), abs=1e-3)


def test_drawn_rectangle(window: Any, scene: Path) -> None:
    layer = window.add_raster(scene)
    canvas = window.iface.mapCanvas()
    canvas.setDestinationCrs(layer.crs())
    window.panel.extent.set_mode(ExtentMode.DRAWN)
    window.ask("red")
    assert "Draw a rectangle" in window.messages[0]
    window.panel.extent.draw_button.click()
    assert canvas.mapTool() is not None
    left, bottom, _, top = rasters.blob_bounds()
    window.panel.extent.set_drawn(QgsRectangle(left, bottom, left + 3.0, top))
    assert not window.panel.extent.draw_button.isChecked()
    window.ask("red")
    window.wait()
    (result,) = results()
    assert bounds(result) == pytest.approx((left, bottom, left + 3.0, top), abs=1e-3)


def test_raster_without_crs(window: Any, tmp_path: Path) -> None:
    layer = window.add_raster(rasters.write(tmp_path / "a.tif", rasters.rgb(), epsg=None))
    layer.setCrs(QgsCoordinateReferenceSystem())
    window.panel.extent.set_mode(ExtentMode.LAYER)
    window.ask("red")
    window.wait()
    (result,) = results()
    assert not result.crs().isValid()
    assert bounds(result) == pytest.approx(rasters.blob_bounds(), abs=1e-3)


def test_cancel_frees_the_panel_at_once(window: Any, scene: Path) -> None:
    window.add_raster(scene)
    window.panel.extent.set_mode(ExtentMode.LAYER)
    window.ask("wait")
    window.qtbot.waitUntil(lambda: window.plugin.manager.state is EngineState.READY, timeout=20000)
    window.panel.cancel_button.click()
    assert window.plugin.state.view.activity is Activity.IDLE
    window.ask("red")
    window.wait()
    assert [layer.name() for layer in results()] == ["red"]


def test_late_answer_is_dropped(window: Any, scene: Path) -> None:
    window.add_raster(scene)
    window.panel.extent.set_mode(ExtentMode.LAYER)
    window.ask("slow")
    window.qtbot.waitUntil(lambda: window.plugin.manager.state is EngineState.READY, timeout=20000)
    window.plugin.runs.cancel()
    window.qtbot.wait(1500)
    assert results() == []
    assert window.messages == []


def test_engine_killed_twice_is_said_and_starts_again(window: Any, scene: Path) -> None:
    window.add_raster(scene)
    window.panel.extent.set_mode(ExtentMode.LAYER)
    window.ask("wait")
    window.qtbot.waitUntil(lambda: window.plugin.manager.state is EngineState.READY, timeout=20000)
    window.qtbot.wait(200)
    first = window.plugin.manager.pid
    os.kill(first, signal.SIGKILL)
    # it is started and asked once more, and told when it dies again
    window.qtbot.waitUntil(
        lambda: (
            window.plugin.manager.pid != first and window.plugin.manager.state is EngineState.READY
        ),
        timeout=20000,
    )
    window.qtbot.wait(200)
    os.kill(window.plugin.manager.pid, signal.SIGKILL)
    window.wait()
    assert "run it again" in window.messages[0]
    window.ask("red")
    window.wait()
    assert len(results()) == 1


def test_idle_engine_that_dies_shows(window: Any, scene: Path) -> None:
    window.add_raster(scene)
    window.panel.extent.set_mode(ExtentMode.LAYER)
    window.ask("red")
    window.wait()
    os.kill(window.plugin.manager.pid, signal.SIGKILL)
    window.qtbot.waitUntil(
        lambda: window.plugin.state.view.engine.status is EngineStatus.STOPPED, timeout=5000
    )
    assert window.messages == []


def test_raster_removed_meanwhile(window: Any, scene: Path) -> None:
    layer = window.add_raster(scene)
    window.panel.extent.set_mode(ExtentMode.LAYER)
    window.ask("slow")
    QgsProject.instance().removeMapLayer(layer.id())
    assert window.plugin.state.view.activity is Activity.IDLE
    window.qtbot.wait(1500)
    assert results() == []
    assert "was removed" in window.messages[0]


def test_project_closed_meanwhile(window: Any, scene: Path) -> None:
    window.add_raster(scene)
    window.panel.extent.set_mode(ExtentMode.LAYER)
    window.ask("slow")
    QgsProject.instance().clear()
    window.qtbot.wait(1500)
    assert results() == []
    assert window.plugin.state.view.activity is Activity.IDLE


def test_unload_in_the_middle_leaves_no_process(window: Any, scene: Path) -> None:
    window.add_raster(scene)
    window.panel.extent.set_mode(ExtentMode.LAYER)
    window.ask("wait")
    window.qtbot.waitUntil(lambda: window.plugin.manager.state is EngineState.READY, timeout=20000)
    pid = window.plugin.manager.pid
    window.plugin.unload()
    window.qtbot.wait(300)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    window.plugin.initGui()  # for the fixture's own unload


def test_export(window: Any, scene: Path, tmp_path: Path, monkeypatch: Any) -> None:
    from rsrefseg_qgis.gui import export_dialog

    window.add_raster(scene)
    window.panel.extent.set_mode(ExtentMode.LAYER)
    window.ask("red; roof")
    window.wait()
    target = tmp_path / "out" / "roofs"
    target.parent.mkdir()
    monkeypatch.setattr(
        export_dialog.QFileDialog, "getSaveFileName", lambda *a, **k: (str(target), "")
    )
    window.panel.export_button.click()
    window.wait()
    path = target.with_suffix(".gpkg")
    assert tables_in(path) == ["red", "roof"]
    assert str(path) in window.messages[-1] or any(str(path) in text for text in window.messages)
    asked = []
    monkeypatch.setattr(
        export_dialog, "ask_mode", lambda parent, path, tables: asked.append(tables)
    )
    window.panel.export_button.click()
    assert asked == [["red", "roof"]]
    window.plugin.runs.export(window.plugin.export_layer_ids(), path, ExportMode.APPEND)
    window.wait()
    assert QgsVectorLayer(f"{path}|layername=red", "x", "ogr").featureCount() == 2


def test_missing_engine_offers_to_install(window: Any, scene: Path) -> None:
    window.plugin.settings.engine_python = ""
    window.add_raster(scene)
    window.panel.extent.set_mode(ExtentMode.LAYER)
    window.ask("red")
    window.wait()
    assert "not installed" in window.messages[0]
    assert window.plugin.state.view.engine.status is EngineStatus.NOT_INSTALLED
    assert window.panel.engine_line.install_button.isVisible()
    button = window.bar.findChild(QPushButton, "messageButton")
    button.click()
    assert window.plugin.install_page.isVisible()


def test_active_raster_is_followed(window: Any, scene: Path) -> None:
    first = window.add_raster(scene, "first")
    second = window.add_raster(scene, "second")
    window.panel.follow_layer(first)
    assert window.panel.raster_combo.currentLayer() == first
    window.panel.follow_layer(second)
    assert window.panel.raster_combo.currentLayer() == second
    window.panel.follow_layer(None)
    window.panel.follow_layer(QgsVectorLayer("Point", "p", "memory"))
    assert window.panel.raster_combo.currentLayer() == second


def test_example_fills_the_phrase(window: Any) -> None:
    window.panel.examples_label.linkActivated.emit("all buildings")
    assert window.panel.phrase_edit.text() == "all buildings"


def test_asked_phrases_are_offered_again(window: Any, scene: Path) -> None:
    window.add_raster(scene)
    window.panel.extent.set_mode(ExtentMode.LAYER)
    window.ask("red;  roof ")
    window.wait()
    model = window.panel.phrase_edit.completer().model()
    assert "red; roof" in model.stringList()


def test_selected_features_are_the_extent(window: Any, scene: Path) -> None:
    raster = window.add_raster(scene)
    left, bottom, _, top = rasters.blob_bounds()
    areas = QgsVectorLayer("Polygon?crs=EPSG:32633", "areas", "memory")
    feature = QgsFeature()
    feature.setGeometry(QgsGeometry.fromRect(QgsRectangle(left, bottom, left + 3.0, top)))
    areas.dataProvider().addFeature(feature)
    QgsProject.instance().addMapLayer(areas)
    canvas = window.iface.mapCanvas()
    canvas.setCurrentLayer(raster)
    window.panel.extent.set_mode(ExtentMode.SELECTED)
    window.ask("red")
    assert "Select features" in window.messages[0]
    canvas.setCurrentLayer(areas)
    areas.selectAll()
    window.ask("red")
    window.wait()
    (result,) = [layer for layer in results() if layer is not areas]
    assert bounds(result) == pytest.approx((left, bottom, left + 3.0, top), abs=1e-3)


def test_how_the_engine_is_can_be_seen_in_a_low_window(window: Any, scene: Path) -> None:
    window.add_raster(scene)
    window.panel.extent.set_mode(ExtentMode.LAYER)
    window.ask("red; roof")
    window.wait()
    window.panel.setFloating(True)
    window.panel.resize(300, 320)
    window.qtbot.waitUntil(lambda: window.panel.scroll.verticalScrollBar().maximum() > 0)
    shown = window.panel.engine_line.visibleRegion().boundingRect()
    assert shown == window.panel.engine_line.rect()
