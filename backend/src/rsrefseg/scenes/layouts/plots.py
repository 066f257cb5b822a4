"""Plots along a street: yard, house, drive, and what people put around their houses."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rsrefseg.scenes.geometry import Points, blob, ellipse, rectangle, stations
from rsrefseg.scenes.layouts.common import hedge, pool, tree, vehicle
from rsrefseg.scenes.layouts.houses import building, house
from rsrefseg.scenes.layouts.style import Rng, Style, chance, pick_roof, uniform
from rsrefseg.scenes.materials import jitter
from rsrefseg.scenes.world import Entity, World

_SHADED = 0.05
"""Share of houses that stand in a ring of trees."""


@dataclass(frozen=True)
class Plot:
    """A piece of land: `angle` runs along the street, `inward` points away from it."""

    x: float
    y: float
    width: float
    depth: float
    angle: float
    inward: tuple[float, float]

    def at(self, across: float, inwards: float) -> tuple[float, float]:
        """A point given along the street from the middle, and from the street side."""
        k = inwards - self.depth / 2
        return (
            self.x + across * math.cos(self.angle) + k * self.inward[0],
            self.y + across * math.sin(self.angle) + k * self.inward[1],
        )


def plots_along(
    world: World, rng: Rng, style: Style, line: Points, side: int, from_axis_m: float,
    empty: float = 0.08,
) -> None:  # fmt: skip
    """A row of plots on one side of a street."""
    places = stations(line, 1.0)
    at = uniform(rng, 0, style.plot_m[0])
    setback = uniform(rng, 1.0, 8.0) if style.region != "himalayan" else uniform(rng, 0, 2)
    while at < len(places) - 4:
        width = style.plot_m[0] * uniform(rng, 0.85, 1.3)
        depth = style.plot_m[1] * uniform(rng, 0.9, 1.1)
        middle = int(at + width / 2)
        at += width
        if middle >= len(places):
            break
        x0, y0, angle = places[middle]
        nx, ny = -math.sin(angle) * side, math.cos(angle) * side
        far = from_axis_m + depth / 2
        plot = Plot(x0 + nx * far, y0 + ny * far, width, depth, angle, (nx, ny))
        if not world.in_view(plot.x, plot.y, 0.5 * max(width, depth)):
            continue
        if world.free(rectangle(plot.x, plot.y, width * 0.9, depth * 0.7, angle), 0.12):
            settle(world, rng, style, plot, setback, chance(rng, empty))


def settle(world: World, rng: Rng, style: Style, plot: Plot, setback_m: float, empty: bool) -> None:
    """Lay out one plot."""
    outline = rectangle(plot.x, plot.y, plot.width, plot.depth, plot.angle)
    lawn = chance(rng, style.lawns)
    if chance(rng, 0.85):
        rgb = jitter(rng, style.grass if lawn else style.dirt, 0.09, 0.02)
        texture = ("grass" if chance(rng, 0.7) else "meadow") if lawn else "dirt"
        if not lawn and style.region != "desert":
            p = rng.random()
            texture = "rubble" if p < 0.2 else "weeds" if p < 0.45 else "dirt"
            rgb = jitter(rng, style.weeds, 0.09, 0.02) if texture == "weeds" else rgb
        world.paint(outline, rgb, texture=texture, level="yard")
    if not empty:
        _build(world, rng, style, plot, setback_m)
    _boundary(world, rng, style, outline, lawn)
    _shrubs(world, rng, style, plot, lawn)
    area = plot.width * plot.depth
    for _ in range(min(int(rng.poisson(style.trees * area / 150)), 14)):
        across = uniform(rng, -0.48, 0.48) * plot.width
        inwards = plot.depth * (1 - 0.95 * float(rng.random()) ** 1.5)
        tree(world, rng, style, *plot.at(across, inwards))
    world.take(outline)


def _build(world: World, rng: Rng, style: Style, plot: Plot, setback_m: float) -> None:
    length = min(plot.width - 1.4, style.house_m * float(rng.lognormal(0.15, 0.25)))
    width = min(plot.depth * 0.55, style.house_m * uniform(rng, 0.6, 1.0))
    if chance(rng, 0.18):
        length, width = min(width, plot.width - 1), length
    inwards = min(setback_m * uniform(rng, 0.8, 1.3) + width / 2, plot.depth - width / 2)
    slack = max(plot.width - length - 1, 0) / 2
    across = uniform(rng, -slack, slack)
    x, y = plot.at(across, inwards)
    tilt = float(rng.normal()) * 0.03
    turn = plot.angle + tilt
    built = house(world, rng, style, x, y, length, width, turn, gap_m=0.0)
    built = built or house(world, rng, style, x, y, 0.75 * length, 0.8 * width, turn, gap_m=0.0)
    if built is None:
        return
    if style.trees > 0 and chance(rng, _SHADED):
        _ring_of_trees(world, rng, style, built)
    _drive(world, rng, style, plot, across, length, inwards - width / 2)
    rear = inwards + width / 2
    if plot.depth - rear > 7:
        if chance(rng, style.pools):
            pool(world, rng, *plot.at(uniform(rng, -0.2, 0.2) * plot.width, rear + 4.5), plot.angle)
        elif chance(rng, 0.35):
            px, py = plot.at(across, rear + 2)
            terrace = rectangle(px, py, length * 0.6, 4, plot.angle)
            world.paint(terrace, jitter(rng, style.paving), texture="concrete", level="ground")
    if plot.depth - rear > 5 and chance(rng, 0.3):
        shed(
            world,
            rng,
            style,
            *plot.at(uniform(rng, -0.35, 0.35) * plot.width, plot.depth - 3),
            plot.angle,
        )
    if chance(rng, 0.12):
        _belongings(world, rng, plot, rear)


def _shrubs(world: World, rng: Rng, style: Style, plot: Plot, lawn: bool) -> None:
    """Low green along the sides of a yard, and a worn or paved spot."""
    if chance(rng, 0.4):
        x, y = plot.at(uniform(rng, -0.3, 0.3) * plot.width, uniform(rng, 0.5, 0.9) * plot.depth)
        if world.free_at(x, y):
            rgb, texture = (style.dirt, "dirt") if lawn else (style.paving, "concrete")
            spot = blob(rng, x, y, uniform(rng, 1.0, 3.0), 0.2)
            world.paint(spot, jitter(rng, rgb), texture=texture, level="ground")
    for _ in range(int(rng.poisson(2.5 * style.trees if lawn else 1.0))):
        side = uniform(rng, 0.40, 0.47) * (1 if chance(rng, 0.5) else -1)
        x, y = plot.at(side * plot.width, uniform(rng, 0.15, 0.97) * plot.depth)
        if world.free_at(x, y):
            size = uniform(rng, 0.4, 0.9)
            outline = ellipse(x, y, size, size * uniform(rng, 0.7, 1.0), 0.0, 8)
            rgb = jitter(rng, style.green, 0.15, 0.04)
            world.paint(outline, rgb, texture="leaves", level="fence", height_m=size)


def _ring_of_trees(world: World, rng: Rng, style: Style, built: Entity) -> None:
    """Trees close by on all sides of a house."""
    size = uniform(rng, 2.5, 5.0)
    out = size + 0.6
    for w in built.wings:
        walls = rectangle(w.cx, w.cy, w.length + out, w.width + out, w.angle)
        for x, y, _ in stations(np.concatenate([walls, walls[:1]]), 0.75 * size):
            tree(world, rng, style, x, y, size * uniform(rng, 0.85, 1.2))


def _drive(
    world: World, rng: Rng, style: Style, plot: Plot, across: float, length: float, front: float
) -> None:
    side = across + (length / 2 - 2.2) * (1 if across < 0 else -1)
    if front > 2.0 and chance(rng, 0.75):
        x, y = plot.at(side, front / 2 - 1)
        outline = rectangle(x, y, 3.4, front + 2, plot.angle)
        rgb = style.paving if chance(rng, 0.7) else style.asphalt
        world.paint(outline, jitter(rng, rgb), texture="concrete", level="ground")
    if chance(rng, 0.4):
        x, y = plot.at(side, max(front - 3.0, 2.4))
        vehicle(world, rng, x, y, plot.angle + math.pi / 2)


def shed(world: World, rng: Rng, style: Style, x: float, y: float, angle: float) -> Entity | None:
    """A garden shed or a hut."""
    names = ("dull_tin", "rusty_tin", "grey_shingle", "brown_shingle", "bitumen")
    return building(
        world, rng, style, "shed", (x, y, uniform(rng, 2.5, 4.5), uniform(rng, 2, 3), angle),
        "flat", pick_roof(rng, names, True), 2.3, 0.3, plain=True,
    )  # fmt: skip


def _boundary(world: World, rng: Rng, style: Style, outline: Points, lawn: bool) -> None:
    """Fence, wall or hedge on some sides of a plot."""
    p = rng.random()
    if p < 0.35:
        return
    for k in range(4):
        ends = np.stack([outline[k - 1], outline[k]])
        if chance(rng, 0.45):
            continue
        if lawn and p > 0.72:
            hedge(world, rng, style, ends)
        else:
            rgb = jitter(rng, style.paving, 0.2)
            world.paint(ends, rgb, level="fence", line_m=0.25)


def _belongings(world: World, rng: Rng, plot: Plot, rear: float) -> None:
    """Odds and ends in a yard."""
    for _ in range(int(rng.integers(2, 8))):
        x, y = plot.at(uniform(rng, -0.45, 0.45) * plot.width, uniform(rng, rear, plot.depth))
        rgb = jitter(rng, (150, 142, 132), 0.35, 0.15)
        outline = rectangle(x, y, uniform(rng, 0.5, 2), uniform(rng, 0.4, 1.2), plot.angle)
        world.paint(outline, rgb, level="ground")
