"""The working grid of a scene, the overlapping windows on it, and their blending."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from rsrefseg.geo.extent import PixelWindow


@dataclass(frozen=True)
class Span:
    """A window on the working grid, in whole cells.

    Attributes:
        col: first column.
        row: first row.
        width: columns.
        height: rows.
    """

    col: int
    row: int
    width: int
    height: int


@dataclass(frozen=True)
class WorkingGrid:
    """The grid that probabilities are kept on: the raster's own, or a coarser one over it.

    Attributes:
        origin: column and row in raster pixels where the grid starts.
        step: raster pixels per cell along a row and along a column, at least 1.
        width: columns.
        height: rows.
    """

    origin: tuple[float, float]
    step: tuple[float, float]
    width: int
    height: int

    def pixels(self, span: Span) -> PixelWindow:
        """The raster pixels under a window of the grid."""
        return PixelWindow(
            self.origin[0] + span.col * self.step[0],
            self.origin[1] + span.row * self.step[1],
            span.width * self.step[0],
            span.height * self.step[1],
        )

    def transform(self, raster: Affine, col: int = 0, row: int = 0) -> Affine:
        """From the grid's cells, counted from a cell, to the CRS."""
        if self.step == (1.0, 1.0):
            return raster @ Affine.translation(self.origin[0] + col, self.origin[1] + row)
        return (
            raster
            @ Affine.translation(*self.origin)
            @ Affine.scale(*self.step)
            @ Affine.translation(col, row)
        )


def window_starts(
    length: int, window: int, overlap: int, first: int, last: int, phase: int = 0
) -> list[int]:
    """Where windows start along one axis.

    Windows lie on a lattice that is fixed to the ground, so another extent, or a raster cut out
    elsewhere, meets the same windows. Those at the raster's rim reach beyond it: moved inside, they
    would see the ground from elsewhere, and answer otherwise.

    Args:
        length: cells of the whole grid.
        window: cells of a window.
        overlap: cells that neighbours share.
        first: first cell of interest.
        last: cell after the last one of interest.
        phase: the lattice has a start at `-phase`.
    """
    if length <= window:
        return [0]
    stride = window - overlap
    # The first lattice start whose window covers `first` beyond the overlap's middle; at the
    # raster's rims, the last window that covers the first cell, the first that covers the last.
    low = math.floor((first + phase - overlap // 2) / stride) * stride - phase
    if low + stride <= 0:
        low += stride
    elif low + overlap >= length:
        low -= stride
    starts = [low]
    while starts[-1] + window < min(length, last + overlap // 2):
        starts.append(starts[-1] + stride)
    return starts


def mirrored(start: int, count: int, length: int) -> NDArray[np.int64]:
    """Cells of a grid, beyond its ends those inside in reverse, however far.

    Args:
        start: first cell.
        count: how many.
        length: cells of the whole grid.
    """
    cells = np.arange(start, start + count, dtype=np.int64) % (2 * length)
    return np.minimum(cells, 2 * length - 1 - cells)


def plan_windows(
    grid: WorkingGrid,
    region: Span,
    window: tuple[int, int],
    overlap: tuple[int, int],
    phase: tuple[int, int] = (0, 0),
) -> list[Span]:
    """Overlapping windows that cover a region of the grid, row by row.

    Args:
        grid: the whole grid.
        region: the part of interest; windows may reach beyond it, for context, and beyond the
            grid where that is larger than a window.
        window: width and height of a window in cells.
        overlap: columns and rows that neighbours share.
        phase: of the lattice, along rows and columns.
    """
    cols = window_starts(
        grid.width, window[0], overlap[0], region.col, region.col + region.width, phase[0]
    )
    rows = window_starts(
        grid.height, window[1], overlap[1], region.row, region.row + region.height, phase[1]
    )
    width, height = min(window[0], grid.width), min(window[1], grid.height)
    return [Span(col, row, width, height) for row in rows for col in cols]


def blend_weights(length: int, overlap: int) -> NDArray[np.float32]:
    """Weights along one axis of a window: rising over the overlap, 1 between, falling again."""
    ramp = max(1, min(overlap, length // 2))
    rising = (np.arange(length, dtype=np.float32) + 0.5) / ramp
    weights: NDArray[np.float32] = np.minimum(1.0, np.minimum(rising, rising[::-1]))
    return weights


class BandBlender:
    """Blends windows that come row by row, holding only the rows that may still change."""

    def __init__(self, region: Span, overlap: tuple[int, int]) -> None:
        """Start at the region's top.

        Args:
            region: the part of the grid that is kept.
            overlap: columns and rows that neighbouring windows share.
        """
        self._region = region
        self._overlap = overlap
        self._sums = np.zeros((0, region.width), dtype=np.float32)
        self._weights = np.zeros((0, region.width), dtype=np.float32)
        self._window_weights: dict[tuple[int, int], NDArray[np.float32]] = {}
        self.top = region.row

    def add(
        self,
        span: Span,
        values: NDArray[np.uint8] | NDArray[np.float32] | None,
        valid: NDArray[np.bool_] | None = None,
    ) -> None:
        """Add a window.

        Args:
            span: where it lies on the grid; its rows must not have been taken yet.
            values: height x width; None where all are 0.
            valid: height x width, pixels that count; None: all do.
        """
        region = self._region
        top, left = max(span.row, self.top), max(span.col, region.col)
        bottom = min(span.row + span.height, region.row + region.height)
        right = min(span.col + span.width, region.col + region.width)
        if bottom <= top or right <= left:
            return
        self._grow(bottom - self.top)
        inner = np.s_[top - span.row : bottom - span.row, left - span.col : right - span.col]
        outer = np.s_[top - self.top : bottom - self.top, left - region.col : right - region.col]
        weights = self._weights_of(span)[inner]
        if valid is not None:
            weights = weights * valid[inner]
        self._weights[outer] += weights
        if values is not None:
            self._sums[outer] += values[inner] * weights

    def take(self, until_row: int) -> NDArray[np.float32]:
        """The rows above a row of the grid, which no later window may touch.

        Returns:
            rows x width means; 0 where no window had data.
        """
        count = max(0, min(until_row, self._region.row + self._region.height) - self.top)
        self._grow(count)
        weights, sums = self._weights[:count], self._sums[:count]
        means = np.divide(sums, weights, out=np.zeros_like(sums), where=weights > 0)
        self._weights = self._weights[count:].copy()
        self._sums = self._sums[count:].copy()
        self.top += count
        return means

    def _weights_of(self, span: Span) -> NDArray[np.float32]:
        shape = (span.height, span.width)
        if shape not in self._window_weights:
            down = blend_weights(span.height, self._overlap[1])
            along = blend_weights(span.width, self._overlap[0])
            self._window_weights[shape] = (down[:, None] * along[None, :]).astype(np.float32)
        return self._window_weights[shape]

    def _grow(self, rows: int) -> None:
        missing = rows - len(self._weights)
        if missing > 0:
            self._weights = np.pad(self._weights, ((0, missing), (0, 0)))
            self._sums = np.pad(self._sums, ((0, missing), (0, 0)))
