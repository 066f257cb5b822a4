"""Rotated rasters: where their pixels are in the north-up picture that QGIS draws of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from osgeo import gdal

from .grid import PixelGrid, Tile

Outline = tuple[tuple[float, float], ...]
"""The corners of a raster in order."""


def rotated_outline(source: str) -> Outline | None:
    """The corners of a raster file that lies askew, None for one that does not."""
    gdal.PushErrorHandler("CPLQuietErrorHandler")
    try:
        dataset = gdal.Open(source)
    except RuntimeError:  # someone has switched GDAL's exceptions on
        dataset = None
    finally:
        gdal.PopErrorHandler()
    transform = dataset.GetGeoTransform(can_return_null=True) if dataset is not None else None
    if transform is None or (transform[2] == 0 and transform[4] == 0):
        return None
    width, height = dataset.RasterXSize, dataset.RasterYSize
    x, a, b, y, d, e = transform
    corners = ((0, 0), (width, 0), (width, height), (0, height))
    return tuple((x + a * col + b * row, y + d * col + e * row) for col, row in corners)


def inside(outline: Outline, grid: PixelGrid, tile: Tile) -> NDArray[np.bool_]:
    """Which pixels of a tile have their middle inside a convex outline; height x width."""
    left, _, _, top = grid.extent_of(tile)
    xs = left + (np.arange(tile.width) + 0.5) * grid.pixel_x
    ys = (top - (np.arange(tile.height) + 0.5) * grid.pixel_y)[:, None]
    sides = []
    for (x0, y0), (x1, y1) in zip(outline, outline[1:] + outline[:1]):
        sides.append((x1 - x0) * (ys - y0) - (y1 - y0) * (xs - x0))
    crosses = np.stack(sides)
    return np.asarray((crosses >= 0).all(axis=0) | (crosses <= 0).all(axis=0))
