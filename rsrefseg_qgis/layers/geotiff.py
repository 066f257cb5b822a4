"""Draws a layer's snapshot into a GeoTIFF: red, green, blue as shown, alpha where there is data.

What the user sees is what the engine sees, from any source that QGIS can draw and with any bit
depth. Runs in a task's thread.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from osgeo import gdal
from qgis.core import Qgis, QgsRasterBlock, QgsRasterBlockFeedback

from rsrefseg_qgis.errors import CancelledError, LayerError, tr

from .grid import Extent, PixelGrid, Tile
from .rotation import inside
from .snapshot import LayerSnapshot, crs_wkt

TILE_PX = 1024
# Where many native pixels go into one, at most so many along each axis are looked at.
MAX_SAMPLES = 4


def export_geotiff(
    snapshot: LayerSnapshot,
    grid: PixelGrid,
    *,
    feedback: QgsRasterBlockFeedback | None = None,
    progress: Callable[[float], None] = lambda fraction: None,
) -> bytes:
    """Draw a layer on a grid, in memory.

    Args:
        snapshot: the layer.
        grid: which pixels.
        feedback: cancels also while a map service is waited for.
        progress: told the fraction that is done.

    Returns:
        A GeoTIFF of four Byte bands, with the layer's CRS if it has one.

    Raises:
        LayerError: it cannot be read, or there is nothing in the extent.
        CancelledError: by ``feedback``.
    """
    path = f"/vsimem/rsrefseg-{uuid.uuid4().hex}.tif"
    try:
        write_geotiff(path, snapshot, grid, feedback=feedback, progress=progress)
        return _content(path)
    finally:
        gdal.Unlink(path)


def write_geotiff(
    path: str,
    snapshot: LayerSnapshot,
    grid: PixelGrid,
    *,
    wanted: Callable[[Extent], bool] = lambda extent: True,
    compressed: bool = False,
    feedback: QgsRasterBlockFeedback | None = None,
    progress: Callable[[float], None] = lambda fraction: None,
) -> None:
    """Draw a layer on a grid into a file, block by block; see `export_geotiff`.

    Args:
        path: as GDAL takes it.
        snapshot: the layer.
        grid: which pixels; memory does not depend on how many.
        wanted: asked for each block's extent; one that is not wanted stays without data.
        compressed: make the file small, for a way that is slower than the disk.
        feedback: cancels.
        progress: told the fraction that is done.
    """
    feedback = feedback or QgsRasterBlockFeedback()
    dataset = _create(path, snapshot, grid, compressed=compressed)
    anything = False
    done = 0
    for tile in grid.tiles(TILE_PX):
        if feedback.isCanceled():
            raise CancelledError
        rgba = draw_tile(snapshot, grid, tile, feedback) if wanted(grid.extent_of(tile)) else None
        if rgba is not None and rgba[..., 3].any():  # the file has no room for empty blocks
            anything = True
            _write(dataset, tile, rgba)
        done += tile.width * tile.height
        progress(done / (grid.width * grid.height))
    if feedback.isCanceled():
        raise CancelledError
    if not anything:
        raise _nothing(snapshot, feedback)
    _flush(dataset)


def _create(
    path: str, snapshot: LayerSnapshot, grid: PixelGrid, *, compressed: bool
) -> gdal.Dataset:
    options = ["TILED=YES", "PHOTOMETRIC=RGB", "ALPHA=NON-PREMULTIPLIED", "INTERLEAVE=PIXEL"]
    options += ["SPARSE_OK=TRUE", "BIGTIFF=IF_SAFER"]
    if compressed:
        options += ["COMPRESS=DEFLATE", "PREDICTOR=2"]
    dataset = gdal.GetDriverByName("GTiff").Create(
        path, grid.width, grid.height, 4, gdal.GDT_Byte, options
    )
    if dataset is None:
        raise LayerError(
            tr("There is no room for {width} x {height} pixels; choose a smaller extent.").format(
                width=grid.width, height=grid.height
            )
        )
    dataset.SetGeoTransform(grid.geotransform)
    if snapshot.crs.isValid():
        dataset.SetProjection(crs_wkt(snapshot.crs))
    return dataset


def _write(dataset: gdal.Dataset, tile: Tile, rgba: NDArray[np.uint8]) -> None:
    place = (tile.col, tile.row, tile.width, tile.height)
    bands = rgba.shape[-1]
    try:
        # not WriteArray: its first call loads a library, and Python stands still meanwhile
        done = dataset.WriteRaster(*place, rgba.tobytes(), buf_pixel_space=bands, buf_band_space=1)
        failed = done != gdal.CE_None
    except RuntimeError:  # someone has switched GDAL's exceptions on
        failed = True
    if failed:
        raise _disk_full()


def _flush(dataset: gdal.Dataset) -> None:
    gdal.ErrorReset()
    try:
        dataset.FlushCache()
        failed = gdal.GetLastErrorType() >= gdal.CE_Failure
    except RuntimeError:
        failed = True
    if failed:
        raise _disk_full()


def _disk_full() -> LayerError:
    return LayerError(
        tr(
            "The pixels cannot be written to the folder for temporary files ({why}); free some "
            "room there, or choose a smaller extent."
        ).format(why=gdal.GetLastErrorMsg().strip().rstrip(".") or tr("no room"))
    )


def draw_tile(
    snapshot: LayerSnapshot, grid: PixelGrid, tile: Tile, feedback: QgsRasterBlockFeedback
) -> NDArray[np.uint8]:
    """A tile as height x width x (red, green, blue, alpha), averaged on a coarser grid.

    Raises:
        LayerError: it cannot be read.
        CancelledError: by ``feedback``.
    """
    samples = min(grid.factor, MAX_SAMPLES)
    width, height = tile.width * samples, tile.height * samples
    block = snapshot.pipe.block(grid.extent_of(tile), width, height, feedback)
    if feedback.isCanceled():
        raise CancelledError
    if block is None or not block.isValid() or block.width() != width or block.height() != height:
        raise LayerError(
            tr("The pixels of “{name}” cannot be read ({why}); check its source.").format(
                name=snapshot.name, why=_why(snapshot, feedback)
            )
        )
    drawn = _pixels(block)
    rgba = straight(averaged(drawn, samples) if samples > 1 else drawn)
    if snapshot.outline is not None:
        rgba[~inside(snapshot.outline, grid, tile)] = 0
    return rgba


def _pixels(block: QgsRasterBlock) -> NDArray[np.uint8]:
    """A drawn block as height x width x (red, green, blue, alpha), premultiplied."""
    if block.dataType() not in (Qgis.DataType.ARGB32, Qgis.DataType.ARGB32_Premultiplied):
        raise LayerError(tr("The layer's style draws no colours; choose another style for it."))
    words = np.frombuffer(bytes(block.data()), dtype=np.uint32)
    shape = (block.height(), block.width())
    return np.stack(
        [(words >> shift).astype(np.uint8).reshape(shape) for shift in (16, 8, 0, 24)], -1
    )


def averaged(rgba: NDArray[np.uint8], samples: int) -> NDArray[np.uint8]:
    """Join ``samples`` x ``samples`` premultiplied pixels into one; no data weighs nothing."""
    height, width = rgba.shape[0] // samples, rgba.shape[1] // samples
    cells = rgba.reshape(height, samples, width, samples, 4)
    total = cells.sum(axis=(1, 3), dtype=np.uint32)
    mean: NDArray[np.uint8] = ((total + samples**2 // 2) // samples**2).astype(np.uint8)
    return mean


def straight(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Colours that are not darkened by their alpha; alpha 255 where there is any data, else 0."""
    alpha = rgba[..., 3]
    if (alpha == 255).all():
        return rgba
    colours = rgba[..., :3].astype(np.uint16) * 255 + (alpha // 2)[..., None]
    colours = np.minimum(colours // np.maximum(alpha, 1)[..., None], 255)
    result = np.empty_like(rgba)
    result[..., :3] = colours
    result[..., 3] = np.where(alpha > 0, 255, 0)
    return result


def _nothing(snapshot: LayerSnapshot, feedback: QgsRasterBlockFeedback) -> LayerError:
    return LayerError(
        tr(
            "“{name}” shows nothing in this extent ({why}); zoom to its data or choose another "
            "extent."
        ).format(name=snapshot.name, why=_why(snapshot, feedback))
    )


def _why(snapshot: LayerSnapshot, feedback: QgsRasterBlockFeedback) -> str:
    said = [text for text in (*feedback.errors(), snapshot.pipe.last_error()) if text]
    return said[-1].strip().rstrip(".") if said else tr("no data there")


def _content(path: str) -> bytes:
    size = gdal.VSIStatL(path).size
    handle = gdal.VSIFOpenL(path, "rb")
    try:
        return bytes(gdal.VSIFReadL(1, size, handle))
    finally:
        gdal.VSIFCloseL(handle)
