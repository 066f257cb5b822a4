"""Flat areas, trees, pools, boxes."""

from __future__ import annotations

import numpy as np

from rsrefseg.scenes.canvas import Canvas
from rsrefseg.scenes.painters.local import Sun3
from rsrefseg.scenes.world import Entity


def paint_area(canvas: Canvas, e: Entity, sun: Sun3) -> None:
    """A flat surface, perhaps with rows."""
    canvas.fill(e.outline, e.rgb, e.texture, e.id, e.height_m or None)
    if "row_m" in e.style:
        canvas.stripes(e.outline, e.angle, e.style["row_m"], e.style.get("row_depth", 0.15))


def paint_tree(canvas: Canvas, e: Entity, sun: Sun3) -> None:
    """One crown."""
    cx, cy = e.centre
    kind = int(e.style.get("kind", 0))
    canvas.crown(cx, cy, e.width_m / 2, e.height_m, e.rgb, e.id, kind)


def paint_pool(canvas: Canvas, e: Entity, sun: Sun3) -> None:
    """A pool: coping around water."""
    centre = np.array(e.centre)
    size = max(e.length_m, e.width_m, 1.0)
    canvas.fill(centre + (e.outline - centre) * (1 + 1.6 / size), (190, 184, 172), "concrete")
    canvas.fill(e.outline, e.rgb, "pool", e.id)


def paint_box(canvas: Canvas, e: Entity, sun: Sun3) -> None:
    """A container or another box."""
    canvas.fill(canvas.lifted(e.outline, e.height_m), e.rgb, "roof", e.id, e.height_m)
    if "row_m" in e.style:
        canvas.stripes(e.outline, e.angle + np.pi / 2, e.style["row_m"], 0.08)
