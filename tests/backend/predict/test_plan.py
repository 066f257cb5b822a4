from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from rsrefseg.errors import InputError
from rsrefseg.geo.raster import open_raster
from rsrefseg.predict.plan import plan_scene


@pytest.fixture
def plan(make_raster, stand_in):
    """Plan for a blank raster of a size (width, height)."""

    def make(size, pixel=0.5, extent=None, resolution_m=None, **options):
        bands = np.zeros((1, size[1], size[0]), np.uint8)
        if "transform" not in options:
            options["transform"] = Affine(pixel, 0, 350_000, 0, -pixel, 3_050_000)
        with open_raster(make_raster(bands, **options)) as raster:
            return plan_scene(raster, stand_in.info, extent, resolution_m)

    return make


def test_an_extent_that_fits_is_judged_as_a_whole(plan):
    made = plan((100, 60))
    assert len(made.windows) == 1
    assert made.grid.step == (1, 1)
    assert made.resolution_m == pytest.approx(50 / 64, rel=1e-3)
    assert made.content_px(made.windows[0]) == (38, 64)


def test_a_tiny_extent_is_not_blown_up_beyond_the_finest_resolution(plan):
    made = plan((40, 40), pixel=0.05)
    assert made.resolution_m == 0.1
    assert made.content_px(made.windows[0]) == (20, 20)


def test_a_large_extent_is_cut_into_windows_at_the_default_resolution(plan):
    made = plan((400, 300))
    assert len(made.windows) > 20
    assert made.resolution_m == 0.5
    assert made.windows[0].width == made.windows[0].height == 64
    assert made.overlap == (16, 16)
    assert made.content_px(made.windows[0]) == (64, 64)


def test_the_asked_resolution_decides(plan):
    assert len(plan((100, 60), resolution_m=0.5).windows) > 1
    assert len(plan((400, 300), resolution_m=4).windows) == 1


def test_a_part_of_the_raster_takes_windows_around_it_only(plan):
    extent = (350_100, 3_049_900, 350_150, 3_049_950)
    made = plan((1000, 1000), extent=extent, resolution_m=0.5)
    assert (made.region.col, made.region.row) == (200, 100)
    assert (made.region.width, made.region.height) == (100, 100)
    assert 4 <= len(made.windows) <= 16


def test_fine_rasters_are_read_coarser_in_whole_steps(plan):
    made = plan((2000, 2000), pixel=0.1)
    assert made.grid.step == (5, 5)
    assert made.cell_m == pytest.approx((0.5, 0.5), rel=1e-3)


def test_a_large_single_view_is_not_finer_than_the_model_can_see(plan):
    made = plan((1000, 500), pixel=0.05)
    assert len(made.windows) == 1
    assert (made.grid.width, made.grid.height) == (256, 256)
    assert made.content_px(made.windows[0]) == (32, 64)


def test_geographic_pixels_are_seen_square(plan):
    made = plan((600, 300), crs="EPSG:4326", transform=Affine(1e-5, 0, 10, 0, -1e-5, 60))
    window = made.windows[0]
    height, width = made.content_px(window)
    assert (height, width) == (64, 64)
    assert window.width == pytest.approx(64 * 0.5 / 0.558, abs=1)
    assert window.height == pytest.approx(64 * 0.5 / 1.114, abs=1)


def test_without_a_crs_a_pixel_counts_as_the_default(plan):
    assert len(plan((64, 64), crs=None).windows) == 1
    assert len(plan((400, 400), crs=None).windows) > 1


@pytest.mark.parametrize("resolution_m", [0, -1, float("nan"), float("inf")])
def test_resolutions_that_mean_nothing_are_refused(plan, resolution_m):
    with pytest.raises(InputError):
        plan((10, 10), resolution_m=resolution_m)
