"""Places of work and leisure: industry, retail, harbour, parks."""

from __future__ import annotations

import math

import numpy as np

from rsrefseg.scenes.geometry import ellipse, offset, rectangle, stations
from rsrefseg.scenes.layouts.common import (
    crossing_line,
    grove,
    mark_road,
    pool,
    road,
    scatter,
    somewhere,
    traffic,
    tree_row,
    vehicle,
)  # fmt: skip
from rsrefseg.scenes.layouts.grounds import car_park, court, pitch, track, water_body
from rsrefseg.scenes.layouts.houses import building, house
from rsrefseg.scenes.layouts.settlement import main_street
from rsrefseg.scenes.layouts.style import (
    Rng,
    Style,
    chance,
    draw_style,
    green_world,
    new_world,
    paved_world,
    pick_roof,
    uniform,
    water_rgb,
)  # fmt: skip
from rsrefseg.scenes.materials import ROOF_STYLES, jitter
from rsrefseg.scenes.world import Rgb, World

_TANKS: tuple[Rgb, ...] = ((224, 224, 220), (198, 198, 192), (150, 124, 106), (132, 148, 140))
_BOXES: tuple[Rgb, ...] = (
    (156, 66, 54), (60, 92, 142), (184, 118, 62), (78, 114, 86), (202, 200, 196), (118, 86, 68),
)  # fmt: skip
_HULLS: tuple[Rgb, ...] = (
    (220, 220, 216), (158, 70, 56), (66, 84, 118), (122, 124, 126), (98, 80, 66), (74, 108, 90),
)  # fmt: skip


def halls(world: World, rng: Rng, style: Style, angle: float, count: int, size_m: float) -> None:
    """Large buildings with plain roofs."""
    for _ in range(count * 3):
        x, y = somewhere(world, rng)
        length = size_m * uniform(rng, 0.4, 1.3)
        width = length * uniform(rng, 0.35, 0.8)
        flat = chance(rng, 0.7)
        turn = angle + (math.pi / 2 if chance(rng, 0.4) else 0.0)
        found = building(
            world, rng, style, "warehouse", (x, y, length, width, turn),
            "flat" if flat else "gable", pick_roof(rng, ROOF_STYLES["halls"], flat),
            uniform(rng, 5, 11), 2.0,
        )  # fmt: skip
        count -= found is not None
        if count <= 0:
            return


def retail(rng: Rng, width_m: float, height_m: float) -> World:
    """Large flat roofs around car parks, beside a road."""
    style = draw_style(rng)
    world = (
        paved_world(rng, style, width_m, height_m)
        if chance(rng, 0.6)
        else new_world(rng, style, width_m, height_m)
    )
    angle = uniform(rng, 0, math.pi)
    main_street(world, rng, style, angle, uniform(rng, -0.8, 0.8))
    k = min(width_m, height_m)
    for _ in range(int(rng.integers(1, 4))):
        x, y = somewhere(world, rng)
        car_park(
            world, rng, style, x, y, uniform(rng, 18, 0.4 * k + 20), uniform(rng, 11, 40), angle
        )
    halls(world, rng, style, angle, int(rng.integers(2, 7)), 0.3 * k + 8)
    if chance(rng, 0.4):
        court(world, rng, *somewhere(world, rng), angle)
    grove(world, rng, style, 14 / max(style.trees, 0.2))
    return world


def industry(rng: Rng, width_m: float, height_m: float) -> World:
    """Halls, tanks, containers, trucks."""
    style = draw_style(rng)
    world = paved_world(rng, style, width_m, height_m)
    angle = uniform(rng, 0, math.pi)
    main_street(world, rng, style, angle, uniform(rng, -0.8, 0.8))
    k = min(width_m, height_m)
    if chance(rng, 0.6):
        tank_farm(world, rng, angle, k)
    if chance(rng, 0.15):
        _greenhouses(world, rng, style, angle)
    halls(world, rng, style, angle, int(rng.integers(2, 9)), 0.25 * k + 8)
    stacks(world, rng, angle, int(rng.integers(0, 5)))
    _yard(world, rng, angle)
    grove(world, rng, style, 20 / max(style.trees, 0.2))
    return world


