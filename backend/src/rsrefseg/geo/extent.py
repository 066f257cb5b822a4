"""Extents in the raster's CRS as windows of whole pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

from affine import Affine

from rsrefseg.errors import ExtentError

Bounds = tuple[float, float, float, float]
# An edge that lies this near to a pixel border is meant to lie on it.
SNAP_PX = 1e-3


@dataclass(frozen=True)
class PixelWindow:
    """A rectangle in pixels: offset and size, whole numbers unless a coarser grid was laid over."""

    col: float
    row: float
    width: float
    height: float

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in whole pixels."""
        return round(self.height), round(self.width)


def window_for_extent(
    extent: Bounds | None, transform: Affine, width: int, height: int
) -> PixelWindow:
    """The whole pixels that an extent touches, within the raster.

    Args:
        extent: xmin, ymin, xmax, ymax in the raster's CRS, or None for all of it.
        transform: pixel to CRS (rotated ones give the bounding box in pixels).
        width: the raster's width in pixels.
        height: the raster's height in pixels.

    Raises:
        ExtentError: the extent is malformed or misses the raster.
    """
    if extent is None:
        return PixelWindow(0, 0, width, height)
    xmin, ymin, xmax, ymax = extent
    if not all(math.isfinite(v) for v in extent) or xmin >= xmax or ymin >= ymax:
        raise ExtentError(
            "The extent is malformed: give xmin, ymin, xmax, ymax with xmin < xmax and ymin < ymax."
        )
    to_pixel = ~transform
    corners = [to_pixel @ (x, y) for x in (xmin, xmax) for y in (ymin, ymax)]
    left = max(0, math.floor(min(c[0] for c in corners) + SNAP_PX))
    top = max(0, math.floor(min(c[1] for c in corners) + SNAP_PX))
    right = min(width, math.ceil(max(c[0] for c in corners) - SNAP_PX))
    bottom = min(height, math.ceil(max(c[1] for c in corners) - SNAP_PX))
    if right <= left or bottom <= top:
        raise ExtentError(
            "The extent does not touch the raster: choose an extent over the raster, "
            "in the raster's own CRS."
        )
    return PixelWindow(left, top, right - left, bottom - top)
