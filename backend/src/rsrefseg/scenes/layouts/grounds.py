"""Car parks, courts, pitches, tracks, water, fields: areas with a pattern of their own."""

from __future__ import annotations

import math

import numpy as np

from rsrefseg.scenes.geometry import Points, blob, ellipse, offset, rectangle, ribbon
from rsrefseg.scenes.layouts.common import WHITE_LINE, road, tree, vehicle
from rsrefseg.scenes.layouts.style import Rng, Style, chance, uniform, water_rgb
from rsrefseg.scenes.materials import jitter
from rsrefseg.scenes.world import Rgb, World

_HARD: tuple[Rgb, ...] = (
    (70, 108, 86),
    (76, 98, 140),
    (158, 96, 74),
    (128, 128, 130),
    (96, 120, 84),
)
_FIELDS: tuple[Rgb, ...] = (
    (112, 124, 74), (92, 112, 64), (166, 150, 110), (134, 110, 84), (148, 142, 96), (106, 88, 70),
    (122, 128, 88),
)  # fmt: skip


def car_park(
    world: World,
    rng: Rng,
    style: Style,
    x: float,
    y: float,
    length: float,
    width: float,
    angle: float,
) -> bool:
    """Rows of bays, some of them taken, perhaps with trees between."""
    outline = rectangle(x, y, length, width, angle)
    if not world.free(outline, 0.02):
        return False
    world.take(outline)
    lot = world.add(
        "parking", outline, jitter(rng, style.asphalt, 0.08), texture="asphalt",
        length_m=length, width_m=width, angle=angle,
    )  # fmt: skip
    c, s = math.cos(angle), math.sin(angle)
    full = uniform(rng, 0.1, 0.85)
    marked, planted = chance(rng, 0.85), chance(rng, 0.35)
    v, row = -width / 2 + 2.7, 0
    while v < width / 2 - 2:
        for u in np.arange(-length / 2 + 1.5, length / 2 - 1.2, 2.6):
            px, py = x + u * c - v * s, y + u * s + v * c
            if not world.in_view(px, py, 4):
                continue
            if marked:
                lx, ly = x + (u - 1.3) * c - v * s, y + (u - 1.3) * s + v * c
                ends = np.array([(lx - 2.3 * s, ly + 2.3 * c), (lx + 2.3 * s, ly - 2.3 * c)])
                world.paint(ends, WHITE_LINE, level="marking", line_m=0.12)
            if chance(rng, full):
                turn = math.pi / 2 if chance(rng, 0.5) else -math.pi / 2
                car = vehicle(
                    world, rng, px, py, angle + turn + float(rng.normal()) * 0.02, take=False
                )
                if car is not None:
                    car.part_of = lot.id
            elif planted and chance(rng, 0.1):
                tree(world, rng, style, px, py, uniform(rng, 2.5, 5), anywhere=True)
        v += 5.1 if row % 2 == 0 else 11.2
        row += 1
    return True


def _lines(world: World, lines: list[Points], owner: int, width_m: float = 0.15) -> None:
    for one in lines:
        world.paint(one, (224, 224, 218), level="court", owner=owner, line_m=width_m)


def _frame(x: float, y: float, length: float, width: float, angle: float) -> Points:
    outline = rectangle(x, y, length, width, angle)
    return np.concatenate([outline, outline[:1]])


def court(world: World, rng: Rng, x: float, y: float, angle: float) -> None:
    """A tennis court or another hard court with its lines."""
    if not world.claim(rectangle(x, y, 36, 18, angle)):
        return
    rgb = jitter(rng, _HARD[int(rng.integers(len(_HARD)))])
    around = jitter(rng, rgb if chance(rng, 0.4) else _HARD[int(rng.integers(len(_HARD)))])
    e = world.add(
        "court", rectangle(x, y, 34, 16, angle), around, texture="concrete",
        length_m=34, width_m=16, angle=angle,
    )  # fmt: skip
    world.paint(rectangle(x, y, 24, 11, angle), rgb, texture="concrete", level="court", owner=e.id)
    frames = [_frame(x, y, a, b, angle) for a, b in ((24, 11), (24, 8.2), (12.8, 8.2))]
    c, s = math.cos(angle), math.sin(angle)
    net = np.array([(x + 5.5 * s, y - 5.5 * c), (x - 5.5 * s, y + 5.5 * c)])
    _lines(world, [*frames, net], e.id)


