"""Buildings: their ground plan, roof, and what stands on the roof."""

from __future__ import annotations

import numpy as np

from rsrefseg.scenes.geometry import ellipse, rectangle
from rsrefseg.scenes.layouts.style import Rng, Style, chance, house_roof, pick_roof, uniform
from rsrefseg.scenes.materials import RoofPaint, jitter
from rsrefseg.scenes.world import Entity, Rgb, Roof, Wing, World, wing_outline

_TANKS: tuple[Rgb, ...] = (
    (34, 34, 37), (34, 34, 37), (38, 122, 96), (58, 150, 122), (64, 104, 156), (176, 172, 160),
)  # fmt: skip
"""Colours of water tanks on roofs."""
_RIMS = (0.0, 0.86, 1.08, 1.16, 1.26)
"""Brightness of the wall around a flat roof, against the roof; 0 where there is none."""


def house(
    world: World, rng: Rng, style: Style, x: float, y: float, length: float, width: float,
    angle: float, cls: str = "house", gap_m: float = 0.6, crowd: float = 0.0,
) -> Entity | None:  # fmt: skip
    """A house in the style of the place; see `building` for `gap_m` and `crowd`."""
    flat = chance(rng, style.flat)
    covering = house_roof(rng, style, flat)
    roof: Roof = "flat"
    if not flat:
        p = rng.random()
        hips = 0.62 if style.region == "american" else 0.3
        roof = "hip" if p < hips else "gable" if p < 0.95 else "shed"
    eave = uniform(rng, 2.6, 4.5) if style.region == "american" else uniform(rng, 2.8, 9.0)
    return building(
        world, rng, style, cls, (x, y, length, width, angle), roof, covering, eave, gap_m,
        crowd=crowd,
    )  # fmt: skip


def building(
    world: World, rng: Rng, style: Style, cls: str,
    box: tuple[float, float, float, float, float], roof: Roof, covering: RoofPaint,
    eave_m: float, gap_m: float = 0.6, plain: bool = False, crowd: float = 0.0,
) -> Entity | None:  # fmt: skip
    """Put a building where there is room for it.

    Args:
        world: where.
        rng: all choices come from it.
        style: of the place.
        cls: its class.
        box: centre x and y, length, width, angle of the main wing.
        roof: form of the roof.
        covering: what the roof is covered with.
        eave_m: height of the walls.
        gap_m: ground that must be free around it.
        plain: no further wings.
        crowd: share of its ground that others may have taken, where walls touch.
    """
    pitch = uniform(rng, 0.28, 0.5) if style.region == "american" else uniform(rng, 0.3, 0.85)
    if roof in ("shed", "dome"):
        pitch = 0.12 if roof == "shed" else 0.5
    wings, shape = _wings(rng, box, roof, eave_m, pitch, plain)
    if not all(world.free(wing_outline(w, gap_m), crowd) for w in wings):
        wings = wings[:1]
        shape = _plain_shape(box)
        if not world.free(wing_outline(wings[0], gap_m), crowd):
            return None
    for w in wings:
        world.take(wing_outline(w, 0.3))
    _, _, length, width, angle = box
    entity = world.add(
        cls, np.concatenate([wing_outline(w) for w in wings]), jitter(rng, covering.rgb, 0.1, 0.02),
        texture=covering.texture, height_m=eave_m, wings=wings, angle=angle, length_m=length,
        width_m=width, shape=shape, material=covering.material, covering=covering.name,
    )  # fmt: skip
    if roof == "flat" and min(length, width) > 3.5:
        entity.style["rim"] = _RIMS[int(rng.integers(len(_RIMS)))]
    dress(world, rng, style, entity)
    return entity


def _plain_shape(box: tuple[float, float, float, float, float]) -> str:
    return "square" if box[2] < 1.12 * box[3] else "rectangular"


def _wings(
    rng: Rng, box: tuple[float, float, float, float, float], roof: Roof, eave: float,
    pitch: float, plain: bool,
) -> tuple[tuple[Wing, ...], str]:  # fmt: skip
    """A building's wings and its shape word."""
    x, y, length, width, angle = box
    c, s = float(np.cos(angle)), float(np.sin(angle))
    main = Wing(x, y, length, width, angle, roof, eave, pitch)
    form = rng.random()
    if plain or roof in ("shed", "dome") or form < 0.5 or length < 8:
        return (main,), _plain_shape(box)
    side = 1.0 if chance(rng, 0.5) else -1.0
    arm_m = width * uniform(rng, 0.55, 0.85)
    reach = width / 2 + width * uniform(rng, 0.55, 1.0)

    def arm(u: float, out: float) -> Wing:
        v = out * reach / 2
        ax, ay = x + u * c - v * s, y + u * s + v * c
        top = eave * uniform(rng, 0.5, 1.4) if roof == "flat" else eave
        return Wing(ax, ay, reach, arm_m, angle + np.pi / 2, roof, top, pitch)

    end = length / 2 - arm_m / 2
    if form < 0.78 or length < 2.7 * arm_m:
        return (main, arm(end if chance(rng, 0.5) else -end, side)), "l-shaped"
    if form < 0.90:
        return (main, arm(end, side), arm(-end, side)), "u-shaped"
    return (main, arm(uniform(rng, -0.3, 0.3) * end, side)), "t-shaped"


