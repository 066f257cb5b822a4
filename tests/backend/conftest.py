"""What the engine's tests share: rasters made on the spot, a stand-in model, random weights."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from affine import Affine

# Small models on few cores: threads that wait for each other cost more than they bring.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Tests leave nothing in the user's cache; those of that cache bring a folder of their own.
os.environ["RSREFSEG_DISK_CACHE_MB"] = "0"

HALF_METRE_UTM = Affine(0.5, 0, 350_000, 0, -0.5, 3_050_000)


@pytest.fixture
def make_raster(tmp_path):
    """Write an array (bands x H x W) as a GeoTIFF, by default half-metre pixels in UTM."""

    def make(
        bands,
        name="image.tif",
        transform=HALF_METRE_UTM,
        crs="EPSG:32645",
        mask=None,
        colormap=None,
        **options,
    ) -> Path:
        import rasterio
        from rasterio.errors import NotGeoreferencedWarning

        bands = np.asarray(bands)
        if bands.ndim == 2:
            bands = bands[None]
        path = tmp_path / name
        profile = {
            "driver": "GTiff",
            "count": bands.shape[0],
            "height": bands.shape[1],
            "width": bands.shape[2],
            "dtype": bands.dtype,
            "crs": crs,
            "transform": transform,
            **options,
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with (
                rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
                rasterio.open(path, "w", **profile) as dataset,
            ):
                dataset.write(bands)
                if colormap:
                    dataset.write_colormap(1, colormap)
                if mask is not None:
                    dataset.write_mask(mask)
        return path

    return make


@pytest.fixture
def stand_in():
    """A predictor that sees what is red, green or blue: the truth, in a picture made of it."""
    from tests.support.stand_in import StandIn

    return StandIn()


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory) -> Path:
    """The tiny preset with random weights."""
    import torch
    from rsrefseg.models.build import build_model
    from rsrefseg.models.config import load_preset
    from rsrefseg.weights.files import save_model

    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    torch.manual_seed(0)
    save_model(build_model(load_preset("rsrefseg2-tiny")), path, {"name": "random-tiny"})
    return path
