"""One painter per kind of entity: from the scene graph onto the canvas."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rsrefseg.scenes.canvas import Canvas
from rsrefseg.scenes.geometry import Points, ellipse
from rsrefseg.scenes.materials import ROOF_BY_NAME
from rsrefseg.scenes.world import Entity, Rgb, Wing, wing_outline

Sun3 = tuple[float, float, float]
GLASS: Rgb = (42, 48, 56)


def _local(entity: Entity, points: list[tuple[float, float]]) -> Points:
    """Points given along (-1..1) and across (-1..1) an entity, in the world."""
    half = np.array([entity.length_m / 2, entity.width_m / 2])
    c, s = np.cos(entity.angle), np.sin(entity.angle)
    local = np.array(points, dtype=np.float64) * half
    return local @ np.array([(c, s), (-s, c)]) + entity.centre


def _times(rgb: Rgb, k: float) -> Rgb:
    return rgb[0] * k, rgb[1] * k, rgb[2] * k


def paint_area(canvas: Canvas, e: Entity, sun: Sun3) -> None:
    """A flat surface."""
    canvas.fill(e.outline, e.rgb, e.texture, e.id, e.height_m if e.height_m else None)
    if "row_m" in e.style:
        canvas.stripes(e.outline, e.angle, e.style["row_m"], e.style.get("row_depth", 0.15))


def paint_building(canvas: Canvas, e: Entity, sun: Sun3) -> None:
    """Walls (where the view leans) and the roof of each wing."""
    lx, ly = canvas.lean
    wall = _times(e.rgb, 0.55)
    if lx or ly:
        for w in e.wings:
            foot = wing_outline(w)
            top = foot + np.array([lx, ly]) * w.eave_m
            for k in range(4):
                side = np.stack([foot[k], foot[k - 1], top[k - 1], top[k]])
                canvas.fill(side, _times(wall, 0.8 + 0.2 * (k % 2)), "plain", e.id, 0.3)
    paint = ROOF_BY_NAME.get(e.covering or "")
    stripe = paint.stripe_m if paint else 0.0
    for w in e.wings:
        canvas.roof(w, e.rgb, e.texture, e.id, sun, stripe)
        if w.roof == "flat" and min(w.length, w.width) > 3.5 and e.style.get("rim", 0) > 0:
            inner = Wing(
                w.cx, w.cy, w.length - 0.7, w.width - 0.7, w.angle, "flat", w.eave_m + 0.01
            )
            canvas.roof(inner, _times(e.rgb, e.style["rim"]), e.texture, e.id, sun)


def paint_car(canvas: Canvas, e: Entity, sun: Sun3) -> None:
    """A car: rounded body, bonnet, windows and roof."""
    body = [
        (-1, -0.7),
        (-0.85, -1),
        (0.8, -1),
        (1, -0.6),
        (1, 0.6),
        (0.8, 1),
        (-0.85, 1),
        (-1, 0.7),
    ]
    canvas.fill(_local(e, body), e.rgb, "plain", e.id, 0.9)
    cabin = [(-0.75, -0.82), (0.38, -0.82), (0.38, 0.82), (-0.75, 0.82)]
    canvas.fill(_local(e, cabin), GLASS, "plain", e.id, 1.3)
    roof = [(-0.52, -0.74), (0.1, -0.74), (0.1, 0.74), (-0.52, 0.74)]
    canvas.fill(_local(e, roof), _times(e.rgb, 1.06), "plain", e.id, 1.5)


def paint_truck(canvas: Canvas, e: Entity, sun: Sun3) -> None:
    """A lorry: cab in front of a box."""
    canvas.fill(
        _local(e, [(0.68, -0.9), (1, -0.9), (1, 0.9), (0.68, 0.9)]), e.rgb, "plain", e.id, 2.4
    )
    canvas.fill(
        _local(e, [(0.88, -0.8), (0.97, -0.8), (0.97, 0.8), (0.88, 0.8)]), GLASS, "plain", e.id, 2.0
    )
    box: Rgb = (e.style["box_r"], e.style["box_g"], e.style["box_b"])
    canvas.fill(_local(e, [(-1, -1), (0.6, -1), (0.6, 1), (-1, 1)]), box, "plain", e.id, 3.4)


def paint_bus(canvas: Canvas, e: Entity, sun: Sun3) -> None:
    """A bus: long roof with hatches."""
    canvas.fill(
        _local(e, [(-1, -1), (0.97, -1), (1, 0), (0.97, 1), (-1, 1)]), e.rgb, "plain", e.id, 3.0
    )
    for at in (-0.55, 0.05, 0.6):
        hatch = [(at - 0.07, -0.4), (at + 0.07, -0.4), (at + 0.07, 0.4), (at - 0.07, 0.4)]
        canvas.fill(_local(e, hatch), _times(e.rgb, 0.7), "plain", e.id, 3.2)
    canvas.fill(
        _local(e, [(0.93, -0.9), (0.99, -0.7), (0.99, 0.7), (0.93, 0.9)]), GLASS, "plain", e.id, 2.9
    )


def paint_ship(canvas: Canvas, e: Entity, sun: Sun3) -> None:
    """A ship: hull, deck and superstructure."""
    hull = [
        (-1, -0.75),
        (-0.8, -1),
        (0.45, -1),
        (0.8, -0.55),
        (1, 0),
        (0.8, 0.55),
        (0.45, 1),
        (-0.8, 1),
        (-1, 0.75),
    ]
    canvas.fill(_local(e, hull), _times(e.rgb, 0.6), "plain", e.id, 1.2)
    deck = [(x * 0.93, y * 0.82) for x, y in hull]
    canvas.fill(_local(e, deck), e.rgb, "plain", e.id, 1.6)
    at = e.style.get("bridge", -0.5)
    house = [(at - 0.22, -0.6), (at + 0.2, -0.6), (at + 0.2, 0.6), (at - 0.22, 0.6)]
    canvas.fill(_local(e, house), (226, 226, 222), "plain", e.id, 3.5)
    pane = [(at + 0.14, -0.5), (at + 0.2, -0.5), (at + 0.2, 0.5), (at + 0.14, 0.5)]
    canvas.fill(_local(e, pane), GLASS, "plain", e.id, 3.2)


def paint_plane(canvas: Canvas, e: Entity, sun: Sun3) -> None:
    """An aeroplane seen from above: fuselage, swept wings, tail."""
    wings = [(0.22, 0), (-0.12, 1), (-0.26, 1), (-0.1, 0), (-0.26, -1), (-0.12, -1)]
    canvas.fill(_local(e, wings), _times(e.rgb, 0.93), "plain", e.id, 2.5)
    tail = [(-0.7, 0), (-0.88, 0.34), (-0.97, 0.34), (-0.9, 0), (-0.97, -0.34), (-0.88, -0.34)]
    canvas.fill(_local(e, tail), _times(e.rgb, 0.93), "plain", e.id, 3.0)
    wide = 0.11
    body = [(-1, 0), (-0.8, -wide * 0.6), (-0.4, -wide), (0.75, -wide), (0.93, -wide * 0.6), (1, 0)]
    canvas.fill(_local(e, body + [(x, -y) for x, y in body[::-1]]), e.rgb, "plain", e.id, 4.0)
    for side in (-1, 1):
        engine = [
            (0.02, side * 0.32),
            (0.16, side * 0.32),
            (0.16, side * 0.38),
            (0.02, side * 0.38),
        ]
        canvas.fill(_local(e, engine), _times(e.rgb, 0.7), "plain", e.id, 1.8)


def paint_tank(canvas: Canvas, e: Entity, sun: Sun3) -> None:
    """A storage tank: wall, roof with a lit and a shaded half."""
    lx, ly = (v * e.height_m for v in canvas.lean)
    r = e.width_m / 2
    cx, cy = e.centre
    canvas.fill(ellipse(cx, cy, r, r, 0), _times(e.rgb, 0.6), "plain", e.id, e.height_m - 0.2)
    cx, cy = cx + lx, cy + ly
    canvas.fill(ellipse(cx, cy, r, r, 0), _times(e.rgb, 0.85), "roof", e.id, e.height_m)
    canvas.fill(ellipse(cx, cy, r * 0.92, r * 0.92, 0), e.rgb, "roof", e.id, e.height_m)
    k = 0.35 * r
    canvas.fill(
        ellipse(cx + sun[0] * k, cy + sun[1] * k, r * 0.5, r * 0.5, 0),
        _times(e.rgb, 1.06),
        "roof",
        e.id,
        e.height_m,
    )


def paint_tree(canvas: Canvas, e: Entity, sun: Sun3) -> None:
    """One crown."""
    cx, cy = e.centre
    canvas.crown(cx, cy, e.width_m / 2, e.height_m, e.rgb, e.id, int(e.style.get("kind", 0)))


def paint_pool(canvas: Canvas, e: Entity, sun: Sun3) -> None:
    """A pool: coping around water."""
    centre = e.outline.mean(axis=0)
    canvas.fill(centre + (e.outline - centre) * 1.22, (196, 190, 178), "plain", None, None)
    canvas.fill(e.outline, e.rgb, "pool", e.id, None)


def paint_panel(canvas: Canvas, e: Entity, sun: Sun3) -> None:
    """Solar panels: dark blue modules with thin frames."""
    lift = e.height_m
    shift = np.array(canvas.lean) * lift
    outline = e.outline + shift
    canvas.fill(outline, (120, 126, 136), "plain", e.id, lift)
    along_n = max(int(e.length_m / 1.7), 1)
    across_n = max(int(e.width_m / 1.1), 1)
    for i in range(along_n):
        for j in range(across_n):
            u = (-1 + (2 * i + 1) / along_n, -1 + (2 * j + 1) / across_n)
            du, dv = 0.9 / along_n, 0.9 / across_n
            cell = [
                (u[0] - du, u[1] - dv),
                (u[0] + du, u[1] - dv),
                (u[0] + du, u[1] + dv),
                (u[0] - du, u[1] + dv),
            ]
            canvas.fill(_local(e, cell) + shift, e.rgb, "plain", e.id, lift)


def paint_box(canvas: Canvas, e: Entity, sun: Sun3) -> None:
    """A container or another box."""
    canvas.fill(e.outline, e.rgb, "roof", e.id, e.height_m)
    if "row_m" in e.style:
        canvas.stripes(e.outline, e.angle + np.pi / 2, e.style["row_m"], 0.08)


PAINTERS: dict[str, Callable[[Canvas, Entity, Sun3], None]] = {
    "house": paint_building,
    "block": paint_building,
    "warehouse": paint_building,
    "shed": paint_building,
    "hangar": paint_building,
    "greenhouse": paint_building,
    "car": paint_car,
    "truck": paint_truck,
    "bus": paint_bus,
    "ship": paint_ship,
    "plane": paint_plane,
    "tank": paint_tank,
    "tree": paint_tree,
    "pool": paint_pool,
    "panel": paint_panel,
    "container": paint_box,
}

LEVELS: dict[str, int] = {
    "grass": 0, "bare": 0, "field": 0, "forest": 9, "orchard": 0, "sand": 0,
    "river": 1, "lake": 1, "sea": 1, "pond": 1,
    "parking": 3, "apron": 2, "railway": 4, "path": 2, "dirt_road": 3, "road": 3, "motorway": 4,
    "runway": 3, "roundabout": 4, "pier": 4, "bridge": 6,
    "pitch": 5, "court": 5, "pool": 5, "track": 4,
    "container": 6, "car": 7, "truck": 7, "bus": 7, "ship": 7, "plane": 7,
    "shed": 8, "house": 8, "block": 8, "warehouse": 8, "hangar": 8, "greenhouse": 8, "tank": 8,
    "panel": 9, "tree": 10,
}  # fmt: skip
DECOR_LEVELS: dict[str, float] = {
    "shore": 0.5, "ground": 1.5, "deck": 6.2, "court": 5.5, "road": 6.5, "roof": 8.5,
}  # fmt: skip
