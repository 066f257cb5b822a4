"""Things as parts of a mask or as polygons, and where they lie: what phrases compare them by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import geometry_mask

from rsrefseg.geo.runs import find_runs, label_runs

# Parts smaller than this share of the median part are crumbs and not things.
CRUMB_SHARE = 0.2
# A part that shares so much with what things are chosen by is that itself.
SAME_SHARE = 0.5
# Pixels of what things are chosen by that distances are taken to, about.
PLACES = 2_000
# Between: this far beside the line at most, as a share of its length.
BESIDE_SHARE = 0.3
# Polygons' outlines become places this many cells apart.
PLACES_APART = 8.0


@dataclass(frozen=True)
class Parts:
    """Things of one name.

    Attributes:
        shape: rows and columns of the view that they lie in.
        area: N, in cells.
        edge: N x 4, how far each reaches to the left, right, top and bottom of the view: -1 at
            the opposite edge, 1 at that edge.
        centre: N x 4, the same of its centre.
    """

    shape: tuple[int, int]
    area: NDArray[np.float64]
    edge: NDArray[np.float64]
    centre: NDArray[np.float64]


@dataclass(frozen=True)
class Reference:
    """What things are chosen by.

    Attributes:
        places: M x 2, rows and columns of where it is, thinned.
        shared: N, cells that it shares with each of the things.
    """

    places: NDArray[np.float64]
    shared: NDArray[np.float64]


def find_parts(mask: NDArray[np.bool_]) -> tuple[Parts, NDArray[np.int64]]:
    """The 4-connected parts of a mask, without its crumbs.

    Args:
        mask: H x W.

    Returns:
        The parts, and the part of each pixel, H x W; -1 outside.
    """
    height, width = mask.shape
    runs = find_runs(mask)
    of_run, count = label_runs(runs, np.empty(0, dtype=np.int64))
    row, first = np.divmod(runs.starts, runs.stride)
    last = first + (runs.ends - runs.starts)
    length = last - first
    area = np.bincount(of_run, length, count).astype(np.float64)
    large = _are_no_crumbs(area)
    number = np.where(large, np.cumsum(large) - 1, -1)
    label = np.full((height, width), -1, dtype=np.int64)
    label[mask] = np.repeat(number[of_run], length)

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(of_run, values * length, count) / np.maximum(area, 1)

    def least(values: NDArray[np.int64]) -> NDArray[np.float64]:
        out = np.full(count, np.inf)
        np.minimum.at(out, of_run, values)
        return out

    bounds = np.stack([least(first), least(row), -least(-last), -least(-row - 1)], axis=1)
    centres = np.stack([mean((first + last) / 2), mean(row + 0.5)], axis=1)
    return _placed((height, width), area[large], bounds[large], centres[large]), label


def find_reference(mask: NDArray[np.bool_], label: NDArray[np.int64], count: int) -> Reference:
    """A mask as what things are chosen by.

    Args:
        mask: H x W.
        label: H x W, the part of each pixel; -1 outside.
        count: how many parts there are.
    """
    places = np.argwhere(mask).astype(np.float64)
    thinned = places[:: max(1, len(places) // PLACES)] + 0.5
    shared = np.bincount(label[mask & (label >= 0)], minlength=count).astype(np.float64)
    return Reference(thinned, shared)


def in_cells(polygons: Sequence[shapely.Polygon], to_crs: Affine) -> NDArray[np.object_]:
    """Polygons in columns and rows.

    Args:
        polygons: in the CRS.
        to_crs: columns and rows to the CRS.
    """
    a, b, c, d, e, f, *_ = ~to_crs
    linear, moved = np.array([[a, d], [b, e]]), (c, f)
    found: NDArray[np.object_] = shapely.transform(
        np.array(polygons, dtype=object), lambda at: at @ linear + moved
    )
    return found


def polygon_parts(
    polygons: NDArray[np.object_], shape: tuple[int, int]
) -> tuple[Parts, NDArray[np.intp]]:
    """Polygons as parts, without crumbs.

    Args:
        polygons: N, in columns and rows of the view.
        shape: the view's rows and columns.

    Returns:
        The parts, and the number of each one's polygon.
    """
    large = np.flatnonzero(_are_no_crumbs(shapely.area(polygons)))
    kept = polygons[large]
    centres = shapely.get_coordinates(shapely.centroid(kept)).reshape(-1, 2)
    bounds = shapely.bounds(kept).reshape(-1, 4)
    return _placed(shape, shapely.area(kept), bounds, centres), large


def polygon_reference(polygons: NDArray[np.object_], things: NDArray[np.object_]) -> Reference:
    """Polygons as what other polygons are chosen by.

    Args:
        polygons: M, in columns and rows of the view.
        things: N, the same.
    """
    along = shapely.get_coordinates(shapely.segmentize(polygons, PLACES_APART))
    shared = np.zeros(len(things))
    of_thing, of_polygon = shapely.STRtree(polygons).query(things, predicate="intersects")
    overlaps = shapely.area(shapely.intersection(things[of_thing], polygons[of_polygon]))
    np.add.at(shared, of_thing, overlaps)
    return Reference(along[:, ::-1], shared)


def covered(polygons: NDArray[np.object_], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The cells, H x W, whose centres lie in some polygons that are in columns and rows."""
    if not len(polygons):
        return np.zeros(shape, dtype=np.bool_)
    inside: NDArray[np.bool_] = geometry_mask(polygons, shape, Affine.identity(), invert=True)
    return inside


