"""Polygons from a mask that arrives strip by strip, in memory that the open parts alone need.

The result does not depend on where the strips are cut: a part that crosses a cut keeps its
corner records until its last row has passed, and is then linked as if it had come in one piece.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from rsrefseg.geo.corners import Corners, build_polygons, concatenate, find_corners, link_rings
from rsrefseg.geo.runs import Ints, Runs, find_runs, label_runs

# A strip holds about this many pixels where the caller has the choice.
STRIP_PX = 4_000_000


@dataclass(frozen=True)
class TracedParts:
    """Finished parts of the mask.

    Attributes:
        polygons: P shapely polygons in the CRS, exact to the pixel edges.
        pixels: P, how many pixels each has.
        value_sums: P, the sum of the pixels' values.
    """

    polygons: NDArray[np.object_]
    pixels: Ints
    value_sums: Ints


@dataclass
class _OpenPart:
    """A part that reaches the last row seen."""

    pieces: list[Corners] = field(default_factory=list)
    pixels: int = 0
    value_sum: int = 0

    def absorb(self, other: _OpenPart) -> None:
        self.pieces.extend(other.pieces)
        self.pixels += other.pixels
        self.value_sum += other.value_sum


class StripTracer:
    """Feeds on strips from top to bottom, returns the parts that each one finishes.

    Parts come in the order of their last row, then of their first corner, so the sequence over
    all strips is the same however the strips were cut.
    """

    def __init__(self, width: int, transform: Affine) -> None:
        """Start above the first row.

        Args:
            width: the mask's width in pixels.
            transform: pixel edges to CRS.
        """
        self._transform = transform
        self._row = 0
        self._last = np.zeros((1, width), dtype=np.bool_)
        self._open: list[_OpenPart] = []
        self._open_of_run: Ints = np.empty(0, dtype=np.int64)

    def feed(self, mask: NDArray[np.bool_], values: NDArray[np.uint8]) -> TracedParts:
        """Take the next rows.

        Args:
            mask: H x W bool, the pixels of interest.
            values: H x W uint8, what to sum over each part.
        """
        rows = np.concatenate([self._last, mask])
        runs = find_runs(rows)
        labels, count = label_runs(runs, self._open_of_run)
        carried = len(self._open_of_run)
        pixels, sums = _totals(mask, values, runs, labels, carried, count)
        corners = find_corners(rows, runs, labels, self._row - 1)
        inherited = _first_seen(labels[:carried], self._open_of_run)
        touching = np.zeros(count, dtype=np.bool_)
        in_last_row = runs.starts >= mask.shape[0] * runs.stride
        touching[labels[in_last_row]] = True
        special = touching.copy()
        special[labels[:carried]] = True
        last_rows = np.zeros(count, dtype=np.int64)
        np.maximum.at(last_rows, labels, runs.rows() + self._row - 1)

        self._row += mask.shape[0]
        self._last = rows[-1:]
        finished = _Finished()
        finished.add_plain(corners, special, pixels, sums, last_rows)
        following: list[_OpenPart] = []
        slot_of_label = np.full(count, -1, dtype=np.int64)
        pieces = _split(corners, special)
        for label in np.flatnonzero(special).tolist():
            part = self._gather(label, inherited.get(label, ()))
            if label in pieces:
                part.pieces.append(pieces[label])
            part.pixels += int(pixels[label])
            part.value_sum += int(sums[label])
            if touching[label]:
                slot_of_label[label] = len(following)
                following.append(part)
            else:
                finished.add_part(part, int(last_rows[label]))
        self._open = following
        self._open_of_run = slot_of_label[labels[in_last_row]]
        return finished.trace(self._transform)

    def finish(self) -> TracedParts:
        """Close below the last row."""
        if not self._open:
            return _Finished().trace(self._transform)
        nothing = np.zeros_like(self._last)
        return self.feed(nothing, nothing.astype(np.uint8))

    def _gather(self, label: int, slots: tuple[int, ...]) -> _OpenPart:
        """The open parts that a label continues, joined; the largest absorbs the others."""
        if not slots:
            return _OpenPart()
        parts = sorted((self._open[slot] for slot in slots), key=lambda p: -len(p.pieces))
        for other in parts[1:]:
            parts[0].absorb(other)
        return parts[0]


class _Finished:
    """Collects the corners and totals of parts that are complete."""

    def __init__(self) -> None:
        self._corners: list[Corners] = []
        self._pixels: list[Ints] = []
        self._sums: list[Ints] = []
        self._last_rows: list[Ints] = []
        self._count = 0

    def add_plain(
        self,
        corners: Corners,
        special: NDArray[np.bool_],
        pixels: Ints,
        sums: Ints,
        last_rows: Ints,
    ) -> None:
        """Parts that begin and end in one strip."""
        plain = ~special
        number = np.cumsum(plain) - 1
        chosen = corners.take(plain[corners.part])
        self._add(
            Corners(number[chosen.part], chosen.row, chosen.col, chosen.bits),
            pixels[plain],
            sums[plain],
            last_rows[plain],
        )

    def add_part(self, part: _OpenPart, last_row: int) -> None:
        """A part that came in several strips."""
        corners = concatenate(part.pieces)
        self._add(
            Corners(np.zeros_like(corners.part), corners.row, corners.col, corners.bits),
            np.array([part.pixels]),
            np.array([part.value_sum]),
            np.array([last_row]),
        )

    def _add(self, corners: Corners, pixels: Ints, sums: Ints, last_rows: Ints) -> None:
        if not len(pixels):
            return
        self._corners.append(
            Corners(corners.part + self._count, corners.row, corners.col, corners.bits)
        )
        self._pixels.append(pixels)
        self._sums.append(sums)
        self._last_rows.append(last_rows)
        self._count += len(pixels)

    def trace(self, transform: Affine) -> TracedParts:
        """Link and build everything that was collected, in the canonical order."""
        if not self._count:
            empty = np.empty(0, dtype=np.int64)
            return TracedParts(np.empty(0, dtype=np.object_), empty, empty)
        corners = concatenate(self._corners)
        pixels, sums = np.concatenate(self._pixels), np.concatenate(self._sums)
        last_rows = np.concatenate(self._last_rows)
        # A part's first corner in reading order is its topmost leftmost pixel's.
        place = (corners.row << 32) | corners.col
        first = np.full(self._count, np.iinfo(np.int64).max)
        np.minimum.at(first, corners.part, place)
        sequence = np.lexsort((first, last_rows))
        rank = np.empty_like(sequence)
        rank[sequence] = np.arange(self._count)
        ordered = Corners(rank[corners.part], corners.row, corners.col, corners.bits)
        polygons, parts = build_polygons(link_rings(ordered), transform)
        return TracedParts(polygons, pixels[sequence][parts], sums[sequence][parts])


def _totals(
    mask: NDArray[np.bool_],
    values: NDArray[np.uint8],
    runs: Runs,
    labels: Ints,
    carried: int,
    count: int,
) -> tuple[Ints, Ints]:
    """Pixels and value sum of each part, without the row carried over from the last strip."""
    lengths = (runs.ends - runs.starts)[carried:]
    pixels = np.zeros(count, dtype=np.int64)
    sums = np.zeros(count, dtype=np.int64)
    if len(lengths):
        per_run = np.add.reduceat(values[mask], np.cumsum(lengths) - lengths, dtype=np.int64)
        np.add.at(pixels, labels[carried:], lengths)
        np.add.at(sums, labels[carried:], per_run)
    return pixels, sums


def _first_seen(labels: Ints, slots: Ints) -> dict[int, tuple[int, ...]]:
    """For each label, the open parts that it continues, each once."""
    found: dict[int, dict[int, None]] = {}
    for label, slot in zip(labels.tolist(), slots.tolist(), strict=True):
        found.setdefault(label, {})[slot] = None
    return {label: tuple(members) for label, members in found.items()}


def _split(corners: Corners, wanted: NDArray[np.bool_]) -> dict[int, Corners]:
    """The corners of each wanted part."""
    chosen = corners.take(wanted[corners.part])
    sorted_ = chosen.take(np.argsort(chosen.part, kind="stable"))
    parts, starts = np.unique(sorted_.part, return_index=True)
    bounds = np.append(starts, len(sorted_.part)).tolist()
    return {
        part: sorted_.take(np.arange(bounds[i], bounds[i + 1]))
        for i, part in enumerate(parts.tolist())
    }
