"""Noise for surfaces: a bank made once per process from a fixed seed, sampled by each scene."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
_BANK_PX = 1024


@lru_cache(maxsize=1)
def _white() -> Field:
    rng = np.random.default_rng(20240229)
    return rng.standard_normal((_BANK_PX, _BANK_PX), dtype=np.float32)


@lru_cache(maxsize=1)
def _canopy() -> Field:
    """Tree crowns seen from above as a height field 0..1; crowns are about 24 px wide."""
    rng = np.random.default_rng(7)
    field = np.zeros((_BANK_PX, _BANK_PX), np.float32)
    yy, xx = np.mgrid[-18:19, -18:19].astype(np.float32)
    squares = xx**2 + yy**2
    for _ in range(5200):
        x, y = rng.integers(21, _BANK_PX - 21, 2).tolist()
        r = rng.uniform(9, 18)
        dome = 1 - squares / r**2
        np.sqrt(np.maximum(dome, 0, out=dome), out=dome)
        dome *= rng.uniform(0.55, 1.0)
        view = field[y - 18 : y + 19, x - 18 : x + 19]
        np.maximum(view, dome, out=view)
    return field


def _crop(bank: Field, rng: np.random.Generator, rows: int, cols: int) -> Field:
    y = int(rng.integers(0, bank.shape[0] - min(rows, bank.shape[0]) + 1))
    x = int(rng.integers(0, bank.shape[1] - min(cols, bank.shape[1]) + 1))
    part = bank[y : y + rows, x : x + cols]
    if part.shape != (rows, cols):
        part = np.pad(part, ((0, rows - part.shape[0]), (0, cols - part.shape[1])), mode="wrap")
    return part


def field(rng: np.random.Generator, shape: tuple[int, int], wavelength_px: float) -> Field:
    """Smooth noise of about unit variance whose grains are `wavelength_px` wide."""
    if wavelength_px <= 2.0:
        return _crop(_white(), rng, *shape)
    step = wavelength_px / 2
    rows, cols = (int(n / step) + 4 for n in shape)
    grid = _crop(_white(), rng, rows, cols) * np.float32(1.25)
    y, x = ((1 + rng.random(2)) * step).astype(int).tolist()
    size = round(cols * step), round(rows * step)
    smooth = cv2.resize(grid, size, interpolation=cv2.INTER_CUBIC)
    return np.asarray(smooth[y : y + shape[0], x : x + shape[1]], np.float32)


def canopy(rng: np.random.Generator, shape: tuple[int, int], crown_px: float) -> Field:
    """Heights 0..1 of closed tree crowns, each about `crown_px` wide."""
    zoom = max(crown_px / 24.0, 0.05)
    rows, cols = (int(n / zoom) + 2 for n in shape)
    part = _crop(_canopy(), rng, rows, cols)
    return np.asarray(
        cv2.resize(part, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_LINEAR)[
            : shape[0], : shape[1]
        ],
        np.float32,
    )
