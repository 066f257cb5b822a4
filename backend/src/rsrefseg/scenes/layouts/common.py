"""Placing single things: roads, trees, vehicles, pools; each finds free ground or gives up."""

from __future__ import annotations

from typing import cast

import numpy as np

from rsrefseg.scenes.geometry import (
    Points,
    blob,
    ellipse,
    offset,
    rectangle,
    ribbon,
    smooth,
    stations,
)  # fmt: skip
from rsrefseg.scenes.layouts.style import Rng, Style, chance, uniform
from rsrefseg.scenes.materials import car_paint, jitter
from rsrefseg.scenes.world import Entity, Rgb, World

WHITE_LINE: Rgb = (206, 204, 196)
_ROAD_TEXTURE = {"dirt_road": "dirt", "railway": "gravel", "path": "dirt"}
_VEHICLES = {"car": (4.5, 1.85), "truck": (9.0, 2.5), "bus": (12.0, 2.6)}


def scatter(
    world: World, rng: Rng, spacing_m: float, margin_m: float = 4.0, most: int = 420
) -> list[list[float]]:
    """Random points over the view, about `spacing_m` apart."""
    w, h = world.width_m + 2 * margin_m, world.height_m + 2 * margin_m
    n = int(min(w * h / spacing_m**2, most))
    return cast(list[list[float]], (rng.random((n, 2)) * (w, h) - margin_m).tolist())


def somewhere(world: World, rng: Rng) -> tuple[float, float]:
    """A random point of the view."""
    return world.width_m * float(rng.random()), world.height_m * float(rng.random())


def crossing_line(
    rng: Rng, world: World, angle: float, at: float, bend: float, reach_m: float = 14.0
) -> Points:
    """A line right through the view at an angle; `at` -1..1 shifts it sideways."""
    size = np.array([world.width_m, world.height_m])
    d = np.array([np.cos(angle), np.sin(angle)])
    n = np.array([-d[1], d[0]])
    half = 0.5 * float(np.abs(size * d).sum()) + reach_m
    side = 0.5 * float(np.abs(size * n).sum()) * at
    if bend == 0:
        return size / 2 + n * side + np.outer((-half, half), d)
    t = np.array([-1.0, -0.45, 0.1, 0.55, 1.0])
    sway = rng.normal(size=5) * bend * size.mean()
    return smooth(size / 2 + n * side + np.outer(t * half, d) + np.outer(sway, n))


def road(world: World, line: Points, width_m: float, rgb: Rgb, cls: str = "road") -> Entity:
    """A road along a line; takes its ground."""
    outline = ribbon(line, width_m)
    texture = _ROAD_TEXTURE.get(cls, "asphalt")
    world.take(outline)
    return world.add(cls, outline, rgb, texture=texture, axis=line, width_m=width_m)


def dashes(world: World, line: Points, dash_m: float, gap_m: float, width_m: float = 0.15) -> None:
    """A dashed line of road paint."""
    for x, y, angle in stations(line, dash_m + gap_m):
        if world.in_view(x, y, 5):
            c, s = dash_m / 2 * np.cos(angle), dash_m / 2 * np.sin(angle)
            ends = np.array([(x - c, y - s), (x + c, y + s)])
            world.paint(ends, WHITE_LINE, level="marking", line_m=width_m)


def edge_line(world: World, line: Points, side_m: float, width_m: float = 0.15) -> None:
    """A solid line of road paint."""
    world.paint(offset(line, side_m), WHITE_LINE, level="marking", line_m=width_m)


def mark_road(world: World, rng: Rng, line: Points, width_m: float) -> None:
    """Markings as on a two-lane road, or none."""
    if chance(rng, 0.5):
        dashes(world, line, 3.0, uniform(rng, 5, 9))
    if chance(rng, 0.3):
        edge_line(world, line, width_m / 2 - 0.35)
        edge_line(world, line, 0.35 - width_m / 2)


