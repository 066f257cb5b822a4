"""Small rasters with a red blob at a known place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from osgeo import gdal, osr

gdal.UseExceptions()

NORTH_UP = (500000.0, 0.3, 0.0, 5200000.0, 0.0, -0.3)
GREY, RED = 90, (220, 30, 40)
# first and past-the-last column and row
BLOB = (40, 25, 70, 45)


def rgb(width: int = 160, height: int = 120, blob: tuple[int, int, int, int] = BLOB) -> np.ndarray:
    """3 x height x width uint8: grey texture with a red rectangle."""
    texture = np.random.default_rng(7).integers(-12, 12, (height, width))
    image = np.repeat((GREY + texture)[None], 3, axis=0).astype(np.uint8)
    left, top, right, bottom = blob
    for band, value in enumerate(RED):
        image[band, top:bottom, left:right] = value
    return image


def village(side: int = 200) -> np.ndarray:
    """3 x side x side uint8: three red roofs with their shadows on a lawn, for the real model."""
    noise = np.random.default_rng(3)
    image = np.array([75, 95, 55])[:, None, None] + noise.normal(0, 7, (3, side, side))
    for row, column, rows, columns in ((30, 30, 40, 50), (120, 110, 45, 40), (40, 130, 36, 44)):
        image[:, row + 4 : row + rows + 8, column + 4 : column + columns + 8] *= 0.45
        for at, colour in ((0, (170, 75, 60)), (rows // 2, (130, 55, 45))):
            roof = image[:, row + at : row + rows, column : column + columns]
            roof[:] = np.array(colour)[:, None, None] + noise.normal(0, 6, roof.shape)
    return image.clip(0, 255).astype(np.uint8)


def write(
    path: Path,
    bands: np.ndarray,
    geotransform: tuple[float, ...] | None = NORTH_UP,
    epsg: int | None = 32633,
    nodata: float | None = None,
    alpha: bool = False,
) -> Path:
    """Write bands x height x width as a GeoTIFF."""
    kinds = {"uint8": gdal.GDT_Byte, "uint16": gdal.GDT_UInt16, "float32": gdal.GDT_Float32}
    options = ["ALPHA=YES"] if alpha else []
    if bands.shape[0] >= 3:
        options.append("PHOTOMETRIC=RGB")
    dataset = gdal.GetDriverByName("GTiff").Create(
        str(path),
        bands.shape[2],
        bands.shape[1],
        bands.shape[0],
        kinds[bands.dtype.name],
        options,
    )
    if geotransform is not None:
        dataset.SetGeoTransform(geotransform)
    if epsg is not None:
        reference = osr.SpatialReference()
        reference.ImportFromEPSG(epsg)
        dataset.SetProjection(reference.ExportToWkt())
    for index, band in enumerate(bands):
        dataset.GetRasterBand(index + 1).WriteArray(band)
        if nodata is not None:
            dataset.GetRasterBand(index + 1).SetNoDataValue(nodata)
    del dataset
    return path


def blob_bounds(
    geotransform: tuple[float, ...] = NORTH_UP, blob: tuple[int, int, int, int] = BLOB
) -> tuple[float, float, float, float]:
    """xmin, ymin, xmax, ymax of the blob under any affine transform."""
    x, a, b, y, d, e = geotransform
    corners = [(col, row) for col in (blob[0], blob[2]) for row in (blob[1], blob[3])]
    xs = [x + a * col + b * row for col, row in corners]
    ys = [y + d * col + e * row for col, row in corners]
    return min(xs), min(ys), max(xs), max(ys)
