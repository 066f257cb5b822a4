"""What the painters paint on: albedo, texture, height and identity of each pixel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from rsrefseg.scenes.geometry import Points
from rsrefseg.scenes.materials import TEXTURE_INDEX
from rsrefseg.scenes.world import Rgb, Wing

_SHIFT = 4


@lru_cache(maxsize=1)
def _crowns() -> list[NDArray[np.float32]]:
    """Domes 0..1 of tree crowns with lobes, 64 px wide; 0 is outside the crown."""
    rng = np.random.default_rng(11)
    yy, xx = (np.mgrid[0:64, 0:64].astype(np.float32) - 31.5) / 31.5
    angle = np.arctan2(yy, xx)
    crowns = []
    for _ in range(10):
        edge = np.full_like(xx, 0.86)
        for k in range(3, 9):
            edge += np.float32(0.045 * rng.normal()) * np.cos(k * angle + rng.uniform(0, 7))
        r = np.hypot(xx, yy) / np.clip(edge, 0.5, 1.0)
        dome = np.sqrt(np.maximum(0, 1 - r**2))
        lumps = cv2.resize(rng.normal(size=(9, 9)).astype(np.float32), (64, 64), interpolation=2)
        crowns.append(np.asarray(np.where(r < 1, np.clip(dome * (1 + 0.3 * lumps), 0.08, 1.3), 0)))
    return crowns


@lru_cache(maxsize=4096)
def _crown(kind: int, size_px: int) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(_crowns()[kind], (size_px, size_px), interpolation=cv2.INTER_AREA))


@dataclass
class Canvas:
    """Painted at `scale` pixels per metre.

    Attributes:
        paint: H,W,4 uint8; albedo RGB and texture index.
        height: H,W float32; metres above the ground.
        ids: H,W int32; the entity that is seen here, 0 is none.
        lean: metres that a point moves in the picture per metre of height.
    """

    scale: float
    paint: NDArray[np.uint8]
    height: NDArray[np.float32]
    ids: NDArray[np.int32]
    lean: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def blank(cls, rows: int, cols: int, scale: float, rgb: Rgb, texture: str) -> Canvas:
        """A canvas covered with one surface."""
        paint = np.empty((rows, cols, 4), np.uint8)
        paint[:] = (*(int(c) for c in rgb), TEXTURE_INDEX[texture])
        return cls(
            scale, paint, np.zeros((rows, cols), np.float32), np.zeros((rows, cols), np.int32)
        )

    def _fixed(self, outline: Points) -> list[NDArray[np.int32]]:
        return [np.round((outline * self.scale - 0.5) * (1 << _SHIFT)).astype(np.int32)]

    def fill(
        self,
        outline: Points,
        rgb: Rgb,
        texture: str | None,
        ident: int | None = None,
        height_m: float | None = None,
    ) -> None:
        """Fill a polygon; without a texture or identity the one underneath stays."""
        fixed = self._fixed(outline)
        colour = tuple(float(c) for c in rgb)
        if texture is None:
            lo = np.maximum(np.floor(outline.min(axis=0) * self.scale).astype(int) - 1, 0)
            hi = np.ceil(outline.max(axis=0) * self.scale).astype(int) + 2
            view = self.paint[lo[1] : hi[1], lo[0] : hi[0]]
            if not view.size:
                return
            rgb_view = np.ascontiguousarray(view[..., :3])
            cv2.fillPoly(rgb_view, [fixed[0] - (lo << _SHIFT)], colour, cv2.LINE_8, _SHIFT)
            view[..., :3] = rgb_view
        else:
            cv2.fillPoly(self.paint, fixed, (*colour, TEXTURE_INDEX[texture]), cv2.LINE_8, _SHIFT)
        if ident is not None:
            cv2.fillPoly(self.ids, fixed, ident, cv2.LINE_8, _SHIFT)
        if height_m is not None:
            cv2.fillPoly(self.height, fixed, height_m, cv2.LINE_8, _SHIFT)

    def window(
        self, cx: float, cy: float, reach_m: float
    ) -> tuple[slice, slice, NDArray[np.float32], NDArray[np.float32]] | None:
        """Rows and columns around a point, with metres from it along x and y."""
        rows, cols = self.height.shape
        s = self.scale
        x0, x1 = max(int((cx - reach_m) * s), 0), min(int((cx + reach_m) * s) + 2, cols)
        y0, y1 = max(int((cy - reach_m) * s), 0), min(int((cy + reach_m) * s) + 2, rows)
        if x0 >= x1 or y0 >= y1:
            return None
        dx = ((np.arange(x0, x1) + 0.5) / s - cx).astype(np.float32)[None]
        dy = ((np.arange(y0, y1) + 0.5) / s - cy).astype(np.float32)[:, None]
        return slice(y0, y1), slice(x0, x1), dx, dy

    def roof(
        self,
        wing: Wing,
        rgb: Rgb,
        texture: str,
        ident: int,
        sun: tuple[float, float, float],
        stripe_m: float = 0.0,
    ) -> None:
        """Paint one wing's roof: planes shaded by the sun, higher parts over lower ones."""
        cx = wing.cx + self.lean[0] * wing.eave_m
        cy = wing.cy + self.lean[1] * wing.eave_m
        reach = 0.5 * float(np.hypot(wing.length, wing.width)) + 0.2
        found = self.window(cx, cy, reach)
        if found is None:
            return
        rows, cols, dx, dy = found
        c, s = np.float32(np.cos(wing.angle)), np.float32(np.sin(wing.angle))
        u, v = dx * c + dy * s, dy * c - dx * s
        hl, hw = wing.length / 2, wing.width / 2
        au, av = np.abs(u), np.abs(v)
        inside = (au <= hl) & (av <= hw)
        shade: NDArray[np.float32] | np.float32
        height, shade = _roof_form(wing, u, v, au, av, (float(c), float(s)), sun)
        if stripe_m * self.scale > 1.2:
            across = v if texture == "rust" or wing.roof == "flat" else u
            shade = shade * (1 + np.float32(0.05) * np.sin(across * np.float32(6.2832 / stripe_m)))
        seen = inside & (height >= self.height[rows, cols])
        colour = np.clip(np.asarray(rgb, np.float32) * np.atleast_3d(shade), 0, 255)
        self.paint[rows, cols, :3][seen] = np.broadcast_to(colour, (*seen.shape, 3))[seen]
        self.paint[rows, cols, 3][seen] = TEXTURE_INDEX[texture]
        self.height[rows, cols][seen] = np.broadcast_to(height, seen.shape)[seen]
        self.ids[rows, cols][seen] = ident

    def stripes(self, outline: Points, angle: float, period_m: float, depth: float) -> None:
        """Modulate what is painted inside a polygon by parallel rows."""
        if period_m * self.scale < 2.0:
            return
        cx, cy = outline.mean(axis=0)
        reach = float(np.abs(outline - (cx, cy)).max()) + 1
        found = self.window(cx, cy, reach)
        if found is None:
            return
        rows, cols, dx, dy = found
        mask = np.zeros((rows.stop - rows.start, cols.stop - cols.start), np.uint8)
        shift = np.array([cols.start, rows.start]) << _SHIFT
        cv2.fillPoly(mask, [self._fixed(outline)[0] - shift], 1, cv2.LINE_8, _SHIFT)
        across = dy * np.float32(np.cos(angle)) - dx * np.float32(np.sin(angle))
        wave = 1 + np.float32(depth) * np.sin(across * np.float32(2 * np.pi / period_m))
        view = self.paint[rows, cols, :3]
        np.copyto(
            view,
            np.clip(view * wave[..., None], 0, 255).astype(np.uint8),
            where=mask[..., None] > 0,
        )

    def crown(
        self, x: float, y: float, radius_m: float, top_m: float, rgb: Rgb, ident: int, kind: int
    ) -> None:
        """Paint a tree crown over whatever is lower."""
        x, y = x + self.lean[0] * top_m * 0.7, y + self.lean[1] * top_m * 0.7
        size = max(int(round(2 * radius_m * self.scale)), 2)
        dome = _crown(kind % 10, size)
        col, row = int(round(x * self.scale - size / 2)), int(round(y * self.scale - size / 2))
        y0, x0 = max(row, 0), max(col, 0)
        y1, x1 = min(row + size, self.ids.shape[0]), min(col + size, self.ids.shape[1])
        if y0 >= y1 or x0 >= x1:
            return
        dome = dome[y0 - row : y1 - row, x0 - col : x1 - col]
        bottom = max(top_m - radius_m * 1.3, 0.5)
        height = bottom + (top_m - bottom) * dome
        seen = (dome > 0.03) & (height > self.height[y0:y1, x0:x1])
        self.paint[y0:y1, x0:x1][seen] = (*(int(c) for c in rgb), TEXTURE_INDEX["leaves"])
        self.height[y0:y1, x0:x1][seen] = height[seen]
        self.ids[y0:y1, x0:x1][seen] = ident