def _are_no_crumbs(area: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of some parts are large enough to be things."""
    large: NDArray[np.bool_] = area >= CRUMB_SHARE * (np.median(area) if len(area) else 0)
    return large


def _placed(
    shape: tuple[int, int],
    area: NDArray[np.float64],
    bounds: NDArray[np.float64],
    centres: NDArray[np.float64],
) -> Parts:
    """Parts of bounds (N x 4: columns and rows from and to) and centres (N x 2)."""
    size = np.array(shape[::-1], dtype=np.float64)
    (x, y), (x0, y0), (x1, y1) = (
        (2 * at / size - 1).T for at in (centres, bounds[:, :2], bounds[:, 2:])
    )
    centre, edge = np.stack([-x, x, -y, y], axis=1), np.stack([-x0, x1, -y0, y1], axis=1)
    return Parts(shape, area, edge, centre)


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


def not_among(parts: Parts, references: Sequence[Reference]) -> NDArray[np.bool_]:
    """Which parts are none of the references."""
    outside = np.ones(len(parts.area), dtype=np.bool_)
    for reference in references:
        outside &= reference.shared < SAME_SHARE * parts.area
    return outside


def centres_of(parts: Parts) -> NDArray[np.float64]:
    """N x 2, rows and columns."""
    centres: NDArray[np.float64] = (parts.centre[:, [3, 1]] + 1) / 2 * parts.shape
    return centres


def boxes_of(parts: Parts) -> NDArray[np.int64]:
    """N x 4: first row and column of each part, and those after its last."""
    return np.concatenate(_corners_of(parts), axis=1).round().astype(np.int64)


def from_centres(parts: Parts, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cells from each part's centre to the nearest of some places."""
    tree = shapely.STRtree(shapely.points(places))
    _, gaps = tree.query_nearest(
        shapely.points(centres_of(parts)), return_distance=True, all_matches=False
    )
    return np.asarray(gaps)


def from_boxes(parts: Parts, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cells from each part's bounding box to the nearest of some places."""
    away = [
        np.maximum(np.maximum(a - places, places - b), 0)
        for a, b in zip(*_corners_of(parts), strict=True)
    ]
    return np.array([np.hypot(*one.T).min() for one in away])


def _corners_of(parts: Parts) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """N x 2 each: rows and columns where each part's box begins and ends."""
    low: NDArray[np.float64] = (1 - parts.edge[:, [2, 0]]) / 2 * parts.shape
    high: NDArray[np.float64] = (1 + parts.edge[:, [3, 1]]) / 2 * parts.shape
    return low, high
