"""Metres on the ground: the true size of a pixel, and areas on the ellipsoid."""

from __future__ import annotations

import functools

import numpy as np
import pyproj
import shapely
from affine import Affine
from numpy.typing import NDArray

# Edges are cut into pieces of this length before they are projected for measuring: the chord of
# a 1 km line strays from it by less than 0.1 m anywhere on Earth.
DENSIFY_M = 1_000.0
# Beyond this span, the equal-area projection around the scene's centre folds over.
MAX_LOCAL_SPAN_DEG = 90.0


@functools.lru_cache(maxsize=16)
def parse_crs(wkt: str | None) -> pyproj.CRS | None:
    """The CRS of a WKT text, or None when there is none that lies on the Earth."""
    if not wkt:
        return None
    try:
        crs = pyproj.CRS.from_user_input(wkt)
    except pyproj.exceptions.CRSError:
        return None
    return crs if (crs.is_projected or crs.is_geographic) else None


@functools.lru_cache(maxsize=16)
def _to_lonlat(wkt: str) -> pyproj.Transformer | None:
    crs = parse_crs(wkt)
    if crs is None or crs.geodetic_crs is None:
        return None
    geodetic = crs.geodetic_crs.to_2d()
    return pyproj.Transformer.from_crs(crs.to_2d(), geodetic, always_xy=True)


def pixel_size_m(
    transform: Affine, crs_wkt: str | None, col: float, row: float
) -> tuple[float, float] | None:
    """The size of the pixel at a place, in metres on the ellipsoid.

    A web map's pixels are smaller than their nominal size away from the equator; a geographic
    raster's are narrower than high.

    Args:
        transform: pixel to CRS.
        crs_wkt: the CRS as WKT.
        col: where, in pixels from the left.
        row: where, in pixels from the top.

    Returns:
        Width along a row and height along a column, or None without a CRS or where the CRS
        does not reach.
    """
    transformer = _to_lonlat(crs_wkt) if crs_wkt else None
    crs = parse_crs(crs_wkt)
    if transformer is None or crs is None:
        return None
    places = [transform @ place for place in ((col, row), (col + 1, row), (col, row + 1))]
    lon, lat = transformer.transform([p[0] for p in places], [p[1] for p in places])
    if not np.isfinite([*lon, *lat]).all():
        return None
    geod = crs.get_geod() or pyproj.Geod(ellps="WGS84")
    _, _, distances = geod.inv([lon[0], lon[0]], [lat[0], lat[0]], lon[1:], lat[1:])
    width, height = float(distances[0]), float(distances[1])
    return (width, height) if width > 0 and height > 0 else None


@functools.lru_cache(maxsize=64)
def _equal_area(wkt: str, lon: float, lat: float, local: bool) -> pyproj.Transformer | None:
    crs = parse_crs(wkt)
    if crs is None:
        return None
    ellipsoid = crs.ellipsoid
    shape = f"+a={ellipsoid.semi_major_metre!r}" if ellipsoid else "+ellps=WGS84"
    if ellipsoid:
        shape += f" +b={ellipsoid.semi_minor_metre!r}"
    kind = f"+proj=laea +lat_0={lat!r}" if local else "+proj=cea"
    # Lon/lat of the CRS's own datum to metres: measuring needs no datum shift.
    return pyproj.Transformer.from_pipeline(
        f"+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad "
        f"+step {kind} +lon_0={lon!r} {shape}"
    )


def areas_m2(geometries: NDArray[np.object_], crs_wkt: str | None) -> NDArray[np.float64] | None:
    """Areas on the CRS's ellipsoid, all geometries at once.

    They are projected to an equal-area projection of the same ellipsoid around the scene's
    centre (so a scene across the antimeridian stays in one piece) and measured in the plane.

    Args:
        geometries: N shapely geometries in the CRS.
        crs_wkt: the CRS as WKT.

    Returns:
        N areas in square metres, or None when the CRS is missing or not on the Earth.
    """
    transformer = _to_lonlat(crs_wkt) if crs_wkt else None
    crs = parse_crs(crs_wkt)
    if transformer is None or crs is None or crs_wkt is None:
        return None
    if len(geometries) == 0:
        return np.zeros(0)
    unit = crs.axis_info[0].unit_conversion_factor if crs.axis_info else 1.0
    metres_per_unit = unit * 6_371_000.0 if crs.is_geographic else unit
    coords = shapely.get_coordinates(geometries)
    if np.ptp(coords, axis=0).max() > DENSIFY_M / metres_per_unit:  # else no edge is that long
        geometries = shapely.segmentize(geometries, DENSIFY_M / metres_per_unit)
        coords = shapely.get_coordinates(geometries)
    lon, lat = transformer.transform(coords[:, 0], coords[:, 1])
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        return None
    lon_0, lat_0, local = _centre(lon, lat, wraps=not crs.is_geographic)
    projection = _equal_area(crs_wkt, lon_0, lat_0, local)
    if projection is None:
        return None
    x, y = projection.transform(lon, lat)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return None
    areas: NDArray[np.float64] = shapely.area(
        shapely.set_coordinates(geometries.copy(), np.column_stack([x, y]))
    )
    return areas


def _centre(
    lon: NDArray[np.float64], lat: NDArray[np.float64], *, wraps: bool
) -> tuple[float, float, bool]:
    """The middle of the points, rounded to a degree, and whether they all lie near it.

    Longitudes of a geographic raster run on beyond 180; projected ones come back from -180.
    """
    reference = float(lon[0]) if wraps else 0.0
    relative = (lon - reference + 180.0) % 360.0 - 180.0 if wraps else lon
    lon_0 = round(reference + (float(relative.min()) + float(relative.max())) / 2)
    lat_0 = round((float(lat.min()) + float(lat.max())) / 2)
    span = max(float(np.ptp(relative)), float(np.ptp(lat)))
    return float(lon_0), float(lat_0), span < MAX_LOCAL_SPAN_DEG
