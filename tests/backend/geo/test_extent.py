from __future__ import annotations

import pytest
from affine import Affine
from rsrefseg.errors import ExtentError
from rsrefseg.geo.extent import PixelWindow, window_for_extent

NORTH_UP = Affine(0.5, 0, 100, 0, -0.5, 200)


@pytest.mark.parametrize(
    ("extent", "window"),
    [
        (None, PixelWindow(0, 0, 60, 40)),
        ((100, 180, 130, 200), PixelWindow(0, 0, 60, 40)),
        ((101, 195, 102, 196), PixelWindow(2, 8, 2, 2)),
        ((101.1, 195.1, 101.9, 195.9), PixelWindow(2, 8, 2, 2)),
        ((101.0000001, 195, 102.0000001, 196), PixelWindow(2, 8, 2, 2)),
        ((0, 0, 1000, 1000), PixelWindow(0, 0, 60, 40)),
        ((129.75, 180.1, 500, 180.2), PixelWindow(59, 39, 1, 1)),
    ],
)
def test_windows_are_whole_pixels_within_the_raster(extent, window):
    assert window_for_extent(extent, NORTH_UP, 60, 40) == window


def test_south_up_and_rotated():
    south_up = Affine(0.5, 0, 100, 0, 0.5, 200)
    assert window_for_extent((101, 204, 102, 205), south_up, 60, 40) == PixelWindow(2, 8, 2, 2)
    quarter_turn = Affine(0, 1, 0, 1, 0, 0)
    assert window_for_extent((8, 2, 10, 5), quarter_turn, 60, 40) == PixelWindow(2, 8, 3, 2)


@pytest.mark.parametrize(
    "extent",
    [
        (0, 0, 1, 1),
        (130, 180, 131, 190),
        (102, 195, 101, 196),
        (101, 195, 101, 196),
        (float("nan"), 0, 1, 1),
        (0, 0, float("inf"), 300),
    ],
)
def test_extents_that_miss_or_mean_nothing_are_refused(extent):
    with pytest.raises(ExtentError):
        window_for_extent(extent, NORTH_UP, 60, 40)
