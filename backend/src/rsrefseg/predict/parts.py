"""The connected parts of a mask, and where they lie: what phrases compare things by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rsrefseg.geo.runs import find_runs, label_runs

# Parts smaller than this share of the median part are crumbs and not things.
CRUMB_SHARE = 0.2
# A part that shares so much with what things are chosen by is that itself.
SAME_SHARE = 0.5
# Pixels of what things are chosen by that distances are taken to, about.
PLACES = 2_000
# Between: this far beside the line at most, as a share of its length.
BESIDE_SHARE = 0.3


@dataclass(frozen=True)
class Parts:
    """The connected parts of a mask.

    Attributes:
        label: H x W, the part of each pixel; -1 outside.
        area: N, pixels.
        edge: N x 4, how far each reaches to the left, right, top and bottom of the view: -1 at
            the opposite edge, 1 at that edge.
        centre: N x 4, the same of its centre.
    """

    label: NDArray[np.int64]
    area: NDArray[np.int64]
    edge: NDArray[np.float64]
    centre: NDArray[np.float64]


def find_parts(mask: NDArray[np.bool_]) -> Parts:
    """The 4-connected parts of a mask, without its crumbs.

    Args:
        mask: H x W.
    """
    height, width = mask.shape
    runs = find_runs(mask)
    of_run, count = label_runs(runs, np.empty(0, dtype=np.int64))
    row, first = np.divmod(runs.starts, runs.stride)
    last = first + (runs.ends - runs.starts)
    length = last - first
    area = np.bincount(of_run, length, count)
    large = area >= CRUMB_SHARE * (np.median(area) if count else 0)
    number = np.where(large, np.cumsum(large) - 1, -1)
    label = np.full((height, width), -1, dtype=np.int64)
    label[mask] = np.repeat(number[of_run], length)

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(of_run, values * length, count) / np.maximum(area, 1)

    def least(values: NDArray[np.int64]) -> NDArray[np.float64]:
        out = np.full(count, np.inf)
        np.minimum.at(out, of_run, values)
        return out

    x, y = 2 * mean((first + last) / 2) / width - 1, 2 * mean(row + 0.5) / height - 1
    x0, x1 = 2 * least(first) / width - 1, -2 * least(-last) / width - 1
    y0, y1 = 2 * least(row) / height - 1, -2 * least(-row - 1) / height - 1
    centre, edge = np.stack([-x, x, -y, y], axis=1), np.stack([-x0, x1, -y0, y1], axis=1)
    return Parts(label, area[large].astype(np.int64), edge[large], centre[large])


def between(
    centres: NDArray[np.float64], one: NDArray[np.float64], other: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Which points lie beside the line from one place to the other, in shares of its length."""
    line = other - one
    length = max(float(np.hypot(*line)), 1.0)
    y, x = ((centres - one) / length).T
    along, off = (y * line[0] + x * line[1]) / length, (y * line[1] - x * line[0]) / length
    inside: NDArray[np.bool_] = (np.abs(along - 0.5) < 0.45) & (np.abs(off) < BESIDE_SHARE)
    return inside


def not_among(parts: Parts, references: Sequence[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """Which parts are none of the references."""
    outside = np.ones(len(parts.area), dtype=np.bool_)
    for reference in references:
        shared = np.bincount(parts.label[reference & (parts.label >= 0)], minlength=len(outside))
        outside &= shared < SAME_SHARE * parts.area
    return outside


def places_of(reference: NDArray[np.bool_]) -> NDArray[np.float64]:
    """M x 2, rows and columns of a mask's pixels, thinned."""
    places = np.argwhere(reference).astype(np.float64)
    thinned: NDArray[np.float64] = places[:: max(1, len(places) // PLACES)] + 0.5
    return thinned


def centres_of(parts: Parts) -> NDArray[np.float64]:
    """N x 2, rows and columns."""
    centres: NDArray[np.float64] = (parts.centre[:, [3, 1]] + 1) / 2 * parts.label.shape
    return centres


def gaps_to(parts: Parts, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pixels from each part's bounding box to the nearest of some places."""
    low = (1 - parts.edge[:, [2, 0]]) / 2 * parts.label.shape
    high = (1 + parts.edge[:, [3, 1]]) / 2 * parts.label.shape
    away = [
        np.maximum(np.maximum(a - places, places - b), 0) for a, b in zip(low, high, strict=True)
    ]
    return np.array([np.hypot(*one.T).min() for one in away])
