"""Small pictures of candidates, drawn off the main thread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qgis.core import QgsGeometry
from qgis.PyQt.QtCore import QPointF, Qt
from qgis.PyQt.QtGui import QColor, QImage, QPainter, QPen, QPolygonF

from rsrefseg_qgis.errors import tr
from rsrefseg_qgis.layers.grid import Extent
from rsrefseg_qgis.layers.snapshot import LayerSnapshot

from .base import BaseTask, Monitor

# Around a polygon, as a share of its longer side.
MARGIN = 0.35
OUTLINE = "#ffb000"


def thumbnails_task(
    snapshot: LayerSnapshot, items: Sequence[tuple[Any, QgsGeometry]], side_px: int
) -> BaseTask:
    """A task whose outcome's value is a dict of the items' keys to `QImage`.

    Args:
        snapshot: the raster, of its own for this task.
        items: keys with polygons in the raster's CRS.
        side_px: of the square pictures.
    """
    return BaseTask(
        tr("Draw the candidates' pictures"),
        lambda monitor: thumbnails(snapshot, items, side_px, monitor),
        hidden=True,
    )


def thumbnails(
    snapshot: LayerSnapshot,
    items: Sequence[tuple[Any, QgsGeometry]],
    side_px: int,
    monitor: Monitor,
) -> dict[Any, QImage]:
    """Draw pictures in this thread.

    Raises:
        LayerError: the raster cannot be read any more.
        CancelledError: the monitor said stop.
    """
    made = {}
    try:
        for key, geometry in items:
            monitor.check()
            extent = square_around(geometry)
            block = snapshot.pipe.block(extent, side_px, side_px, monitor.raster_feedback)
            if block is not None and not block.isEmpty():
                picture = block.image().convertToFormat(QImage.Format.Format_RGB32)
                _outline(picture, geometry, extent)
                made[key] = picture
    finally:
        snapshot.pipe.release()
    return made


def square_around(geometry: QgsGeometry) -> Extent:
    """A square with a margin around a geometry."""
    box = geometry.boundingBox()
    half = max(box.width(), box.height()) * (0.5 + MARGIN)
    middle = box.center()
    return (middle.x() - half, middle.y() - half, middle.x() + half, middle.y() + half)


def _outline(picture: QImage, geometry: QgsGeometry, extent: Extent) -> None:
    scale = picture.width() / (extent[2] - extent[0])
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(OUTLINE), max(1.0, picture.width() / 24)))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for polygon in geometry.asMultiPolygon():
        for ring in polygon:
            painter.drawPolygon(
                QPolygonF(
                    [
                        QPointF((point.x() - extent[0]) * scale, (extent[3] - point.y()) * scale)
                        for point in ring
                    ]
                )
            )
    painter.end()
