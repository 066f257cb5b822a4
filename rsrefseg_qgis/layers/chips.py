"""Pictures and masks of parts of a layer, as PNG files that lie where they belong on the map."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from osgeo import gdal, ogr
from qgis.core import QgsGeometry

from rsrefseg_qgis.errors import OutputError, tr

from .grid import PixelGrid, Tile
from .snapshot import LayerSnapshot, crs_wkt


def burnt(geometries: Sequence[QgsGeometry], grid: PixelGrid, tile: Tile) -> NDArray[np.bool_]:
    """Which pixels of a tile have their middle in any of some polygons; height x width."""
    raster = _memory(grid, tile, 1)
    # GDAL 3.11 has given "Memory" up for "MEM", which older ones lack for vectors
    driver = ogr.GetDriverByName("Memory") or ogr.GetDriverByName("MEM")
    holder = driver.CreateDataSource("")
    layer = holder.CreateLayer("polygons", None, ogr.wkbMultiPolygon)
    for geometry in geometries:
        feature = ogr.Feature(layer.GetLayerDefn())
        feature.SetGeometry(ogr.CreateGeometryFromWkb(bytes(geometry.asWkb())))
        layer.CreateFeature(feature)
    gdal.PushErrorHandler("CPLQuietErrorHandler")  # it warns that neither says its CRS
    try:
        gdal.RasterizeLayer(raster, [1], layer, burn_values=[1])
    finally:
        gdal.PopErrorHandler()
    mask: NDArray[np.bool_] = raster.ReadAsArray().astype(bool)
    return mask


def write_png(
    path: Path, pixels: NDArray[np.uint8], snapshot: LayerSnapshot, grid: PixelGrid, tile: Tile
) -> None:
    """Write a tile's pixels with a world file beside them.

    Args:
        path: of the PNG; its folder must exist.
        pixels: height x width, or height x width x 3.
        snapshot: of the layer.
        grid: of the layer.
        tile: which part.

    Raises:
        OutputError: it cannot be written.
    """
    planes = pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)
    memory = _memory(grid, tile, len(planes))
    if snapshot.crs.isValid():
        memory.SetProjection(crs_wkt(snapshot.crs))
    memory.WriteArray(np.ascontiguousarray(planes))
    gdal.PushErrorHandler("CPLQuietErrorHandler")
    try:
        driver = gdal.GetDriverByName("PNG")
        made = driver.CreateCopy(str(path), memory, options=["WORLDFILE=YES"])
        failed = made is None
        del made
    except RuntimeError:  # someone has switched GDAL's exceptions on
        failed = True
    finally:
        gdal.PopErrorHandler()
    if failed:
        raise OutputError(
            tr("{path} cannot be written ({why}); choose another folder.").format(
                path=path, why=gdal.GetLastErrorMsg().strip().rstrip(".") or tr("no room")
            )
        )


def remove_png(path: Path) -> None:
    """Take a PNG and what lies beside it away."""
    for name in (path, path.with_suffix(".wld"), Path(f"{path}.aux.xml")):
        with contextlib.suppress(OSError):
            name.unlink(missing_ok=True)


def _memory(grid: PixelGrid, tile: Tile, bands: int) -> gdal.Dataset:
    dataset = gdal.GetDriverByName("MEM").Create("", tile.width, tile.height, bands, gdal.GDT_Byte)
    left, _, _, top = grid.extent_of(tile)
    dataset.SetGeoTransform((left, grid.pixel_x, 0.0, top, 0.0, -grid.pixel_y))
    return dataset
