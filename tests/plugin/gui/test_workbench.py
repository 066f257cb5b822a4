"""What is done with an answer: guess, heat map, refining, history, adding, saving, relations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from qgis.core import (
    QgsFeature,
    QgsGeometry,
    QgsPointXY,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox, QLineEdit, QWidget

from rsrefseg_qgis.gui.append_dialog import AppendDialog
from rsrefseg_qgis.gui.request import ExtentMode
from rsrefseg_qgis.gui.state import EngineStatus
from rsrefseg_qgis.layers.geopackage import tables_in
from rsrefseg_qgis.layers.relations import Relation
from rsrefseg_qgis.layers.result import record_of
from tests.plugin.gui.test_results import SECOND, answered, layer_of, two_blobs

__all__ = ["answered", "two_blobs"]


def place(col: float, row: float) -> QgsPointXY:
    return QgsPointXY(500000.0 + 0.3 * col, 5200000.0 - 0.3 * row)


def lines(*wkts: str) -> QgsVectorLayer:
    layer = QgsVectorLayer("LineString?crs=EPSG:32633", "road", "memory")
    for wkt in wkts:
        feature = QgsFeature()
        feature.setGeometry(QgsGeometry.fromWkt(wkt))
        layer.dataProvider().addFeature(feature)
    QgsProject.instance().addMapLayer(layer)
    return layer


def road_between() -> QgsVectorLayer:
    """A line from north to south between the two red areas."""
    top, bottom = place(85, 0), place(85, 120)
    return lines(f"LineString({top.x()} {top.y()}, {bottom.x()} {bottom.y()})")


# -- answer


def test_best_guess_on_request(window: Any, two_blobs: Path) -> None:
    window.add_raster(two_blobs)
    window.panel.extent.set_mode(ExtentMode.LAYER)
    window.ask("nothing")
    window.wait()
    button = window.panel.answer_box.guess_button
    assert button.isVisible()
    assert window.plugin.state.view.result_ids == ()
    button.click()
    window.qtbot.waitUntil(lambda: bool(window.plugin.state.view.candidates), timeout=20000)
    assert record_of(layer_of(window)).guess
    assert "Best guess" in window.panel.result_label.text()
    assert not button.isVisible()


def test_no_guess_is_offered_when_something_matches(answered: Any) -> None:
    assert not answered.panel.answer_box.guess_button.isVisible()
    assert not record_of(layer_of(answered)).guess


def test_unknown_words_stay_in_the_panel(window: Any, two_blobs: Path) -> None:
    window.add_raster(two_blobs)
    window.panel.extent.set_mode(ExtentMode.LAYER)
    window.ask("red zzheliport")
    window.wait()
    assert "“zzheliport” is not in this model's vocabulary" in window.panel.result_label.text()


def test_candidates_get_pictures(answered: Any) -> None:
    rows = answered.panel.results_list
    answered.qtbot.waitUntil(lambda: not rows.topLevelItem(1).icon(0).isNull(), timeout=20000)
    image = rows.topLevelItem(0).icon(0).pixmap(32, 32).toImage()
    middle = image.pixelColor(image.width() // 2, image.height() // 2)
    assert middle.red() > 150 > 100 > middle.green()


# -- heat map


def heat_layers() -> list[QgsRasterLayer]:
    layers = QgsProject.instance().mapLayers().values()
    return [item for item in layers if item.customProperty("rsrefseg/heat")]


def test_heat_map_comes_and_goes_with_one_click(answered: Any) -> None:
    answered.panel.heat_button.click()
    answered.qtbot.waitUntil(lambda: len(heat_layers()) == 2, timeout=20000)
    names = {layer.name() for layer in heat_layers()}
    assert names == {"red: where the model looked", "red: probability"}
    files = [Path(layer.source()) for layer in heat_layers()]
    assert all(path.is_file() for path in files)
    assert heat_layers()[0].extent() == next(
        layer.extent()
        for layer in QgsProject.instance().mapLayers().values()
        if layer.name() == "scene"
    )
    answered.panel.heat_button.click()
    assert heat_layers() == []
    assert not any(path.exists() for path in files)
    names = [node.name() for node in QgsProject.instance().layerTreeRoot().children()]
    assert names == ["red", "scene"]


def test_heat_map_is_there_when_the_saved_project_is_opened_again(
    answered: Any, tmp_path: Path
) -> None:
    answered.panel.heat_button.click()
    answered.qtbot.waitUntil(lambda: len(heat_layers()) == 2, timeout=20000)
    project, path = QgsProject.instance(), tmp_path / "town.qgz"
    assert project.write(str(path))
    project.clear()
    assert not answered.panel.heat_button.isChecked()
    assert project.read(str(path))
    assert [layer.isValid() for layer in heat_layers()] == [True, True]


def test_heat_map_of_a_project_that_was_not_saved_leaves_no_file(answered: Any) -> None:
    answered.panel.heat_button.click()
    answered.qtbot.waitUntil(lambda: len(heat_layers()) == 2, timeout=20000)
    folder = Path(heat_layers()[0].source()).parent
    QgsProject.instance().clear()
    answered.qtbot.waitUntil(lambda: list(folder.iterdir()) == [], timeout=5000)


def test_heat_map_removed_by_the_user_lets_the_button_up(answered: Any) -> None:
    answered.panel.heat_button.click()
    answered.qtbot.waitUntil(lambda: len(heat_layers()) == 2, timeout=20000)
    QgsProject.instance().removeMapLayers([layer.id() for layer in heat_layers()])
    assert not answered.panel.heat_button.isChecked()


def test_heat_map_before_any_answer_is_a_sentence(window: Any, two_blobs: Path) -> None:
    window.add_raster(two_blobs)
    window.panel.heat_button.setChecked(True)
    assert not window.panel.heat_button.isChecked()
    assert "Ask for something first" in window.messages[0]


# -- refining


def test_clicks_are_asked_marked_undone_and_redone(answered: Any) -> None:
    window, bar = answered, answered.panel.point_bar
    canvas = window.iface.mapCanvas()
    canvas.setDestinationCrs(layer_of(window).crs())
    layer_id = layer_of(window).id()
    bar.tools["inside"].click()
    marks = window.plugin.workbench.marks
    canvas.mapTool().canvasClicked.emit(place(55, 35), Qt.MouseButton.LeftButton)
    window.wait()
    assert record_of(layer_of(window)).points == ((500016.5, 5199989.5),)
    assert record_of(layer_of(window)).point_labels == (1,)
    bar.tools["outside"].click()
    assert not bar.tools["inside"].isChecked()
    canvas.mapTool().canvasClicked.emit(place(105, 85), Qt.MouseButton.LeftButton)
    window.wait()
    assert record_of(layer_of(window)).point_labels == (1, 0)
    assert layer_of(window).id() == layer_id, "the answer stays in its layer"
    assert len(marks._items) == 2
    bar.undo_button.click()
    window.wait()
    assert record_of(layer_of(window)).point_labels == (1,)
    bar.undo_button.click()
    window.wait()
    assert record_of(layer_of(window)).point_labels == ()
    assert marks._items == []
    assert not bar.undo_button.isEnabled()
    bar.redo_button.click()
    window.wait()
    assert record_of(layer_of(window)).point_labels == (1,)


def test_box_is_asked(answered: Any) -> None:
    canvas = answered.iface.mapCanvas()
    canvas.setDestinationCrs(layer_of(answered).crs())
    answered.panel.point_bar.tools["box"].click()
    corner, other = place(30, 50), place(80, 20)
    box = QgsRectangle(corner, other)
    canvas.mapTool().extentChanged.emit(box)
    answered.wait()
    assert record_of(layer_of(answered)).box == pytest.approx(
        (box.xMinimum(), box.yMinimum(), box.xMaximum(), box.yMaximum())
    )


def test_another_map_tool_lets_the_buttons_up(answered: Any) -> None:
    from qgis.gui import QgsMapToolPan

    canvas = answered.iface.mapCanvas()
    pan = QgsMapToolPan(canvas)
    answered.panel.point_bar.tools["inside"].click()
    canvas.setMapTool(pan)
    assert not answered.panel.point_bar.tools["inside"].isChecked()
    answered.panel.point_bar.tools["inside"].click()
    answered.panel.point_bar.tools["inside"].click()
    assert canvas.mapTool() is pan
    canvas.unsetMapTool(pan)


def test_shape_is_undone(answered: Any) -> None:
    layer, box = layer_of(answered), answered.panel.shape_box
    box.min_area.setValue(20.0)
    answered.qtbot.waitUntil(lambda: layer.featureCount() == 1, timeout=20000)
    answered.panel.point_bar.undo_button.click()
    answered.qtbot.waitUntil(lambda: layer.featureCount() == 2, timeout=20000)
    assert box.min_area.value() == 0.0


def test_right_angles_are_asked(answered: Any) -> None:
    answered.panel.shape_box.right_angles.click()
    answered.qtbot.waitUntil(lambda: record_of(layer_of(answered)).right_angles, timeout=20000)
    assert answered.panel.request().shape.right_angles


def test_click_before_any_answer_is_a_sentence(window: Any, two_blobs: Path) -> None:
    window.add_raster(two_blobs)
    window.plugin.workbench.refining.click(place(55, 35), True)
    assert "Ask for something first" in window.messages[0]


# -- relations


def test_relation_filters_the_answer_live_and_the_next_one(answered: Any) -> None:
    road, box = road_between(), answered.panel.relation_box
    layer = layer_of(answered)
    box.layer_combo.setLayer(road)
    box.combo.setCurrentIndex(box.combo.findData(Relation.LEFT.value))
    answered.qtbot.waitUntil(lambda: layer.featureCount() == 1, timeout=20000)
    (feature,) = layer.getFeatures()
    assert feature.geometry().boundingBox().xMaximum() < place(85, 0).x()
    assert record_of(layer).relation == "left_of"
    assert "1 left out" in answered.panel.result_label.text()
    box.combo.setCurrentIndex(box.combo.findData(Relation.RIGHT.value))
    answered.ask("roof")
    answered.wait()
    (feature,) = layer_of(answered).getFeatures()
    assert feature.geometry().boundingBox().xMinimum() > place(SECOND[0] - 5, 0).x()
    box.combo.setCurrentIndex(0)
    answered.qtbot.waitUntil(lambda: layer_of(answered).featureCount() == 2, timeout=20000)


def test_nothing_left_by_a_relation_is_said(answered: Any) -> None:
    road, box = road_between(), answered.panel.relation_box
    box.layer_combo.setLayer(road)
    box.combo.setCurrentIndex(box.combo.findData(Relation.TOUCHING.value))
    answered.qtbot.waitUntil(
        lambda: "None of 2 polygons" in answered.panel.result_label.text(), timeout=20000
    )
    assert not answered.panel.answer_box.guess_button.isVisible()


def test_relation_without_a_layer_is_a_sentence(window: Any, two_blobs: Path) -> None:
    window.add_raster(two_blobs)
    box = window.panel.relation_box
    box.combo.setCurrentIndex(box.combo.findData(Relation.WITHIN.value))
    window.ask("red")
    assert "Choose the layer" in window.messages[0]


# -- keeping


def test_history_is_kept_in_the_project_and_runs_again(answered: Any, tmp_path: Path) -> None:
    window = answered
    project = QgsProject.instance()
    window.ask("roof")
    window.wait()
    assert [run.phrase for run in window.plugin.state.view.history] == ["roof", "red"]
    path = tmp_path / "town.qgz"
    assert project.write(str(path))
    project.clear()
    assert window.plugin.state.view.history == ()
    assert project.read(str(path))
    runs = window.plugin.state.view.history
    assert [run.phrase for run in runs] == ["roof", "red"]
    before = record_of(layers_named("red")[0])
    window.panel.history_box.list.setCurrentRow(1)
    window.panel.history_box.again_button.click()
    window.wait()
    assert window.panel.phrase_edit.text() == "red"
    after = record_of(layer_of(window))
    assert after.extent == pytest.approx(before.extent)
    assert after.layer_id == before.layer_id


def layers_named(name: str) -> list[QgsVectorLayer]:
    return QgsProject.instance().mapLayersByName(name)


def test_results_survive_saving_and_reopening(answered: Any, tmp_path: Path) -> None:
    project, layer = QgsProject.instance(), layer_of(answered)
    shapes = sorted(feature.geometry().asWkt(3) for feature in layer.getFeatures())
    colour = layer.renderer().symbol().symbolLayer(1).strokeColor().name()
    path = tmp_path / "town.qgz"
    assert project.write(str(path))
    assert tables_in(tmp_path / "town_rsrefseg.gpkg") == ["red"]
    assert layer.providerType() == "ogr"
    assert any("town_rsrefseg.gpkg" in text for text in answered.messages)
    # it is still the same live layer
    answered.panel.results_list.topLevelItem(0).setCheckState(0, Qt.CheckState.Unchecked)
    assert layer.featureCount() == 1
    answered.panel.results_list.topLevelItem(0).setCheckState(0, Qt.CheckState.Checked)
    project.clear()
    assert project.read(str(path))
    (again,) = layers_named("red")
    assert again.isValid()
    assert sorted(feature.geometry().asWkt(3) for feature in again.getFeatures()) == shapes
    assert [feature["phrase"] for feature in again.getFeatures()] == ["red", "red"]
    assert record_of(again).phrase == "red"
    assert again.renderer().symbol().symbolLayer(1).strokeColor().name() == colour


def test_two_results_of_one_name_get_two_tables(answered: Any, tmp_path: Path) -> None:
    answered.ask("red")
    answered.wait()
    assert QgsProject.instance().write(str(tmp_path / "town.qgz"))
    assert tables_in(tmp_path / "town_rsrefseg.gpkg") == ["red", "red 2"]


def test_project_where_nothing_can_be_written_says_so(
    answered: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "town_rsrefseg.gpkg"
    blocked.mkdir()
    assert QgsProject.instance().write(str(tmp_path / "town.qgz"))
    assert any("could not be saved with the project" in text for text in answered.messages)
    assert layer_of(answered).providerType() == "memory"
    assert layer_of(answered).featureCount() == 2


def test_run_whose_raster_is_gone_is_a_sentence(answered: Any) -> None:
    project = QgsProject.instance()
    project.removeMapLayer(project.mapLayersByName("scene")[0].id())
    answered.panel.history_box.again_button.click()
    assert "is not in the project" in answered.messages[0]


# -- adding to a layer


@pytest.fixture
def ours(answered: Any) -> QgsVectorLayer:
    uri = (
        "Polygon?crs=EPSG:3857&field=class:string(2)&field=confidence:double"
        "&field=area_m2:integer&field=remark:string"
    )
    layer = QgsVectorLayer(uri, "ours", "memory")
    QgsProject.instance().addMapLayer(layer)
    return layer


def test_dialog_guesses_the_fields(answered: Any, ours: QgsVectorLayer) -> None:
    source = layer_of(answered)
    dialog = AppendDialog(source.fields(), 2, [source])
    assert dialog.layer is ours
    assert dialog.mapping == {"class": "phrase", "confidence": "score", "area_m2": "area_m2"}
    dialog.combos["remark"].setCurrentIndex(dialog.combos["remark"].findData("model"))
    assert dialog.mapping["remark"] == "model"
    assert dialog.ok_button.isEnabled()
    dialog.deleteLater()


def test_added_polygons_are_one_step_to_undo(answered: Any, ours: QgsVectorLayer) -> None:
    source = layer_of(answered)
    mapping = {"class": "phrase", "confidence": "score", "area_m2": "area_m2"}
    answered.plugin.workbench.append([source], ours, mapping)
    assert ours.isEditable()
    features = list(ours.getFeatures())
    assert [feature["class"] for feature in features] == ["re", "re"]
    assert features[0]["confidence"] == pytest.approx(0.9)
    assert isinstance(features[0]["area_m2"], int)
    (first, *_) = source.getFeatures()
    assert not features[0].geometry().isMultipart()
    assert features[0].geometry().boundingBox().xMinimum() > first.geometry().area()
    ours.undoStack().undo()
    assert ours.featureCount() == 0
    ours.rollBack()
    assert "2 polygons added" in answered.messages[0]


def test_layer_that_cannot_be_edited_cannot_be_chosen(answered: Any, ours: QgsVectorLayer) -> None:
    ours.setReadOnly(True)
    source = layer_of(answered)
    dialog = AppendDialog(source.fields(), 2, [source])
    assert dialog.layer is None
    assert not dialog.ok_button.isEnabled()
    dialog.deleteLater()


# -- all controls


def test_every_control_can_be_reached_and_says_what_it_is(answered: Any) -> None:
    kinds = (QAbstractButton, QComboBox, QAbstractSpinBox, QLineEdit)
    inner = (QAbstractSpinBox, QComboBox, QLineEdit)
    mute, unreachable = [], []
    for widget in answered.panel.widget().findChildren(QWidget):
        above = widget.parent()
        nested = isinstance(above, inner) or "qt_" in widget.objectName()
        if not isinstance(widget, kinds) or nested or not widget.objectName():
            continue
        if not widget.toolTip():
            mute.append(widget.objectName())
        if not (widget.accessibleName() or getattr(widget, "text", str)()):
            mute.append(widget.objectName())
        if not widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
            unreachable.append(widget.objectName())
    assert mute == []
    assert unreachable == []


def test_unload_takes_marks_heat_map_and_tools_away(answered: Any) -> None:
    answered.panel.heat_button.click()
    answered.qtbot.waitUntil(lambda: len(heat_layers()) == 2, timeout=20000)
    answered.panel.point_bar.tools["inside"].click()
    answered.plugin.workbench.close()
    assert heat_layers() == []
    assert answered.iface.mapCanvas().mapTool() is None or (
        answered.iface.mapCanvas().mapTool().__class__.__name__ != "QgsMapToolEmitPoint"
    )
    # the fixture unloads once more
    answered.plugin.workbench.close = lambda: None


# -- the engine's state


def test_device_its_reason_and_the_cache_are_visible(answered: Any) -> None:
    line = answered.panel.engine_line
    assert "fake · CPU" in line.label.text()
    assert line.note.isVisible()
    assert "No GPU" in line.note.text()


def test_remote_engine_that_does_not_answer_is_unreachable(window: Any, two_blobs: Path) -> None:
    window.plugin.settings.engine_url = "https://127.0.0.1:9"
    window.plugin.settings.engine_token = "t" * 32
    window.add_raster(two_blobs)
    window.panel.extent.set_mode(ExtentMode.LAYER)
    window.ask("red")
    window.wait()
    assert window.plugin.state.view.engine.status is EngineStatus.UNREACHABLE
    assert "Engine unreachable" in window.panel.engine_line.label.text()
    assert window.panel.engine_line.note.text()
