"""Light: surface texture, one sun's shadows and relief, from the painted canvas."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from rsrefseg.scenes import noise
from rsrefseg.scenes.materials import TEXTURE_INDEX, TEXTURES

_AMPLITUDES = np.array(
    [(t.fine, t.small, t.middle, t.coarse) for t in TEXTURES.values()], np.float32
)
_TINT = np.array([t.tint for t in TEXTURES.values()], np.float32)
_PATCH = np.array([t.patch for t in TEXTURES.values()], np.float32)
_PATCH_RGB = np.array([t.patch_rgb or (128, 128, 128) for t in TEXTURES.values()], np.float32)
_GRAINS_M = (0.0, 0.8, 4.0, 18.0)


@dataclass(frozen=True)
class Sun:
    """Where the sun stands: unit vector towards it in the picture, and its height."""

    x: float
    y: float
    elevation: float

    @property
    def vector(self) -> tuple[float, float, float]:
        """Unit vector towards the sun: x, y, up."""
        c = float(np.cos(self.elevation))
        return self.x * c, self.y * c, float(np.sin(self.elevation))


def textured(
    rng: np.random.Generator, albedo: NDArray[np.float32], index: NDArray[np.uint8], res_m: float
) -> NDArray[np.float32]:
    """Albedo with grain, stains and patches; H,W,3 float32 0..255."""
    shape = index.shape
    value = np.ones(shape, np.float32)
    for k, grain_m in enumerate(_GRAINS_M):
        wavelength = grain_m / res_m
        if k and wavelength < 1.3:
            continue
        value += _AMPLITUDES[:, k][index] * noise.field(rng, shape, wavelength)
    patches = noise.field(rng, shape, 7.0 / res_m) + 0.6 * noise.field(rng, shape, 1.6 / res_m)
    patches -= np.float32(rng.uniform(-0.6, 0.8))
    mix = (np.clip(patches, 0, 1) * _PATCH[index])[..., None]
    out = albedo * value[..., None]
    out += (_PATCH_RGB[index] - out) * mix
    tint = _TINT[index] * noise.field(rng, shape, 3.0 / res_m)
    out[..., 0] *= 1 + tint
    out[..., 2] *= 1 - tint
    return out


def shadows(height: NDArray[np.float32], sun: Sun, res_m: float) -> NDArray[np.float32]:
    """Share of sunlight that is blocked, 0..1, by anything standing towards the sun.

    The horizon along the sun's direction, max over d of height(p + d s) - d tan(elevation), is
    built by doubling: a horizon of reach n gives the one of 2n by one shift.
    """
    fall = float(np.tan(sun.elevation)) * res_m
    top = float(height.max())
    reach = int(min(top / max(fall, 1e-3), max(height.shape))) + 1
    horizon, n = height, 1
    while n < reach:
        sx, sy = int(round(sun.x * n)), int(round(sun.y * n))
        moved = _shifted(horizon, sx, sy) - np.float32(fall * float(np.hypot(sx, sy)))
        horizon = np.maximum(horizon, moved)
        n *= 2
    blocked = np.clip((horizon - height - np.float32(0.25)) * np.float32(2.0), 0, 1)
    return np.asarray(cv2.GaussianBlur(blocked, (3, 3), 0.6), np.float32)


def _shifted(a: NDArray[np.float32], dx: int, dy: int) -> NDArray[np.float32]:
    """a(p + (dx, dy)); zero where that is outside."""
    out = np.zeros_like(a)
    rows, cols = a.shape
    if abs(dx) >= cols or abs(dy) >= rows:
        return out
    out[max(-dy, 0) : rows - max(dy, 0), max(-dx, 0) : cols - max(dx, 0)] = a[
        max(dy, 0) : rows + min(dy, 0), max(dx, 0) : cols + min(dx, 0)
    ]
    return out


def leaf_relief(
    height: NDArray[np.float32], index: NDArray[np.uint8], sun: Sun, res_m: float
) -> NDArray[np.float32]:
    """Brightness of crowns that bend towards or away from the sun; 1 elsewhere."""
    leafy = (index == TEXTURE_INDEX["leaves"]) | (index == TEXTURE_INDEX["forest"])
    if not leafy.any():
        return np.ones_like(height)
    soft = cv2.GaussianBlur(height, (3, 3), 0.7)
    gx = cv2.filter2D(soft, -1, np.array([[-0.5, 0, 0.5]], np.float32)) / res_m
    gy = cv2.filter2D(soft, -1, np.array([[-0.5], [0], [0.5]], np.float32)) / res_m
    slope = np.clip(-(gx * np.float32(sun.x) + gy * np.float32(sun.y)), -1.6, 1.6)
    relief = np.clip(1 + 0.30 * slope, 0.5, 1.4)
    return np.where(leafy, relief, np.float32(1)).astype(np.float32)


def lit(
    albedo: NDArray[np.float32], shadow: NDArray[np.float32], ambient: float, sky: float
) -> NDArray[np.float32]:
    """Apply sun and sky light; shadows keep `ambient` of the light and turn blue by `sky`."""
    light = 1 - shadow * np.float32(1 - ambient)
    out = albedo * light[..., None]
    out[..., 2] *= 1 + np.float32(sky) * shadow
    out[..., 0] *= 1 - np.float32(sky) * shadow
    return out