def courtyard_building(
    world: World, rng: Rng, style: Style, box: tuple[float, float, float, float, float],
    depth_m: float,
) -> Entity | None:  # fmt: skip
    """Four wings around a court."""
    x, y, length, width, angle = box
    if not world.free(rectangle(x, y, length, width, angle)):
        return None
    flat = chance(rng, style.flat)
    roof: Roof = "flat" if flat else "hip"
    covering = house_roof(rng, style, flat)
    eave, pitch = uniform(rng, 6, 14), 0.5
    c, s = float(np.cos(angle)), float(np.sin(angle))
    wings = []
    for side in (-1, 1):
        v = side * (width - depth_m) / 2
        wings.append(Wing(x - v * s, y + v * c, length, depth_m, angle, roof, eave, pitch))
        u = side * (length - depth_m) / 2
        wings.append(
            Wing(x + u * c, y + u * s, width, depth_m, angle + np.pi / 2, roof, eave, pitch)
        )
    for w in wings:
        world.take(wing_outline(w, 0.3))
    return world.add(
        "house", np.concatenate([wing_outline(w) for w in wings]), jitter(rng, covering.rgb),
        texture=covering.texture, height_m=eave, wings=tuple(wings), angle=angle, length_m=length,
        width_m=width, shape="courtyard", material=covering.material, covering=covering.name,
    )  # fmt: skip


def dress(world: World, rng: Rng, style: Style, e: Entity) -> None:
    """What stands on a roof: panels, chimneys, windows, plant, tanks."""
    w = e.wings[0]
    if w.roof == "dome" or e.covering == "glass":
        return
    if w.length > 5 and w.width > 4 and chance(rng, style.panels):
        _panels(world, rng, e, w)
        return
    if w.roof != "flat":
        for _ in range(int(rng.poisson(0.9))):
            _window_or_chimney(world, rng, e, w)
    elif style.region == "himalayan" or (style.region == "tin" and chance(rng, 0.5)):
        _lived_on(world, rng, e, w)
    else:
        _plant(world, rng, e, w)


def _at(w: Wing, u: float, v: float) -> tuple[float, float]:
    c, s = float(np.cos(w.angle)), float(np.sin(w.angle))
    return w.cx + u * c - v * s, w.cy + u * s + v * c


def _panels(world: World, rng: Rng, e: Entity, w: Wing) -> None:
    length, width = uniform(rng, 0.3, 0.75) * w.length, uniform(rng, 0.2, 0.36) * w.width
    side = 1.0 if chance(rng, 0.5) else -1.0
    x, y = _at(w, uniform(rng, -0.1, 0.1) * w.length, side * 0.24 * w.width)
    lift = w.eave_m + (w.pitch * 0.26 * w.width if w.roof in ("gable", "hip") else 0.4)
    world.add(
        "panel", rectangle(x, y, length, width, w.angle), jitter(rng, (44, 50, 72), 0.15, 0.04),
        length_m=length, width_m=width, angle=w.angle, height_m=lift + 0.1, part_of=e.id,
    )  # fmt: skip
    e.has.add("panel")


def _window_or_chimney(world: World, rng: Rng, e: Entity, w: Wing) -> None:
    u, v = uniform(rng, -0.38, 0.38) * w.length, uniform(rng, -0.33, 0.33) * w.width
    glass = chance(rng, 0.5)
    rgb: Rgb = (70, 76, 84) if glass else jitter(rng, (150, 132, 120), 0.2)
    x, y = _at(w, u, v)
    size = uniform(rng, 0.6, 1.2)
    top = w.eave_m + w.pitch * max(w.width / 2 - abs(v), 0) + (0.05 if glass else 1.1)
    outline = rectangle(x, y, size, size * uniform(rng, 0.7, 1.3), w.angle)
    world.paint(outline, rgb, level="roof", owner=e.id, height_m=top)


