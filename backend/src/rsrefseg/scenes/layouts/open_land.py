"""Land without towns: fields, forest, rivers and lakes, coast, desert."""

from __future__ import annotations

import math

import numpy as np

from rsrefseg.scenes.geometry import blob, offset, ribbon
from rsrefseg.scenes.layouts.common import (
    crossing_line,
    edge_line,
    grove,
    road,
    scatter,
    somewhere,
    traffic,
    tree_row,
)  # fmt: skip
from rsrefseg.scenes.layouts.grounds import fields, forest, orchard, water_body
from rsrefseg.scenes.layouts.houses import house
from rsrefseg.scenes.layouts.plots import plots_along, shed
from rsrefseg.scenes.layouts.settlement import main_street, surroundings
from rsrefseg.scenes.layouts.style import (
    Rng,
    Style,
    chance,
    draw_style,
    green_world,
    new_world,
    uniform,
    water_rgb,
)  # fmt: skip
from rsrefseg.scenes.layouts.transport import bridge_over
from rsrefseg.scenes.layouts.works import ship
from rsrefseg.scenes.materials import jitter
from rsrefseg.scenes.world import Ground, World


def farmland(rng: Rng, width_m: float, height_m: float) -> World:
    """Fields, a track, a farm, trees."""
    style = draw_style(rng)
    world = World(width_m, height_m, Ground(style.grass, "meadow"))
    angle = uniform(rng, 0, math.pi)
    fields(world, rng, angle)
    turn = angle + (math.pi / 2 if chance(rng, 0.5) else 0)
    line, edge = main_street(world, rng, style, turn, uniform(rng, -0.6, 0.6))
    if chance(rng, 0.3):
        water_body(world, rng, style, "pond", 0.1)
    if chance(rng, 0.35):
        size = 0.3 * min(width_m, height_m) + 10
        orchard(world, rng, style, *somewhere(world, rng), size * 1.4, size, angle)
    if chance(rng, 0.75):
        plots_along(world, rng, style, line, 1 if chance(rng, 0.5) else -1, edge + 2, 0.3)
    for _ in range(int(rng.integers(0, 3))):
        shed(world, rng, style, *somewhere(world, rng), angle)
    if chance(rng, 0.5):
        tree_row(world, rng, style, offset(line, edge + 3), uniform(rng, 6, 14))
    grove(world, rng, style, uniform(rng, 22, 50))
    return world


def nature(rng: Rng, width_m: float, height_m: float) -> World:
    """River or lake, forest, a bridge, some houses."""
    style = draw_style(rng)
    world = new_world(rng, style, width_m, height_m)
    surroundings(world, rng, style)
    k = min(width_m, height_m)
    angle = uniform(rng, 0, math.pi)
    if chance(rng, 0.6):
        _river(world, rng, style, angle, k)
    else:
        water_body(world, rng, style, "lake", uniform(rng, 0.15, 0.35))
        main_street(world, rng, style, angle, uniform(rng, -0.8, 0.8))
    for _ in range(int(rng.integers(0, 4))):
        x, y = somewhere(world, rng)
        forest(world, rng, style, blob(rng, x, y, uniform(rng, 0.12, 0.35) * k, 0.25))
    for x, y in scatter(world, rng, 0.22 * k + 6):
        house(world, rng, style, x, y, style.house_m * 1.3, style.house_m * 0.9, uniform(rng, 0, 3))
    grove(world, rng, style, uniform(rng, 9, 30))
    return world


def _river(world: World, rng: Rng, style: Style, angle: float, k: float) -> None:
    line = crossing_line(rng, world, angle, uniform(rng, -0.5, 0.5), 0.06, 30)
    width = uniform(rng, 0.06, 0.22) * k + 4
    bank = ribbon(line, width * 1.1 + uniform(rng, 0, 5))
    world.paint(bank, jitter(rng, style.dirt), texture="dirt", level="shore")
    world.add(
        "river", ribbon(line, width), water_rgb(rng), texture="water", axis=line, width_m=width
    )
    across = angle + math.pi / 2 + float(rng.normal()) * 0.15
    over = crossing_line(rng, world, across, uniform(rng, -0.5, 0.5), 0.0, 20)
    road_m = uniform(rng, 4.5, 9)
    road(world, over, road_m, style.asphalt)
    bridge_over(world, rng, style, over, line, width + 2, road_m)
    traffic(world, rng, over, road_m, 60)
    world.take(ribbon(line, width))


