"""What the painters paint on: albedo, texture, height and identity of each pixel."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from rsrefseg.scenes.crowns import crown_dome
from rsrefseg.scenes.geometry import Points
from rsrefseg.scenes.materials import TEXTURE_INDEX, Sheets
from rsrefseg.scenes.roofs import plane_heights, plane_shades, sheet_numbers, sheet_tones
from rsrefseg.scenes.world import Rgb, Wing

_SHIFT = 4
_SHEET_PX = 1.6
"""Sheets of a roof that are smaller than this on the canvas are not told apart."""
Window = tuple[slice, slice, NDArray[np.float32], NDArray[np.float32]]


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
        paint.view(np.uint32)[:] = _packed(rgb, texture)
        height = np.zeros((rows, cols), np.float32)
        return cls(scale, paint, height, np.zeros((rows, cols), np.int32))

    @cached_property
    def _metres(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Where the middles of columns and of rows lie."""
        rows, cols = self.ids.shape
        x, y = (np.arange(n, dtype=np.float32) + 0.5 for n in (cols, rows))
        return x / np.float32(self.scale), y / np.float32(self.scale)

    def lifted(self, outline: Points, height_m: float) -> Points:
        """Where an outline at a height appears."""
        x, y = self.lean
        return np.add(outline, (x * height_m, y * height_m)) if x or y else outline

    def _fixed(self, outline: Points) -> list[NDArray[np.int32]]:
        one = 1 << _SHIFT
        return [np.rint(outline * (self.scale * one) - 0.5 * one).astype(np.int32)]

    def fill(
        self,
        outline: Points,
        rgb: Rgb,
        texture: str,
        ident: int | None = None,
        height_m: float | None = None,
    ) -> None:
        """Fill a polygon; without an identity or height those underneath stay."""
        fixed = self._fixed(outline)
        rows, cols = self.ids.shape
        left, top, width, height = cv2.boundingRect(fixed[0])
        if left > cols << _SHIFT or top > rows << _SHIFT or left + width < 0 or top + height < 0:
            return
        cv2.fillPoly(self.paint, fixed, (*rgb, TEXTURE_INDEX[texture]), cv2.LINE_8, _SHIFT)
        if ident is not None:
            cv2.fillPoly(self.ids, fixed, ident, cv2.LINE_8, _SHIFT)
        if height_m is not None:
            cv2.fillPoly(self.height, fixed, height_m, cv2.LINE_8, _SHIFT)

    def line(self, points: Points, rgb: Rgb, width_m: float, texture: str) -> None:
        """A line at least one pixel wide; identities and heights stay."""
        width = max(round(width_m * self.scale), 1)
        colour = (*rgb, TEXTURE_INDEX[texture])
        cv2.polylines(self.paint, self._fixed(points), False, colour, width, cv2.LINE_8, _SHIFT)

    def window(self, cx: float, cy: float, reach: tuple[float, float]) -> Window | None:
        """Rows and columns around a point, as far as `reach` metres, with metres from the point."""
        rows, cols = self.height.shape
        s = self.scale
        x0, x1 = max(int((cx - reach[0]) * s), 0), min(int((cx + reach[0]) * s) + 2, cols)
        y0, y1 = max(int((cy - reach[1]) * s), 0), min(int((cy + reach[1]) * s) + 2, rows)
        if x0 >= x1 or y0 >= y1:
            return None
        x, y = self._metres
        dx, dy = x[x0:x1] - np.float32(cx), y[y0:y1] - np.float32(cy)
        return slice(y0, y1), slice(x0, x1), dx[None], dy[:, None]

    def pitched(
        self,
        wing: Wing,
        rgb: Rgb,
        texture: str,
        ident: int,
        sun: tuple[float, float, float],
        sheets: Sheets | None = None,
        inset_m: float = 0.0,
    ) -> None:
        """Paint one wing's roof: planes lit by the sun, higher parts over lower ones.

        Args:
            wing: the roof.
            rgb: its albedo.
            texture: its texture.
            ident: the entity that it belongs to.
            sun: unit vector towards the sun.
            sheets: what it is covered with, each piece of a tone of its own.
            inset_m: what is left free along its edges.
        """
        cx = wing.cx + self.lean[0] * wing.eave_m
        cy = wing.cy + self.lean[1] * wing.eave_m
        c, s = np.float32(np.cos(wing.angle)), np.float32(np.sin(wing.angle))
        reach_x = 0.5 * float(abs(c) * wing.length + abs(s) * wing.width) + 0.1
        reach_y = 0.5 * float(abs(s) * wing.length + abs(c) * wing.width) + 0.1
        found = self.window(cx, cy, (reach_x, reach_y))
        if found is None:
            return
        rows, cols, dx, dy = found
        u, v = dx * c + dy * s, dy * c - dx * s
        au, av = np.abs(u), np.abs(v)
        height, plane = plane_heights(wing, u, v, au, av)
        shades = np.array(plane_shades(wing, (float(c), float(s)), sun))
        tones = np.array([rgb])
        if sheets is not None and min(sheets.along_m, sheets.across_m) * self.scale > _SHEET_PX:
            plane = plane + 4 * sheet_numbers(wing, u, v, sheets)
            tones = sheet_tones(rgb, sheets, ident)
        table = _table(tones[:, None] * shades[:, None], texture)
        under = self.height[rows, cols]
        half_u, half_v = wing.length / 2 - inset_m, wing.width / 2 - inset_m
        seen = (au <= half_u) & (av <= half_v) & (height >= under)
        np.copyto(self.paint.view(np.uint32)[rows, cols, 0], table[plane], where=seen)
        np.copyto(under, height, where=seen)
        np.copyto(self.ids[rows, cols], ident, where=seen)

    def stripes(self, outline: Points, angle: float, period_m: float, depth: float) -> None:
        """Modulate what is painted inside a polygon by parallel rows."""
        if period_m * self.scale < 2.0:
            return
        cx, cy = outline.mean(axis=0).tolist()
        reach_x, reach_y = (np.abs(outline - (cx, cy)).max(axis=0) + 0.5).tolist()
        found = self.window(cx, cy, (reach_x, reach_y))
        if found is None:
            return
        rows, cols, dx, dy = found
        mask = np.zeros((rows.stop - rows.start, cols.stop - cols.start), np.uint8)
        shift = np.array([cols.start, rows.start]) << _SHIFT
        cv2.fillPoly(mask, [self._fixed(outline)[0] - shift], 1, cv2.LINE_8, _SHIFT)
        k = 2 * np.pi / period_m
        within = mask.view(bool)
        across = dy * np.float32(k * np.cos(angle)) - dx * np.float32(k * np.sin(angle))
        wave = 1 + np.float32(depth) * np.sin(across[within])
        view = self.paint[rows, cols]
        pixels = view.view(np.uint32)[..., 0]
        painted = pixels[within]
        for band in painted.view(np.uint8).reshape(-1, 4).T[:3]:
            band[:] = np.minimum(band * wave, 255)
        pixels[within] = painted

    def crown(
        self, x: float, y: float, radius_m: float, top_m: float, rgb: Rgb, ident: int, kind: int
    ) -> None:
        """Paint a tree crown over whatever is lower."""
        x, y = x + self.lean[0] * top_m * 0.7, y + self.lean[1] * top_m * 0.7
        size = max(round(2 * radius_m * self.scale), 2)
        col, row = round(x * self.scale - size / 2), round(y * self.scale - size / 2)
        y0, x0 = max(row, 0), max(col, 0)
        y1, x1 = min(row + size, self.ids.shape[0]), min(col + size, self.ids.shape[1])
        if y0 >= y1 or x0 >= x1:
            return
        dome = crown_dome(kind, size)[y0 - row : y1 - row, x0 - col : x1 - col]
        bottom = max(top_m - radius_m * 1.3, 0.5)
        height = np.float32(bottom) + np.float32(top_m - bottom) * dome
        under = self.height[y0:y1, x0:x1]
        seen = height > under
        np.copyto(self.paint.view(np.uint32)[y0:y1, x0:x1, 0], _packed(rgb, "leaves"), where=seen)
        np.maximum(under, height, out=under)
        np.copyto(self.ids[y0:y1, x0:x1], ident, where=seen)


def _table(colours: NDArray[np.float64], texture: str) -> NDArray[np.uint32]:
    """Albedos (...,3) and a texture, each as one number, as it lies in memory; in one row."""
    packed = np.full((colours.size // 3, 4), TEXTURE_INDEX[texture], np.uint8)
    packed[:, :3] = np.minimum(np.maximum(colours.reshape(-1, 3), 0), 255)
    return packed.view(np.uint32)[:, 0]


def _packed(rgb: Rgb, texture: str) -> int:
    """Albedo and texture as one number, as it lies in memory."""
    bands = (*(min(int(band), 255) for band in rgb), TEXTURE_INDEX[texture])
    return int.from_bytes(bytes(bands), sys.byteorder)
