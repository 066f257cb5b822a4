"""The demonstration scene: a village street with one red roof left of the road."""

from __future__ import annotations

import math

import numpy as np

from rsrefseg.scenes.geometry import Points, along, offset, rectangle, smooth
from rsrefseg.scenes.layouts.common import (
    dashes,
    hedge,
    pool,
    road,
    sidewalks,
    tree,
    tree_row,
    vehicle,
    zebra,
)  # fmt: skip
from rsrefseg.scenes.layouts.houses import building
from rsrefseg.scenes.layouts.style import Rng, Style, draw_style
from rsrefseg.scenes.light import Sun
from rsrefseg.scenes.materials import ROOF_BY_NAME, RoofPaint, jitter
from rsrefseg.scenes.phrases.spatial import side_of_line
from rsrefseg.scenes.phrases.speaker import Attr, Speaker, colour
from rsrefseg.scenes.render import Conditions, render
from rsrefseg.scenes.scene import Case, Scene
from rsrefseg.scenes.sensor import Sensor
from rsrefseg.scenes.view import look
from rsrefseg.scenes.world import Ground, Roof, World

DEMO_PHRASE = "the red-roofed building left of the road"
ROWS, COLS, RESOLUTION_M = 384, 512, 0.25
_SEED = 20

_RED = RoofPaint(
    "demo_red", (176, 62, 50), "roof", "tile", flat=False, sheets=ROOF_BY_NAME["red_tile"].sheets
)

# Covering, roof, shape of the plan: length and width in metres, distance from the street, turn.
_Row = tuple[tuple[str, Roof, float, float, float, float], ...]
_LEFT: _Row = (
    ("slate", "hip", 12.0, 9.0, 16.0, 0.03),
    ("tan_shingle", "gable", 10.0, 9.0, 15.0, -0.04),
    ("red", "gable", 15.0, 9.5, 18.0, 0.05),
    ("grey_shingle", "gable", 11.0, 8.5, 15.5, 0.0),
)
_RIGHT: _Row = (
    ("red", "hip", 11.0, 9.0, 15.0, -0.02),
    ("membrane", "flat", 13.0, 10.0, 17.0, 0.03),
    ("dark_shingle", "gable", 11.0, 9.0, 15.0, 0.04),
    ("red", "gable", 12.0, 8.5, 16.5, -0.03),
)
_BEHIND: tuple[tuple[str, Roof, float, float, float, float], ...] = (
    ("grey_shingle", "hip", 13.0, 9.0, 10.0, 62.0),
    ("gravel", "flat", 12.0, 9.0, 12.0, 24.0),
    ("slate", "gable", 12.0, 9.0, 118.0, 30.0),
    ("blue_metal", "gable", 16.0, 9.0, 117.0, 74.0),
)


def demo_scene() -> Scene:
    """The scene of the demonstration; always the same.

    128 m by 96 m at 0.25 m. Its one case is `DEMO_PHRASE`: of several buildings left of the road
    just one has a red roof, and there are red roofs on the right.
    """
    rng = np.random.default_rng(_SEED)
    style = draw_style(rng, "european")
    style = Style(
        **{
            **vars(style), "grass": (96, 114, 62), "green": (58, 82, 44), "trees": 1.0,
            "tree_kinds": tuple(range(12)), "asphalt": (112, 112, 114), "panels": 0.0,
            "paving": (176, 170, 160),
        }
    )  # fmt: skip
    world = World(COLS * RESOLUTION_M, ROWS * RESOLUTION_M, Ground(style.grass, "grass"))
    _build(world, rng, style)
    conditions = Conditions(
        Sun(-0.64, -0.77, 0.85), (0.0, 0.0), 0.36, 0.09,
        Sensor(0.55, 1.0, 0.0, 118.0, 0.6, 1.05, 0.86, (1.02, 1.0, 0.98), 0.35, None),
        flaws=False,
    )  # fmt: skip
    picture = render(world, rng, (ROWS, COLS), RESOLUTION_M, conditions, supersample=4)
    view = look(world, picture, RESOLUTION_M)
    speaker = Speaker(view, rng)
    street = speaker.group("road").yes[0]
    left = side_of_line(speaker, street, "left")
    buildings = speaker.group("building")
    red = speaker.narrow(buildings, colour("red"))
    sole = red if left is None else speaker.narrow(red, Attr("relation", "left", left))
    case = Case(
        DEMO_PHRASE, "relation", view.mask(sole.ids()), view.mask(buildings.blind()), sole.ids()
    )
    return Scene(_SEED, picture.image, RESOLUTION_M, [case], view)


