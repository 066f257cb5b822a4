"""The form of pitched roofs: heights of their planes and how the sun lights them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rsrefseg.scenes.materials import Sheets
from rsrefseg.scenes.world import Rgb, Wing

Field = NDArray[np.float32]
TONES = 16
"""How many tones the sheets of one roof have."""
_TONES, _STAINS = np.hsplit(np.random.default_rng(3).standard_normal((64, 2)), 2)
_STAINS = np.clip(0.4 + 0.6 * _STAINS, 0, 1)

_DARKEST, _BRIGHTEST = 0.5, 1.4


def plane_heights(
    wing: Wing, u: Field, v: Field, au: Field, av: Field
) -> tuple[Field, NDArray[np.int32]]:
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
    if wing.roof == "flat":
        return np.full(v.shape, eave), np.zeros(v.shape, np.int32)
    plane = (v > 0).astype(np.int32)
    if wing.roof == "gable":
        return eave + pitch * (half_v - av), plane
    if wing.roof == "hip":
        side, end = half_v - av, half_u - au
        plane = np.where(end < side, np.int32(2) + (u > 0), plane)
        return eave + pitch * np.minimum(side, end), plane
    if wing.roof == "shed":
        return eave + pitch * (half_v + v), plane
    bent = np.sqrt(np.maximum(half_v**2 - v**2, 0))
    plane += (v > -0.6 * half_v).astype(np.int32) + (v > 0.6 * half_v)
    return eave + pitch * bent, plane


def plane_shades(
    wing: Wing, turn: tuple[float, float], sun: tuple[float, float, float]
) -> tuple[float, float, float, float]:
    """Brightness of planes 0..3, a level surface being 1.

    Args:
        wing: the roof.
        turn: cosine and sine of the wing's angle.
        sun: unit vector towards the sun: x, y, up.
    """
    if wing.roof == "flat":
        return 1.0, 1.0, 1.0, 1.0
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


def sheet_tones(rgb: Rgb, sheets: Sheets, ident: int) -> NDArray[np.float64]:
    """The albedos that the sheets of one roof have: `TONES`,3; the same for the same `ident`."""
    start = 5 * ident % (len(_TONES) - TONES)
    own = np.s_[start : start + TONES]
    tones = np.array(rgb) * (1 + sheets.spread * _TONES[own])
    if sheets.stain:
        tones += (np.array(sheets.stain_rgb) - tones) * (sheets.stain * _STAINS[own])
    return np.asarray(tones)


def sheet_numbers(wing: Wing, u: Field, v: Field, sheets: Sheets) -> NDArray[np.int32]:
    """Which of the tones 0..`TONES` - 1 each point has."""
    across_m = min(sheets.across_m, 0.6 * wing.width)
    iu = (u * np.float32(1 / sheets.along_m) + np.float32(512.5)).astype(np.int32)
    iv = (v * np.float32(1 / across_m) + np.float32(512.0)).astype(np.int32)
    mixed = iu * np.int32(40503) + iv * np.int32(30011)
    return np.asarray((mixed ^ (mixed >> 7)) & np.int32(TONES - 1))
