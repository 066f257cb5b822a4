"""From probabilities to polygon features with score and area."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray

from rsrefseg.errors import InputError
from rsrefseg.geo.ground import areas_m2, pixel_size_m, units_per_metre
from rsrefseg.geo.tracer import STRIP_PX, StripTracer, TracedParts

# Probabilities are kept as whole numbers from 0 to this.
LEVELS = 255


@dataclass(frozen=True)
class PolygonFeature:
    """One polygon of a result.

    Attributes:
        geometry: in the raster's CRS, valid, holes kept.
        score: mean probability of its pixels, 0 to 1.
        area_m2: on the ellipsoid, or None without a CRS.
    """

    geometry: shapely.Polygon
    score: float
    area_m2: float | None


@dataclass(frozen=True)
class PolygonOptions:
    """How probabilities become polygons.

    Attributes:
        threshold: a pixel belongs when its probability is above this, 0 to below 1.
        min_area_m2: smaller polygons are left out (square CRS units without a CRS).
        simplify_m: tolerance of simplification in metres on the ground (CRS units without a
            CRS); 0 keeps the pixel edges.
    """

    threshold: float = 0.5
    min_area_m2: float = 0.0
    simplify_m: float = 0.0

    def __post_init__(self) -> None:
        """Refuse values that mean nothing.

        Raises:
            InputError: a value is out of its range.
        """
        if not 0.0 <= self.threshold < 1.0:
            raise InputError("The threshold must be at least 0 and below 1.")
        if not 0.0 <= self.min_area_m2 < float("inf"):
            raise InputError("The minimum area must be 0 or more square metres.")
        if not 0.0 <= self.simplify_m < float("inf"):
            raise InputError("The simplification must be 0 or more metres.")


def quantise(probability: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Probabilities as whole numbers from 0 to 255."""
    levels: NDArray[np.uint8] = np.rint(np.clip(probability, 0.0, 1.0) * LEVELS).astype(np.uint8)
    return levels


def mask_to_polygons(
    probability: NDArray[np.float32],
    valid: NDArray[np.bool_],
    transform: Affine,
    crs: str | None,
    options: PolygonOptions | None = None,
) -> list[PolygonFeature]:
    """Polygons of the pixels whose probability is above the threshold.

    Args:
        probability: H x W, 0 to 1.
        valid: H x W, False where there is no data; such pixels never belong.
        transform: pixels to the CRS.
        crs: the CRS as WKT, or None.
        options: threshold and clean-up.

    Returns:
        Polygons exact to the pixel edges (unless simplified), in the CRS, from top to bottom.
    """
    options = options or PolygonOptions()
    mask = (probability > options.threshold) & valid
    height, width = mask.shape
    finish = Finisher(transform, crs, (width, height), options)
    rows = max(1, STRIP_PX // max(1, width))
    strips = (
        (mask[top : top + rows], quantise(probability[top : top + rows]))
        for top in range(0, height, rows)
    )
    return list(polygons_of_strips(strips, width, transform, finish))


def polygons_of_strips(
    strips: Iterable[tuple[NDArray[np.bool_], NDArray[np.uint8]]],
    width: int,
    transform: Affine,
    finish: Callable[[TracedParts], list[PolygonFeature]],
) -> Iterator[PolygonFeature]:
    """Polygons of a mask that comes strip by strip, as soon as each is complete.

    Args:
        strips: mask and values (0 to 255) from top to bottom.
        width: the mask's width.
        transform: pixels to the CRS.
        finish: makes features of traced parts.
    """
    tracer = StripTracer(width, transform)
    for mask, values in strips:
        yield from finish(tracer.feed(mask, values))
    yield from finish(tracer.finish())


class Finisher:
    """Turns traced parts into features: simplifies, measures, leaves out what is too small."""

    def __init__(
        self, transform: Affine, crs: str | None, size: tuple[int, int], options: PolygonOptions
    ) -> None:
        """Prepare for one raster.

        Args:
            transform: pixels to the CRS.
            crs: the CRS as WKT, or None.
            size: the raster's width and height.
            options: clean-up.
        """
        self._crs = crs
        self._options = options
        ground = pixel_size_m(transform, crs, size[0] / 2, size[1] / 2)
        self._tolerance = options.simplify_m * units_per_metre(transform, ground)

    def __call__(self, parts: TracedParts) -> list[PolygonFeature]:
        """Features of some parts, in their order."""
        if not len(parts.polygons):
            return []
        polygons = parts.polygons
        scores = parts.value_sums / (parts.pixels * float(LEVELS))
        if self._tolerance > 0:
            polygons, source = simplify(polygons, self._tolerance)
            scores = scores[source]
        areas = areas_m2(polygons, self._crs)
        measured = shapely.area(polygons) if areas is None else areas
        large = np.flatnonzero(measured >= self._options.min_area_m2)
        return [
            PolygonFeature(
                polygons[i], float(scores[i]), None if areas is None else float(areas[i])
            )
            for i in large.tolist()
        ]


def simplify(
    polygons: NDArray[np.object_], tolerance: float
) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """Fewer vertices within a tolerance, always valid, never away altogether.

    Args:
        polygons: N valid polygons.
        tolerance: in CRS units.

    Returns:
        M valid polygons, and for each the index of the polygon that it comes from.
    """
    simpler = shapely.simplify(polygons, tolerance, preserve_topology=True)
    broken = np.flatnonzero(~shapely.is_valid(simpler))
    simpler[broken] = shapely.make_valid(simpler[broken])
    empty = shapely.is_empty(simpler) | (shapely.area(simpler) == 0)
    simpler[empty] = polygons[empty]
    parts, source = shapely.get_parts(simpler, return_index=True)
    areal = shapely.get_type_id(parts) == int(shapely.GeometryType.POLYGON)
    return parts[areal], source[areal].astype(np.int64)


def geojson_geometries(features: Sequence[PolygonFeature]) -> list[str]:
    """Each feature's geometry as GeoJSON text, in its own CRS, every digit kept."""
    texts: NDArray[np.object_] = shapely.to_geojson(
        np.array([feature.geometry for feature in features], dtype=object)
    )
    return [str(text) for text in texts]