def _build(world: World, rng: Rng, style: Style) -> None:
    line = smooth(np.array([(63, -14), (66, 18), (61, 48), (64, 76), (60, 112)], dtype=np.float64))
    sidewalks(world, style, line, 6.4, 1.6)
    road(world, line, 6.4, style.asphalt)
    dashes(world, line, 3.0, 5.0)
    x, y, a = along(line, 1.0)[68]
    zebra(world, x, y, a, 6.4)
    for side, row in ((1, _LEFT), (-1, _RIGHT)):
        _houses(world, rng, style, line, side, row)
    for name, roof, length, width, x, y in _BEHIND:
        _one(world, rng, style, name, roof, (x, y, length, width, math.pi / 2 + 0.05))
    for station, lane, turn in ((22, 1.6, 0.0), (47, -1.6, math.pi), (96, 1.6, 0.0)):
        x, y, a = along(offset(line, lane), 1.0)[station]
        vehicle(world, rng, x, y, a + turn, take=False)
    pool(world, rng, 33.0, 82.0, 1.5)
    pool(world, rng, 96.0, 57.0, 1.6)
    for x in (24.0, 103.0):
        hedge(world, rng, style, np.array([(x, 4.0), (x + 1, 92.0)]))
    for y in (27.0, 51.0, 71.0):
        hedge(world, rng, style, np.array([(26.0, y), (50.0, y - 1)]))
    for y in (28.0, 48.0, 72.0):
        hedge(world, rng, style, np.array([(77.0, y + 1), (101.0, y)]))
    tree_row(world, rng, style, offset(line, -6.2), 15)
    for x, y in rng.random((120, 2)) * (world.width_m, world.height_m):
        near = float(np.abs(along(line, 2.0)[:, :2] - (x, y)).sum(axis=1).min())
        if near > 9:
            tree(world, rng, style, x, y)


def _houses(
    world: World, rng: Rng, style: Style, line: Points, side: int, row: _Row
) -> None:  # fmt: skip
    stations = along(line, 1.0)
    for k, (name, roof, length, width, far, turn) in enumerate(row):
        x0, y0, a = stations[26 + 24 * k]
        nx, ny = -math.sin(a) * side, math.cos(a) * side
        box = (x0 + nx * far, y0 + ny * far, length, width, a + turn)
        _one(world, rng, style, name, roof, box)
        dx, dy = math.cos(a) * (length / 2 + 2.2), math.sin(a) * (length / 2 + 2.2)
        drive = rectangle(x0 + nx * 9 + dx, y0 + ny * 9 + dy, 3.4, 9.5, a)
        world.paint(drive, jitter(rng, style.paving), texture="concrete", level="ground")
        if k % 2 == 0:
            vehicle(world, rng, x0 + nx * 9 + dx, y0 + ny * 9 + dy, a + math.pi / 2)


def _one(
    world: World, rng: Rng, style: Style, name: str, roof: Roof,
    box: tuple[float, float, float, float, float],
) -> None:  # fmt: skip
    covering = _RED if name == "red" else ROOF_BY_NAME[name]
    building(world, rng, style, "house", box, roof, covering, 5.0 if roof != "flat" else 6.5)
