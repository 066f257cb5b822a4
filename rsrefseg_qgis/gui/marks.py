"""Clicks and the box on the map: the tools that take them and the marks that show them."""

from __future__ import annotations

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCsException,
    QgsGeometry,
    QgsPointXY,
    QgsProject,
    QgsRectangle,
    QgsWkbTypes,
)
from qgis.gui import (
    QgsMapCanvas,
    QgsMapToolEmitPoint,
    QgsMapToolExtent,
    QgsRubberBand,
    QgsVertexMarker,
)
from qgis.PyQt.QtCore import QObject, Qt, pyqtSignal
from qgis.PyQt.QtGui import QColor

from rsrefseg_qgis.layers.grid import Extent
from rsrefseg_qgis.tasks.prompts import Prompts

INSIDE, OUTSIDE, BOX = "#2ee06f", "#ff4d4d", "#2ee06f"


class Marks(QObject):
    """Takes clicks and a box from the map and shows those that count.

    Args:
        canvas: the map.
        parent: its owner.
    """

    clicked = pyqtSignal(object, bool)
    """`QgsPointXY` in the map's CRS; whether it is inside the target."""
    boxed = pyqtSignal(object)
    """`QgsRectangle` in the map's CRS."""
    dropped = pyqtSignal()
    """Another map tool was taken in hand."""

    def __init__(self, canvas: QgsMapCanvas, parent: QObject) -> None:
        super().__init__(parent)
        self._canvas = canvas
        self._before = None
        self._inside = True
        self._items: list[QgsVertexMarker | QgsRubberBand] = []
        self._point_tool = QgsMapToolEmitPoint(canvas)
        self._point_tool.canvasClicked.connect(self._on_click)
        self._box_tool = QgsMapToolExtent(canvas)
        self._box_tool.extentChanged.connect(self._on_box)
        for tool in (self._point_tool, self._box_tool):
            tool.deactivated.connect(self.dropped.emit)

    def take_tool(self, name: str) -> None:
        """Take a tool in hand: ``inside``, ``outside``, ``box``, or empty for the one before."""
        ours = (self._point_tool, self._box_tool)
        if not name:
            if self._canvas.mapTool() in ours:
                if self._before is not None:
                    self._canvas.setMapTool(self._before)
                else:
                    self._canvas.unsetMapTool(self._canvas.mapTool())
            return
        if self._canvas.mapTool() not in ours:
            self._before = self._canvas.mapTool()
        self._inside = name == "inside"
        tool = self._box_tool if name == "box" else self._point_tool
        if self._canvas.mapTool() is not tool:
            # changing from one of ours to the other is no dropping
            self.blockSignals(True)
            self._canvas.setMapTool(tool)
            self.blockSignals(False)

    def show(self, prompts: Prompts, crs: QgsCoordinateReferenceSystem) -> None:
        """Show clicks and a box that are in a CRS."""
        self.clear()
        for click in prompts.clicks:
            marker = QgsVertexMarker(self._canvas)
            marker.setCenter(self._to_map(QgsPointXY(click.x, click.y), crs))
            marker.setColor(QColor(INSIDE if click.inside else OUTSIDE))
            kind = QgsVertexMarker.IconType
            marker.setIconType(kind.ICON_CROSS if click.inside else kind.ICON_X)
            marker.setIconSize(14)
            marker.setPenWidth(3)
            self._items.append(marker)
        if prompts.box is not None:
            band = QgsRubberBand(self._canvas, QgsWkbTypes.GeometryType.PolygonGeometry)
            band.setStrokeColor(QColor(BOX))
            band.setFillColor(QColor(0, 0, 0, 0))
            band.setWidth(2)
            shape = QgsGeometry.fromRect(QgsRectangle(*prompts.box))
            change = self._change(crs)
            if change is not None:
                shape.transform(change)
            band.setToGeometry(shape, None)
            self._items.append(band)

    def clear(self) -> None:
        """Show none."""
        for item in self._items:
            self._canvas.scene().removeItem(item)
        self._items = []

    def close(self) -> None:
        """Leave nothing on the map."""
        self.blockSignals(True)
        self.take_tool("")
        self.clear()

    def point_in(self, point: QgsPointXY, crs: QgsCoordinateReferenceSystem) -> QgsPointXY:
        """A place of the map in a CRS.

        Raises:
            QgsCsException: it has no place there.
        """
        change = self._change(crs, back=True)
        return point if change is None else change.transform(point)

    def box_in(self, box: QgsRectangle, crs: QgsCoordinateReferenceSystem) -> Extent:
        """A rectangle of the map in a CRS.

        Raises:
            QgsCsException: it has no place there.
        """
        change = self._change(crs, back=True)
        made = box if change is None else change.transformBoundingBox(box)
        return (made.xMinimum(), made.yMinimum(), made.xMaximum(), made.yMaximum())

    def _to_map(self, point: QgsPointXY, crs: QgsCoordinateReferenceSystem) -> QgsPointXY:
        change = self._change(crs)
        try:
            return point if change is None else change.transform(point)
        except QgsCsException:
            return point

    def _change(
        self, crs: QgsCoordinateReferenceSystem, *, back: bool = False
    ) -> QgsCoordinateTransform | None:
        """From a CRS to the map's, or back; None when coordinates are taken as they are."""
        shown = self._canvas.mapSettings().destinationCrs()
        if not crs.isValid() or not shown.isValid() or crs == shown:
            return None
        context = QgsProject.instance().transformContext()
        return QgsCoordinateTransform(*((shown, crs) if back else (crs, shown)), context)

    def _on_click(self, point: QgsPointXY, button: Qt.MouseButton) -> None:
        other = button == Qt.MouseButton.RightButton
        self.clicked.emit(QgsPointXY(point), self._inside != other)

    def _on_box(self, box: QgsRectangle) -> None:
        if not box.isEmpty():
            self.boxed.emit(QgsRectangle(box))
