"""Villages, suburbs, old towns and city blocks."""

from __future__ import annotations

import math

import numpy as np

from rsrefseg.scenes.geometry import Points, offset, rectangle, ribbon, stations
from rsrefseg.scenes.layouts.common import (
    crossing_line,
    dashes,
    grove,
    mark_road,
    parked,
    patches,
    road,
    scatter,
    sidewalks,
    somewhere,
    traffic,
    tree,
    tree_row,
    vehicle,
    zebra,
)  # fmt: skip
from rsrefseg.scenes.layouts.houses import courtyard_building, house
from rsrefseg.scenes.layouts.plots import plots_along
from rsrefseg.scenes.layouts.style import Rng, Style, chance, draw_style, new_world, uniform
from rsrefseg.scenes.materials import jitter
from rsrefseg.scenes.world import World


def street(
    world: World, rng: Rng, style: Style, line: Points, width_m: float, paved: bool = True
) -> float:
    """A street with pavements and traffic; returns the distance of the plots from its axis."""
    if not paved:
        road(world, line, width_m, style.dirt, "dirt_road")
        traffic(world, rng, line, width_m, 110)
        return width_m / 2 + 0.5
    walk = uniform(rng, 1.2, 2.4) if style.walks else 0.0
    verge = uniform(rng, 0.0, 2.0) if style.walks else 0.0
    if walk:
        sidewalks(world, style, line, width_m + 2 * verge, walk)
        if verge:
            _verge(world, style, line, width_m + 2 * verge)
    road(world, line, width_m, style.asphalt)
    mark_road(world, rng, line, width_m)
    if width_m > 7 and chance(rng, 0.6):
        for side in (-1, 1):
            parked(world, rng, line, side * (width_m / 2 - 1.1), uniform(rng, 0.05, 0.6))
        traffic(world, rng, line, width_m - 4.4, uniform(rng, 30, 100))
    else:
        traffic(world, rng, line, width_m, uniform(rng, 20, 100))
    if chance(rng, 0.3):
        for x, y, a in stations(line, uniform(rng, 35, 80), uniform(rng, 5, 40)):
            zebra(world, x, y, a, width_m)
    if chance(rng, 0.2):
        side = 1 if chance(rng, 0.5) else -1
        tree_row(
            world,
            rng,
            style,
            offset(line, side * (width_m / 2 + verge + walk + 1)),
            uniform(rng, 7, 14),
        )
    return width_m / 2 + verge + walk + 0.3


def _verge(world: World, style: Style, line: Points, width_m: float) -> None:

    world.paint(ribbon(line, width_m), style.grass, texture="grass", level="walk")


def main_street(
    world: World, rng: Rng, style: Style, angle: float, at: float
) -> tuple[Points, float]:
    """The through road; returns its line and where plots begin."""
    line = crossing_line(rng, world, angle, at, float(rng.choice([0.0, 0.015, 0.05])))
    unpaved = {"himalayan": 0.4, "tin": 0.5, "desert": 0.2}.get(style.region, 0.1)
    width = uniform(rng, 4.5, 9)
    return line, street(world, rng, style, line, width, not chance(rng, unpaved))


def village(rng: Rng, width_m: float, height_m: float) -> World:
    """One through road with plots on both sides, and land around."""
    style = draw_style(rng)
    world = new_world(rng, style, width_m, height_m)
    upright = chance(rng, 0.62)
    angle = (math.pi / 2 if upright else 0.0) + float(rng.normal()) * 0.2
    line, edge = main_street(world, rng, style, angle, uniform(rng, -0.4, 0.4))
    surroundings(world, rng, style)
    for side in (-1, 1):
        plots_along(world, rng, style, line, side, edge)
        deep = edge + style.plot_m[1] * 1.08 + uniform(rng, 0, 3)
        for row in range(3):
            if deep > 0.9 * max(width_m, height_m):
                break
            if chance(rng, 0.7):
                plots_along(
                    world, rng, style, line if row < 0 else offset(line, side * deep), side, 0.0
                )
            deep += style.plot_m[1] * 1.08 + uniform(rng, 0, 5)
    grove(world, rng, style, 16 / max(style.trees, 0.2))
    return world


def surroundings(world: World, rng: Rng, style: Style) -> None:
    """Uneven ground behind the plots."""
    patches(
        world,
        rng,
        (
            (style.grass, "grass"),
            (style.grass, "meadow"),
            (style.dirt, "dirt"),
            (style.dirt, "rubble"),
            (style.weeds, "weeds"),
            (style.paving, "concrete"),
        ),
        int(rng.integers(2, 9)),
    )


def suburb(rng: Rng, width_m: float, height_m: float) -> World:
    """Parallel streets, straight or curved, with a cross street here and there."""
    style = draw_style(
        rng, str(rng.choice(["american", "american", "european", "desert", "northern"]))
    )
    world = new_world(rng, style, width_m, height_m)
    angle = uniform(rng, 0, math.pi)
    bend = float(rng.choice([0.0, 0.0, 0.03, 0.06]))
    first = crossing_line(rng, world, angle, 0.0, bend)
    width = uniform(rng, 5.5, 10)
    pitch = 2 * style.plot_m[1] + width + 8
    half = 0.75 * max(width_m, height_m)
    if chance(rng, 0.5):
        cross = crossing_line(rng, world, angle + math.pi / 2, uniform(rng, -0.8, 0.8), 0.0)
        street(world, rng, style, cross, width)
    lines = [
        offset(first, float(k)) for k in np.arange(uniform(rng, -half, pitch - half), half, pitch)
    ]
    edges = [street(world, rng, style, line, width) for line in lines]
    for line, edge in zip(lines, edges, strict=True):
        for side in (-1, 1):
            plots_along(world, rng, style, line, side, edge, 0.05)
    grove(world, rng, style, 20 / max(style.trees, 0.2))
    return world


