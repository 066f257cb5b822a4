from __future__ import annotations

import math

import pytest

from rsrefseg_qgis.errors import LayerError
from rsrefseg_qgis.layers.grid import joined_grid, native_grid, scaled_grid

FULL = (500000.0, 5199970.0, 500048.0, 5200000.0)  # 160 x 100 pixels of 0.3
SIZE = (160, 100)


def test_whole_raster_is_its_own_grid() -> None:
    grid = native_grid(FULL, FULL, SIZE)
    assert (grid.width, grid.height, grid.factor) == (160, 100, 1)
    assert grid.geotransform == pytest.approx((500000.0, 0.3, 0.0, 5200000.0, 0.0, -0.3))


def test_extent_is_snapped_outwards_to_whole_pixels() -> None:
    grid = native_grid((500003.1, 5199980.1, 500006.2, 5199990.05), FULL, SIZE)
    assert ((grid.x_min - FULL[0]) / 0.3) == pytest.approx(10, abs=1e-9)
    assert grid.width == 11
    assert ((FULL[3] - grid.y_max) / 0.3) == pytest.approx(33, abs=1e-8)
    assert grid.height == 34


def test_edges_on_pixel_edges_take_no_extra_pixel() -> None:
    for first in range(0, 150, 7):
        asked = (FULL[0] + first * 0.3, FULL[1], FULL[0] + (first + 10) * 0.3, FULL[3])
        grid = native_grid(asked, FULL, SIZE)
        assert grid.width == 10, first


def test_a_point_takes_one_pixel() -> None:
    grid = native_grid((500001.0, 5199990.0, 500001.001, 5199990.001), FULL, SIZE)
    assert (grid.width, grid.height) == (1, 1)


def test_extent_beyond_the_raster_is_cut() -> None:
    grid = native_grid((0, 0, 1e9, 1e9), FULL, SIZE)
    assert (grid.width, grid.height) == SIZE


@pytest.mark.parametrize(
    "asked", [(0, 0, 1, 1), (math.nan, 0, 1, 1), (500048.0, 5199970.0, 500050.0, 5200000.0)]
)
def test_nothing_shared_is_said(asked: tuple[float, float, float, float]) -> None:
    with pytest.raises(LayerError, match="zoom to the layer"):
        native_grid(asked, FULL, SIZE)


def test_too_many_pixels_are_joined_by_a_whole_number() -> None:
    grid = native_grid(FULL, FULL, SIZE, max_side_px=64)
    assert grid.factor == 3
    assert (grid.width, grid.height) == (54, 34)
    assert grid.pixel_x == pytest.approx(0.9)
    assert grid.x_min == FULL[0]


def test_tiles_cover_the_grid_once() -> None:
    grid = native_grid(FULL, FULL, SIZE)
    tiles = list(grid.tiles(64))
    assert sum(tile.width * tile.height for tile in tiles) == 160 * 100
    assert grid.extent_of(tiles[-1])[2] == pytest.approx(FULL[2])
    assert grid.extent_of(tiles[-1])[1] == pytest.approx(FULL[1])


WORLD = (-20037508.342789244, -20037508.342789244, 20037508.342789244, 20037508.342789244)
LEVELS = tuple(156543.03392804097 / 2**zoom for zoom in range(20))


def test_tile_service_takes_the_level_that_is_fine_enough() -> None:
    grid = scaled_grid((1000.0, 1000.0, 1500.0, 1400.0), WORLD, 0.7, LEVELS)
    assert grid.pixel_x == pytest.approx(LEVELS[18])
    offset = (grid.x_min - WORLD[0]) / grid.pixel_x
    assert offset == pytest.approx(round(offset), abs=1e-6)


def test_tile_service_is_not_asked_finer_than_it_is() -> None:
    grid = scaled_grid((1000.0, 1000.0, 1050.0, 1040.0), WORLD, 0.01, LEVELS)
    assert grid.pixel_x == pytest.approx(LEVELS[19])


def test_large_extent_takes_a_coarser_level() -> None:
    grid = scaled_grid((0.0, 0.0, 1e6, 1e6), WORLD, 0.3, LEVELS)
    assert grid.width <= 4097
    assert grid.pixel_x in LEVELS


def test_service_without_levels_is_drawn_as_asked() -> None:
    grid = scaled_grid((10.0, 10.0, 20.0, 15.0), (0.0, 0.0, 100.0, 100.0), 0.05)
    assert (grid.width, grid.height) == (200, 100)


def test_joined_pixels_are_the_same_for_any_extent() -> None:
    full, size = (0.0, 0.0, 1000.0, 800.0), (1000, 800)
    whole = joined_grid(full, full, size, 3)
    assert (whole.width, whole.height, whole.factor) == (334, 267, 3)
    part = joined_grid((100.5, 100.5, 400.5, 300.5), full, size, 3)
    assert part.x_min % 3 == 0
    assert (full[3] - part.y_max) % 3 == 0
    assert part.extent[0] <= 100
    assert part.extent[2] >= 401
    assert part.extent[1] <= 100
    assert part.extent[3] >= 301


def test_grids_of_any_size_know_no_limit() -> None:
    grid = scaled_grid((0, 0, 50_000, 40_000), (0, 0, 1e6, 1e6), 0.5, (), math.inf)
    assert (grid.width, grid.height, grid.pixel_x) == (100_000, 80_000, 0.5)
