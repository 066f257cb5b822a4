"""Motorways, roundabouts, junctions, railways, bridges, airports."""

from __future__ import annotations

import math

import numpy as np

from rsrefseg.scenes.geometry import Points, along, ellipse, offset, rectangle, ribbon, stations
from rsrefseg.scenes.layouts.common import (
    crossing_line,
    dashes,
    edge_line,
    grove,
    mark_road,
    road,
    scatter,
    traffic,
    tree_row,
    vehicle,
)  # fmt: skip
from rsrefseg.scenes.layouts.grounds import rail
from rsrefseg.scenes.layouts.houses import building
from rsrefseg.scenes.layouts.plots import plots_along
from rsrefseg.scenes.layouts.settlement import main_street, surroundings
from rsrefseg.scenes.layouts.style import (
    Rng,
    Style,
    chance,
    draw_style,
    green_world,
    new_world,
    pick_roof,
    uniform,
)  # fmt: skip
from rsrefseg.scenes.materials import ROOF_STYLES, jitter
from rsrefseg.scenes.world import Rgb, World


def motorway(rng: Rng, width_m: float, height_m: float) -> World:
    """Two carriageways, a bridge over them perhaps, land or houses beside them."""
    style = draw_style(rng)
    world = new_world(rng, style, width_m, height_m)
    surroundings(world, rng, style)
    angle = uniform(rng, 0, math.pi)
    line = crossing_line(
        rng, world, angle, uniform(rng, -0.35, 0.35), float(rng.choice([0, 0.02, 0.05]))
    )
    lanes = int(rng.integers(2, 4))
    carriage = 3.6 * lanes + 3
    median = uniform(rng, 1.5, 5)
    total = 2 * carriage + median
    e = road(world, line, total, style.asphalt, "motorway")
    strip = style.grass if chance(rng, 0.5) else style.paving
    world.paint(ribbon(line, median), strip, texture="grass", level="court", owner=e.id)
    for side in (-1, 1):
        middle = offset(line, side * (median + carriage) / 2)
        edge_line(world, middle, carriage / 2 - 1.5, 0.25)
        edge_line(world, middle, 0.6 - carriage / 2, 0.25)
        for lane in range(1, lanes):
            dashes(world, offset(middle, (lane - lanes / 2) * 3.6), 4, 8, 0.2)
        traffic(
            world, rng, middle if side > 0 else middle[::-1], 3.6 * lanes, uniform(rng, 18, 70), 1
        )
        traffic(world, rng, offset(middle, 3.0), 3.0, uniform(rng, 25, 90), 1)
    if chance(rng, 0.4):
        _overpass(world, rng, style, line, total, angle)
    if chance(rng, 0.6):
        for side in (-1, 1):
            plots_along(
                world, rng, style, offset(line, side * (total / 2 + 8)), side, uniform(rng, 0, 6)
            )
    if chance(rng, 0.5):
        tree_row(world, rng, style, offset(line, total / 2 + 4), 8)
    grove(world, rng, style, 15 / max(style.trees, 0.2))
    return world


def _overpass(
    world: World, rng: Rng, style: Style, line: Points, gap_m: float, angle: float
) -> None:
    across = crossing_line(
        rng, world, angle + math.pi / 2 + float(rng.normal()) * 0.2, uniform(rng, -0.4, 0.4), 0.0
    )
    road(world, across, 8, style.asphalt)
    bridge_over(world, rng, style, across, line, gap_m + 4, 8)
    traffic(world, rng, across, 8, 50)