def pitch(
    world: World, rng: Rng, style: Style, x: float, y: float, angle: float, length: float
) -> None:
    """A football pitch with its lines."""
    width = length * uniform(rng, 0.58, 0.7)
    if not world.claim(rectangle(x, y, length + 5, width + 5, angle)):
        return
    worn = chance(rng, 0.25)
    rgb = jitter(rng, style.dirt if worn else (84, 116, 66))
    e = world.add(
        "pitch", rectangle(x, y, length, width, angle), rgb, texture="dirt" if worn else "grass",
        length_m=length, width_m=width, angle=angle + math.pi / 2,
        style={"row_m": 10.0, "row_depth": uniform(rng, 0, 0.07)},
    )  # fmt: skip
    c, s = math.cos(angle), math.sin(angle)
    lines = [_frame(x, y, length * 0.94, width * 0.92, angle)]
    half = width * 0.46
    lines.append(np.array([(x - half * s, y + half * c), (x + half * s, y - half * c)]))
    ring = ellipse(x, y, length * 0.087, length * 0.087, 0)
    lines.append(np.concatenate([ring, ring[:1]]))
    for side in (-1, 1):
        px, py = x + side * 0.4 * length * c, y + side * 0.4 * length * s
        lines.append(_frame(px, py, length * 0.14, width * 0.55, angle))
        lines.append(
            _frame(
                px + side * 0.04 * length * c,
                py + side * 0.04 * length * s,
                length * 0.05,
                width * 0.27,
                angle,
            )
        )
    _lines(world, lines, e.id, 0.2)


def track(world: World, rng: Rng, style: Style, x: float, y: float, angle: float) -> None:
    """A running track around a pitch."""
    straight, radius, wide = 84.0, 36.0, 8.0
    t = np.linspace(-math.pi / 2, math.pi / 2, 14)

    def oval(r: float) -> Points:
        right = np.stack([straight / 2 + r * np.cos(t), r * np.sin(t)], axis=1)
        ring = np.concatenate([right, -right])
        c, s = math.cos(angle), math.sin(angle)
        return np.asarray(ring @ np.array([(c, s), (-s, c)]) + (x, y))

    outer = oval(radius + wide)
    if not world.claim(outer):
        return
    clay = jitter(rng, (160, 84, 66) if chance(rng, 0.75) else (76, 100, 140), 0.1, 0.02)
    e = world.add("track", outer, clay, texture="concrete")
    for k in range(1, 7):
        ring = oval(radius + wide * k / 7)
        _lines(world, [np.concatenate([ring, ring[:1]])], e.id, 0.06)
    inner = world.add("grass", oval(radius), jitter(rng, (84, 116, 66)), texture="grass")
    world.paint(inner.outline, inner.rgb, texture="grass", level="court", owner=inner.id)


def water_body(world: World, rng: Rng, style: Style, cls: str, share: float) -> None:
    """A lake or pond within the view, with its bank."""
    x, y = (0.15 + 0.7 * rng.random(2)) * (world.width_m, world.height_m)
    radius = share * min(world.width_m, world.height_m) + 5
    outline = blob(rng, float(x), float(y), radius, 0.18)
    if not world.free(outline, 0.04):
        return
    world.take(outline)
    centre = outline.mean(axis=0)
    bank = centre + (outline - centre) * (1 + uniform(rng, 0.5, 4) / radius)
    world.paint(bank, jitter(rng, style.dirt), texture="dirt", level="shore")
    world.add(cls, outline, water_rgb(rng), texture="water")


