"""Tree crowns as small height fields, made once per process from a fixed seed."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Dome = NDArray[np.float32]
BROADLEAF = tuple(range(12))
CONIFER = (12, 13, 14)
PALM = (15, 16)
BARE = (17, 18, 19)
_SIDE = 72
_RIM = 0.03
"""Lower parts of a dome are no longer the crown."""


@lru_cache(maxsize=1)
def _domes() -> list[Dome]:
    rng = np.random.default_rng(11)
    yy, xx = (np.mgrid[0:_SIDE, 0:_SIDE].astype(np.float32) - (_SIDE - 1) / 2) / (_SIDE / 2)
    angle, radius = np.arctan2(yy, xx), np.hypot(xx, yy)
    domes = [_broadleaf(rng, xx, yy) for _ in BROADLEAF]
    for _ in CONIFER:
        arms = 0.72 + 0.16 * np.cos(rng.integers(7, 11) * angle + rng.uniform(0, 7))
        r = radius / arms
        domes.append(np.where(r < 1, np.clip(1.15 * (1 - r) + 0.08, 0, 1.2), 0))
    for _ in PALM:
        arms = np.abs(np.cos(rng.integers(4, 6) * angle + rng.uniform(0, 7))) ** 1.5
        r = radius / (0.3 + 0.68 * arms)
        domes.append(np.where(r < 1, 0.5 + 0.5 * (1 - r), 0))
    for _ in BARE:
        dome = _broadleaf(rng, xx, yy)
        twigs = cv2.resize(rng.random((40, 40)).astype(np.float32), (_SIDE, _SIDE))
        spokes = np.abs(np.cos(0.5 * rng.integers(9, 15) * angle + 2 * twigs))
        domes.append(np.where((twigs > 0.56) | (spokes * radius > 0.93 * radius), dome, 0))
    return [np.asarray(d, np.float32) for d in domes]


def _broadleaf(rng: np.random.Generator, xx: Dome, yy: Dome) -> Dome:
    """A crown built of several round tufts."""
    dome = np.zeros_like(xx)
    tufts = int(rng.integers(5, 12))
    turn = rng.uniform(0, 7)
    for k in range(tufts):
        a = turn + k * 2.4
        far = 0.62 * float(np.sqrt((k + 0.3) / tufts))
        size = float(rng.uniform(0.30, 0.48))
        r2 = ((xx - far * np.cos(a)) ** 2 + (yy - far * np.sin(a)) ** 2) / size**2
        top = (1.0 - 0.45 * far) * float(rng.uniform(0.8, 1.1))
        np.maximum(dome, top * np.sqrt(np.maximum(0, 1 - r2)), out=dome)
    clumps = cv2.resize(rng.random((22, 22)).astype(np.float32), (_SIDE, _SIDE))
    return np.asarray(dome * (0.72 + 0.5 * clumps))


@lru_cache(maxsize=4096)
def crown_dome(kind: int, size_px: int) -> Dome:
    """A crown `size_px` wide: heights up to 1.2; minus infinity outside, below everything."""
    domes = _domes()
    dome = cv2.resize(domes[kind % len(domes)], (size_px, size_px), interpolation=cv2.INTER_AREA)
    return np.asarray(np.where(dome > _RIM, dome, -np.inf), np.float32)
