"""Geometry, colours, light and sensor, each by itself."""

from __future__ import annotations

import numpy as np
import pytest
from rsrefseg.scenes import noise
from rsrefseg.scenes.canvas import Canvas
from rsrefseg.scenes.colours import COLOURS, colour_words
from rsrefseg.scenes.geometry import (
    along,
    area,
    ellipse,
    inside,
    line_length,
    offset,
    rectangle,
    ribbon,
    smooth,
)  # fmt: skip
from rsrefseg.scenes.layouts.common import road, vehicle
from rsrefseg.scenes.light import Sun, shadows
from rsrefseg.scenes.materials import TEXTURES
from rsrefseg.scenes.phrases.spatial import distances_to_line
from rsrefseg.scenes.sensor import draw_sensor, expose
from rsrefseg.scenes.world import Ground, Wing, World


def test_areas() -> None:
    assert area(rectangle(3, 4, 10, 2, 0.7)) == pytest.approx(20)
    assert area(ellipse(0, 0, 5, 5, 0, 200)) == pytest.approx(np.pi * 25, rel=1e-3)


def test_ribbon_has_width_times_length() -> None:
    line = np.array([(0.0, 0.0), (30.0, 40.0)])
    assert area(ribbon(line, 6)) == pytest.approx(300)
    assert line_length(line) == pytest.approx(50)


def test_offset_to_the_right_of_a_line_going_down_is_to_the_west() -> None:
    down = np.array([(10.0, 0.0), (10.0, 20.0)])
    assert np.allclose(offset(down, 3)[:, 0], 7)


def test_along_and_smooth_keep_the_ends() -> None:
    line = smooth(np.array([(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)]))
    assert np.allclose(line[[0, -1]], [(0, 0), (10, 10)])
    stations = along(line, 2.0)
    steps = np.linalg.norm(np.diff(stations[:, :2], axis=0), axis=1)
    assert (steps < 2.01).all()


def test_distances_to_a_bent_line() -> None:
    axis = np.array([(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)])
    points = np.array([(5.0, 3.0), (12.0, 5.0), (13.0, 14.0), (-3.0, -4.0)])
    assert distances_to_line(axis, points) == pytest.approx([3.0, 2.0, 5.0, 5.0])


def test_a_square_takes_the_ground_that_its_corners_take() -> None:
    rng = np.random.default_rng(0)
    for x, y, side in rng.random((100, 3)) * (70, 60, 6) - (20, 20, 0):
        one, other = (World(30, 20, Ground((0, 0, 0), "grass")) for _ in range(2))
        one.take_square(x, y, side)
        other.take(rectangle(x, y, side, side, 0.0))
        around = [(x + u, y + v) for u in np.arange(-4, 4, 0.3) for v in np.arange(-4, 4, 0.3)]
        assert [one.free_at(*p) for p in around] == [other.free_at(*p) for p in around]


def test_inside() -> None:
    box = rectangle(0, 0, 4, 2, 0.0)
    assert inside(box, np.array([(0.0, 0.0), (1.9, 0.9), (2.1, 0.0)])).tolist() == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("rgb", "word"),
    [
        ((200, 40, 40), "red"), ((180, 60, 50), "red"), ((60, 110, 180), "blue"),
        ((235, 235, 232), "white"), ((120, 120, 122), "grey"), ((25, 25, 28), "black"),
        ((110, 85, 60), "brown"), ((60, 130, 70), "green"), ((230, 200, 60), "yellow"),
        ((80, 180, 185), "turquoise"), ((230, 140, 50), "orange"),
    ],
)  # fmt: skip
def test_plain_colours(rgb: tuple[int, int, int], word: str) -> None:
    sure, maybe = colour_words(np.array(rgb, float))
    assert word in sure
    assert not sure & maybe
    assert sure <= set(COLOURS)


def test_in_between_colours_are_in_doubt() -> None:
    sure, maybe = colour_words(np.array((150, 105, 90), float))
    assert "red" not in sure
    assert maybe


def test_ground_is_taken_once() -> None:
    world = World(40, 40, Ground((0, 0, 0), "plain"))
    box = rectangle(20, 20, 10, 6, 0.3)
    assert world.claim(box)
    assert not world.claim(rectangle(22, 20, 10, 6, 0.0))
    assert world.free(rectangle(5, 5, 4, 4, 0.0))
    assert not world.free_at(20, 20)


def test_vehicles_keep_off_each_other_unless_told() -> None:
    world = World(40, 40, Ground((0, 0, 0), "plain"))
    rng = np.random.default_rng(0)
    road(world, np.array([(20.0, -10.0), (20.0, 50.0)]), 6, (90, 90, 90))
    assert vehicle(world, rng, 20, 20, 0.0) is None
    assert vehicle(world, rng, 20, 20, 0.0, take=False) is not None


def test_shadow_is_as_long_as_the_sun_says() -> None:
    height = np.zeros((101, 101), np.float32)
    height[50, 50] = 10.0
    sun = Sun(-1.0, 0.0, float(np.arctan(0.5)))
    dark = shadows(height, sun, 1.0)[50] > 0.5
    reach = np.flatnonzero(dark)
    assert reach.min() == 51
    assert 67 <= reach.max() <= 71


def test_gable_is_highest_at_its_ridge_and_lit_on_one_side() -> None:
    canvas = Canvas.blank(80, 80, 4.0, (10, 10, 10), "grass")
    wing = Wing(10, 10, 12, 8, 0.0, "gable", 3.0, 0.5)
    canvas.pitched(wing, (100, 100, 100), "roof", 7, Sun(0.0, -1.0, 0.8).vector)
    assert canvas.height.max() == pytest.approx(5.0, abs=0.1)
    assert (canvas.ids == 7).sum() == pytest.approx(12 * 8 * 16, rel=0.03)
    assert canvas.paint[30, 40, 0] > canvas.paint[50, 40, 0]
    assert canvas.paint[40, 40, 3] == list(TEXTURES).index("roof")


def test_noise_is_smooth_and_repeatable() -> None:
    rough = noise.field(np.random.default_rng(1), (64, 64), 1.0)
    soft = noise.field(np.random.default_rng(1), (64, 64), 16.0)
    assert np.abs(np.diff(soft, axis=0)).mean() < 0.3 * np.abs(np.diff(rough, axis=0)).mean()
    assert np.array_equal(soft, noise.field(np.random.default_rng(1), (64, 64), 16.0))


def test_sensors_keep_the_range() -> None:
    light = np.linspace(0, 255, 3 * 64 * 64, dtype=np.float32).reshape(64, 64, 3)
    for seed in range(30):
        rng = np.random.default_rng(seed)
        image = expose(rng, light, draw_sensor(rng))
        assert image.shape == light.shape
        assert image.std() > 5