def _yard(world: World, rng: Rng, angle: float) -> None:
    """Vehicles and goods standing about."""
    for x, y in scatter(world, rng, 20, most=80):
        cls = "truck" if chance(rng, 0.4) else "car"
        vehicle(world, rng, x, y, angle + (math.pi / 2 if chance(rng, 0.5) else 0.0), cls)
    for x, y in scatter(world, rng, 12, most=90):
        if world.free_at(x, y):
            rgb = jitter(rng, (140, 132, 122), 0.3, 0.1)
            outline = rectangle(x, y, uniform(rng, 0.6, 4), uniform(rng, 0.5, 2), angle)
            world.paint(outline, rgb, level="ground")


def _greenhouses(world: World, rng: Rng, style: Style, angle: float) -> None:
    x, y = somewhere(world, rng)
    c, s = math.cos(angle), math.sin(angle)
    length, width = uniform(rng, 20, 45), uniform(rng, 6, 10)
    for k in range(int(rng.integers(2, 7))):
        v = k * (width + uniform(rng, 0.8, 2))
        box = (x - v * s, y + v * c, length, width, angle)
        building(
            world,
            rng,
            style,
            "greenhouse",
            box,
            "gable",
            pick_roof(rng, ("glass",), False),
            3,
            0.2,
            plain=True,
        )


def tank_farm(world: World, rng: Rng, angle: float, k: float) -> None:
    """Storage tanks in loose rows."""
    cx, cy = (0.2 + 0.6 * rng.random(2)) * (world.width_m, world.height_m)
    size = uniform(rng, 7, 0.1 * k + 8)
    c, s = math.cos(angle), math.sin(angle)
    base = _TANKS[int(rng.integers(4))]
    for i in range(int(rng.integers(2, 5))):
        for j in range(int(rng.integers(1, 4))):
            d = size * float(rng.choice([0.5, 0.7, 1.0, 1.0]))
            u, v = (i - 1) * size * 1.35, (j - 0.5) * size * 1.35
            x, y = cx + u * c - v * s, cy + u * s + v * c
            if world.claim(ellipse(x, y, d / 2, d / 2, 0)):
                rgb = jitter(rng, base if chance(rng, 0.8) else _TANKS[int(rng.integers(4))], 0.05)
                world.add(
                    "tank", ellipse(x, y, d / 2, d / 2, 0), rgb, width_m=d, length_m=d,
                    height_m=uniform(rng, 4, 10), shape="round",
                )  # fmt: skip


def stacks(world: World, rng: Rng, angle: float, blocks: int) -> None:
    """Shipping containers side by side."""
    c, s = math.cos(angle), math.sin(angle)
    for _ in range(blocks):
        x, y = somewhere(world, rng)
        for i in range(int(rng.integers(2, 7))):
            for j in range(int(rng.integers(1, 3))):
                u, v = j * 12.8, i * 2.9
                px, py = x + u * c - v * s, y + u * s + v * c
                outline = rectangle(px, py, 12.2, 2.45, angle)
                if world.in_view(px, py, 6) and world.claim(outline):
                    world.add(
                        "container", outline, jitter(rng, _BOXES[int(rng.integers(6))]),
                        length_m=12.2, width_m=2.45, angle=angle,
                        height_m=2.6 * int(rng.integers(1, 3)), style={"row_m": 0.9},
                    )  # fmt: skip


def ship(world: World, rng: Rng, x: float, y: float, angle: float, length: float) -> None:
    """A ship, if there is room."""
    width = length * uniform(rng, 0.2, 0.34)
    if not world.in_view(x, y, length / 2):
        return
    if not world.claim(rectangle(x, y, length * 1.08, width * 1.3, angle)):
        return
    rgb = jitter(rng, _HULLS[int(rng.choice(6, p=[0.44, 0.13, 0.13, 0.13, 0.1, 0.07]))])
    world.add(
        "ship", rectangle(x, y, length, width, angle), rgb, length_m=length, width_m=width,
        angle=angle, style={"bridge": float(rng.choice([-0.6, -0.4, 0.1]))},
    )  # fmt: skip


