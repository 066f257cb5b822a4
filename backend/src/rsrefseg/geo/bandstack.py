"""All bands of a small raster as they are, for readers of training labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError

from rsrefseg.errors import RasterError


def read_bands(path: Path) -> tuple[NDArray[np.float32], tuple[float, ...]]:
    """Every band, and how coordinates become pixels.

    Returns:
        bands: C,H,W float32, unscaled.
        inverse: six numbers of the affine map from the raster's CRS to (column, row).

    Raises:
        RasterError: the file cannot be read.
    """
    try:
        with rasterio.open(path) as dataset:
            inverse = ~dataset.transform
            return dataset.read().astype(np.float32), tuple(inverse)[:6]
    except RasterioError as error:
        raise RasterError(f"{path} cannot be read as a raster: check the file.") from error
