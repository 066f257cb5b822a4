"""Cleaning polygons up after tracing: holes, fewer vertices, right angles, round corners.

Everything here gives valid polygons, whatever it is given.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray

from rsrefseg.geo.ground import areas_m2, pixel_size_m
from rsrefseg.geo.right_angles import straighten

Polygons = NDArray[np.object_]
Indexes = NDArray[np.int64]

# Rounds of corner cutting: each doubles the vertices.
SMOOTH_ROUNDS = 2
# Axes whose units differ by more than this are scaled before distances are compared.
ANISOTROPY = 0.01


@dataclass(frozen=True)
class Scale:
    """How long a CRS unit is on the ground around a scene.

    Attributes:
        x_m: metres per unit along x; 1 without a CRS.
        y_m: metres per unit along y; 1 without a CRS.
        cell_m: the side of a grid cell in metres.
    """

    x_m: float
    y_m: float
    cell_m: float

    @property
    def even(self) -> bool:
        """Whether both axes are of one scale."""
        return abs(self.x_m / self.y_m - 1) <= ANISOTROPY


@functools.lru_cache(maxsize=16)
def scale_at(transform: Affine, crs: str | None, size: tuple[int, int]) -> Scale:
    """The scale in the middle of a grid.

    Args:
        transform: the grid's cells to the CRS.
        crs: the CRS as WKT, or None.
        size: width and height in cells.
    """
    side = abs(transform.determinant) ** 0.5
    x, y = transform @ (size[0] / 2, size[1] / 2)
    steps = Affine(side, 0.0, x, 0.0, side, y)
    measured = pixel_size_m(steps, crs, 0, 0)
    if measured is None:
        return Scale(1.0, 1.0, side)
    return Scale(measured[0] / side, measured[1] / side, (measured[0] * measured[1]) ** 0.5)


def fill_holes(polygons: Polygons, up_to_m2: float, crs: str | None) -> Polygons:
    """Polygons without their small holes.

    Args:
        polygons: N valid polygons.
        up_to_m2: holes up to this area go (in square CRS units without a CRS).
        crs: the CRS as WKT, or None.
    """
    filled = polygons.copy()
    holed = np.flatnonzero(shapely.get_num_interior_rings(polygons))
    if not len(holed):
        return filled
    rings, owner = shapely.get_rings(polygons[holed], return_index=True)
    first = np.append([True], owner[1:] != owner[:-1])
    holes = shapely.polygons(rings[~first])
    measured = areas_m2(holes, crs)
    areas = shapely.area(holes) if measured is None else measured
    stays = areas > up_to_m2
    shells = rings[first]
    kept, whose = rings[~first][stays], owner[~first][stays]
    bounds = np.searchsorted(whose, np.arange(len(holed) + 1))
    for i, index in enumerate(holed.tolist()):
        filled[index] = shapely.polygons(shells[i], holes=kept[bounds[i] : bounds[i + 1]])
    return filled


def simplify(polygons: Polygons, tolerance_m: float, scale: Scale) -> tuple[Polygons, Indexes]:
    """Fewer vertices, none of the polygons lost, none over another.

    All are simplified together, so that outlines that share corners, or run close to one
    another, do not come to cross.

    Args:
        polygons: N valid polygons that don't overlap.
        tolerance_m: detail up to about this size goes.
        scale: the scene's.

    Returns:
        M valid polygons, and for each the index of the polygon that it comes from.
    """

    def simpler(geometries: Polygons) -> Polygons:
        made: Polygons = shapely.coverage_simplify(geometries, tolerance_m / scale.x_m)
        return made

    if not scale.even:
        stretch = np.array([1.0, scale.y_m / scale.x_m])
        made = shapely.transform(
            simpler(shapely.transform(polygons, lambda xy: xy * stretch)), lambda xy: xy / stretch
        )
    else:
        made = simpler(polygons)
    return repair(made, polygons)


def right_angles(polygons: Polygons, tolerance_m: float, scale: Scale) -> tuple[Polygons, Indexes]:
    """Outlines with right angles where they nearly have them, as buildings do.

    Args:
        polygons: N valid polygons.
        tolerance_m: how far an outline may move; one and a half grid cells at least, or the
            stairs of a slanting wall would stay.
        scale: the scene's.

    Returns:
        M valid polygons, and for each the index of the polygon that it comes from.
    """
    stretch = np.array([scale.x_m, scale.y_m])
    metric = shapely.transform(polygons, lambda xy: xy * stretch)
    tolerance = max(tolerance_m, 1.5 * scale.cell_m)
    made = np.array([straighten(polygon, tolerance) for polygon in metric], dtype=object)
    return repair(shapely.transform(made, lambda xy: xy / stretch), polygons)


def smooth(polygons: Polygons, radius_m: float, scale: Scale) -> tuple[Polygons, Indexes]:
    """Outlines with their corners cut round.

    Args:
        polygons: N valid polygons.
        radius_m: a corner is cut at most this far along its sides.
        scale: the scene's.

    Returns:
        M valid polygons, and for each the index of the polygon that it comes from.
    """
    made = np.array([_smooth_one(polygon, radius_m, scale) for polygon in polygons], dtype=object)
    # A polygon whose rings would meet keeps its corners.
    broken = ~shapely.is_valid(made)
    made[broken] = polygons[broken]
    return repair(made, polygons)


def _smooth_one(polygon: shapely.Polygon, radius_m: float, scale: Scale) -> shapely.Polygon:
    rings = [np.asarray(ring.coords)[:-1] for ring in (polygon.exterior, *polygon.interiors)]
    for _ in range(SMOOTH_ROUNDS):
        radius_m /= 2  # so that all rounds together stay within it
        rings = [_cut_corners(ring, radius_m, scale) for ring in rings]
    return shapely.Polygon(rings[0], rings[1:])


def _cut_corners(ring: NDArray[np.float64], radius_m: float, scale: Scale) -> NDArray[np.float64]:
    """Each side shortened at both ends by a quarter, or by the radius."""
    side = np.roll(ring, -1, axis=0) - ring
    length_m = np.hypot(side[:, 0] * scale.x_m, side[:, 1] * scale.y_m)
    share = np.minimum(0.25, radius_m / np.maximum(length_m, 1e-12))[:, None]
    return np.stack([ring + side * share, ring + side * (1 - share)], axis=1).reshape(-1, 2)


def repair(made: Polygons, originals: Polygons) -> tuple[Polygons, Indexes]:
    """Valid, areal parts of what was made; the original where nothing is left.

    Args:
        made: N geometries.
        originals: the N polygons that they were made of.

    Returns:
        M valid polygons, and for each the index of its original.
    """
    made = made.copy()
    broken = np.flatnonzero(~shapely.is_valid(made))
    made[broken] = shapely.make_valid(made[broken])
    lost = shapely.is_empty(made) | (shapely.area(made) == 0)
    made[lost] = originals[lost]
    parts, source = _areal_parts(made)
    return parts, source


def _areal_parts(geometries: Polygons) -> tuple[Polygons, Indexes]:
    parts, source = shapely.get_parts(geometries, return_index=True)
    nested = shapely.get_type_id(parts) == int(shapely.GeometryType.MULTIPOLYGON)
    if nested.any():  # a repaired polygon may be a collection with polygons in it
        inner, position = shapely.get_parts(parts, return_index=True)
        parts, source = inner, source[position]
    areal = shapely.get_type_id(parts) == int(shapely.GeometryType.POLYGON)
    areal &= shapely.area(parts) > 0
    return parts[areal], source[areal].astype(np.int64)
