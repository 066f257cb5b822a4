"""Choosing the extent: the visible map, the whole layer, or a rectangle drawn on the map."""

from __future__ import annotations

from qgis.core import (
    QgsApplication,
    QgsGeometry,
    QgsRectangle,
    QgsReferencedRectangle,
    QgsVectorLayer,
)
from qgis.gui import QgsMapCanvas, QgsMapToolExtent, QgsRubberBand
from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtGui import QColor
from qgis.PyQt.QtWidgets import QComboBox, QHBoxLayout, QSizePolicy, QToolButton, QWidget

from rsrefseg_qgis.errors import LayerError, tr

from .request import AskedExtent, ExtentMode

FRAME_COLOUR = "#ffb000"


class ExtentChooser(QWidget):
    """A combo box and a button that draws a rectangle on the map.

    Args:
        canvas: the map.
        parent: the widget around it.
    """

    changed = pyqtSignal()
    """Another extent was chosen."""

    def __init__(self, canvas: QgsMapCanvas, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._canvas = canvas
        self._tool: QgsMapToolExtent | None = None
        self._tool_before = None
        self._band: QgsRubberBand | None = None
        self._drawn: QgsReferencedRectangle | None = None
        self.combo = QComboBox()
        self.combo.setObjectName("extentCombo")
        self.combo.setAccessibleName(tr("Extent"))
        self.combo.setToolTip(tr("What part of the raster is looked at"))
        self.combo.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.combo.setMinimumContentsLength(15)
        self.combo.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        for mode, text in (
            (ExtentMode.CANVAS, tr("Visible map")),
            (ExtentMode.LAYER, tr("Whole layer")),
            (ExtentMode.DRAWN, tr("Drawn rectangle")),
            (ExtentMode.SELECTED, tr("Selected features")),
        ):
            self.combo.addItem(text, mode.value)
        self.draw_button = QToolButton()
        self.draw_button.setObjectName("drawButton")
        self.draw_button.setIcon(QgsApplication.getThemeIcon("/mActionAddPolygon.svg"))
        self.draw_button.setToolTip(tr("Draw a rectangle on the map"))
        self.draw_button.setAccessibleName(tr("Draw a rectangle on the map"))
        self.draw_button.setCheckable(True)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.combo)
        row.addWidget(self.draw_button)
        self.combo.activated.connect(self._on_activated)
        self.combo.currentIndexChanged.connect(lambda index: self.changed.emit())
        self.draw_button.toggled.connect(self._on_draw)

    @property
    def mode(self) -> ExtentMode:
        """The chosen mode."""
        return ExtentMode(self.combo.currentData())

    def set_mode(self, mode: ExtentMode) -> None:
        """Choose a mode."""
        self.combo.setCurrentIndex(self.combo.findData(mode.value))

    def set_drawn(self, rectangle: QgsRectangle) -> None:
        """Take a rectangle in the map's CRS as if it had been drawn."""
        crs = self._canvas.mapSettings().destinationCrs()
        self._drawn = QgsReferencedRectangle(rectangle, crs)
        self._show_frame(rectangle)
        self.set_mode(ExtentMode.DRAWN)
        self.draw_button.setChecked(False)
        self.changed.emit()

    def asked(self) -> AskedExtent:
        """The extent as it is now.

        Raises:
            LayerError: a rectangle is to be used and none is drawn.
        """
        mode = self.mode
        if mode is ExtentMode.LAYER:
            return AskedExtent(mode)
        if mode is ExtentMode.SELECTED:
            return AskedExtent(mode, self._selected())
        settings = self._canvas.mapSettings()
        if mode is ExtentMode.DRAWN:
            if self._drawn is None:
                raise LayerError(tr("Draw a rectangle on the map first, or choose another extent."))
            rectangle = self._drawn
        else:
            rectangle = QgsReferencedRectangle(settings.visibleExtent(), settings.destinationCrs())
        return AskedExtent(mode, rectangle, settings.mapUnitsPerPixel())

    def close_tools(self) -> None:
        """Take the frame and the map tool away; the map may live longer than this."""
        self.draw_button.setChecked(False)
        if self._band is not None:
            self._canvas.scene().removeItem(self._band)
            self._band = None

    def _selected(self) -> QgsReferencedRectangle:
        """Around what is selected in the active vector layer."""
        layer = self._canvas.currentLayer()
        if not isinstance(layer, QgsVectorLayer) or layer.selectedFeatureCount() == 0:
            raise LayerError(
                tr("Select features of a vector layer and make it the active layer first.")
            )
        return QgsReferencedRectangle(layer.boundingBoxOfSelected(), layer.crs())

    def _on_activated(self) -> None:
        drawing = self.mode is ExtentMode.DRAWN
        if self._band is not None:
            self._band.setVisible(drawing)
        self.draw_button.setChecked(drawing and self._drawn is None)

    def _on_draw(self, on: bool) -> None:
        if not on:
            if self._tool is not None and self._canvas.mapTool() is self._tool:
                self._canvas.setMapTool(self._tool_before) if self._tool_before else (
                    self._canvas.unsetMapTool(self._tool)
                )
            return
        self._tool_before = self._canvas.mapTool()
        if self._tool is None:
            self._tool = QgsMapToolExtent(self._canvas)
            self._tool.extentChanged.connect(self._on_extent)
            self._tool.deactivated.connect(lambda: self.draw_button.setChecked(False))
        self._canvas.setMapTool(self._tool)

    def _on_extent(self, rectangle: QgsRectangle) -> None:
        if not rectangle.isEmpty():
            self.set_drawn(rectangle)

    def _show_frame(self, rectangle: QgsRectangle) -> None:
        if self._band is None:
            self._band = QgsRubberBand(self._canvas)
            colour = QColor(FRAME_COLOUR)
            self._band.setStrokeColor(colour)
            colour.setAlpha(0)
            self._band.setFillColor(colour)
            self._band.setWidth(2)
        self._band.setToGeometry(QgsGeometry.fromRect(rectangle), None)
        self._band.setVisible(True)
