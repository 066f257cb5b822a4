"""The corners of mask outlines, and their linking into rings.

Each corner of a grid sees four pixels. Where an outline turns there, one corner record is made;
where two set pixels touch diagonally, two. A ring alternates between horizontal and vertical
sides, so sorting one part's corners by row pairs the ends of horizontal sides, and sorting by
column pairs the ends of vertical ones: no pixel is ever walked. Parts are 4-connected; where a
part touches itself diagonally, its rings are cut so that a hole touches its shell in a point
(which is valid) instead of a ring touching itself (which is not).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray

from rsrefseg.geo.runs import Ints, Runs

_NW, _NE, _SW, _SE = 1, 2, 4, 8
_DIAGONAL_DOWN, _DIAGONAL_UP = _NW | _SE, _NE | _SW
# Pixels that make a corner's horizontal side leave it, with the set pixels on the left hand.
_LEAVES = np.zeros(16, dtype=np.bool_)
_LEAVES[[_NE, _SW, 15 - _SE, 15 - _NW, _DIAGONAL_UP]] = True
# One set pixel (the upper one of two) around each corner that turns, as offsets from the corner.
_OWNER_ROW = np.array([0, -1, -1, 0, 0, 0, -1, -1, 0, -1, 0, -1, 0, -1, -1, 0], dtype=np.int64)
_OWNER_COL = np.array([0, -1, 0, 0, -1, 0, 0, -1, 0, -1, 0, -1, 0, -1, 0, 0], dtype=np.int64)


@dataclass(frozen=True)
class Corners:
    """Corner records of outlines, as parallel arrays.

    Attributes:
        part: N, which part of the mask the corner belongs to.
        row: N, the corner's row in pixel edges.
        col: N, the corner's column in pixel edges.
        bits: N uint8. Bit 0: order among equals along a row; bit 1: order among equals along a
            column; bit 2: the horizontal side leaves the corner.
    """

    part: Ints
    row: Ints
    col: Ints
    bits: NDArray[np.uint8]

    def take(self, chosen: NDArray[np.generic]) -> Corners:
        """Some of the corners."""
        return Corners(self.part[chosen], self.row[chosen], self.col[chosen], self.bits[chosen])


def concatenate(pieces: list[Corners]) -> Corners:
    """All corners of several pieces, in their order."""
    return Corners(
        np.concatenate([piece.part for piece in pieces]),
        np.concatenate([piece.row for piece in pieces]),
        np.concatenate([piece.col for piece in pieces]),
        np.concatenate([piece.bits for piece in pieces]),
    )


def find_corners(mask: NDArray[np.bool_], runs: Runs, labels: Ints, first_row: int) -> Corners:
    """The corners on the row lines between the rows of a mask.

    Args:
        mask: H x W bool; the lines above its first and below its last row are not looked at.
        runs: the mask's runs.
        labels: the part of each run.
        first_row: the row of the mask's first row in the whole raster.
    """
    height, width = mask.shape
    padded = np.zeros((height, width + 2), dtype=np.bool_)
    padded[:, 1:-1] = mask
    sides = padded[:, 1:] ^ padded[:, :-1]  # H x (W + 1): vertical sides on each column line
    upper, lower = sides[:-1], sides[1:]
    crossing = upper & lower & (padded[:-1, 1:] ^ padded[1:, 1:])
    found = np.flatnonzero((upper ^ lower) | crossing)
    line, col = np.divmod(found.astype(np.int64), width + 1)
    code = (
        padded[line, col] * _NW
        + padded[line, col + 1] * _NE
        + padded[line + 1, col] * _SW
        + padded[line + 1, col + 1] * _SE
    ).astype(np.int64)
    double = (code == _DIAGONAL_DOWN) | (code == _DIAGONAL_UP)
    again = np.flatnonzero(double)
    bits = _LEAVES[code].astype(np.uint8) << 2
    # Diagonal touches, first records: (right, up) of \ and (left, up) of /.
    bits[code == _DIAGONAL_DOWN] |= 1
    second = (bits[again] ^ 1) | 2
    owner_row = line + 1 + _OWNER_ROW[code]
    owner_col = col + _OWNER_COL[code]
    # The second record of a diagonal touch belongs to the lower pixel.
    lower_col = col[again] - (code[again] == _DIAGONAL_UP)
    owners = labels[runs.at(owner_row, owner_col)]
    lower_owners = labels[runs.at(line[again] + 1, lower_col)]
    return Corners(
        np.concatenate([owners, lower_owners]),
        np.concatenate([line, line[again]]) + (first_row + 1),
        np.concatenate([col, col[again]]),
        np.concatenate([bits, second]),
    )


@dataclass(frozen=True)
class Rings:
    """Closed rings, part after part, each part's shell first.

    Attributes:
        order: M, indexes into the corners, ring after ring, each from its topmost leftmost one.
        starts: R, where each ring starts in `order`.
        parts: R, the part of each ring.
        corners: the corners, sorted.
    """

    order: Ints
    starts: Ints
    parts: Ints
    corners: Corners


def link_rings(corners: Corners) -> Rings:
    """Link the corners of complete parts into rings."""
    along_row = np.lexsort((corners.bits & 1, corners.col, corners.row, corners.part))
    corners = corners.take(along_row)
    count = len(corners.row)
    along_col = np.lexsort((corners.bits & 2, corners.row, corners.col, corners.part))
    above_below = np.empty(count, dtype=np.int64)
    above_below[along_col[0::2]] = along_col[1::2]
    above_below[along_col[1::2]] = along_col[0::2]
    left_right = np.arange(count, dtype=np.int64) ^ 1
    following = np.where(corners.bits & 4, left_right, above_below)
    order, starts = _walk(following)
    return Rings(order, starts, corners.part[order[starts]], corners)


def _walk(following: Ints) -> tuple[Ints, Ints]:
    """The cycles of a permutation, each from its smallest member."""
    successors = following.tolist()
    seen = bytearray(len(successors))
    order: list[int] = []
    starts: list[int] = []
    append = order.append
    for first in range(len(successors)):
        if seen[first]:
            continue
        starts.append(len(order))
        here = first
        while not seen[here]:
            seen[here] = 1
            append(here)
            here = successors[here]
    return np.array(order, dtype=np.int64), np.array(starts, dtype=np.int64)


def build_polygons(rings: Rings, transform: Affine) -> tuple[NDArray[np.object_], Ints]:
    """Polygons of linked rings in a CRS.

    Args:
        rings: the rings.
        transform: pixel edges to CRS, applied to whole numbers only.

    Returns:
        P polygons with counter-clockwise shells, and P parts.
    """
    if not len(rings.starts):
        return np.empty(0, dtype=np.object_), np.empty(0, dtype=np.int64)
    lengths = np.diff(np.append(rings.starts, len(rings.order)))
    col = rings.corners.col[rings.order].astype(np.float64)
    row = rings.corners.row[rings.order].astype(np.float64)
    x = transform.a * col + transform.b * row + transform.c
    y = transform.d * col + transform.e * row + transform.f
    ring_of = np.repeat(np.arange(len(lengths)), lengths)
    outlines = shapely.linearrings(np.column_stack([x, y]), indices=ring_of)
    if transform.determinant > 0:
        # Set pixels lie on the left of a ring as the raster shows it; here the CRS mirrors that.
        outlines = shapely.reverse(outlines)
    is_shell = np.append([True], rings.parts[1:] != rings.parts[:-1])
    polygon_of = np.cumsum(is_shell) - 1
    shells, holes = outlines[is_shell], outlines[~is_shell]
    polygons: NDArray[np.object_] = shapely.polygons(shells)
    holed = np.unique(polygon_of[~is_shell])
    if len(holed):
        slot = np.searchsorted(holed, polygon_of[~is_shell])
        polygons[holed] = _with_holes(shells[holed], holes, slot)
    return polygons, rings.parts[is_shell]


def _with_holes(
    shells: NDArray[np.object_], holes: NDArray[np.object_], slot: Ints
) -> list[shapely.Polygon]:
    bounds = np.searchsorted(slot, np.arange(len(shells) + 1))
    return [
        shapely.polygons(shell, holes=holes[bounds[i] : bounds[i + 1]])
        for i, shell in enumerate(shells)
    ]