def _roof_form(
    wing: Wing,
    u: NDArray[np.float32],
    v: NDArray[np.float32],
    au: NDArray[np.float32],
    av: NDArray[np.float32],
    turn: tuple[float, float],
    sun: tuple[float, float, float],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Height above ground and brightness (flat = 1) of a roof in its own axes."""
    c, s = turn
    hl, hw, p = wing.length / 2, wing.width / 2, wing.pitch
    sun_u, sun_v = sun[0] * c + sun[1] * s, sun[1] * c - sun[0] * s
    norm = sun[2] * float(np.hypot(1, p))
    low, high = 0.55, 1.45

    def lit(toward: float) -> np.float32:
        return np.float32(np.clip((sun[2] + p * toward) / norm, low, high))

    if wing.roof in ("gable", "hip"):
        height = wing.eave_m + p * (hw - av)
        shade = np.where(v > 0, lit(sun_v), lit(-sun_v))
        if wing.roof == "hip":
            ends = (hl - au) < (hw - av)
            height = np.where(ends, wing.eave_m + p * (hl - au), height)
            shade = np.where(ends, np.where(u > 0, lit(sun_u), lit(-sun_u)), shade)
    elif wing.roof == "shed":
        height = wing.eave_m + p * (hw + v)
        shade = np.full(v.shape, lit(-sun_v))
    elif wing.roof == "dome":
        height = wing.eave_m + p * np.sqrt(np.maximum(hw**2 - v**2, 0))
        tilt = p * v / np.sqrt(np.maximum(hw**2 - v**2, 0.05))
        shade = np.clip(
            (sun[2] + tilt * np.float32(sun_v)) / (sun[2] * np.sqrt(1 + tilt**2)), low, high
        )
    else:
        height = np.full(v.shape, wing.eave_m, np.float32)
        shade = np.ones(v.shape, np.float32)
    return np.asarray(height, np.float32), np.asarray(shade, np.float32)
