"""Cars, lorries, buses, ships, aeroplanes."""

from __future__ import annotations

from rsrefseg.scenes.canvas import Canvas
from rsrefseg.scenes.painters.local import GLASS, Sun3, box, local, times
from rsrefseg.scenes.world import Entity, Rgb

_BODY = (
    (-1, -0.7), (-0.88, -1), (0.8, -1), (1, -0.6), (1, 0.6), (0.8, 1), (-0.88, 1), (-1, 0.7),
)  # fmt: skip
_HULL = (
    (-1, -0.75), (-0.8, -1), (0.45, -1), (0.8, -0.55), (1, 0),
    (0.8, 0.55), (0.45, 1), (-0.8, 1), (-1, 0.75),
)  # fmt: skip
_WINGS = ((0.22, 0), (-0.12, 1), (-0.26, 1), (-0.1, 0), (-0.26, -1), (-0.12, -1))
_STRAIGHT_WINGS = (
    (0.42, 0.1),
    (0.38, 1),
    (0.14, 1),
    (0.1, 0),
    (0.14, -1),
    (0.38, -1),
    (0.42, -0.1),
)
_TAIL = ((-0.7, 0), (-0.88, 0.36), (-0.98, 0.36), (-0.9, 0), (-0.98, -0.36), (-0.88, -0.36))
_FUSELAGE = (
    (-1, 0), (-0.8, -0.06), (-0.4, -0.1), (0.75, -0.1), (0.93, -0.06), (1, 0),
    (0.93, 0.06), (0.75, 0.1), (-0.4, 0.1), (-0.8, 0.06),
)  # fmt: skip
_FINE = 3.5
"""Pixels per metre of canvas from which windows are worth painting."""


def paint_car(canvas: Canvas, e: Entity, sun: Sun3) -> None:
    """A car: rounded body, bonnet, windows and roof."""
    canvas.fill(local(e, _BODY), e.rgb, "plain", e.id, 0.9)
    if canvas.scale < _FINE:
        canvas.fill(local(e, box(0.1, 0.42, 0.8)), GLASS, "plain", e.id, 1.3)
        return
    canvas.fill(local(e, box(-0.8, 0.4, 0.84)), GLASS, "plain", e.id, 1.3)
    canvas.fill(local(e, box(-0.55, 0.1, 0.76)), times(e.rgb, 1.06), "plain", e.id, 1.5)


def paint_truck(canvas: Canvas, e: Entity, sun: Sun3) -> None:
    """A lorry: cab in front of a box."""
    canvas.fill(local(e, box(0.68, 1, 0.9)), e.rgb, "plain", e.id, 2.4)
    canvas.fill(local(e, box(0.88, 0.97, 0.8)), GLASS, "plain", e.id, 2.0)
    load: Rgb = (e.style["box_r"], e.style["box_g"], e.style["box_b"])
    canvas.fill(local(e, box(-1, 0.6, 1)), load, "plain", e.id, 3.4)


def paint_bus(canvas: Canvas, e: Entity, sun: Sun3) -> None:
    """A bus: a long roof with hatches."""
    canvas.fill(
        local(e, [*box(-1, 0.97, 1)[:2], (1, 0), *box(-1, 0.97, 1)[2:]]), e.rgb, "plain", e.id, 3
    )
    for at in (-0.55, 0.05, 0.6):
        hatch = box(at - 0.07, at + 0.07, 0.4)
        canvas.fill(local(e, hatch), times(e.rgb, 0.7), "plain", e.id, 3.2)
    canvas.fill(local(e, box(0.93, 0.99, 0.8)), GLASS, "plain", e.id, 2.9)


def paint_ship(canvas: Canvas, e: Entity, sun: Sun3) -> None:
    """A ship: hull, deck, holds and superstructure."""
    canvas.fill(local(e, _HULL), times(e.rgb, 0.6), "plain", e.id, 1.2)
    deck = [(x * 0.93, y * 0.82) for x, y in _HULL]
    canvas.fill(local(e, deck), e.rgb, "plain", e.id, 1.6)
    at = e.style.get("bridge", -0.5)
    if e.length_m > 22:
        for hold in (-0.2, 0.1, 0.4):
            if abs(hold - at) > 0.3:
                canvas.fill(
                    local(e, box(hold - 0.1, hold + 0.1, 0.5)),
                    times(e.rgb, 0.72),
                    "plain",
                    e.id,
                    1.8,
                )
    canvas.fill(local(e, box(at - 0.2, at + 0.18, 0.6)), (224, 224, 220), "plain", e.id, 3.5)
    canvas.fill(local(e, box(at + 0.12, at + 0.18, 0.5)), GLASS, "plain", e.id, 3.2)


def paint_plane(canvas: Canvas, e: Entity, sun: Sun3) -> None:
    """An aeroplane seen from above: wings, engines, tail, fuselage."""
    small = e.length_m < 18
    wings = _STRAIGHT_WINGS if small else _WINGS
    canvas.fill(local(e, wings), times(e.rgb, 0.93), "plain", e.id, 2.5)
    canvas.fill(local(e, _TAIL), times(e.rgb, 0.93), "plain", e.id, 3.0)
    canvas.fill(local(e, _FUSELAGE), e.rgb, "plain", e.id, 4.0)
    if small:
        canvas.fill(local(e, box(0.42, 0.56, 0.07)), GLASS, "plain", e.id, 4.0)
        return
    for side in (-1.0, 1.0):
        engine = [
            (0.02, side * 0.32),
            (0.16, side * 0.32),
            (0.16, side * 0.38),
            (0.02, side * 0.38),
        ]
        canvas.fill(local(e, engine), times(e.rgb, 0.7), "plain", e.id, 1.8)
    canvas.fill(local(e, box(0.88, 0.93, 0.05)), GLASS, "plain", e.id, 4.0)
