"""Pixel grids: which pixels of a layer are exported, at what size, without a shift.

Plain arithmetic: no QGIS here. Grids are north-up, since QGIS's providers give rotated and
south-up rasters as north-up ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from rsrefseg_qgis.errors import LayerError, tr

Extent = tuple[float, float, float, float]
"""xmin, ymin, xmax, ymax."""

MAX_SIDE_PX = 4096
# An extent that ends this close to a pixel's edge is meant to end on it.
EDGE_TOLERANCE_PX = 1e-6


@dataclass(frozen=True)
class Tile:
    """A part of a grid: column and row of its first pixel, and its size in pixels."""

    col: int
    row: int
    width: int
    height: int


@dataclass(frozen=True)
class PixelGrid:
    """A north-up grid of pixels in a layer's CRS.

    Attributes:
        x_min: western edge.
        y_max: northern edge.
        pixel_x: width of a pixel in map units, positive.
        pixel_y: height of a pixel in map units, positive.
        width: columns.
        height: rows.
        factor: how many native pixels go into one along each axis; 1 when the layer has no
            native pixels or is taken as it is.
    """

    x_min: float
    y_max: float
    pixel_x: float
    pixel_y: float
    width: int
    height: int
    factor: int = 1

    @property
    def extent(self) -> Extent:
        """The outer edges."""
        return (
            self.x_min,
            self.y_max - self.height * self.pixel_y,
            self.x_min + self.width * self.pixel_x,
            self.y_max,
        )

    @property
    def geotransform(self) -> tuple[float, float, float, float, float, float]:
        """In GDAL's order."""
        return (self.x_min, self.pixel_x, 0.0, self.y_max, 0.0, -self.pixel_y)

    def extent_of(self, tile: Tile) -> Extent:
        """The outer edges of a part."""
        left = self.x_min + tile.col * self.pixel_x
        top = self.y_max - tile.row * self.pixel_y
        return (
            left,
            top - tile.height * self.pixel_y,
            left + tile.width * self.pixel_x,
            top,
        )

    def tiles(self, side_px: int) -> Iterator[Tile]:
        """The grid in parts of at most ``side_px``, row by row."""
        for row in range(0, self.height, side_px):
            for col in range(0, self.width, side_px):
                yield Tile(
                    col, row, min(side_px, self.width - col), min(side_px, self.height - row)
                )


def intersection(one: Extent, other: Extent) -> Extent | None:
    """What two extents share; None when that has no area."""
    x_min, y_min = max(one[0], other[0]), max(one[1], other[1])
    x_max, y_max = min(one[2], other[2]), min(one[3], other[3])
    return (x_min, y_min, x_max, y_max) if x_min < x_max and y_min < y_max else None


def shared(asked: Extent, full: Extent) -> Extent:
    """The part of the layer's full extent that is asked for.

    Raises:
        LayerError: there is none.
    """
    part = intersection(asked, full)
    if part is None or not all(map(math.isfinite, part)):
        raise LayerError(
            tr("Nothing of the raster lies in this extent; zoom to the layer or choose another.")
        )
    return part


def native_grid(
    asked: Extent, full: Extent, size: tuple[int, int], max_side_px: int = MAX_SIDE_PX
) -> PixelGrid:
    """The pixels of a raster that an extent touches.

    At the raster's own size where they fit into ``max_side_px``, else joined by a whole number,
    so that each pixel's edge is an edge of the raster's own pixels.

    Args:
        asked: in the layer's CRS.
        full: the raster's extent.
        size: the raster's columns and rows.
        max_side_px: most columns and rows of the result.

    Raises:
        LayerError: asked and full share nothing.
    """
    columns, rows = _pixels_in(asked, full, size)
    longest = max(columns[1] - columns[0], rows[1] - rows[0])
    return _joined(full, size, columns, rows, max(1, math.ceil(longest / max_side_px)))