def zebra(world: World, x: float, y: float, angle: float, road_m: float) -> None:
    """A pedestrian crossing over a road that runs at an angle."""
    c, s = np.cos(angle), np.sin(angle)
    for v in np.arange(0.5 - road_m / 2, road_m / 2 - 0.2, 1.0):
        stripe = rectangle(x - v * s, y + v * c, 3.2, 0.5, angle)
        world.paint(stripe, WHITE_LINE, level="marking")


def parked(world: World, rng: Rng, line: Points, side_m: float, share: float) -> None:
    """Cars standing along a kerb."""
    for x, y, angle in stations(offset(line, side_m), 6.2, uniform(rng, 0, 6)):
        if chance(rng, share):
            vehicle(world, rng, x, y, angle + (0.0 if side_m > 0 else np.pi), take=False)


def sidewalks(world: World, style: Style, line: Points, road_m: float, width_m: float) -> None:
    """Pavements on both sides of a street."""
    outline = ribbon(line, road_m + 2 * width_m)
    world.paint(outline, style.paving, texture="concrete", level="walk")
    world.take(outline)


def tree(
    world: World, rng: Rng, style: Style, x: float, y: float, size_m: float | None = None,
    anywhere: bool = False,
) -> Entity | None:  # fmt: skip
    """A tree; its trunk needs free ground, its crown may hang over things."""
    if not world.in_view(x, y, 5.0) or not (anywhere or world.free_at(x, y)):
        return None
    width = size_m or min(max(float(rng.lognormal(1.65, 0.45)), 1.4), 14.0)
    kind = style.tree_kinds[int(rng.integers(len(style.tree_kinds)))]
    if 12 <= kind <= 16:
        width = min(width, 6.0)
    world.take_square(x, y, 0.4 * width)
    draws: list[float] = rng.random(2).tolist()
    return world.add(
        "tree", ellipse(x, y, width / 2, width / 2, 0, 12), jitter(rng, style.green, 0.14, 0.05),
        texture="leaves", width_m=width, length_m=width,
        height_m=width * (0.75 + 0.5 * draws[0]) + 1.0 + (3.0 if kind > 11 else 0.0),
        style={"kind": float(kind)},
    )  # fmt: skip


def grove(world: World, rng: Rng, style: Style, spacing_m: float) -> None:
    """Trees on whatever ground is free, in loose clumps."""
    if spacing_m > 60:
        return
    centres = scatter(world, rng, spacing_m * 2.2)
    for cx, cy in centres:
        for _ in range(int(rng.integers(1, 8))):
            dx, dy = rng.normal(size=2).tolist()
            tree(world, rng, style, cx + dx * spacing_m * 0.7, cy + dy * spacing_m * 0.7)


def tree_row(world: World, rng: Rng, style: Style, line: Points, spacing_m: float) -> None:
    """Trees of one size along a line."""
    size = uniform(rng, 3, 8)
    for x, y, _ in stations(line, spacing_m, uniform(rng, 0, spacing_m)):
        if chance(rng, 0.85):
            tree(world, rng, style, x, y, size * uniform(rng, 0.8, 1.2))


def hedge(world: World, rng: Rng, style: Style, ends: Points) -> None:
    """A clipped hedge."""
    outline = ribbon(ends, uniform(rng, 0.7, 1.6))
    world.paint(
        outline, jitter(rng, style.green, 0.1), texture="leaves", level="fence",
        height_m=uniform(rng, 1.2, 2.2),
    )  # fmt: skip