def bridge_over(
    world: World, rng: Rng, style: Style, upper: Points, lower: Points, gap_m: float, road_m: float
) -> None:
    """A bridge where one line crosses another; nothing if they do not meet in view."""
    fine = along(upper, 1.0)
    other = along(lower, 2.0)[:, :2]
    distance = np.linalg.norm(fine[:, None, :2] - other[None], axis=2)
    k = int(distance.min(axis=1).argmin())
    x, y, a = fine[k]
    if distance[k].min() > 3:
        return
    lower_angle = along(lower, 2.0)[int(distance[k].argmin()), 2]
    slant = max(abs(math.sin(a - lower_angle)), 0.4)
    length = gap_m / slant + 4
    rgb = jitter(rng, style.paving, 0.08)
    lift = uniform(rng, 2.5, 6)
    e = world.add(
        "bridge", rectangle(x, y, length, road_m + 1.6, a), rgb, texture="concrete", axis=upper,
        height_m=lift, length_m=length, width_m=road_m, angle=a,
    )  # fmt: skip
    deck = rectangle(x, y, length, road_m - 0.4, a)
    world.paint(
        deck, style.asphalt, texture="asphalt", level="deck", owner=e.id, height_m=lift + 0.01
    )
    if chance(rng, 0.7):
        dashes(world, upper, 3, 6)


def junction(rng: Rng, width_m: float, height_m: float) -> World:
    """A roundabout or a crossing of large roads, with houses around."""
    style = draw_style(rng)
    world = new_world(rng, style, width_m, height_m)
    surroundings(world, rng, style)
    x, y = (0.3 + 0.4 * rng.random(2)) * (width_m, height_m)
    radius = uniform(rng, 9, 24)
    width = uniform(rng, 6, 10)
    arms = int(rng.integers(3, 6))
    start = uniform(rng, 0, 2 * math.pi)
    reach = float(np.hypot(width_m, height_m))
    lines = []
    for k in range(arms):
        a = start + k * 2 * math.pi / arms + float(rng.normal()) * 0.12
        d = np.array([math.cos(a), math.sin(a)])
        lines.append(np.stack([(x, y) + d * radius, (x, y) + d * reach]))
    for line in lines:
        road(world, line, width, style.asphalt)
        mark_road(world, rng, line, width)
        traffic(world, rng, line, width, uniform(rng, 20, 60))
    ring = ellipse(x, y, radius + width / 2, radius + width / 2, 0, 36)
    world.take(ring)
    e = world.add("roundabout", ring, style.asphalt, texture="asphalt")
    inner = radius - width / 2
    island: Rgb = style.grass if chance(rng, 0.7) else style.paving
    texture = "grass" if island == style.grass else "concrete"
    world.paint(
        ellipse(x, y, inner, inner, 0, 30),
        jitter(rng, island),
        texture=texture,
        level="court",
        owner=e.id,
    )
    for t in np.arange(0, 2 * math.pi, 0.9):
        if chance(rng, 0.35):
            px, py = x + radius * math.cos(t), y + radius * math.sin(t)
            vehicle(world, rng, px, py, t - math.pi / 2, take=False)
    for line in lines:
        for side in (-1, 1):
            plots_along(world, rng, style, line, side, width / 2 + 2, 0.2)
    grove(world, rng, style, 14 / max(style.trees, 0.2))
    return world


def railway(rng: Rng, width_m: float, height_m: float) -> World:
    """A railway line through a place, a road beside it."""
    style = draw_style(rng)
    world = new_world(rng, style, width_m, height_m)
    surroundings(world, rng, style)
    angle = uniform(rng, 0, math.pi)
    line = crossing_line(rng, world, angle, uniform(rng, -0.4, 0.4), float(rng.choice([0, 0.03])))
    tracks = int(rng.choice([1, 2, 2, 4]))
    rail(world, rng, line, tracks)
    edge = 2.1 * tracks + 3
    beside, start = line, edge
    if chance(rng, 0.6):
        beside = offset(line, edge + 6)
        width = uniform(rng, 5, 8)
        road(world, beside, width, style.asphalt)
        mark_road(world, rng, beside, width)
        traffic(world, rng, beside, width, 50)
        start = width / 2 + 1
    plots_along(world, rng, style, beside, 1, start)
    plots_along(world, rng, style, line, -1, edge + 2)
    plots_along(world, rng, style, offset(line, -edge - style.plot_m[1] - 6), -1, 0)
    grove(world, rng, style, 13 / max(style.trees, 0.2))
    return world


