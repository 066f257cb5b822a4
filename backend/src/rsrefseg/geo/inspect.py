"""Looking into the header of a raster that somebody sent, before any pixel of it is decoded."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from affine import Affine
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile

from rsrefseg.errors import RasterError
from rsrefseg.geo.raster import RasterSource, opened

_DAMAGED = "it is damaged or made to mislead: export it again as a plain GeoTIFF."


@dataclass(frozen=True)
class HeaderFacts:
    """What a GeoTIFF's header says.

    Attributes:
        width: columns.
        height: rows.
        bands: how many.
        dtype: of the first band.
        crs: as WKT, or None.
        transform: pixels to the CRS.
        decoded_bytes: what all pixels take when they are decoded.
        block_bytes: what one block of the file takes when it is decoded.
    """

    width: int
    height: int
    bands: int
    dtype: str
    crs: str | None
    transform: Affine
    decoded_bytes: int
    block_bytes: int


def inspect_tiff(data: bytes, name: str) -> HeaderFacts:
    """The facts of a GeoTIFF's header.

    Args:
        data: the file.
        name: what errors call it.

    Raises:
        RasterError: it is no GeoTIFF, or one that names other files or lies nowhere.
    """
    with MemoryFile(data) as memory, opened(memory.name, name, ("GTiff",)) as dataset:
        raster = RasterSource(dataset, name)
        # GDAL follows this name when it reads at a coarser scale, wherever it leads.
        if dataset.tags(ns="OVERVIEWS"):
            raise RasterError(f"{name} names another file as its overview: {_DAMAGED}")
        item = max(np.dtype(dtype).itemsize for dtype in dataset.dtypes)
        try:
            rows, columns = dataset.block_shapes[0]
        except RasterioError as error:
            raise RasterError(f"{name} has no blocks: {_DAMAGED}") from error
        interleaved = raster.count if dataset.interleaving.name == "pixel" else 1
        check_transform(raster.transform, raster.width, raster.height, name)
        return HeaderFacts(
            width=raster.width,
            height=raster.height,
            bands=raster.count,
            dtype=raster.dtype,
            crs=raster.crs,
            transform=raster.transform,
            decoded_bytes=raster.width * raster.height * raster.count * item,
            block_bytes=rows * columns * interleaved * item,
        )


def check_transform(transform: Affine, width: int, height: int, name: str) -> None:
    """Refuse a georeference that cannot be.

    Raises:
        RasterError: it is not finite, or its pixels have no area.
    """
    corners = [transform @ (x, y) for x in (0, width) for y in (0, height)]
    finite = all(math.isfinite(v) for corner in corners for v in corner)
    determinant = transform.a * transform.e - transform.b * transform.d
    if not finite or not math.isfinite(determinant) or abs(determinant) < 1e-30:
        raise RasterError(
            f"The georeference of {name.lower() if name.startswith('The ') else name} makes no "
            "sense: assign the raster its right place."
        )
