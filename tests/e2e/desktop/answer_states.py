"""What is done with an answer: its relation to other data, clicks, heat map, guess, history."""

from __future__ import annotations

from collections.abc import Iterator

from qgis.core import (
    QgsFeature,
    QgsGeometry,
    QgsPointXY,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
    QgsVectorLayer,
)
from qgis.gui import QgsCollapsibleGroupBox
from qgis.PyQt.QtCore import QTimer
from qgis.PyQt.QtWidgets import QApplication, QDialog
from stage import (
    OUT,
    Step,
    after,
    ask,
    fresh,
    grab,
    idle,
    open_raster,
    picture,
    plugin,
    state,
    until,
)


def place(x: float, y: float) -> QgsPointXY:
    """A place of the raster; shares from its left and from its top."""
    layers = QgsProject.instance().mapLayers().values()
    box = next(layer for layer in layers if isinstance(layer, QgsRasterLayer)).extent()
    return QgsPointXY(box.xMinimum() + x * box.width(), box.yMaximum() - y * box.height())


def unfold(name: str, folded: bool = False) -> None:
    plugin().panel.findChild(QgsCollapsibleGroupBox, name).setCollapsed(folded)


def answered(phrase: str) -> Iterator[Step]:
    yield from fresh()
    yield from open_raster()
    ask(phrase)
    yield until(idle, "the answer")


@state
def relation() -> Iterator[Step]:
    yield from fresh()
    yield from open_raster()
    project = QgsProject.instance()
    road = QgsVectorLayer(f"LineString?crs={project.crs().authid()}", "road", "memory")
    line = QgsFeature()
    line.setGeometry(
        QgsGeometry.fromPolylineXY([place(0.5, 0.0), place(0.46, 0.6), place(0.48, 1)])
    )
    road.dataProvider().addFeature(line)
    project.addMapLayer(road)
    unfold("rsrefsegRelationGroup")
    box = plugin().panel.relation_box
    box.layer_combo.setLayer(road)
    box.combo.setCurrentIndex(box.combo.findData("left_of"))
    ask("red roofs")
    yield until(idle, "the answer")
    yield from picture("17-relation")
    box.combo.setCurrentIndex(box.combo.findData("within"))
    yield after(1.0)
    yield from picture("17-relation-within")
    box.combo.setCurrentIndex(0)
    unfold("rsrefsegRelationGroup", True)


@state
def refined() -> Iterator[Step]:
    """A click inside, one outside, and a box."""
    yield from answered("red roofs")
    refining, bar = plugin().workbench.refining, plugin().panel.point_bar
    bar.tools["inside"].click()
    refining.click(place(0.35, 0.63), True)
    yield until(idle, "the answer")
    refining.click(place(0.62, 0.13), False)
    yield until(idle, "the answer")
    refining.box(QgsRectangle(place(0.28, 0.75), place(0.42, 0.5)))
    yield until(idle, "the answer")
    yield from picture("18-clicks")
    bar.drop_tool()


@state
def heat() -> Iterator[Step]:
    yield from answered("red roofs")
    button = plugin().panel.heat_button
    button.click()
    root = QgsProject.instance().layerTreeRoot()
    yield until(lambda: bool(root.findGroups()), "the heat map")
    yield from picture("19-heat-map")
    button.click()


@state
def guess() -> Iterator[Step]:
    yield from answered("nothing like a zzheliport")
    button = plugin().panel.answer_box.guess_button
    if button.isVisible():
        button.click()
        yield until(lambda: not button.isVisible(), "the guess")
        yield after(0.5)
    yield from picture("20-best-guess")


@state
def history() -> Iterator[Step]:
    yield from answered("red roofs")
    ask("all buildings; roads")
    yield until(idle, "the answer")
    panel = plugin().panel
    for name in ("rsrefsegHistoryGroup", "rsrefsegShapeGroup"):
        unfold(name, name != "rsrefsegHistoryGroup")
    yield after(0.3)
    scroll = panel.scroll
    scroll.verticalScrollBar().setValue(scroll.verticalScrollBar().maximum())
    yield from picture("21-history")
    unfold("rsrefsegHistoryGroup", True)
    unfold("rsrefsegShapeGroup")


def modal(button: object, name: str) -> Iterator[Step]:
    """Open a modal window, take its picture, close it."""
    QTimer.singleShot(0, button.click)
    yield until(lambda: QApplication.activeModalWidget() is not None, "the window")
    yield after(0.5)
    window = QApplication.activeModalWidget()
    grab(window, name)
    if isinstance(window, QDialog):
        window.reject()
    yield until(lambda: QApplication.activeModalWidget() is None, "the window to close")


@state
def dialogs() -> Iterator[Step]:
    """Adding to a layer of the user's own, with and without one; a file that is there already."""
    from rsrefseg_qgis.gui.export_dialog import ask_mode
    from rsrefseg_qgis.layers.geopackage import ExportMode

    yield from answered("red roofs")
    panel, project = plugin().panel, QgsProject.instance()
    yield from modal(panel.add_button, "24-add-without-layer")
    fields = "&field=".join(("class:string(40)", "confidence:double", "area_m2:double"))
    crs = project.crs().authid()
    project.addMapLayer(QgsVectorLayer(f"Polygon?crs={crs}&field={fields}", "buildings", "memory"))
    yield from modal(panel.add_button, "25-add-to-layer")
    path = OUT / "found.gpkg"
    path.unlink(missing_ok=True)
    plugin().runs.export(plugin().state.view.result_ids, path, ExportMode.NEW_FILE)
    yield until(idle, "the export")
    yield from picture("26-exported")

    class Question:
        @staticmethod
        def click() -> None:
            ask_mode(panel, path, ["red roofs"])

    yield from modal(Question, "27-file-is-there")
