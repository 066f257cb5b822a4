"""The form of pitched roofs: heights of their planes and how the sun lights them."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rsrefseg.scenes.world import Wing

Field = NDArray[np.float32]
STRIPE: dict[str, Literal["u", "v"]] = {
    "gable": "u", "hip": "u", "shed": "u", "dome": "u", "flat": "v",
}  # fmt: skip
"""Along which axis the sheets or rows of tiles of a roof follow one another."""

_DARKEST, _BRIGHTEST = 0.5, 1.4


def plane_heights(
    wing: Wing, u: Field, v: Field, au: Field, av: Field
) -> tuple[Field, NDArray[np.intp]]:
    """Height above ground, and the number 0..3 of the plane, of each point.

    Args:
        wing: the roof.
        u: metres along the ridge from the middle.
        v: metres across the ridge.
        au: absolute values of `u`.
        av: absolute values of `v`.
    """
    eave, pitch = np.float32(wing.eave_m), np.float32(wing.pitch)
    half_u, half_v = np.float32(wing.length / 2), np.float32(wing.width / 2)
    plane = (v > 0).astype(np.intp)
    if wing.roof == "gable":
        return eave + pitch * (half_v - av), plane
    if wing.roof == "hip":
        side, end = half_v - av, half_u - au
        plane = np.where(end < side, 2 + (u > 0), plane)
        return eave + pitch * np.minimum(side, end), plane
    if wing.roof == "shed":
        return eave + pitch * (half_v + v), plane
    if wing.roof == "dome":
        bent = np.sqrt(np.maximum(half_v**2 - v**2, 0))
        plane = np.digitize(v / half_v, (-0.6, 0.0, 0.6))
        return eave + pitch * bent, plane
    return np.broadcast_to(eave, v.shape).astype(np.float32), plane


def plane_shades(
    wing: Wing, turn: tuple[float, float], sun: tuple[float, float, float]
) -> tuple[float, float, float, float]:
    """Brightness of planes 0..3, a level surface being 1.

    Args:
        wing: the roof.
        turn: cosine and sine of the wing's angle.
        sun: unit vector towards the sun: x, y, up.
    """
    c, s = turn
    along, across = sun[0] * c + sun[1] * s, sun[1] * c - sun[0] * s

    def lit(toward: float, pitch: float) -> float:
        shade = (sun[2] + pitch * toward) / (sun[2] * math.hypot(1, pitch))
        return min(max(shade, _DARKEST), _BRIGHTEST)

    p = wing.pitch
    if wing.roof == "shed":
        return (lit(-across, p),) * 4
    if wing.roof == "dome":
        return lit(-across, 2 * p), lit(-across, 0.6 * p), lit(across, 0.6 * p), lit(across, 2 * p)
    return lit(-across, p), lit(across, p), lit(-along, p), lit(along, p)
