"""Light: surface texture, one sun's shadows and relief, from the painted canvas."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from rsrefseg.scenes import noise
from rsrefseg.scenes.materials import TEXTURE_INDEX, TEXTURES

Field = NDArray[np.float32]
Index = NDArray[np.uint8]

_GRAINS_M = (0.25, 0.8, 4.0, 18.0)
_AMPLITUDES = np.array(
    [(t.fine, t.small, t.middle, t.coarse) for t in TEXTURES.values()], np.float32
)
_TINT = np.array([t.tint for t in TEXTURES.values()], np.float32)
_PATCH = np.array([t.patch for t in TEXTURES.values()], np.float32)
_PATCH_RGB = np.array([t.patch_rgb or (128, 128, 128) for t in TEXTURES.values()], np.float32)


@dataclass(frozen=True)
class Sun:
    """Where the sun stands: unit vector towards it in the picture, and its height in radians."""

    x: float
    y: float
    elevation: float

    @property
    def vector(self) -> tuple[float, float, float]:
        """Unit vector towards the sun: x, y, up."""
        c = float(np.cos(self.elevation))
        return self.x * c, self.y * c, float(np.sin(self.elevation))


def draw_sun(rng: np.random.Generator) -> Sun:
    """A sun at random: any side, but never straight above nor at the horizon."""
    azimuth = rng.uniform(0, 2 * np.pi)
    elevation = float(rng.uniform(0.55, 1.2))
    return Sun(float(np.cos(azimuth)), float(np.sin(azimuth)), elevation)


def textured(rng: np.random.Generator, albedo: Field, index: Index, resolution_m: float) -> None:
    """Grain, stains and patches on albedo, 3,H,W float32 0..255, which is changed in place."""
    shape = (index.shape[0], index.shape[1])
    grains = [noise.field(rng, shape, g / resolution_m) for g in _GRAINS_M]
    grains[2] = 0.6 * grains[2] + 0.6 * noise.field(rng, shape, 1.9 / resolution_m)
    value = 1 + _by_texture(_AMPLITUDES[:, 0], index) * grains[0]
    for k in (1, 2, 3):
        if _GRAINS_M[k] / resolution_m > 1.3:
            value += _by_texture(_AMPLITUDES[:, k], index) * grains[k]
    worn = np.roll(grains[2], shape[0] // 3, axis=0)
    worn += np.float32(0.6) * np.roll(grains[3], shape[1] // 3, axis=1)
    worn += np.float32(0.15) * grains[1] - np.float32(rng.uniform(-0.2, 1.2))
    worn *= np.float32(1.2)
    mix = np.clip(worn, 0, 1, out=worn)
    mix *= _by_texture(_PATCH, index)
    tint = _by_texture(_TINT, index) * np.roll(grains[2], 11, axis=1)
    for k, band in enumerate(albedo):
        band += (_by_texture(_PATCH_RGB[:, k], index) - band) * mix
        band *= value
    albedo[0] *= 1 + tint
    albedo[2] *= 1 - tint


def _by_texture(values: NDArray[np.float32], index: Index) -> Field:
    """Each pixel's value of its texture."""
    table = np.zeros(256, np.float32)
    table[: len(values)] = values
    return np.asarray(cv2.LUT(index, table), np.float32)


def grow_forest(
    rng: np.random.Generator, albedo: Field, height: Field, index: Index, resolution_m: float
) -> None:
    """Closed canopy where the texture says forest: crowns in height, and in the albedo's bands."""
    forest = index == TEXTURE_INDEX["forest"]
    if not forest.any():
        return
    crowns = noise.canopy(
        rng, (index.shape[0], index.shape[1]), float(rng.uniform(4, 9)) / resolution_m
    )
    height += forest * crowns * np.float32(9.0)
    albedo *= np.where(forest, 0.6 + 0.5 * crowns, np.float32(1))


def shadows(height: Field, sun: Sun, resolution_m: float) -> Field:
    """Share of sunlight that is blocked, 0..1, by anything standing towards the sun.

    The horizon along the sun's direction, max over d of height(p + d s) - d tan(elevation), is
    built by doubling: a horizon of reach n gives the one of 2n by one shift.
    """
    fall = float(np.tan(sun.elevation)) * resolution_m
    reach = int(min(float(height.max()) / max(fall, 1e-3), max(height.shape))) + 1
    horizon, n = height, 1
    while n < reach:
        sx, sy = round(sun.x * n), round(sun.y * n)
        moved = _shifted(horizon, sx, sy) - np.float32(fall * float(np.hypot(sx, sy)))
        horizon = np.maximum(horizon, moved)
        n *= 2
    blocked = np.clip((horizon - height - np.float32(0.3)) * np.float32(2.0), 0, 1)
    return np.asarray(cv2.GaussianBlur(blocked, (3, 3), 0.6), np.float32)


def _shifted(a: Field, dx: int, dy: int) -> Field:
    """a(p + (dx, dy)); zero where that is outside."""
    out = np.zeros_like(a)
    rows, cols = a.shape
    if abs(dx) >= cols or abs(dy) >= rows:
        return out
    out[max(-dy, 0) : rows - max(dy, 0), max(-dx, 0) : cols - max(dx, 0)] = a[
        max(dy, 0) : rows + min(dy, 0), max(dx, 0) : cols + min(dx, 0)
    ]
    return out


def leaf_relief(height: Field, index: Index, sun: Sun, resolution_m: float) -> Field | None:
    """Brightness of crowns that bend towards or away from the sun, 1 elsewhere; None: no crowns."""
    leafy = (index == TEXTURE_INDEX["leaves"]) | (index == TEXTURE_INDEX["forest"])
    if not leafy.any():
        return None
    soft = cv2.GaussianBlur(height, (3, 3), 0.7)
    gx = cv2.Sobel(soft, cv2.CV_32F, 1, 0, ksize=1, scale=0.5 / resolution_m)
    gy = cv2.Sobel(soft, cv2.CV_32F, 0, 1, ksize=1, scale=0.5 / resolution_m)
    slope = np.clip(-(gx * np.float32(sun.x) + gy * np.float32(sun.y)), -1.5, 1.5)
    return np.asarray(1 + 0.24 * slope * leafy, np.float32)


def lit(albedo: Field, shadow: Field, ambient: float, sky: float) -> Field:
    """Sun and sky light on albedo, 3,H,W: what reaches the camera, H,W,3.

    Shadows keep `ambient` of the light and turn blue by `sky`. Changes `albedo`.
    """
    for band, tone in zip(albedo, (1 - sky, 1.0, 1 + sky), strict=True):
        band *= 1 - shadow * (1 - np.float32(tone) * np.float32(ambient))
    return np.asarray(cv2.merge(list(albedo)), np.float32)
