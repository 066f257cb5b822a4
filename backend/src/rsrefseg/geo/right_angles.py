"""Outlines with right angles, for what people build.

The outline's main direction is found; every side is taken to run along it or across it; sides
that follow one another in one direction become one; sides too short to matter go. What does not
look built in right angles is left as it was, and so is what would change too much.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

Points = NDArray[np.float64]

# Sides within this angle of the main directions speak for right angles.
NEAR_DEG = 20.0
# At least this share of an outline has to.
NEAR_SHARE = 0.6
# The result has to overlap with what it was made of by at least this much (IoU).
LEAST_OVERLAP = 0.8
# No building has more corners, and the work grows with their square.
MOST_CORNERS = 2000


@dataclass
class _Side:
    """Consecutive sides of one direction, taken together.

    Attributes:
        level: where it lies: y of one that runs along x, x of one that runs along y.
        weight: the length that it was made of.
    """

    level: float
    weight: float


def straighten(polygon: shapely.Polygon, tolerance: float) -> shapely.Polygon:
    """A polygon with right angles, or a simpler one where right angles don't suit it.

    Args:
        polygon: valid, in metres.
        tolerance: how far the outline may move, in metres.
    """
    simpler = polygon.simplify(tolerance, preserve_topology=True)
    if simpler.is_empty or not simpler.is_valid or simpler.geom_type != "Polygon":
        return polygon
    if shapely.get_num_coordinates(simpler) > MOST_CORNERS:
        return simpler
    angle, share = main_direction(_points(simpler.exterior))
    if share < NEAR_SHARE:
        return simpler
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shell = _square(_points(simpler.exterior) @ turn, tolerance)
    if shell is None:
        return simpler
    holes = [_square(_points(ring) @ turn, tolerance) for ring in simpler.interiors]
    made = shapely.Polygon(shell @ turn.T, [hole @ turn.T for hole in holes if hole is not None])
    if not made.is_valid or overlap(made, polygon) < LEAST_OVERLAP:
        return simpler
    return made


def main_direction(points: Points) -> tuple[float, float]:
    """The angle of an outline's sides modulo a right angle, and how much of it agrees.

    Args:
        points: N x 2, without the closing point.

    Returns:
        The angle in radians, and the share of the outline's length within `NEAR_DEG` of it.
    """
    sides = np.roll(points, -1, axis=0) - points
    lengths = np.hypot(sides[:, 0], sides[:, 1])
    angles = np.arctan2(sides[:, 1], sides[:, 0])
    # Four times the angle is the same for all four directions of a rectangle.
    angle = float(np.angle((lengths**2 * np.exp(4j * angles)).sum()) / 4)
    off = np.abs(np.angle(np.exp(4j * (angles - angle)))) / 4
    near = float(lengths[off <= np.radians(NEAR_DEG)].sum() / max(lengths.sum(), 1e-12))
    return angle, near


def overlap(one: shapely.Polygon, other: shapely.Polygon) -> float:
    """Intersection over union."""
    union = one.union(other).area
    return float(one.intersection(other).area / union) if union > 0 else 0.0


def _points(ring: shapely.LinearRing) -> Points:
    return np.asarray(ring.coords)[:-1]


def _square(points: Points, tolerance: float) -> Points | None:
    """An outline of sides along the axes; None where fewer than four would be left."""
    sides = _join_sides(points)
    while len(sides) > 4:
        lengths = [
            abs(sides[i - 1].level - sides[(i + 1) % len(sides)].level) for i in range(len(sides))
        ]
        shortest = int(np.argmin(lengths))
        if lengths[shortest] >= tolerance:
            break
        sides = _drop(sides, shortest)
    if len(sides) < 4:
        return None
    corners = []
    for i, side in enumerate(sides):
        before = sides[i - 1]
        along_x = i % 2 == 0
        corners.append((before.level, side.level) if along_x else (side.level, before.level))
    made = np.array(corners)
    return made if shapely.Polygon(made).area > tolerance**2 else None


def _join_sides(points: Points) -> list[_Side]:
    """Sides of one direction in a row as one, beginning with one that runs along x."""
    vectors = np.roll(points, -1, axis=0) - points
    middles = points + vectors / 2
    along_x = np.abs(vectors[:, 0]) >= np.abs(vectors[:, 1])
    changes = np.flatnonzero(along_x & ~np.roll(along_x, 1))
    if not len(changes):
        return []
    start = int(changes[0])
    order = np.roll(np.arange(len(points)), -start)
    sides: list[_Side] = []
    runs_along_x: list[bool] = []
    for i in order.tolist():
        level = float(middles[i, 1] if along_x[i] else middles[i, 0])
        weight = float(abs(vectors[i, 0] if along_x[i] else vectors[i, 1]))
        if runs_along_x and runs_along_x[-1] == along_x[i]:
            sides[-1] = _merge(sides[-1], _Side(level, weight))
        else:
            sides.append(_Side(level, weight))
            runs_along_x.append(bool(along_x[i]))
    return sides


def _merge(one: _Side, other: _Side) -> _Side:
    weight = one.weight + other.weight
    share = other.weight / weight if weight > 0 else 0.5
    return _Side(one.level + (other.level - one.level) * share, weight)


def _drop(sides: list[_Side], index: int) -> list[_Side]:
    """Sides without one, whose neighbours become one; the first still runs along x."""
    count = len(sides)
    merged = _merge(sides[index - 1], sides[(index + 1) % count])
    rest = [sides[(index + 2 + k) % count] for k in range(count - 3)]
    return [*rest, merged] if index % 2 == 0 else [merged, *rest]
