from __future__ import annotations

import numpy as np
import pytest
import rasterio
from affine import Affine
from rsrefseg.errors import RasterError
from rsrefseg.geo.bands import BandPlan, plan_bands
from rsrefseg.geo.extent import PixelWindow
from rsrefseg.geo.raster import open_raster
from rsrefseg.geo.stretch import Stretch, percentile_stretch
from rsrefseg.geo.windows import Span, WorkingGrid


def ramp(count, size=32, dtype=np.uint8):
    values = np.arange(count * size * size, dtype=np.int64).reshape(count, size, size) % 251
    return values.astype(dtype)


def whole(raster):
    return raster.read_rgb(PixelWindow(0, 0, raster.width, raster.height))


@pytest.mark.parametrize(
    ("names", "plan"),
    [
        (["gray"], BandPlan((1, 1, 1), None)),
        (["gray", "alpha"], BandPlan((1, 1, 1), 2)),
        (["red", "green", "blue"], BandPlan((1, 2, 3), None)),
        (["blue", "green", "red", "alpha"], BandPlan((3, 2, 1), 4)),
        (["red", "green", "blue", "undefined"], BandPlan((1, 2, 3), None)),
        (["gray", "undefined", "undefined", "undefined"], BandPlan((1, 2, 3), None)),
        (["gray"] + ["undefined"] * 12, BandPlan((1, 2, 3), None)),
        (["alpha", "undefined", "undefined", "undefined"], BandPlan((2, 3, 4), 1)),
        (["undefined", "undefined"], BandPlan((1, 1, 1), None)),
        (["alpha"], BandPlan((1, 1, 1), 1)),
    ],
)
def test_bands_are_chosen_by_what_they_are(names, plan):
    assert plan_bands(names) == plan


def test_three_bands_are_read_as_they_are(make_raster):
    bands = ramp(3)
    with open_raster(make_raster(bands)) as raster:
        tile = whole(raster)
        assert raster.stretch() is None
    assert np.array_equal(tile.image, bands.transpose(1, 2, 0))
    assert tile.valid.all()
    assert tile.transform == Affine(0.5, 0, 350_000, 0, -0.5, 3_050_000)


def test_one_band_is_grey(make_raster):
    bands = ramp(1)
    with open_raster(make_raster(bands)) as raster:
        tile = whole(raster)
    assert np.array_equal(tile.image, np.repeat(bands.transpose(1, 2, 0), 3, axis=2))


@pytest.mark.parametrize(("count", "photometric"), [(2, "MINISBLACK"), (4, "RGB")])
def test_alpha_says_what_is_there(make_raster, count, photometric):
    bands = ramp(count) | 1
    bands[-1] = 255
    bands[-1, :5] = 0
    path = make_raster(bands, photometric=photometric, alpha="YES")
    with open_raster(path) as raster:
        tile = whole(raster)
    assert not tile.valid[:5].any()
    assert tile.valid[5:].all()
    assert np.array_equal(tile.image[:5], tile.image[5:10][::-1])
    assert np.array_equal(tile.known, tile.valid)
    assert np.array_equal(tile.image[5:, :, 0], bands[0, 5:])


def test_a_fourth_band_that_is_not_alpha_hides_nothing(make_raster):
    bands = ramp(4)
    bands[3] = 0
    path = make_raster(bands, photometric="RGB", alpha="UNSPECIFIED")
    with open_raster(path) as raster:
        assert whole(raster).valid.all()


def test_nodata_is_where_every_band_has_it(make_raster):
    bands = np.full((3, 8, 8), 100, np.uint8)
    bands[0, :4] = 0
    bands[:, :2] = 0
    with open_raster(make_raster(bands, nodata=0)) as raster:
        valid = whole(raster).valid
    assert not valid[:2].any()
    assert valid[2:].all()


def test_an_internal_mask_counts(make_raster):
    mask = np.full((32, 32), 255, np.uint8)
    mask[:, :7] = 0
    with open_raster(make_raster(ramp(3), mask=mask)) as raster:
        valid = whole(raster).valid
    assert not valid[:, :7].any()
    assert valid[:, 7:].all()


def test_sixteen_bits_are_stretched_once_for_the_whole_raster(make_raster):
    bands = np.linspace(300, 2000, 3 * 64 * 64).reshape(3, 64, 64).astype(np.uint16)
    bands[:, 0, 0] = 65535
    with open_raster(make_raster(bands)) as raster:
        image = whole(raster).image
        left = raster.read_rgb(PixelWindow(0, 0, 8, 64)).image
        limits = raster.stretch()
    assert limits.high[2] < 2100
    assert image.min() == 0
    assert image.max() == 255
    assert np.array_equal(left, image[:, :8])


def test_floats_with_nodata_and_nan(make_raster):
    band = np.linspace(-1, 1, 64 * 64).reshape(64, 64).astype(np.float32)
    band[:10] = -9999
    band[10:12] = np.nan
    with open_raster(make_raster(band, nodata=-9999)) as raster:
        tile = whole(raster)
        limits = raster.stretch()
    assert not tile.valid[:12].any()
    assert tile.valid[12:].all()
    assert limits.low[0] > -0.7
    assert np.array_equal(tile.image[:12], tile.image[12:24][::-1])
    assert tile.image[12:].max() == 255


