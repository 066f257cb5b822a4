"""Every kind of raster that the docs name gives the right pixels; see docs/rasters.md."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
import rasterio
import rasterio.shutil
from affine import Affine
from rasterio.enums import Resampling
from rsrefseg.errors import InputError
from rsrefseg.geo.bands import BandPlan, plan_bands
from rsrefseg.geo.extent import PixelWindow
from rsrefseg.geo.raster import ReadOptions, open_raster
from rsrefseg.geo.stretch import StretchRule, parse_stretch


def picture(count=3, size=64, dtype=np.uint8, top=250):
    rng = np.random.default_rng(2)
    coarse = rng.integers(1, top, (count, size // 8, size // 8))
    return np.kron(coarse, np.ones((1, 8, 8))).astype(dtype)


def whole(path, out_shape=None, **read):
    with open_raster(path, read=ReadOptions(**read)) as raster:
        return raster.read_rgb(PixelWindow(0, 0, raster.width, raster.height), out_shape)


@pytest.mark.parametrize(
    ("driver", "name", "options"),
    [
        ("COG", "image.tif", {}),
        ("VRT", "image.vrt", {}),
        ("ENVI", "image.dat", {}),
        ("HFA", "image.img", {}),
        ("PNG", "image.png", {"worldfile": "yes"}),
        ("JP2OpenJPEG", "image.jp2", {"QUALITY": "100", "REVERSIBLE": "YES"}),
        ("GPKG", "image.gpkg", {"TILE_FORMAT": "PNG"}),
    ],
)
def test_formats_give_the_pixels_and_their_place(make_raster, tmp_path, driver, name, options):
    bands = picture()
    source = make_raster(bands, name="source.tif")
    path = tmp_path / name
    rasterio.shutil.copy(source, path, driver=driver, **options)
    tile = whole(path)
    assert np.array_equal(tile.image, bands.transpose(1, 2, 0))
    assert tile.transform.almost_equals(Affine(0.5, 0, 350_000, 0, -0.5, 3_050_000))
    if driver != "PNG":
        assert pyproj.CRS(tile.crs).to_epsg() == 32645


def test_tiled_and_compressed(make_raster):
    bands = picture(size=512)
    path = make_raster(bands, tiled=True, blockxsize=128, blockysize=128, compress="deflate")
    with open_raster(path) as raster:
        tile = raster.read_rgb(PixelWindow(100, 50, 300, 200))
    assert np.array_equal(tile.image, bands[:, 50:250, 100:400].transpose(1, 2, 0))


@pytest.mark.parametrize("external", [False, True])
def test_overviews_are_used_for_coarse_reading(make_raster, external):
    path = make_raster(np.full((3, 512, 512), 200, np.uint8))
    with rasterio.Env(TIFF_USE_OVR=external), rasterio.open(path, "r+") as dataset:
        dataset.build_overviews([2, 4, 8], Resampling.average)
    assert path.with_name("image.tif.ovr").exists() == external
    # From now on the pixels say something else than the overviews.
    with rasterio.open(path, "r+") as dataset:
        dataset.write(np.full((3, 512, 512), 10, np.uint8))
    assert np.unique(whole(path).image).tolist() == [10]
    assert np.unique(whole(path, (128, 128)).image).tolist() == [200]


@pytest.mark.parametrize("dtype", ["u2", "i2", "u4", "i4", "f4", "f8"])
def test_wide_numbers_are_stretched(make_raster, dtype):
    shift = 0 if dtype.startswith("u") else 500
    bands = (picture(dtype=np.int64) * 11 - shift).astype(dtype)
    tile = whole(make_raster(bands))
    assert tile.image.min() == 0
    assert tile.image.max() == 255
    grey = bands[0].astype(float)
    order = np.argsort(grey, axis=None)
    assert (np.diff(tile.image[..., 0].ravel()[order].astype(int)) >= 0).all()


def test_signed_bytes_are_stretched(make_raster):
    bands = (picture().astype(int) - 128).astype(np.int8)
    assert whole(make_raster(bands)).image.max() == 255


def test_eight_bands_and_a_choice_of_them(make_raster):
    bands = picture(8)
    path = make_raster(bands)
    assert np.array_equal(whole(path).image, bands[:3].transpose(1, 2, 0))
    chosen = whole(path, bands="8,4,2").image
    assert np.array_equal(chosen, bands[[7, 3, 1]].transpose(1, 2, 0))
    false_colour = whole(path, bands="false-colour").image
    assert np.array_equal(false_colour, bands[[3, 0, 1]].transpose(1, 2, 0))
    grey = whole(path, bands="5").image
    assert np.array_equal(grey, np.repeat(bands[4][..., None], 3, axis=2))


@pytest.mark.parametrize(
    ("names", "choice", "plan"),
    [
        (["red", "green", "blue", "nir"], "false-colour", BandPlan((4, 1, 2), None)),
        (["blue", "green", "red", "nir"], "false-colour", BandPlan((4, 3, 2), None)),
        (["undefined"] * 4 + ["alpha"], "false-colour", BandPlan((4, 1, 2), 5)),
        (["red", "green", "blue", "alpha"], "pan", BandPlan((1, 1, 1), 4)),
        (["red", "pan"], "pan", BandPlan((2, 2, 2), None)),
        (["red", "green", "blue", "alpha"], "4", BandPlan((4, 4, 4), None)),
        (["gray", "gray"], " 2 ", BandPlan((2, 2, 2), None)),
    ],
)
def test_band_choices(names, choice, plan):
    assert plan_bands(names, choice) == plan


@pytest.mark.parametrize("choice", ["", "1,2", "0", "4", "1,2,4", "red", "false-colour", "1,2,3,4"])
def test_band_choices_that_mean_nothing_are_refused(choice):
    with pytest.raises(InputError):
        plan_bands(["red", "green", "blue"], choice)


def test_stretches(make_raster):
    bands = np.linspace(100, 1100, 64 * 64).reshape(1, 64, 64).astype(np.uint16)
    path = make_raster(bands)
    fixed = whole(path, stretch="0:2200").image[..., 0]
    assert fixed.min() == 12
    assert fixed.max() == 128
    with open_raster(path, read=ReadOptions(stretch="min-max")) as raster:
        assert (raster.stretch().low, raster.stretch().high) == ((100.0,), (1100.0,))
    eight = make_raster(np.clip(bands // 10, 0, 255).astype(np.uint8), name="eight.tif")
    assert whole(eight).image.max() == 110
    assert whole(eight, stretch="percentile").image.max() == 255


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("auto", StretchRule("auto")),
        ("min-max", StretchRule("min-max")),
        ("0:3000", StretchRule("fixed", 0, 3000)),
        ("-0.1:0.9", StretchRule("fixed", -0.1, 0.9)),
    ],
)
def test_stretch_rules(text, rule):
    assert parse_stretch(text) == rule


@pytest.mark.parametrize("text", ["", "3000", "5:5", "9:1", "a:b", "nan:1", "0:inf"])
def test_stretch_rules_that_mean_nothing_are_refused(text):
    with pytest.raises(InputError):
        parse_stretch(text)


@pytest.mark.parametrize("how", ["nodata", "alpha", "mask"])
def test_what_is_not_there_does_not_bleed_into_what_is(make_raster, how):
    """Coarser and finer reading alike: the border of the data keeps the data's colour."""
    bands = np.full((3, 64, 64), 180, np.uint8)
    there = np.full((64, 64), 255, np.uint8)
    there[:, :31] = 0
    bands[:, there == 0] = 0
    options = {}
    if how == "nodata":
        options["nodata"] = 0
    elif how == "alpha":
        bands = np.concatenate([bands, there[None]])
        options = {"photometric": "RGB", "alpha": "YES"}
    else:
        options["mask"] = there
    path = make_raster(bands, **options)
    for shape in ((64, 64), (32, 32), (16, 16), (96, 96), (128, 128)):
        tile = whole(path, shape)
        seen = tile.image[tile.valid]
        assert seen.min() == seen.max() == 180, (how, shape)
        share = tile.valid.mean()
        assert share == pytest.approx(33 / 64, abs=0.04)


def test_across_the_antimeridian(make_raster):
    """Longitudes run on beyond 180: nothing is torn apart, and metres are metres."""
    transform = Affine(1e-5, 0, 179.9997, 0, -1e-5, -17.0)
    path = make_raster(picture(), crs="EPSG:4326", transform=transform)
    with open_raster(path) as raster:
        width, height = raster.pixel_size_m()
    assert width == pytest.approx(1.065, rel=0.01)
    assert height == pytest.approx(1.107, rel=0.01)
    tile = whole(path)
    assert tile.transform == transform


def test_local_and_unusual_crs(make_raster):
    path = make_raster(picture(), crs="EPSG:31370")
    assert "72" in whole(path).crs
    feet = make_raster(picture(), name="feet.tif", crs="EPSG:2263")
    with open_raster(feet) as raster:
        assert raster.pixel_size_m()[0] == pytest.approx(0.5 * 0.3048, rel=0.01)
