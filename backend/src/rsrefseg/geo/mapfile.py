"""A map of numbers as the bytes of a GeoTIFF."""

from __future__ import annotations

import warnings

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

TILE_PX = 256


def geotiff_bytes(
    values: NDArray[np.float32], transform: Affine, crs: str | None, description: str
) -> bytes:
    """Write a map as a single-band float32 GeoTIFF; NaN stands for no data.

    Args:
        values: H x W.
        transform: pixels to the CRS.
        crs: the CRS as WKT, or None.
        description: what the band shows.
    """
    height, width = values.shape
    tiled = min(height, width) >= TILE_PX
    blocks = {"blockxsize": TILE_PX, "blockysize": TILE_PX} if tiled else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with MemoryFile() as memory:
            with memory.open(
                driver="GTiff",
                width=width,
                height=height,
                count=1,
                dtype="float32",
                nodata=float("nan"),
                crs=crs,
                transform=transform,
                compress="deflate",
                zlevel=1,
                predictor=3,
                tiled=tiled,
                **blocks,
            ) as dataset:
                dataset.write(values, 1)
                dataset.set_band_description(1, description)
            return bytes(memory.getbuffer())
