"""Connected parts of a mask from its runs: stretches of set pixels within a row.

A run is the natural unit here: a mask has far fewer runs than pixels, runs that overlap in
adjacent rows are joined with two binary searches, and everything is an array operation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Runs:
    """The runs of a mask in reading order.

    Attributes:
        starts: N, the flat index of each run's first pixel, rows being `stride` long.
        ends: N, the flat index after each run's last pixel.
        stride: the row length in the flat indexes: the mask's width plus one guard column.
    """

    starts: Ints
    ends: Ints
    stride: int

    def rows(self) -> Ints:
        """N, the row of each run."""
        return self.starts // self.stride

    def at(self, rows: Ints, cols: Ints) -> Ints:
        """The index of the run that holds each pixel; the pixels must be set."""
        found: Ints = np.searchsorted(self.starts, rows * self.stride + cols, side="right") - 1
        return found


def find_runs(mask: NDArray[np.bool_]) -> Runs:
    """All runs of a mask.

    Args:
        mask: H x W bool.
    """
    height, width = mask.shape
    guarded = np.zeros((height, width + 1), dtype=np.bool_)
    guarded[:, :width] = mask
    flat = guarded.ravel()
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    if flat.size and flat[0]:
        changes = np.concatenate([[0], changes])
    # The last column is a guard, so changes come in pairs: start and end.
    return Runs(changes[0::2].astype(np.int64), changes[1::2].astype(np.int64), width + 1)


def label_runs(runs: Runs, known: Ints) -> tuple[Ints, int]:
    """Number the 4-connected parts that the runs form.

    Args:
        runs: the runs.
        known: K, a number for each of the first K runs; equal ones are known to be connected,
            through rows that are not here.

    Returns:
        N, the part of each run, numbered from 0 in the order of their first runs, and how many.
    """
    count = len(runs.starts)
    first = np.searchsorted(runs.ends, runs.starts + runs.stride, side="right")
    last = np.searchsorted(runs.starts, runs.ends + runs.stride, side="left")
    overlaps = np.maximum(last - first, 0)
    upper = np.repeat(np.arange(count, dtype=np.int64), overlaps)
    offsets = np.arange(len(upper), dtype=np.int64) - np.repeat(
        np.cumsum(overlaps) - overlaps, overlaps
    )
    lower = np.repeat(first, overlaps) + offsets
    _, first_of_kind, kind = np.unique(known, return_index=True, return_inverse=True)
    alike = np.arange(len(known), dtype=np.int64)
    roots = join(
        count,
        np.concatenate([upper, alike]),
        np.concatenate([lower, first_of_kind[kind].astype(np.int64)]),
    )
    _, labels = np.unique(roots, return_inverse=True)
    return labels.astype(np.int64), int(labels.max()) + 1 if count else 0


def join(count: int, left: Ints, right: Ints) -> Ints:
    """Join pairs: the smallest member of each node's set.

    Args:
        count: how many nodes.
        left: one end of each pair.
        right: the other end.
    """
    parent = np.arange(count, dtype=np.int64)
    while len(left):
        root_left, root_right = parent[left], parent[right]
        apart = root_left != root_right
        if not apart.any():
            break
        left, right = left[apart], right[apart]
        root_left, root_right = root_left[apart], root_right[apart]
        low, high = np.minimum(root_left, root_right), np.maximum(root_left, root_right)
        # A root only ever moves to a smaller one, so no cycle can form.
        np.minimum.at(parent, high, low)
        while True:
            grandparent = parent[parent]
            if np.array_equal(grandparent, parent):
                break
            parent = grandparent
    return parent
