"""From probabilities to polygon features with score and area."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray

from rsrefseg.errors import InputError
from rsrefseg.geo.clean import fill_holes, right_angles, scale_at, simplify, smooth
from rsrefseg.geo.ground import areas_m2
from rsrefseg.geo.tracer import STRIP_PX, StripTracer, TracedParts
from rsrefseg.geo.within import Area

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
    """How probabilities become polygons. Without a CRS, metres are CRS units.

    Attributes:
        threshold: a pixel belongs when its probability is above this, 0 to below 1.
        min_area_m2: smaller polygons are left out.
        simplify_m: detail up to about this size goes; 0 keeps the pixel edges.
        fill_holes_m2: holes up to this area are filled.
        right_angles: straighten outlines that nearly have right angles, as buildings do.
        smooth_m: corners are cut round, at most this far along their sides.
    """

    threshold: float = 0.5
    min_area_m2: float = 0.0
    simplify_m: float = 0.0
    fill_holes_m2: float = 0.0
    right_angles: bool = False
    smooth_m: float = 0.0

    def __post_init__(self) -> None:
        """Refuse values that mean nothing.

        Raises:
            InputError: a value is out of its range.
        """
        if not 0.0 <= self.threshold < 1.0:
            raise InputError("The threshold must be at least 0 and below 1.")
        for value, name in (
            (self.min_area_m2, "minimum area must be 0 or more square metres"),
            (self.simplify_m, "simplification must be 0 or more metres"),
            (self.fill_holes_m2, "area of holes to fill must be 0 or more square metres"),
            (self.smooth_m, "smoothing must be 0 or more metres"),
        ):
            if not 0.0 <= value < float("inf"):
                raise InputError(f"The {name}.")

    @property
    def needs_all(self) -> bool:
        """Whether polygons have to be cleaned up together, none before the last is traced."""
        return self.simplify_m > 0 and not self.right_angles


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
    finish: Finisher,
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
    yield from finish.rest()


class Finisher:
    """Turns traced parts into features: cleans up, measures, leaves out what is too small."""

    def __init__(
        self,
        transform: Affine,
        crs: str | None,
        size: tuple[int, int],
        options: PolygonOptions,
        within: Area | None = None,
    ) -> None:
        """Prepare for one raster.

        Args:
            transform: pixels to the CRS.
            crs: the CRS as WKT, or None.
            size: the raster's width and height.
            options: clean-up.
            within: what lies outside is cut off, in the same CRS.
        """
        self._crs = crs
        self._within = within
        self._options = options
        self._scale = scale_at(transform, crs, size)
        self._waiting: list[TracedParts] = []

    def __call__(self, parts: TracedParts) -> list[PolygonFeature]:
        """Features of some parts, in their order; later, if all have to be there first."""
        if self._options.needs_all:
            self._waiting.append(parts)
            return []
        return self._features(parts)

    def rest(self) -> list[PolygonFeature]:
        """The features that had to wait for the last part."""
        if not self._waiting:
            return []
        waiting, self._waiting = self._waiting, []
        return self._features(
            TracedParts(
                np.concatenate([parts.polygons for parts in waiting]),
                np.concatenate([parts.pixels for parts in waiting]),
                np.concatenate([parts.value_sums for parts in waiting]),
            )
        )

    def _features(self, parts: TracedParts) -> list[PolygonFeature]:
        if not len(parts.polygons):
            return []
        polygons, source = self._clean(parts.polygons)
        scores = (parts.value_sums / (parts.pixels * float(LEVELS)))[source]
        areas = areas_m2(polygons, self._crs)
        measured = shapely.area(polygons) if areas is None else areas
        large = np.flatnonzero(measured >= self._options.min_area_m2)
        return [
            PolygonFeature(
                polygons[i], float(scores[i]), None if areas is None else float(areas[i])
            )
            for i in large.tolist()
        ]

    def _clean(
        self, polygons: NDArray[np.object_]
    ) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
        """Polygons cleaned up, and for each the index of the one that it comes from."""
        options, scale = self._options, self._scale
        source = np.arange(len(polygons), dtype=np.int64)
        if options.fill_holes_m2 > 0:
            polygons = fill_holes(polygons, options.fill_holes_m2, self._crs)
        if options.right_angles:
            polygons, of = right_angles(polygons, options.simplify_m, scale)
            source = source[of]
        elif options.simplify_m > 0:
            polygons, of = simplify(polygons, options.simplify_m, scale)
            source = source[of]
        if options.smooth_m > 0:
            polygons, of = smooth(polygons, options.smooth_m, scale)
            source = source[of]
        if self._within is not None:
            polygons, of = self._within.cut(polygons)
            source = source[of]
        return polygons, source


def geojson_geometries(features: Sequence[PolygonFeature]) -> list[str]:
    """Each feature's geometry as GeoJSON text, in its own CRS, every digit kept."""
    texts: NDArray[np.object_] = shapely.to_geojson(
        np.array([feature.geometry for feature in features], dtype=object)
    )
    return [str(text) for text in texts]