def test_a_palette_is_looked_up(make_raster):
    band = np.zeros((8, 8), np.uint8)
    band[4:] = 7
    colours = {0: (10, 20, 30, 255), 7: (200, 100, 50, 255)}
    with open_raster(make_raster(band, colormap=colours)) as raster:
        image = whole(raster).image
    assert image[0, 0].tolist() == [10, 20, 30]
    assert image[7, 7].tolist() == [200, 100, 50]


def test_constant_and_empty_bands_do_not_divide_by_zero(make_raster):
    with open_raster(make_raster(np.full((1, 8, 8), 7, np.uint16))) as raster:
        assert whole(raster).image[0, 0, 0] in (127, 128)
    empty = np.full((1, 8, 8), np.nan, np.float32)
    with open_raster(make_raster(empty, name="empty.tif")) as raster:
        assert not whole(raster).valid.any()


def test_coarser_reading_averages_and_keeps_nodata_out(make_raster):
    band = np.full((64, 64), 100, np.uint8)
    band[:, 1::2] = 200
    band[:32] = 0
    path = make_raster(band, nodata=0)
    with open_raster(path) as raster:
        tile = raster.read_rgb(PixelWindow(0, 0, 64, 64), (16, 16))
    assert not tile.valid[:8].any()
    assert tile.valid[8:].all()
    assert np.unique(tile.image[8:]).tolist() == [150]
    assert tile.transform == Affine(2, 0, 350_000, 0, -2, 3_050_000)


@pytest.mark.parametrize("step", [1, 2])
def test_a_window_that_reaches_beyond_the_raster_sees_it_mirrored(make_raster, step):
    bands = np.random.default_rng(2).integers(1, 255, (3, 40 * step, 60 * step), np.uint8)
    bands[:, 0 : 4 * step, 0 : 4 * step] = 0
    with open_raster(make_raster(bands, nodata=0)) as raster:
        grid = WorkingGrid((0.0, 0.0), (float(step), float(step)), 60, 40)
        all_of_it = raster.read_span(grid, Span(0, 0, 60, 40))
        tile = raster.read_span(grid, Span(-9, 25, 24, 24))
        corner = raster.read_span(grid, Span(-20, -20, 24, 24))
    mirrored = np.pad(all_of_it.image, ((20, 20), (20, 20), (0, 0)), mode="symmetric")
    assert np.array_equal(tile.image, mirrored[45:69, 11:35])
    assert np.array_equal(corner.image, mirrored[:24, :24])
    # Only what is in the raster counts as data.
    assert tile.valid[:15, 9:].all()
    assert tile.valid.sum() == 15 * 15
    assert not corner.valid.any()
    assert tile.transform @ (9, 0) == all_of_it.transform @ (0, 25)


def test_bytes_are_read_as_geotiff_only(make_raster, tmp_path):
    path = make_raster(ramp(3))
    with open_raster(path.read_bytes()) as raster:
        assert raster.width == 32
    png = tmp_path / "image.png"
    with (
        rasterio.open(path) as source,
        rasterio.open(png, "w", **{**source.profile, "driver": "PNG"}) as target,
    ):
        target.write(source.read())
    with open_raster(png) as raster:
        assert raster.count == 3
    with pytest.raises(RasterError), open_raster(png.read_bytes()):
        pass


def test_no_crs_is_a_warning(make_raster):
    with open_raster(make_raster(ramp(3), crs=None)) as raster:
        assert raster.crs is None
        assert raster.pixel_size_m() is None
        assert "no CRS" in raster.warnings[0]


def test_what_cannot_be_opened_gets_a_sentence(tmp_path, make_raster):
    text = tmp_path / "notes.tif"
    text.write_text("not an image")
    for source in (tmp_path / "absent.tif", text, str(text), b"nothing", b""):
        with pytest.raises(RasterError, match=r"[A-Z].*[:,].*\."), open_raster(source):
            pass


def test_a_file_cut_short_gets_a_sentence(make_raster, tmp_path):
    bands = np.random.default_rng(0).integers(0, 255, (3, 256, 256), dtype=np.uint8)
    path = make_raster(bands, compress="deflate")
    cut = tmp_path / "cut.tif"
    cut.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(RasterError), open_raster(cut) as raster:
        whole(raster)


def test_complex_numbers_are_no_image(make_raster):
    with (
        pytest.raises(RasterError, match="complex"),
        open_raster(make_raster(np.zeros((4, 4), np.complex64))),
    ):
        pass


def test_stretch_leaves_out_what_is_not_valid():
    band = np.array([[[0.0, 1.0, 1000.0]]])
    valid = np.array([[True, True, False]])
    stretch = percentile_stretch(band, valid, 0, 100)
    assert stretch == Stretch((0.0,), (1.0,))
    assert stretch.apply(np.array([[[np.inf, -np.inf, np.nan, 0.5]]])).tolist() == [
        [[255, 0, 0, 128]]
    ]
