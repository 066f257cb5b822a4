"""Areas that results are kept to: the polygons of a vector layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyogrio
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError

from rsrefseg.errors import InputError
from rsrefseg.geo.reproject import in_degrees, reproject, same_crs
from rsrefseg.geo.windows import Span, WorkingGrid


@dataclass(frozen=True)
class Area:
    """Polygons as one geometry.

    Attributes:
        geometry: valid, not empty.
        crs: as WKT, or None.
    """

    geometry: shapely.Geometry
    crs: str | None

    def placed(self, crs: str | None) -> Area:
        """The same in another CRS; as it is where one of the two is unknown.

        In degrees it is there in every turn of longitudes that a raster may count in: beyond 180
        east of the antimeridian, or from 0 to 360.

        Raises:
            ExtentError: it cannot be expressed there.
        """
        moved = self.geometry
        if not same_crs(self.crs, crs):
            moved = _polygonal(shapely.make_valid(reproject(moved, self.crs, crs)))
        if in_degrees(crs):
            moved = shapely.union_all([_turned(moved, turns) for turns in (-1, 0, 1)])
        return Area(moved, crs)

    def touches(
        self, spans: Sequence[Span], grid: WorkingGrid, raster: Affine
    ) -> NDArray[np.bool_]:
        """Which windows of a grid have something of it.

        Args:
            spans: the windows.
            grid: their grid.
            raster: pixels to the CRS.
        """
        cells = np.array([(s.col, s.row, s.col + s.width, s.row + s.height) for s in spans])
        # Windows may reach beyond the grid, where nothing is.
        inside = np.clip(cells.reshape(-1, 4), 0, (grid.width, grid.height) * 2)
        boxes = shapely.box(*inside.T.astype(np.float64))
        step = grid.transform(raster)
        placed = shapely.transform(
            boxes,
            lambda xy: np.column_stack(
                [
                    step.a * xy[:, 0] + step.b * xy[:, 1] + step.c,
                    step.d * xy[:, 0] + step.e * xy[:, 1] + step.f,
                ]
            ),
        )
        shapely.prepare(self.geometry)
        found: NDArray[np.bool_] = shapely.intersects(self.geometry, placed)
        return found

    def cut(self, polygons: NDArray[np.object_]) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
        """What of some polygons lies inside, and for each part the index of its polygon."""
        shapely.prepare(self.geometry)
        whole = shapely.contains_properly(self.geometry, polygons)
        crossing = ~whole & shapely.intersects(self.geometry, polygons)
        inside = polygons.copy()
        inside[crossing] = shapely.intersection(polygons[crossing], self.geometry)
        chosen = np.flatnonzero(whole | crossing)
        parts, of = shapely.get_parts(inside[chosen], return_index=True)
        parts, nested = shapely.get_parts(parts, return_index=True)
        areal = shapely.get_type_id(parts) == int(shapely.GeometryType.POLYGON)
        areal &= shapely.area(parts) > 0
        return parts[areal], chosen[of[nested]][areal].astype(np.int64)


def read_area(path: Path) -> Area:
    """All polygons of a vector file's first layer that has some.

    Raises:
        InputError: the file cannot be read, or holds no polygon.
    """
    try:
        for name, kind in pyogrio.list_layers(path):
            if kind is None or not ("Polygon" in kind or kind == "Unknown"):
                continue
            meta, _, geometry, _ = pyogrio.raw.read(path, layer=name, columns=[])
            shapes = shapely.from_wkb(geometry)
            found = _polygonal(shapely.union_all(shapely.make_valid(shapes)))
            if not found.is_empty:
                return Area(found, meta["crs"])
    except (DataSourceError, DataLayerError, OSError, shapely.GEOSException) as error:
        raise InputError(f"{path} cannot be read as a vector layer: check the path.") from error
    raise InputError(f"{path} holds no polygon: choose a layer of polygons.")


def _turned(geometry: shapely.Geometry, turns: int) -> shapely.Geometry:
    """The same place in longitudes of another turn around the Earth."""
    return shapely.transform(geometry, lambda xy: xy + np.array([360.0 * turns, 0.0]))


def _polygonal(geometry: shapely.Geometry) -> shapely.Geometry:
    """The areal parts of a geometry."""
    parts = shapely.get_parts(shapely.get_parts(geometry))
    kinds = shapely.get_type_id(parts)
    return shapely.union_all(parts[kinds == int(shapely.GeometryType.POLYGON)])