def fields(world: World, rng: Rng, angle: float) -> None:
    """Fields on a skewed grid, with rows and tracks of machines."""
    k = max(world.width_m, world.height_m)
    size = uniform(rng, 0.25, 0.7) * k
    long = size * uniform(rng, 1, 2)
    c, s = math.cos(angle), math.sin(angle)
    skew = uniform(rng, -0.25, 0.25)
    for i in np.arange(-3, 4):
        for j in np.arange(-3, 4):
            u, v = i * long + skew * j * size, j * size
            x = world.width_m / 2 + u * c - v * s + 5
            y = world.height_m / 2 + u * s + v * c - 7
            if not world.in_view(x, y, long):
                continue
            gap = uniform(rng, 0.5, 4)
            texture = "crop" if chance(rng, 0.75) else "meadow"
            world.add(
                "field",
                rectangle(x, y, long - gap, size - gap, angle),
                jitter(rng, _FIELDS[int(rng.integers(len(_FIELDS)))], 0.12, 0.03),
                texture=texture,
                angle=angle + (math.pi / 2 if chance(rng, 0.2) else 0.0),
                length_m=long,
                width_m=size,
                style={
                    "row_m": float(rng.choice([1.2, 2.0, 3.0, 9.0])),
                    "row_depth": uniform(rng, 0, 0.12),
                },
            )


def orchard(
    world: World,
    rng: Rng,
    style: Style,
    x: float,
    y: float,
    length: float,
    width: float,
    angle: float,
) -> None:
    """Trees of one kind in rows."""
    outline = rectangle(x, y, length, width, angle)
    if not world.claim(outline):
        return
    ground = style.grass if chance(rng, 0.5) else style.dirt
    plot = world.add("orchard", outline, jitter(rng, ground), texture="meadow", angle=angle)
    step, size = uniform(rng, 4, 8), uniform(rng, 2.4, 4.5)
    c, s = math.cos(angle), math.sin(angle)
    for u in np.arange(-length / 2 + 2, length / 2 - 1, step * uniform(rng, 0.7, 1)):
        for v in np.arange(-width / 2 + 2, width / 2 - 1, step):
            if chance(rng, 0.94):
                px, py = x + u * c - v * s, y + u * s + v * c
                one = tree(world, rng, style, px, py, size * uniform(rng, 0.8, 1.2), anywhere=True)
                if one is not None:
                    one.part_of = plot.id


def forest(world: World, rng: Rng, style: Style, outline: Points) -> None:
    """Closed forest with single crowns along its edge."""
    if not world.free(outline, 0.03):
        return
    world.take(outline)
    wood = world.add("forest", outline, jitter(rng, style.green, 0.08), texture="forest")
    for px, py in outline[:: max(len(outline) // 40, 1)]:
        dx, dy = rng.normal(size=2) * 1.5
        one = tree(
            world, rng, style, float(px + dx), float(py + dy), uniform(rng, 4, 9), anywhere=True
        )
        if one is not None:
            one.part_of = wood.id


def rail(world: World, rng: Rng, line: Points, tracks: int) -> None:
    """A railway: ballast, sleepers' shade, rails."""

    width = 4.2 * tracks + 1.5
    e = road(world, line, width, jitter(rng, (124, 114, 104)), "railway")
    for k in range(tracks):
        middle = (k - (tracks - 1) / 2) * 4.2
        sleepers = offset(line, middle)
        world.paint(
            ribbon(sleepers, 2.5), (104, 94, 86), texture="gravel", level="court", owner=e.id
        )
        for side in (-0.75, 0.75):
            _lines_rail(world, offset(line, middle + side), e.id)


def _lines_rail(world: World, line: Points, owner: int) -> None:
    world.paint(line, (158, 148, 140), level="court", owner=owner, line_m=0.1)