def vehicle(
    world: World, rng: Rng, x: float, y: float, angle: float, cls: str = "car",
    take: bool = True, share: float = 0.0,
) -> Entity | None:  # fmt: skip
    """A car, truck or bus; with `take` it needs free ground."""
    if not world.in_view(x, y, 6):
        return None
    length, width = _VEHICLES[cls]
    k = uniform(rng, 0.9, 1.12)
    length, width = length * k, width * (0.5 + 0.5 * k)
    outline = rectangle(x, y, length, width, angle)
    if take and not world.free(rectangle(x, y, length + 0.5, width + 0.3, angle), share):
        return None
    if not world.occupy(rectangle(x, y, length - 0.6, width - 0.6, angle)):
        return None
    if take:
        world.take(outline)
    rgb = car_paint(rng)
    style: dict[str, float] = {}
    if cls == "truck":
        load = rgb if chance(rng, 0.3) else jitter(rng, (218, 218, 216))
        style = {"box_r": load[0], "box_g": load[1], "box_b": load[2]}
    elif cls == "bus" and chance(rng, 0.5):
        rgb = jitter(rng, (224, 222, 214))
    return world.add(
        cls, outline, rgb, length_m=length, width_m=width, angle=angle, height_m=1.4, style=style
    )


def traffic(
    world: World, rng: Rng, line: Points, width_m: float, gap_m: float, lanes: int = 2
) -> None:
    """Vehicles on the lanes of a road; right-hand traffic or one way."""
    lane_m = width_m / lanes
    for lane in range(lanes):
        side = (lane + 0.5) * lane_m - width_m / 2
        turn = np.pi if lanes > 1 and side < 0 else 0.0
        for x, y, angle in stations(offset(line, side), 7.5, uniform(rng, 0, 7.5)):
            if chance(rng, 7.5 / gap_m):
                p = rng.random()
                cls = "car" if p < 0.85 else "truck" if p < 0.95 else "bus"
                vehicle(world, rng, x, y, angle + turn, cls, take=False)


def pool(world: World, rng: Rng, x: float, y: float, angle: float) -> Entity | None:
    """A swimming pool, with its terrace."""
    length, width = uniform(rng, 5, 10), uniform(rng, 3, 5)
    around = rectangle(x, y, length + 3, width + 3, angle)
    if not world.claim(around):
        return None
    if chance(rng, 0.35):
        outline = ellipse(x, y, length / 2, width / 2, angle)
    else:
        outline = rectangle(x, y, length, width, angle)
    if chance(rng, 0.6):
        world.paint(around, jitter(rng, (178, 170, 156)), texture="concrete", level="ground")
    rgb = jitter(rng, (84, 168, 186) if chance(rng, 0.8) else (40, 110, 120), 0.08, 0.04)
    return world.add(
        "pool", outline, rgb, texture="pool", length_m=length, width_m=width, angle=angle
    )


def litter(world: World, rng: Rng, spacing_m: float) -> None:
    """Small things on free ground that no one would name: bins, stones, tarpaulins, bushes."""
    draws = rng.random((len(points := scatter(world, rng, spacing_m, most=220)), 4))
    for (x, y), (a, b, c, d) in zip(points, draws.tolist(), strict=True):
        if not world.free_at(x, y):
            continue
        tone = 60 + 150 * a
        rgb = (tone, tone * (0.92 + 0.08 * b), tone * (0.8 + 0.2 * c))
        if d < 0.4:
            rgb = (50 + 30 * a, 64 + 30 * b, 44 + 16 * c)
        size = 0.4 + 2.0 * b * c
        outline = rectangle(x, y, size, size * (0.4 + 0.6 * d), 3 * a)
        world.paint(outline, rgb, texture="plain", level="ground", height_m=0.5 * c)


def patches(world: World, rng: Rng, options: tuple[tuple[Rgb, str], ...], count: int) -> None:
    """Blobs of other ground."""

    k = min(world.width_m, world.height_m)
    for _ in range(count):
        x, y = somewhere(world, rng)
        rgb, texture = options[int(rng.integers(len(options)))]
        outline = blob(rng, x, y, uniform(rng, 4, 0.22 * k + 6), 0.3)
        world.paint(outline, jitter(rng, rgb), texture=texture, level="yard")
