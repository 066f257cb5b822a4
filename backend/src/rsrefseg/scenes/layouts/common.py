"""Placing single things: buildings, trees, vehicles, pools; each finds free ground or gives up."""

from __future__ import annotations

import numpy as np

from rsrefseg.scenes.geometry import Points, along, ellipse, offset, rectangle, ribbon
from rsrefseg.scenes.materials import ROOF_BY_NAME, ROOFS, RoofPaint, car_paint, jitter
from rsrefseg.scenes.world import Entity, Rgb, Roof, Wing, World, wing_outline

Rng = np.random.Generator


def chance(rng: Rng, p: float) -> bool:
    """True with probability p."""
    return bool(rng.random() < p)


def scatter(world: World, rng: Rng, spacing_m: float, margin_m: float = 4.0) -> Points:
    """Random points over the view, about `spacing_m` apart; at most 900."""
    w, h = world.width_m + 2 * margin_m, world.height_m + 2 * margin_m
    n = int(min(w * h / spacing_m**2, 900))
    return rng.random((n, 2)) * (w, h) - margin_m


def road(
    world: World, line: Points, width_m: float, rgb: Rgb, cls: str = "road", **more: object
) -> Entity:
    """A road along a line; takes its ground."""
    outline = ribbon(line, width_m)
    texture = {"dirt_road": "dirt", "railway": "rock", "path": "dirt"}.get(cls, "asphalt")
    fields: dict[str, object] = {"texture": texture, "axis": line, "width_m": width_m, **more}
    entity = world.add(cls, outline, rgb, **fields)
    world.take(outline)
    return entity


def dashes(world: World, line: Points, dash_m: float, gap_m: float, width_m: float) -> None:
    """A dashed line of road paint."""
    for x, y, angle in along(line, dash_m + gap_m):
        if world.in_view(x, y, 5):
            world.paint(rectangle(x, y, dash_m, width_m, angle), (214, 212, 204), level="road")


def edge_line(world: World, line: Points, side_m: float, width_m: float = 0.15) -> None:
    """A solid line of road paint."""
    world.paint(ribbon(offset(line, side_m), width_m), (206, 204, 196), level="road")


def pick_roof(rng: Rng, style: tuple[str, ...], flat: bool) -> RoofPaint:
    """A covering of a style that fits the roof's form."""
    fits = [ROOF_BY_NAME[n] for n in style]
    fits = [r for r in fits if (r.flat if flat else r.pitched)]
    if not fits or chance(rng, 0.08):
        fits = [r for r in ROOFS if (r.flat if flat else r.pitched)]
    return fits[int(rng.integers(len(fits)))]


def _wings(
    rng: Rng, x: float, y: float, length: float, width: float, angle: float, roof: Roof,
    eave: float, pitch: float,
) -> tuple[tuple[Wing, ...], str]:  # fmt: skip
    """A building's wings and its shape word, within length x about 1.6 width."""
    c, s = float(np.cos(angle)), float(np.sin(angle))

    def at(u: float, v: float) -> tuple[float, float]:
        return x + u * c - v * s, y + u * s + v * c

    main = Wing(x, y, length, width, angle, roof, eave, pitch)
    form = rng.random()
    if roof in ("shed", "dome") or form < 0.66 or length < 8:
        return (main,), "square" if length < 1.12 * width else "rectangular"
    side = float(rng.choice([-1, 1]))
    arm_w = width * float(rng.uniform(0.6, 0.85))
    out = width * float(rng.uniform(0.6, 1.1))
    reach = width / 2 + out

    def arm(u: float) -> Wing:
        ax, ay = at(u, side * reach / 2)
        return Wing(ax, ay, reach, arm_w, angle + np.pi / 2, roof, eave, pitch)

    end = length / 2 - arm_w / 2
    if form < 0.90 or length < 2.6 * arm_w:
        return (main, arm(end * float(rng.choice([-1, 1])))), "l-shaped"
    return (main, arm(end), arm(-end)), "u-shaped"


def building(
    world: World, rng: Rng, cls: str, x: float, y: float, length: float, width: float,
    angle: float, *, roof: Roof, covering: RoofPaint, eave_m: float, gap_m: float = 0.8,
) -> Entity | None:  # fmt: skip
    """Put a building where there is room for it."""
    pitch = float(rng.uniform(0.3, 0.85)) if roof in ("gable", "hip") else 0.12
    wings, shape = _wings(rng, x, y, length, width, angle, roof, eave_m, pitch)
    grown = [wing_outline(w, gap_m) for w in wings]
    if not all(world.free(g) for g in grown):
        wings, shape = wings[:1], "rectangular"
        if not world.free(grown[0]):
            return None
    for w in wings:
        world.take(wing_outline(w, 0.3))
    outline = np.concatenate([wing_outline(w) for w in wings])
    entity = world.add(
        cls, outline, jitter(rng, covering.rgb, 0.09, 0.025), texture=covering.texture,
        height_m=eave_m, wings=wings, angle=angle, length_m=length, width_m=width, shape=shape,
        material=covering.material, covering=covering.name,
    )  # fmt: skip
    if roof == "flat":
        entity.style["rim"] = float(rng.choice([0.0, 0.9, 1.08]))
    _roof_details(world, rng, entity)
    return entity


