"""Geometries from one CRS to another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyproj
import shapely
from pyproj.exceptions import CRSError, ProjError

from rsrefseg.errors import ExtentError


def same_crs(one: str | None, other: str | None) -> bool:
    """Whether coordinates mean the same in both; also where one of the two is unknown."""
    if one is None or other is None or one == other:
        return True
    return bool(pyproj.CRS(one) == pyproj.CRS(other))


def in_degrees(crs: str | None) -> bool:
    """Whether coordinates are longitudes and latitudes."""
    return crs is not None and bool(pyproj.CRS(crs).is_geographic)


def reproject(geometries: Any, source: str | None, target: str | None) -> Any:
    """Geometries in another CRS, vertex by vertex; as they are where a CRS is unknown.

    Args:
        geometries: a shapely geometry or an array of them.
        source: their CRS as WKT, or None.
        target: the wanted CRS as WKT, or None.

    Raises:
        ExtentError: they cannot be expressed there.
    """
    if same_crs(source, target):
        return geometries
    try:
        to = pyproj.Transformer.from_crs(source, target, always_xy=True)
        moved = shapely.transform(
            geometries, lambda xy: np.column_stack(to.transform(xy[:, 0], xy[:, 1]))
        )
    except (CRSError, ProjError) as error:
        raise _elsewhere() from error
    if not np.isfinite(shapely.get_coordinates(moved)).all():
        raise _elsewhere()
    return moved


def _elsewhere() -> ExtentError:
    return ExtentError(
        "The polygons cannot be expressed in the other CRS: choose polygons, or rasters, that lie "
        "where both are valid."
    )