def old_town(rng: Rng, width_m: float, height_m: float) -> World:
    """Crowded houses on lots of all sizes, with lanes between the blocks."""
    style = draw_style(
        rng, str(rng.choice(["himalayan", "himalayan", "himalayan", "tin", "european"]))
    )
    world = new_world(rng, style, width_m, height_m)
    angle = uniform(rng, 0, math.pi / 2)
    lane = uniform(rng, 2.5, 6)
    block = uniform(rng, 28, 60)
    paved = style.region == "european" or chance(rng, 0.5)
    half = 0.75 * max(width_m, height_m)
    for turn in (0.0, math.pi / 2):
        base = crossing_line(rng, world, angle + turn, 0.0, 0.012)
        for k in np.arange(uniform(rng, -half, block - half), half, block):
            if chance(rng, 0.8):
                line = offset(base, float(k) + uniform(rng, -5, 5))
                wide = lane * (1.6 if chance(rng, 0.2) else 1.0)
                road(
                    world,
                    line,
                    wide,
                    style.asphalt if paved else style.dirt,
                    "road" if paved else "dirt_road",
                )
                traffic(world, rng, line, wide, 60)
    surroundings(world, rng, style)
    lot = uniform(rng, 40, 130)
    c, s = math.cos(angle), math.sin(angle)
    for u in np.arange(-half, half, block / 2):
        for v in np.arange(-half, half, block / 2):
            x, y = width_m / 2 + u * c - v * s, height_m / 2 + u * s + v * c
            if world.in_view(x, y, block / 2):
                _lots(world, rng, style, (x, y, block / 2, block / 2), angle, lot)
    grove(world, rng, style, 12 / max(style.trees, 0.2))
    _clutter(world, rng, angle)
    return world


def _lots(
    world: World,
    rng: Rng,
    style: Style,
    box: tuple[float, float, float, float],
    angle: float,
    lot_m2: float,
) -> None:
    """Split a rectangle until its parts are lots, and build on most of them."""
    x, y, length, width = box
    if length * width > lot_m2 * uniform(rng, 0.9, 2.0):
        k = uniform(rng, 0.35, 0.65)
        c, s = math.cos(angle), math.sin(angle)
        for part, centre in ((k, k / 2 - 0.5), (1 - k, k / 2)):
            if length > width:
                d = centre * length
                sub = (x + d * c, y + d * s, part * length, width)
            else:
                d = centre * width
                sub = (x - d * s, y + d * c, length, part * width)
            _lots(world, rng, style, sub, angle, lot_m2)
        return
    if min(length, width) < 3 or chance(rng, 0.07):
        return
    gap = uniform(rng, -0.3, 0.9)
    turn = angle + float(rng.normal()) * 0.02
    if length < width:
        length, width, turn = width, length, turn + math.pi / 2
    for k in (1.0, 0.68):
        sides = k * (length - gap), k * (width - gap)
        if house(world, rng, style, x, y, *sides, turn, gap_m=-0.25, crowd=0.14):
            return


def _clutter(world: World, rng: Rng, angle: float) -> None:
    """Things that stand about on free ground."""
    for x, y in scatter(world, rng, 9, most=120):
        if world.free_at(x, y):
            rgb = jitter(rng, (146, 136, 124), 0.35, 0.12)
            outline = rectangle(x, y, uniform(rng, 0.5, 2.5), uniform(rng, 0.4, 1.4), angle)
            world.paint(outline, rgb, level="ground")
    for x, y in scatter(world, rng, 26):
        vehicle(world, rng, x, y, angle + (math.pi / 2 if chance(rng, 0.5) else 0.0))


def city(rng: Rng, width_m: float, height_m: float) -> World:
    """Blocks of town houses around yards, wide streets, trees along them."""
    style = draw_style(rng, str(rng.choice(["european", "northern", "desert", "american"])))
    world = new_world(rng, style, width_m, height_m)
    angle = uniform(rng, 0, math.pi / 2)
    long, wide = uniform(rng, 45, 90), uniform(rng, 40, 65)
    width = uniform(rng, 8, 16)
    half = 0.75 * max(width_m, height_m)
    for turn, step in ((0.0, wide), (math.pi / 2, long)):
        base = crossing_line(rng, world, angle + turn, 0.0, 0.0)
        for k in np.arange(uniform(rng, -half, step - half), half, step + width + 5):
            line = offset(base, float(k))
            sidewalks(world, style, line, width, 2.5)
            road(world, line, width, style.asphalt)
            dashes(world, line, 3, 6)
            traffic(world, rng, line, width, uniform(rng, 15, 60))
            if chance(rng, 0.5):
                tree_row(world, rng, style, offset(line, width / 2 + 1.2), 9)
    depth = uniform(rng, 10, 14)
    c, s = math.cos(angle), math.sin(angle)
    for u in np.arange(-half, half, 9.0):
        for v in np.arange(-half, half, 9.0):
            x, y = width_m / 2 + u * c - v * s, height_m / 2 + u * s + v * c
            if not world.in_view(x, y, 12) or not world.free_at(x, y):
                continue
            if chance(rng, 0.12):
                courtyard_building(
                    world,
                    rng,
                    style,
                    (x, y, uniform(rng, 30, 44), uniform(rng, 28, 36), angle),
                    depth,
                )
            else:
                turn = angle + (math.pi / 2 if chance(rng, 0.5) else 0)
                house(world, rng, style, x, y, uniform(rng, 12, 26), depth, turn, "block", 0.2)
    grove(world, rng, style, 14 / max(style.trees, 0.2))
    for _ in range(6):
        x, y = somewhere(world, rng)
        tree(world, rng, style, x, y)
    return world