def woods(rng: Rng, width_m: float, height_m: float) -> World:
    """Much forest, clearings, a track, a house or two."""
    style = draw_style(rng)
    world = green_world(rng, style, width_m, height_m)
    k = min(width_m, height_m)
    main_street(world, rng, style, uniform(rng, 0, math.pi), uniform(rng, -0.6, 0.6))
    for _ in range(int(rng.integers(1, 5))):
        x, y = somewhere(world, rng)
        house(world, rng, style, x, y, style.house_m * 1.2, style.house_m, uniform(rng, 0, 3))
    for _ in range(int(rng.integers(4, 9))):
        x, y = somewhere(world, rng)
        forest(world, rng, style, blob(rng, x, y, uniform(rng, 0.15, 0.4) * k, 0.25))
    grove(world, rng, style, uniform(rng, 6, 14))
    return world


def desert(rng: Rng, width_m: float, height_m: float) -> World:
    """Sand with tracks, compounds, a pond perhaps."""
    style = draw_style(rng, "desert")
    world = World(width_m, height_m, Ground(style.dirt, "sand"))
    angle = (math.pi / 2 if chance(rng, 0.5) else 0.0) + float(rng.normal()) * 0.4
    for _ in range(int(rng.integers(0, 4))):
        track = crossing_line(rng, world, uniform(rng, 0, math.pi), uniform(rng, -0.9, 0.9), 0.06)
        world.paint(
            ribbon(track, uniform(rng, 1.5, 3.5)),
            jitter(rng, style.dirt, 0.08),
            texture="sand",
            level="yard",
        )
    if chance(rng, 0.35):
        water_body(world, rng, style, "pond", uniform(rng, 0.1, 0.25))
    line, edge = main_street(world, rng, style, angle, uniform(rng, -0.5, 0.5))
    for side in (-1, 1):
        if chance(rng, 0.8):
            plots_along(world, rng, style, line, side, edge + uniform(rng, 0, 10), 0.25)
    for x, y in scatter(world, rng, 0.3 * min(width_m, height_m) + 8):
        house(world, rng, style, x, y, style.house_m * 1.3, style.house_m, angle)
    grove(world, rng, style, 14 / max(style.trees, 0.3))
    return world


def coast(rng: Rng, width_m: float, height_m: float) -> World:
    """A beach with the sea and a promenade."""
    style = draw_style(rng)
    world = new_world(rng, style, width_m, height_m)
    angle = uniform(rng, 0, 2 * math.pi)
    shore = crossing_line(rng, world, angle, uniform(rng, -0.2, 0.4), 0.03, 40)
    beach = uniform(rng, 0.06, 0.2) * min(width_m, height_m) + 4
    sand = np.concatenate([offset(shore, -beach), shore[::-1]])
    world.add("sand", sand, jitter(rng, (206, 190, 160)), texture="sand")
    sea = np.concatenate([shore, offset(shore, 3 * max(width_m, height_m))[::-1]])
    world.add("sea", sea, water_rgb(rng), texture="water")
    world.paint(
        shore, (206, 208, 204), level="walk", line_m=uniform(rng, 0.5, 2.5), texture="water"
    )
    out = np.array([-math.sin(angle), math.cos(angle)])
    for x, y in scatter(world, rng, 26):
        if float((np.array([x, y]) - shore[0]) @ out) > 14:
            ship(world, rng, x, y, uniform(rng, 0, 6.3), uniform(rng, 7, 20))
    world.take(sea)
    world.take(sand)
    line = offset(shore, -beach - uniform(rng, 8, 16))
    road(world, line, 7.0, style.asphalt)
    edge_line(world, line, 0.0)
    traffic(world, rng, line, 7.0, 40)
    plots_along(world, rng, style, line, -1, 5)
    plots_along(world, rng, style, offset(line, -style.plot_m[1] - 8), -1, 0)
    grove(world, rng, style, 14 / max(style.trees, 0.2))
    return world