def _plant(world: World, rng: Rng, e: Entity, w: Wing) -> None:
    """Ventilation, skylights and patches of a flat roof."""
    if w.length * w.width > 150 and chance(rng, 0.35):
        x, y = _at(w, uniform(rng, -0.2, 0.2) * w.length, 0)
        rgb = jitter(rng, e.rgb, 0.16)
        outline = rectangle(x, y, uniform(rng, 0.25, 0.6) * w.length, w.width - 0.8, w.angle)
        world.paint(
            outline, rgb, texture=e.texture, level="roof", owner=e.id, height_m=w.eave_m + 0.02
        )
    if w.length > 18 and chance(rng, 0.3):
        n = int(rng.integers(3, 9))
        for k in range(n):
            x, y = _at(w, (k + 0.5) / n * w.length * 0.86 - 0.43 * w.length, 0)
            strip = rectangle(x, y, 1.1, w.width * 0.62, w.angle)
            world.paint(strip, (196, 204, 206), level="roof", owner=e.id, height_m=w.eave_m + 0.4)
        return
    for _ in range(min(int(rng.poisson(w.length * w.width / 110)), 14)):
        x, y = _at(w, uniform(rng, -0.42, 0.42) * w.length, uniform(rng, -0.4, 0.4) * w.width)
        size = uniform(rng, 0.8, 2.8)
        rgb = jitter(rng, (176, 176, 172) if chance(rng, 0.7) else (96, 98, 100), 0.12)
        outline = rectangle(x, y, size, size * uniform(rng, 0.5, 1.3), w.angle)
        world.paint(
            outline, rgb, level="roof", owner=e.id, height_m=w.eave_m + uniform(rng, 0.8, 2)
        )


def _sheets(world: World, rng: Rng, e: Entity, w: Wing) -> None:
    """Sheets and slabs of one roof that have weathered differently."""
    for _ in range(int(rng.integers(1, 5))):
        u, v = uniform(rng, -0.35, 0.35), uniform(rng, -0.35, 0.35)
        x, y = _at(w, u * w.length, v * w.width)
        length = min(uniform(rng, 0.15, 0.6), 1 - 2 * abs(u)) * w.length
        width = min(uniform(rng, 0.2, 0.7), 1 - 2 * abs(v)) * w.width
        world.paint(
            rectangle(x, y, length, width, w.angle), jitter(rng, e.rgb, 0.14, 0.03),
            texture=e.texture, level="roof", owner=e.id, height_m=w.eave_m + 0.02,
        )  # fmt: skip


def _lived_on(world: World, rng: Rng, e: Entity, w: Wing) -> None:
    """A stair head, awnings, water tanks and clutter on a roof terrace."""
    cu, cv = (0.28 if chance(rng, 0.5) else -0.28), (0.26 if chance(rng, 0.5) else -0.26)
    if min(w.length, w.width) > 6 and chance(rng, 0.7):
        x, y = _at(w, cu * w.length, cv * w.width)
        head = rectangle(
            x, y, uniform(rng, 0.25, 0.5) * w.length, uniform(rng, 0.3, 0.5) * w.width, w.angle
        )
        world.paint(
            head,
            jitter(rng, e.rgb, 0.12),
            texture="old_roof",
            level="roof",
            owner=e.id,
            height_m=w.eave_m + 2.5,
        )
    if chance(rng, 0.3):
        x, y = _at(w, -cu * w.length, uniform(rng, -0.25, 0.25) * w.width)
        cover = pick_roof(
            rng, ("rusty_tin", "dull_tin", "blue_metal", "dull_tin", "red_metal"), True
        )
        awning = rectangle(
            x, y, uniform(rng, 0.2, 0.4) * w.length, uniform(rng, 0.3, 0.45) * w.width, w.angle
        )
        world.paint(
            awning,
            jitter(rng, cover.rgb),
            texture=cover.texture,
            level="roof",
            owner=e.id,
            height_m=w.eave_m + 2.2,
        )
    if e.texture in ("rust", "old_roof"):
        _sheets(world, rng, e, w)
    for _ in range(int(rng.poisson(2.0))):
        _pots(world, rng, e, w)
    for _ in range(int(rng.poisson(6.0))):
        x, y = _at(w, uniform(rng, -0.42, 0.42) * w.length, uniform(rng, -0.4, 0.4) * w.width)
        if chance(rng, 0.4):
            r = uniform(rng, 0.45, 0.75)
            rgb: Rgb = _TANKS[int(rng.integers(len(_TANKS)))]
            world.paint(
                ellipse(x, y, r, r, 0, 10), rgb, level="roof", owner=e.id, height_m=w.eave_m + 1.6
            )
        else:
            size = uniform(rng, 0.4, 1.6)
            rgb = jitter(rng, (150, 140, 130), 0.35, 0.12)
            outline = rectangle(x, y, size, size * uniform(rng, 0.3, 1), w.angle)
            world.paint(outline, rgb, level="roof", owner=e.id, height_m=w.eave_m + 0.5)


def _pots(world: World, rng: Rng, e: Entity, w: Wing) -> None:
    """Plants in a row along a parapet."""
    v = (0.5 * w.width - 0.7) * (1 if chance(rng, 0.5) else -1)
    start, length = uniform(rng, -0.45, 0.1) * w.length, uniform(rng, 0.1, 0.35) * w.length
    for u in np.arange(start, start + length, 0.7):
        x, y = _at(w, float(u), v)
        size = uniform(rng, 0.2, 0.55)
        world.paint(
            ellipse(x, y, size, size, 0, 7), jitter(rng, (74, 96, 48), 0.2, 0.06),
            texture="leaves", level="roof", owner=e.id, height_m=w.eave_m + 0.8,
        )  # fmt: skip