def airport(rng: Rng, width_m: float, height_m: float) -> World:
    """A runway, an apron with aeroplanes, hangars."""
    style = draw_style(rng)
    world = green_world(rng, style, width_m, height_m)
    angle = uniform(rng, 0, math.pi)
    k = min(width_m, height_m)
    span = uniform(rng, 28, 40) if chance(rng, 0.4) and k > 120 else uniform(rng, 8.5, 15)
    if chance(rng, 0.65):
        line = crossing_line(rng, world, angle, uniform(rng, 0.45, 0.8), 0.0, 40)
        road(world, line, min(0.16 * k + 6, 45), style.asphalt, "runway")
        dashes(world, line, 12.0, 9.0, 0.7)
    apron = crossing_line(rng, world, angle, uniform(rng, -0.4, 0.0), 0.0, 40)
    width = 0.5 * k + 10
    world.add("apron", ribbon(apron, width), jitter(rng, style.paving), texture="concrete")
    for shift in np.arange(-width / 2, width / 2, uniform(rng, 7, 14)):
        joint = offset(apron, float(shift))
        world.paint(
            joint, jitter(rng, style.paving, 0.15), texture="concrete", level="walk", line_m=0.2
        )
    _park_planes(world, rng, apron, angle, width, span)
    for x, y in scatter(world, rng, 18):
        if chance(rng, 0.3):
            p = rng.random()
            vehicle(world, rng, x, y, angle, "truck" if p < 0.3 else "car" if p < 0.9 else "bus")
    side = offset(apron, -width / 2 - 0.12 * k)
    for x, y, _ in stations(side, 0.25 * k + 8, uniform(rng, 0, 20)):
        dome = chance(rng, 0.5)
        building(
            world,
            rng,
            style,
            "hangar",
            (x, y, 0.2 * k + 5, 0.14 * k + 5, angle),
            "dome" if dome else "flat",
            pick_roof(rng, ROOF_STYLES["halls"], not dome),
            6.0,
            2.0,
            plain=True,
        )
    return world


def _park_planes(
    world: World, rng: Rng, apron: Points, angle: float, width: float, span: float
) -> None:
    heading = angle + math.pi / 2 + (math.pi if chance(rng, 0.5) else 0)
    for shift in np.arange(-width / 2 + span * 0.7, width / 2 - span * 0.5, span * 1.5):
        for x, y, _ in stations(offset(apron, float(shift)), span * 1.3, uniform(rng, 0, span)):
            if not chance(rng, 0.6) or not world.in_view(x, y, span / 2):
                continue
            d = span * uniform(rng, 0.75, 1.1)
            length = d * uniform(rng, 0.85, 1.1)
            turn = heading + float(rng.normal()) * 0.1
            if world.claim(rectangle(x, y, length, d, turn)):
                rgb: Rgb = jitter(rng, (226, 226, 224), 0.06)
                world.add(
                    "plane", rectangle(x, y, length, d, turn), rgb,
                    length_m=length, width_m=d, angle=turn,
                )  # fmt: skip


def roadside(rng: Rng, width_m: float, height_m: float) -> World:
    """Open land with one road and scattered houses."""
    style = draw_style(rng)
    world = new_world(rng, style, width_m, height_m)
    surroundings(world, rng, style)
    angle = (math.pi / 2 if chance(rng, 0.6) else 0.0) + float(rng.normal()) * 0.25
    line, edge = main_street(world, rng, style, angle, uniform(rng, -0.3, 0.3))
    for side in (-1, 1):
        plots_along(world, rng, style, line, side, edge + uniform(rng, 0, 12), 0.35)
    grove(world, rng, style, 10 / max(style.trees, 0.2))
    return world