def _roof_details(world: World, rng: Rng, e: Entity) -> None:
    """Chimneys, skylights, plant and solar panels."""
    w = e.wings[0]
    c, s = float(np.cos(w.angle)), float(np.sin(w.angle))

    def at(u: float, v: float) -> tuple[float, float]:
        return w.cx + u * c - v * s, w.cy + u * s + v * c

    if (
        w.length > 5
        and w.width > 4
        and chance(rng, 0.16)
        and e.cls in ("house", "block", "warehouse")
    ):
        side = float(rng.choice([-1, 1]))
        length = float(rng.uniform(0.35, 0.75)) * w.length
        width = float(rng.uniform(0.22, 0.36)) * w.width
        px, py = at(0, side * 0.24 * w.width)
        lift = w.eave_m + (w.pitch * 0.25 * w.width if w.roof in ("gable", "hip") else 0.3)
        world.add(
            "panel", rectangle(px, py, length, width, w.angle), jitter(rng, (38, 46, 72)),
            length_m=length, width_m=width, angle=w.angle, height_m=lift + 0.1, part_of=e.id,
        )  # fmt: skip
        e.has.add("panel")
        return
    n = int(rng.poisson(0.8 if w.roof != "flat" else min(w.length * w.width / 90, 6)))
    for _ in range(n):
        u, v = float(rng.uniform(-0.4, 0.4)) * w.length, float(rng.uniform(-0.35, 0.35)) * w.width
        size = float(rng.uniform(0.5, 1.1) if w.roof != "flat" else rng.uniform(0.7, 2.4))
        dark = chance(rng, 0.5)
        rgb: Rgb = (60, 64, 70) if dark else (190, 188, 184)
        px, py = at(u, v)
        rise = w.pitch * (w.width / 2 - abs(v)) if w.roof in ("gable", "hip") else 0.0
        top = w.eave_m + rise + (0.1 if dark else 1.0)
        world.paint(
            rectangle(px, py, size, size * float(rng.uniform(0.6, 1.4)), w.angle), rgb,
            texture="plain", level="roof", owner=e.id, height_m=top,
        )  # fmt: skip


def tree(
    world: World, rng: Rng, x: float, y: float, rgb: Rgb, size_m: float | None = None,
    anywhere: bool = False,
) -> Entity | None:  # fmt: skip
    """A tree; its trunk needs free ground, its crown may hang over things."""
    if not world.in_view(x, y, 6.0) or not (anywhere or world.free_at(x, y)):
        return None
    width = size_m or min(max(float(rng.lognormal(1.5, 0.4)), 1.6), 13.0)
    if not world.in_view(x, y, width / 2):
        return None
    world.take(rectangle(x, y, width * 0.5, width * 0.5, 0.0))
    return world.add(
        "tree", ellipse(x, y, width / 2, width / 2, 0, 12), jitter(rng, rgb, 0.13, 0.06),
        texture="leaves", width_m=width, length_m=width,
        height_m=width * float(rng.uniform(0.8, 1.3)) + 1, style={"kind": float(rng.integers(10))},
    )  # fmt: skip


def vehicle(
    world: World, rng: Rng, x: float, y: float, angle: float, cls: str = "car",
    take: bool = True, share: float = 0.0,
) -> Entity | None:  # fmt: skip
    """A car, truck or bus; with `take` it needs free ground."""
    if not world.in_view(x, y, 8):
        return None
    length, width = {"car": (4.5, 1.85), "truck": (9.0, 2.5), "bus": (12.0, 2.6)}[cls]
    k = float(rng.uniform(0.9, 1.12))
    length, width = length * k, width * (0.5 + 0.5 * k)
    outline = rectangle(x, y, length, width, angle)
    if take:
        if not world.free(rectangle(x, y, length + 0.5, width + 0.3, angle), share):
            return None
        world.take(outline)
    rgb = car_paint(rng)
    style: dict[str, float] = {}
    if cls == "truck":
        box = rgb if chance(rng, 0.3) else jitter(rng, (222, 222, 220))
        style = {"box_r": box[0], "box_g": box[1], "box_b": box[2]}
    elif cls == "bus" and chance(rng, 0.5):
        rgb = jitter(rng, (224, 222, 214))
    return world.add(
        cls, outline, rgb, length_m=length, width_m=width, angle=angle, height_m=1.4, style=style
    )


def traffic(world: World, rng: Rng, line: Points, width_m: float, gap_m: float) -> None:
    """Vehicles on both lanes of a road."""
    lane = width_m / 4
    for side, turn in ((1, 0.0), (-1, np.pi)):
        at = float(rng.uniform(0, gap_m))
        for x, y, angle in along(offset(line, side * lane), 7.0, at):
            if chance(rng, 7.0 / gap_m):
                cls = str(rng.choice(["car", "truck", "bus"], p=[0.84, 0.11, 0.05]))
                vehicle(world, rng, x, y, angle + turn, cls, take=False)


def pool(world: World, rng: Rng, x: float, y: float, angle: float) -> Entity | None:
    """A swimming pool."""
    length, width = float(rng.uniform(5, 10)), float(rng.uniform(3, 5))
    grown = rectangle(x, y, length + 2, width + 2, angle)
    if not world.claim(grown):
        return None
    if chance(rng, 0.3):
        outline = ellipse(x, y, length / 2, width / 2, angle)
    else:
        outline = rectangle(x, y, length, width, angle)
    rgb = jitter(rng, (86, 176, 196), 0.08, 0.05)
    return world.add(
        "pool", outline, rgb, texture="pool", length_m=length, width_m=width, angle=angle
    )
