"""A frozen copy of a raster layer as it is shown, taken on the main thread for a task.

The copy holds its own provider and renderer, so that the layer may change or vanish while the
task reads pixels.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from qgis.core import (
    Qgis,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCoordinateTransformContext,
    QgsCsException,
    QgsDistanceArea,
    QgsPointXY,
    QgsRasterBlock,
    QgsRasterBlockFeedback,
    QgsRasterDataProvider,
    QgsRasterInterface,
    QgsRasterLayer,
    QgsRasterPipe,
    QgsRectangle,
)
from qgis.PyQt.QtCore import QObject, pyqtSignal

from rsrefseg_qgis.errors import LayerError, tr

from .grid import MAX_SIDE_PX, Extent, PixelGrid, joined_grid, native_grid, scaled_grid
from .rotation import Outline, rotated_outline

# Screen pixels across a layer for which no resolution is known or asked.
UNKNOWN_SIDE_PX = 2048
FACTOR_TOLERANCE = 0.1
_SECRETS = re.compile(
    r"((?:api[_-]?key|access[_-]?token|token|key|password|passwd|authcfg|sig|signature)(?:=|%3D))"
    r"(?:(?!%26)[^&\s'\"])+",
    re.IGNORECASE,
)


class _Released(QObject):
    """Lets go of what other threads have done with, in the thread that it was made in."""

    thrown = pyqtSignal(object)

    def __init__(self) -> None:
        super().__init__()
        self.thrown.connect(self._drop)

    def _drop(self, holder: list[object]) -> None:
        holder.clear()


_released = _Released()


class LayerPipe:
    """A layer's own provider, renderer and colour filters, for one thread at a time.

    Args:
        pipe: that nobody else uses.
    """

    def __init__(self, pipe: QgsRasterPipe) -> None:
        self._pipe: QgsRasterPipe | None = pipe

    def block(
        self, extent: Extent, width: int, height: int, feedback: QgsRasterBlockFeedback
    ) -> QgsRasterBlock | None:
        """Draw an extent.

        Raises:
            LayerError: the pipe was released.
        """
        if self._pipe is None:
            raise LayerError(tr("The layer was read already; start again."))
        return self._pipe.last().block(1, QgsRectangle(*extent), width, height, feedback)

    def last_error(self) -> str:
        """What the provider says went wrong."""
        # the provider's error() crashes QGIS 3.22
        return str(self._pipe.provider().lastError()) if self._pipe is not None else ""

    def release(self) -> None:
        """Close the files; QGIS crashes when they are still open as it quits.

        The provider is an object of the main thread, where it may have events waiting: from any
        other thread it is handed over, since it must not be destroyed there.
        """
        holder, self._pipe = [self._pipe], None
        _released.thrown.emit(holder)


@dataclass(frozen=True)
class LayerSnapshot:
    """What is needed to draw a raster layer elsewhere.

    Attributes:
        layer_id: of the layer it was taken from.
        name: the layer's name.
        source: where it comes from, without passwords and keys, for provenance.
        crs: the layer's CRS, invalid when it has none.
        extent: the layer's extent in that CRS.
        size: columns and rows of a raster with pixels of its own, None for a map service.
        levels: the pixel sizes that a tile service has, in map units.
        outline: the four corners in order of a rotated raster, which QGIS draws with black
            around it; None for others.
        pipe: draws the layer; to be released after use.
    """

    layer_id: str
    name: str
    source: str
    crs: QgsCoordinateReferenceSystem
    extent: Extent
    size: tuple[int, int] | None
    levels: tuple[float, ...]
    outline: Outline | None
    pipe: LayerPipe

    def grid(
        self, asked: Extent, resolution: float | None = None, max_side_px: int = MAX_SIDE_PX
    ) -> PixelGrid:
        """The pixels to export for an extent.

        Args:
            asked: extent in the layer's CRS.
            resolution: pixel size in map units for a layer without pixels of its own, such as
                that of the map on the screen; a raster is taken with its own pixels.
            max_side_px: most columns and rows.

        Raises:
            LayerError: nothing of the layer lies in the extent.
        """
        if self.size is not None:
            return native_grid(asked, self.extent, self.size, max_side_px)
        if resolution is None:
            side = max(asked[2] - asked[0], asked[3] - asked[1])
            resolution = side / UNKNOWN_SIDE_PX
        return scaled_grid(asked, self.extent, resolution, self.levels, max_side_px)

    def scene_grid(self, asked: Extent, ground_resolution_m: float) -> PixelGrid:
        """The pixels to export for an extent of any size, as coarse as a ground resolution allows.

        Args:
            asked: extent in the layer's CRS.
            ground_resolution_m: no pixel becomes coarser than this by joining.

        Raises:
            LayerError: nothing of the layer lies in the extent.
        """
        scale = self.metres_per_unit(asked)
        if self.size is None:
            resolution = ground_resolution_m / (scale[0] if scale else 1.0)
            return scaled_grid(asked, self.extent, resolution, self.levels, math.inf)
        factor = 1
        if scale is not None:
            x_min, y_min, x_max, y_max = self.extent
            coarsest_m = max(
                scale[0] * (x_max - x_min) / self.size[0], scale[1] * (y_max - y_min) / self.size[1]
            )
            # as the engine does: a projection's scale alone must not make 4 of a nominal 5
            factor = max(1, math.floor(ground_resolution_m / coarsest_m + FACTOR_TOLERANCE))
        return joined_grid(asked, self.extent, self.size, factor)

    def metres_per_unit(self, extent: Extent) -> tuple[float, float] | None:
        """Length on the ground of a map unit eastwards and northwards in an extent's middle.

        None when it is unknown.
        """
        if not self.crs.isValid():
            return None
        measure = QgsDistanceArea()
        measure.setSourceCrs(self.crs, QgsCoordinateTransformContext())
        measure.setEllipsoid(self.crs.ellipsoidAcronym() or "EPSG:7030")
        middle = QgsPointXY((extent[0] + extent[2]) / 2, (extent[1] + extent[3]) / 2)
        step = max((extent[2] - extent[0]) * 1e-3, 1e-9)
        try:
            east = measure.measureLine(middle, QgsPointXY(middle.x() + step, middle.y()))
            north = measure.measureLine(middle, QgsPointXY(middle.x(), middle.y() + step))
        except QgsCsException:
            return None
        return (east / step, north / step) if east > 0 and north > 0 else None


def take_snapshot(layer: QgsRasterLayer) -> LayerSnapshot:
    """Copy what a task needs of a layer. Main thread only.

    Raises:
        LayerError: the layer cannot be drawn.
    """
    provider = layer.dataProvider() if layer.isValid() else None
    if provider is None or not provider.isValid():
        raise LayerError(
            tr("The layer “{name}” cannot be read; check that its source is there.").format(
                name=layer.name()
            )
        )
    extent = to_tuple(layer.extent())
    if layer.extent().isEmpty() or not layer.extent().isFinite():
        raise LayerError(
            tr("The layer “{name}” has no extent; set it in the layer's properties.").format(
                name=layer.name()
            )
        )
    return LayerSnapshot(
        layer_id=layer.id(),
        name=layer.name(),
        source=without_secrets(layer.publicSource()),
        crs=layer.crs(),
        extent=extent,
        size=_own_size(provider),
        levels=tuple(sorted(provider.nativeResolutions())),
        outline=rotated_outline(layer.source()) if layer.providerType() == "gdal" else None,
        pipe=_copied_pipe(layer, provider),
    )


def to_layer_extent(
    extent: QgsRectangle,
    crs: QgsCoordinateReferenceSystem,
    layer: QgsRasterLayer,
    context: QgsCoordinateTransformContext,
) -> Extent:
    """An extent in the layer's CRS that covers one in another; as it is when one has no CRS.

    Raises:
        LayerError: it cannot be transformed.
    """
    if not crs.isValid() or not layer.crs().isValid() or crs == layer.crs():
        return to_tuple(extent)
    transform = QgsCoordinateTransform(crs, layer.crs(), context)
    transform.setBallparkTransformsAreAppropriate(True)
    try:
        covering = transform.transformBoundingBox(extent)
    except QgsCsException as error:
        raise LayerError(
            tr(
                "The extent cannot be expressed in the CRS of “{name}” ({crs}); zoom to the layer "
                "or choose another extent."
            ).format(name=layer.name(), crs=layer.crs().authid())
        ) from error
    return to_tuple(covering)


def to_tuple(rectangle: QgsRectangle) -> Extent:
    """A rectangle as xmin, ymin, xmax, ymax."""
    return (
        rectangle.xMinimum(),
        rectangle.yMinimum(),
        rectangle.xMaximum(),
        rectangle.yMaximum(),
    )


def crs_wkt(crs: QgsCoordinateReferenceSystem) -> str:
    """A CRS as GDAL reads it best; the enum has moved in QGIS 3.36."""
    moved = getattr(Qgis, "CrsWktVariant", None)
    if moved is not None:
        return str(crs.toWkt(moved.PreferredGdal))
    return str(crs.toWkt(QgsCoordinateReferenceSystem.WktVariant.WKT_PREFERRED_GDAL))


def without_secrets(source: str) -> str:
    """A layer's source with the values of keys and tokens taken out."""
    return _SECRETS.sub(r"\1…", source)


def _own_size(provider: QgsRasterDataProvider) -> tuple[int, int] | None:
    has_size = provider.capabilities() & QgsRasterInterface.Capability.Size
    width, height = provider.xSize(), provider.ySize()
    return (width, height) if has_size and width > 0 and height > 0 else None


def _copied_pipe(layer: QgsRasterLayer, provider: QgsRasterDataProvider) -> LayerPipe:
    renderer = layer.renderer()
    if renderer is None:
        raise LayerError(
            tr("The layer “{name}” has no style to draw it; reset its style.").format(
                name=layer.name()
            )
        )
    drawn = renderer.clone()
    drawn.setOpacity(1.0)  # a layer made see-through for looking is no less there
    parts = [provider.clone(), drawn]
    parts += [
        item.clone() for item in (layer.brightnessFilter(), layer.hueSaturationFilter()) if item
    ]
    pipe = QgsRasterPipe()
    for part in parts:
        if part is None or not pipe.set(part):
            raise LayerError(
                tr("The layer “{name}” cannot be drawn apart from the map.").format(
                    name=layer.name()
                )
            )
    return LayerPipe(pipe)
