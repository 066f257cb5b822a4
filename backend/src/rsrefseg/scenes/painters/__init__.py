"""Painters: from the scene graph onto the canvas, one for each kind of entity, lowest first."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter

from rsrefseg.scenes.canvas import Canvas
from rsrefseg.scenes.painters.buildings import paint_building, paint_panel, paint_tank
from rsrefseg.scenes.painters.things import paint_area, paint_box, paint_pool, paint_tree
from rsrefseg.scenes.painters.vehicles import (
    paint_bus,
    paint_car,
    paint_plane,
    paint_ship,
    paint_truck,
)  # fmt: skip
from rsrefseg.scenes.world import Decor, Entity, World

Painter = Callable[[Canvas, Entity, tuple[float, float, float]], None]

PAINTERS: dict[str, Painter] = {
    "house": paint_building, "block": paint_building, "warehouse": paint_building,
    "shed": paint_building, "hangar": paint_building, "greenhouse": paint_building,
    "car": paint_car, "truck": paint_truck, "bus": paint_bus,
    "ship": paint_ship, "plane": paint_plane,
    "tank": paint_tank, "tree": paint_tree, "pool": paint_pool, "panel": paint_panel,
    "container": paint_box,
}  # fmt: skip
"""Classes that are not here are flat areas."""

LEVELS: dict[str, float] = {
    "grass": 0, "bare": 0, "field": 0, "sand": 0, "orchard": 0.2,
    "river": 1.8, "lake": 1.8, "sea": 1.8, "pond": 1.8,
    "apron": 2, "path": 2, "parking": 2.6, "dirt_road": 3, "runway": 3, "road": 3.2,
    "roundabout": 3.4, "motorway": 3.6, "railway": 3.8, "pier": 4,
    "track": 4.1, "pitch": 4.2, "court": 4.2, "pool": 4.2, "bridge": 5, "forest": 5.6,
    "container": 6, "car": 7, "truck": 7, "bus": 7, "ship": 7, "plane": 7,
    "shed": 8, "house": 8, "block": 8, "warehouse": 8, "hangar": 8, "greenhouse": 8, "tank": 8,
    "panel": 9, "tree": 10,
}  # fmt: skip
DECOR_LEVELS: dict[str, float] = {
    "yard": 1.2, "ground": 1.5, "shore": 1.6, "walk": 2.4, "court": 4.4, "deck": 5.2,
    "marking": 5.4, "fence": 5.8, "roof": 8.5,
}  # fmt: skip
_COVERING = frozenset({"yard", "ground", "shore", "walk", "fence"})
"""Paint on these levels hides the entity underneath; on others it is a part of it."""


def painting_order(world: World) -> list[Entity | Decor]:
    """Everything in a world, in the order in which it is painted."""
    keyed: list[tuple[float, float, int, Entity | Decor]] = []
    for i, e in enumerate(world.entities):
        keyed.append((LEVELS[e.cls], e.height_m, i, e))
    for i, d in enumerate(world.decor):
        keyed.append((DECOR_LEVELS[d.level], d.height_m, i, d))
    keyed.sort(key=itemgetter(0, 1, 2))
    return [k[3] for k in keyed]


def paint_decor(canvas: Canvas, d: Decor) -> None:
    """Paint without a name, lifted to its height."""
    outline = canvas.lifted(d.outline, d.height_m)
    if d.line_m:
        canvas.line(outline, d.rgb, d.line_m, d.texture)
    else:
        ident = 0 if d.owner is None and d.level in _COVERING else d.owner
        canvas.fill(outline, d.rgb, d.texture, ident, d.height_m or None)


__all__ = ["PAINTERS", "paint_area", "paint_decor", "painting_order"]
