"""Villages, suburbs and towns: streets, houses along them, gardens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rsrefseg.scenes.geometry import Points, along, blob, offset, smooth
from rsrefseg.scenes.layouts.common import (
    Rng,
    building,
    chance,
    dashes,
    edge_line,
    pick_roof,
    pool,
    road,
    scatter,
    traffic,
    tree,
    vehicle,
)  # fmt: skip
from rsrefseg.scenes.materials import ROOF_STYLES, jitter
from rsrefseg.scenes.world import Ground, Rgb, Roof, World

GREENS: tuple[Rgb, ...] = ((62, 86, 48), (74, 92, 56), (54, 72, 44), (88, 100, 58), (48, 66, 46))
GRASS: tuple[Rgb, ...] = (
    (98, 116, 66),
    (112, 120, 76),
    (86, 110, 62),
    (134, 130, 92),
    (122, 116, 84),
)
GROUNDS: tuple[tuple[Rgb, str], ...] = (
    ((98, 116, 66), "grass"),
    ((114, 120, 80), "grass"),
    ((140, 128, 98), "meadow"),
    ((150, 132, 106), "dirt"),
    ((142, 138, 130), "concrete"),
    ((206, 192, 168), "sand"),
)


@dataclass(frozen=True)
class Style:
    """What one settlement's houses and trees have in common."""

    roofs: tuple[str, ...]
    green: Rgb
    asphalt: Rgb
    size_m: float
    gap_m: float
    flat: float
    trees: float
    pools: float
    colourful: float


def draw_style(rng: Rng) -> Style:
    """A style at random."""
    return Style(
        roofs=ROOF_STYLES[int(rng.integers(len(ROOF_STYLES)))],
        green=GREENS[int(rng.integers(len(GREENS)))],
        asphalt=jitter(rng, (104, 104, 106), 0.2, 0.02),
        size_m=float(rng.uniform(8, 14)),
        gap_m=float(rng.choice([1.0, 3.0, 7.0, 14.0])),
        flat=float(rng.choice([0.05, 0.3, 0.9])),
        trees=float(rng.uniform(0.2, 1.6)),
        pools=float(rng.choice([0.0, 0.08, 0.3])),
        colourful=float(rng.uniform(0, 0.4)),
    )


def new_world(rng: Rng, width_m: float, height_m: float) -> World:
    """An empty world on some ground."""
    rgb, texture = GROUNDS[int(rng.choice(len(GROUNDS), p=[0.3, 0.2, 0.14, 0.14, 0.14, 0.08]))]
    return World(width_m, height_m, Ground(jitter(rng, rgb, 0.1, 0.03), texture))


def crossing_line(
    rng: Rng, world: World, angle: float, at: float, bend: float, reach_m: float = 14.0
) -> Points:
    """A line right through the view at an angle; `at` -1..1 shifts it sideways."""
    size = np.array([world.width_m, world.height_m])
    d = np.array([np.cos(angle), np.sin(angle)])
    n = np.array([-d[1], d[0]])
    half = 0.5 * float(np.abs(size * d).sum()) + reach_m
    side = 0.5 * float(np.abs(size * n).sum()) * at
    t = np.array([-1.0, -0.45, 0.1, 0.55, 1.0])
    sway = rng.normal(size=5) * bend * size.mean()
    return smooth(size / 2 + n * side + np.outer(t * half, d) + np.outer(sway, n))


def main_street(world: World, rng: Rng, style: Style, angle: float, at: float) -> Points:
    """The through road, with its markings and traffic."""
    width = float(rng.uniform(5, 9))
    bend = float(rng.choice([0.0, 0.015, 0.05]))
    line = crossing_line(rng, world, angle, at, bend)
    if chance(rng, 0.2):
        road(world, line, width * 0.7, jitter(rng, (158, 132, 102), 0.1), "dirt_road")
        traffic(world, rng, line, width * 0.7, 90)
        return line
    road(world, line, width, style.asphalt)
    if chance(rng, 0.6):
        dashes(world, line, 3.0, 6.0, 0.2)
    if chance(rng, 0.3):
        edge_line(world, line, width / 2 - 0.4)
        edge_line(world, line, 0.4 - width / 2)
    traffic(world, rng, line, width, float(rng.uniform(18, 80)))
    return line