def joined_grid(asked: Extent, full: Extent, size: tuple[int, int], factor: int) -> PixelGrid:
    """The pixels of a raster that an extent touches, however many, ``factor`` by ``factor`` as one.

    Joined pixels are counted from the raster's corner, so that two extents share them.

    Args:
        asked: in the layer's CRS.
        full: the raster's extent.
        size: the raster's columns and rows.
        factor: how many of the raster's pixels become one along each axis.

    Raises:
        LayerError: asked and full share nothing.
    """
    columns, rows = _pixels_in(asked, full, size)
    first = (columns[0] - columns[0] % factor, rows[0] - rows[0] % factor)
    return _joined(full, size, (first[0], columns[1]), (first[1], rows[1]), factor)


def _pixels_in(
    asked: Extent, full: Extent, size: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """First and past-the-last column and row of a raster that an extent touches."""
    part = shared(asked, full)
    pixel_x = (full[2] - full[0]) / size[0]
    pixel_y = (full[3] - full[1]) / size[1]
    return (
        _touched(part[0] - full[0], part[2] - full[0], pixel_x, size[0]),
        _touched(full[3] - part[3], full[3] - part[1], pixel_y, size[1]),
    )


def _joined(
    full: Extent,
    size: tuple[int, int],
    columns: tuple[int, int],
    rows: tuple[int, int],
    factor: int,
) -> PixelGrid:
    pixel_x = (full[2] - full[0]) / size[0]
    pixel_y = (full[3] - full[1]) / size[1]
    return PixelGrid(
        x_min=full[0] + columns[0] * pixel_x,
        y_max=full[3] - rows[0] * pixel_y,
        pixel_x=pixel_x * factor,
        pixel_y=pixel_y * factor,
        width=math.ceil((columns[1] - columns[0]) / factor),
        height=math.ceil((rows[1] - rows[0]) / factor),
        factor=factor,
    )


def scaled_grid(
    asked: Extent,
    full: Extent,
    resolution: float,
    levels: tuple[float, ...] = (),
    max_side_px: float = MAX_SIDE_PX,
) -> PixelGrid:
    """A grid over a layer that is drawn at any scale, such as a map service.

    Args:
        asked: in the layer's CRS.
        full: the layer's extent.
        resolution: the wanted pixel size in map units.
        levels: the pixel sizes that the service has tiles for; the grid takes the coarsest that
            is still as fine as wanted, and lies on that level's pixels.
        max_side_px: most columns and rows of the result; infinite for any size.

    Raises:
        LayerError: asked and full share nothing.
    """
    part = shared(asked, full)
    side = max(part[2] - part[0], part[3] - part[1])
    coarsest_allowed = max(resolution, side / max_side_px)
    pixel = _level(coarsest_allowed, levels)
    if side / pixel > max_side_px:  # the service is too fine: its next coarser level, or between
        coarser = [level for level in sorted(levels) if side / level <= max_side_px]
        pixel = coarser[0] if coarser else side / max_side_px
    first_col = math.floor((part[0] - full[0]) / pixel + EDGE_TOLERANCE_PX)
    last_col = math.ceil((part[2] - full[0]) / pixel - EDGE_TOLERANCE_PX)
    first_row = math.floor((full[3] - part[3]) / pixel + EDGE_TOLERANCE_PX)
    last_row = math.ceil((full[3] - part[1]) / pixel - EDGE_TOLERANCE_PX)
    return PixelGrid(
        x_min=full[0] + first_col * pixel,
        y_max=full[3] - first_row * pixel,
        pixel_x=pixel,
        pixel_y=pixel,
        width=max(1, last_col - first_col),
        height=max(1, last_row - first_row),
    )


def _touched(low: float, high: float, pixel: float, count: int) -> tuple[int, int]:
    """First and past-the-last pixel that a stretch of map units touches; at least one."""
    first = math.floor(low / pixel + EDGE_TOLERANCE_PX)
    last = math.ceil(high / pixel - EDGE_TOLERANCE_PX)
    first = min(max(first, 0), count - 1)
    return first, min(max(last, first + 1), count)


def _level(wanted: float, levels: tuple[float, ...]) -> float:
    """The coarsest level not coarser than wanted; the finest when all are coarser."""
    if not levels:
        return wanted
    fine_enough = [level for level in levels if level <= wanted * (1 + 1e-6)]
    return max(fine_enough) if fine_enough else min(levels)
