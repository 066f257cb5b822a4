"""Buildings, tanks and what is on roofs."""

from __future__ import annotations

import numpy as np

from rsrefseg.scenes.canvas import Canvas
from rsrefseg.scenes.geometry import ellipse
from rsrefseg.scenes.materials import ROOF_BY_NAME
from rsrefseg.scenes.painters.local import Sun3, local, times
from rsrefseg.scenes.world import Entity, Rgb, wing_outline

WALL: Rgb = (168, 160, 148)
_PARAPET_M, _WALL_M = 0.7, 0.3
"""Height and thickness of the wall around a flat roof."""

_WALLS = np.array([(k, (k - 1) % 4, (k - 1) % 4 + 4, k + 4) for k in range(4)])
"""Corners of each wall, of four on the ground and four at the eaves."""


def paint_building(canvas: Canvas, e: Entity, sun: Sun3) -> None:
    """Walls, where the view leans, and the roof of each wing."""
    for w in e.wings if any(canvas.lean) else ():
        foot = wing_outline(w)
        corners = np.concatenate([foot, canvas.lifted(foot, w.eave_m)])
        for k, side in enumerate(corners[_WALLS]):
            canvas.fill(side, times(WALL, 0.62 + 0.12 * (k % 2)), "plain", e.id, 0.3)
    paint = ROOF_BY_NAME.get(e.covering or "")
    sheets = paint.sheets if paint else None
    rim = e.style.get("rim", 0.0)
    flat = sorted((w for w in e.wings if w.roof == "flat"), key=lambda w: w.eave_m)
    for w in flat:
        outline = canvas.lifted(wing_outline(w), w.eave_m)
        lift = _PARAPET_M if rim else 0.0
        canvas.fill(outline, times(e.rgb, rim or 1.0), e.texture, e.id, w.eave_m + lift)
        if rim:
            inner = canvas.lifted(wing_outline(w, -_WALL_M), w.eave_m)
            canvas.fill(inner, e.rgb, e.texture, e.id, w.eave_m)
        if sheets is not None:
            canvas.pitched(w, e.rgb, e.texture, e.id, sun, sheets, _WALL_M if rim else 0.0)
    for w in e.wings:
        if w.roof != "flat":
            canvas.pitched(w, e.rgb, e.texture, e.id, sun, sheets)


def paint_tank(canvas: Canvas, e: Entity, sun: Sun3) -> None:
    """A storage tank: wall, rim, roof with a lighter side towards the sun."""
    shift = np.array(canvas.lean) * e.height_m
    r = e.width_m / 2
    cx, cy = e.centre
    if shift.any():
        for t in (0.0, 0.35, 0.7):
            outline = ellipse(cx, cy, r, r, 0) + shift * t
            canvas.fill(outline, times(e.rgb, 0.62), "plain", e.id, e.height_m * 0.9)
    cx, cy = cx + float(shift[0]), cy + float(shift[1])
    canvas.fill(ellipse(cx, cy, r, r, 0), times(e.rgb, 0.84), "roof", e.id, e.height_m)
    canvas.fill(ellipse(cx, cy, r * 0.92, r * 0.92, 0), e.rgb, "roof", e.id, e.height_m)
    k = 0.3 * r
    lit = ellipse(cx + sun[0] * k, cy + sun[1] * k, r * 0.55, r * 0.55, 0)
    canvas.fill(lit, times(e.rgb, 1.05), "roof", e.id, e.height_m)
    if r * canvas.scale > 10:
        knob = ellipse(cx, cy, r * 0.07, r * 0.07, 0, 8)
        canvas.fill(knob, times(e.rgb, 0.7), "plain", e.id, e.height_m)


def paint_panel(canvas: Canvas, e: Entity, sun: Sun3) -> None:
    """Solar panels: dark modules with thin frames."""
    frame = max(0.0, min(1.0, (canvas.scale - 3) / 6))
    joints: Rgb = (
        e.rgb[0] + (125 - e.rgb[0]) * frame,
        e.rgb[1] + (130 - e.rgb[1]) * frame,
        e.rgb[2] + (140 - e.rgb[2]) * frame,
    )
    canvas.fill(canvas.lifted(e.outline, e.height_m), joints, "plain", e.id, e.height_m)
    nu, nv = max(int(e.length_m / 1.7), 1), max(int(e.width_m / 1.1), 1)
    if canvas.scale < 4 or nu * nv > 150:
        nu, nv = min(nu, 4), min(nv, 2)
    for i in range(nu):
        for j in range(nv):
            u, v = -1 + (2 * i + 1) / nu, -1 + (2 * j + 1) / nv
            du, dv = 0.92 / nu, 0.92 / nv
            cell = [(u - du, v - dv), (u + du, v - dv), (u + du, v + dv), (u - du, v + dv)]
            canvas.fill(canvas.lifted(local(e, cell), e.height_m), e.rgb, "plain", e.id, e.height_m)