def frontage(
    world: World, rng: Rng, style: Style, line: Points, side: int, setback_m: float
) -> None:
    """Houses in a row along one side of a road, with what stands around them."""
    at = float(rng.uniform(0, 8))
    skip_until = -1.0
    turn = float(rng.normal() * 0.03)
    for i, (x0, y0, angle) in enumerate(along(line, 2.0, at)):
        if i * 2.0 < skip_until:
            continue
        length = style.size_m * float(rng.lognormal(0.15, 0.28))
        width = style.size_m * float(rng.uniform(0.6, 0.95))
        depth = setback_m + width / 2 + float(rng.uniform(0, 2.5))
        nx, ny = -np.sin(angle) * side, np.cos(angle) * side
        x, y = x0 + nx * depth, y0 + ny * depth
        if not world.in_view(x, y, length):
            continue
        if chance(rng, 0.2):
            length, width = width, length
        if house(world, rng, style, x, y, length, width, angle + turn) is None:
            continue
        skip_until = i * 2.0 + length + style.gap_m * float(rng.uniform(0.6, 1.8))
        back = depth + width / 2 + 6
        if chance(rng, style.pools):
            pool(world, rng, x0 + nx * back, y0 + ny * back, angle)
        if chance(rng, 0.35):
            cx = x0 + np.cos(angle) * (length / 2 + 1.6) + nx * (depth - 2)
            cy = y0 + np.sin(angle) * (length / 2 + 1.6) + ny * (depth - 2)
            vehicle(world, rng, cx, cy, angle + np.pi / 2)


def house(
    world: World, rng: Rng, style: Style, x: float, y: float, length: float, width: float,
    angle: float,
) -> object:  # fmt: skip
    """A house in the settlement's style."""
    flat = chance(rng, style.flat)
    roof: Roof = "flat" if flat else str(rng.choice(["gable", "hip", "shed"], p=[0.6, 0.35, 0.05]))  # type: ignore[assignment]
    covering = pick_roof(rng, style.roofs, flat)
    if chance(rng, style.colourful):
        names = ("red_metal", "blue_metal", "red_tile", "green_metal", "membrane")
        covering = pick_roof(rng, names, flat)
    return building(
        world, rng, "house", x, y, length, width, angle, roof=roof, covering=covering,
        eave_m=float(rng.uniform(2.6, 7.5)),
    )  # fmt: skip


def greenery(world: World, rng: Rng, style: Style) -> None:
    """Lawns, sheds, trees, parked cars on what is left."""
    for _ in range(int(rng.integers(0, 4))):
        x, y = rng.random(2) * (world.width_m, world.height_m)
        outline = blob(rng, x, y, float(rng.uniform(6, 0.2 * world.width_m + 7)), 0.25)
        rgb = jitter(rng, GRASS[int(rng.integers(len(GRASS)))])
        world.paint(outline, rgb, texture="grass", level="ground")
    spacing = 11.0 / max(style.trees, 0.15)
    for x, y in scatter(world, rng, spacing):
        tree(world, rng, x, y, style.green)


def village(rng: Rng, width_m: float, height_m: float) -> World:
    """One through road with houses on both sides, second rows, gardens."""
    world, style = new_world(rng, width_m, height_m), draw_style(rng)
    upright = chance(rng, 0.62)
    angle = (np.pi / 2 if upright else 0.0) + float(rng.normal() * 0.22)
    line = main_street(world, rng, style, angle, float(rng.uniform(-0.45, 0.45)))
    setback = float(rng.uniform(4.5, 10))
    for side in (-1, 1):
        frontage(world, rng, style, line, side, setback)
        deep = setback + style.size_m * 1.3 + float(rng.uniform(6, 14))
        for row in range(1, 5):
            if deep * row > 0.8 * max(width_m, height_m):
                break
            if chance(rng, 0.75):
                frontage(world, rng, style, offset(line, side * deep * row), side, setback)
    greenery(world, rng, style)
    return world


def town(rng: Rng, width_m: float, height_m: float) -> World:
    """A grid of streets."""
    world, style = new_world(rng, width_m, height_m), draw_style(rng)
    angle = float(rng.uniform(0, np.pi / 2))
    deep = 2 * style.size_m + float(rng.uniform(16, 40))
    lines: list[Points] = []
    half = 0.75 * max(width_m, height_m)
    for turn, step in ((0.0, deep), (np.pi / 2, deep * float(rng.uniform(1.2, 2.6)))):
        first = float(rng.uniform(0, step))
        for shift in np.arange(-half + first, half, step):
            line = crossing_line(rng, world, angle + turn, 0.0, 0.0)
            lines.append(offset(line, float(shift)))
    width = float(rng.uniform(5, 8))
    for line in lines:
        road(world, line, width, style.asphalt)
        if chance(rng, 0.4):
            dashes(world, line, 3.0, 6.0, 0.2)
        traffic(world, rng, line, width, float(rng.uniform(20, 80)))
    for line in lines:
        for side in (-1, 1):
            frontage(world, rng, style, line, side, width / 2 + float(rng.uniform(1, 6)))
    greenery(world, rng, style)
    return world
