"""Points in an entity's own axes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from rsrefseg.scenes.geometry import Points
from rsrefseg.scenes.world import Entity, Rgb

Sun3 = tuple[float, float, float]
"""Unit vector towards the sun: x, y, up."""

GLASS: Rgb = (44, 50, 58)


def local(e: Entity, points: Sequence[tuple[float, float]]) -> Points:
    """Points given along (-1..1) and across (-1..1) an entity, in the world."""
    c, s = math.cos(e.angle), math.sin(e.angle)
    hl, hw = e.length_m / 2, e.width_m / 2
    cx, cy = e.centre
    turn = np.array([(c * hl, s * hl), (-s * hw, c * hw)])
    return np.asarray(np.asarray(points, dtype=np.float64) @ turn + (cx, cy))


def box(u0: float, u1: float, v: float) -> list[tuple[float, float]]:
    """A rectangle from `u0` to `u1` along, as wide as `v` to both sides."""
    return [(u0, -v), (u1, -v), (u1, v), (u0, v)]


def times(rgb: Rgb, k: float) -> Rgb:
    """A colour made lighter or darker."""
    return min(rgb[0] * k, 255.0), min(rgb[1] * k, 255.0), min(rgb[2] * k, 255.0)
