"""Right angles for polygons that somebody else drew, in and out as GeoJSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import shapely
from affine import Affine
from shapely.errors import ShapelyError
from shapely.geometry import mapping, shape

from rsrefseg.errors import CancelledError, InputError
from rsrefseg.geo.clean import repair, right_angles, scale_at

# What lies farther from the origin is on no map, and its squares overflow.
FARTHEST = 1e12
# A place is measured over a step that is this share of a polygon's width.
STEP_SHARE = 1e-3
# An outline of more corners that crosses itself may do so at millions of places.
MOST_CROSSING = 2000


def regularise(
    geometries: Sequence[Mapping[str, Any]],
    crs: str | None,
    tolerance_m: float,
    *,
    cancelled: Callable[[], bool] = lambda: False,
) -> list[dict[str, Any]]:
    """Outlines with right angles where they nearly have them.

    Args:
        geometries: GeoJSON Polygons or MultiPolygons; invalid ones are repaired first.
        crs: of the coordinates as WKT, or None.
        tolerance_m: how far an outline may move, in metres; in CRS units without a CRS.
        cancelled: asked before each.

    Returns:
        A valid MultiPolygon for each, in the same order.

    Raises:
        InputError: one is neither, holds no area, or is too tangled to repair.
        CancelledError: `cancelled` said so.
    """
    made = []
    for geometry in geometries:
        if cancelled():
            raise CancelledError("The request was cancelled.")
        made.append(_one(_read(geometry), crs, tolerance_m))
    return made


def _read(geometry: Mapping[str, Any]) -> shapely.Geometry:
    try:
        made = shape(geometry)
        usable = bool((np.abs(shapely.get_coordinates(made)) < FARTHEST).all())  # NaN is not
    except (ShapelyError, ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        raise InputError("A geometry is not GeoJSON: send Polygons or MultiPolygons.") from error
    if made.geom_type not in ("Polygon", "MultiPolygon") or made.is_empty or not usable:
        raise InputError("A geometry is no polygon: send Polygons or MultiPolygons with an area.")
    return made


def _one(geometry: shapely.Geometry, crs: str | None, tolerance_m: float) -> dict[str, Any]:
    if not shapely.is_valid(geometry):
        if shapely.get_num_coordinates(geometry) > MOST_CROSSING:
            raise InputError("An outline crosses itself and has too many corners: repair it first.")
        filled = shapely.make_valid(geometry, method="structure", keep_collapsed=False)
        # GEOS leaves nothing of some outlines that run back over themselves: repair() does.
        geometry = filled if filled.area > 0 else geometry
    whole = np.array([shapely.force_2d(geometry)], dtype=object)
    parts, _ = repair(whole, whole)
    if not len(parts):
        raise InputError("A geometry has no area: leave it out.")
    x_min, y_min, x_max, y_max = shapely.total_bounds(parts)
    step = max(x_max - x_min, y_max - y_min) * STEP_SHARE
    # a grid of one small cell in the middle: what counts of it is the scale there
    grid = Affine(step, 0.0, (x_min + x_max) / 2, 0.0, -step, (y_min + y_max) / 2)
    made, _ = right_angles(parts, tolerance_m, scale_at(grid, crs, (0, 0)))
    joined = shapely.union_all(made)  # parts that moved over one another become one
    polygons = [part for part in shapely.get_parts(joined) if part.geom_type == "Polygon"]
    result: dict[str, Any] = mapping(shapely.MultiPolygon(polygons))
    return result