def harbour(rng: Rng, width_m: float, height_m: float) -> World:
    """Sea on one side, a quay, piers and ships, sheds behind."""
    style = draw_style(rng)
    world = paved_world(rng, style, width_m, height_m)
    angle = uniform(rng, 0, 2 * math.pi)
    quay = crossing_line(rng, world, angle, uniform(rng, -0.3, 0.3), 0.0, 40)
    sea = np.concatenate([quay, offset(quay, 3 * max(width_m, height_m))[::-1]])
    world.add("sea", sea, water_rgb(rng), texture="water")
    k = min(width_m, height_m)
    size = uniform(rng, 9, 0.16 * k + 12)
    if chance(rng, 0.7):
        _marina(world, rng, style, quay, size, uniform(rng, 0.2, 0.5) * k)
    out = np.array([-math.sin(angle), math.cos(angle)])
    for x, y in scatter(world, rng, size * 1.7):
        if float((np.array([x, y]) - quay[0]) @ out) > size * 0.4:
            ship(world, rng, x, y, uniform(rng, 0, 2 * math.pi), size * uniform(rng, 0.6, 1.6))
    world.take(sea)
    behind = offset(quay, -uniform(rng, 10, 26))
    road(world, behind, 7.0, style.asphalt)
    mark_road(world, rng, behind, 7.0)
    traffic(world, rng, behind, 7.0, 50)
    halls(world, rng, style, angle, int(rng.integers(1, 6)), 0.18 * k + 8)
    stacks(world, rng, angle, int(rng.integers(0, 5)))
    _yard(world, rng, angle)
    return world


def _marina(
    world: World,
    rng: Rng,
    style: Style,
    quay: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    size: float,
    reach: float,
) -> None:
    for x, y, a in stations(quay, size * 2.2 + uniform(rng, 6, 16), uniform(rng, 0, 20)):
        nx, ny = -math.sin(a), math.cos(a)
        outline = rectangle(x + nx * reach / 2, y + ny * reach / 2, reach, 2.6, a + math.pi / 2)
        axis = np.array([[x, y], [x + nx * reach, y + ny * reach]])
        world.add(
            "pier", outline, jitter(rng, style.paving), texture="concrete", axis=axis, width_m=2.6
        )
        world.take(outline)
        for t in np.arange(size * 0.5, reach, size * 0.6):
            for side in (-1, 1):
                if chance(rng, 0.55):
                    length = size * uniform(rng, 0.6, 1.1)
                    d = (1.6 + length * 0.55) * side
                    px, py = x + nx * t + math.cos(a) * d, y + ny * t + math.sin(a) * d
                    ship(world, rng, px, py, a + (math.pi if side > 0 else 0), length)


def park(rng: Rng, width_m: float, height_m: float) -> World:
    """Sports grounds, paths, a pond and trees."""
    style = draw_style(rng)
    world = green_world(rng, style, width_m, height_m)
    angle = uniform(rng, 0, math.pi)
    k = min(width_m, height_m)
    if chance(rng, 0.7):
        main_street(world, rng, style, angle, uniform(rng, -0.8, 0.8))
    for _ in range(int(rng.integers(0, 3))):
        line = crossing_line(rng, world, uniform(rng, 0, math.pi), uniform(rng, -0.8, 0.8), 0.08)
        road(
            world,
            line,
            uniform(rng, 1.4, 2.6),
            style.paving if chance(rng, 0.4) else style.dirt,
            "path",
        )
    if chance(rng, 0.5):
        water_body(world, rng, style, "pond", 0.14)
    if k > 130 and chance(rng, 0.3):
        track(world, rng, style, width_m / 2 + uniform(rng, -20, 20), height_m / 2, angle)
    for _ in range(int(rng.integers(1, 4))):
        pitch(world, rng, style, *somewhere(world, rng), angle, uniform(rng, 30, 90))
    for _ in range(int(rng.integers(0, 5))):
        court(world, rng, *somewhere(world, rng), angle)
    if chance(rng, 0.6):
        car_park(world, rng, style, *somewhere(world, rng), 30, 17, angle)
    if chance(rng, 0.2):
        pool(world, rng, *somewhere(world, rng), angle)
    for _ in range(int(rng.integers(2, 6))):
        x, y = somewhere(world, rng)
        house(world, rng, style, x, y, style.house_m * 1.4, style.house_m, angle)
    if chance(rng, 0.4):
        tree_row(
            world, rng, style, crossing_line(rng, world, angle, uniform(rng, -0.9, 0.9), 0.0), 8
        )
    grove(world, rng, style, uniform(rng, 8, 18))
    return world
