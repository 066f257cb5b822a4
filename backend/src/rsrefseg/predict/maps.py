"""Probability maps that stay after a request: polygons are drawn from them without the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from rsrefseg.errors import InputError
from rsrefseg.geo.mapfile import geotiff_bytes
from rsrefseg.geo.polygons import (
    LEVELS,
    Finisher,
    PolygonFeature,
    PolygonOptions,
    polygons_of_strips,
)
from rsrefseg.geo.tracer import STRIP_PX
from rsrefseg.predict.look import Cancelled, check
from rsrefseg.predict.request import PhraseResult, SegmentResult
from rsrefseg.predict.timings import Timings

Item = TypeVar("Item")


class KeptMaps(Protocol):
    """What a request left behind."""

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""

    def draw(
        self,
        options: PolygonOptions,
        timings: Timings,
        *,
        phrases: Sequence[str] | None = None,
        presence_threshold: float | None = None,
        cancelled: Cancelled | None = None,
    ) -> SegmentResult:
        """The request's result under other options.

        Args:
            options: threshold and clean-up.
            timings: what to put into the result; the drawing is added.
            phrases: only these; all when None.
            presence_threshold: in place of the request's own.
            cancelled: asked now and then.

        Raises:
            InputError: a phrase was not asked in this request.
            CancelledError: `cancelled` said so.
        """

    def probability_tiff(self, phrase: str | None) -> bytes:
        """A phrase's probability as a GeoTIFF: float32, 0 to 1, NaN where there is no data."""

    def heat_tiff(self, phrase: str | None) -> bytes:
        """Where the model looked for a phrase, as a GeoTIFF: float32, 0 to 1."""


@dataclass(frozen=True)
class PhraseMap:
    """What the model said about one phrase on one window.

    Attributes:
        phrase: the phrase, tidied.
        levels: H x W uint8, the probability times 255, 0 where there is no data.
        presence: probability that anything matches, or None.
        unknown_words: words that the model never learnt.
        heat: h x w float32, 0 to 1, where the model looked; None where it was not asked.
        heat_px: height and width of a cell of the heat, in pixels of `levels`.
    """

    phrase: str
    levels: NDArray[np.uint8]
    presence: float | None
    unknown_words: tuple[str, ...] = ()
    heat: NDArray[np.float32] | None = None
    heat_px: tuple[float, float] = (1.0, 1.0)


@dataclass(frozen=True)
class ViewMaps:
    """The maps of a request on one window.

    Attributes:
        phrases: one map each.
        transform: pixels to the CRS.
        crs: the CRS as WKT, or None.
        valid: H x W, where there is data; None: everywhere.
        resolution_m: metres per pixel that the model saw.
        presence_threshold: below this presence, nothing is drawn; None: never.
        warnings: sentences for the user about these maps.
        any_data: whether there was anything to look at.
    """

    phrases: tuple[PhraseMap, ...]
    transform: Affine
    crs: str | None
    valid: NDArray[np.bool_] | None
    resolution_m: float
    presence_threshold: float | None = None
    warnings: tuple[str, ...] = ()
    any_data: bool = True

    @property
    def nbytes(self) -> int:
        """Memory that the maps take."""
        heats = sum(0 if p.heat is None else p.heat.nbytes for p in self.phrases)
        valid = 0 if self.valid is None else self.valid.nbytes
        return sum(p.levels.nbytes for p in self.phrases) + heats + valid

    def draw(
        self,
        options: PolygonOptions,
        timings: Timings,
        *,
        phrases: Sequence[str] | None = None,
        presence_threshold: float | None = None,
        cancelled: Cancelled | None = None,
    ) -> SegmentResult:
        """The request's result under other options; see `KeptMaps`."""
        least = self.presence_threshold if presence_threshold is None else presence_threshold
        results = []
        with timings.measure("polygons_s"):
            for one in pick(self.phrases, [p.phrase for p in self.phrases], phrases):
                check(cancelled)
                score, features = self._draw(one, options, least)
                results.append(
                    PhraseResult(
                        one.phrase, score, one.presence, one.unknown_words, features, self.any_data
                    )
                )
        return SegmentResult(self.crs, tuple(results), 1, self.resolution_m, timings, self.warnings)

    def probability_tiff(self, phrase: str | None) -> bytes:
        """A phrase's probability as a GeoTIFF: float32, 0 to 1, NaN where there is no data."""
        one = self._find(phrase)
        return probability_tiff(one.phrase, one.levels, self.valid, self.transform, self.crs)

    def heat_tiff(self, phrase: str | None) -> bytes:
        """Where the model looked for a phrase, as a GeoTIFF: float32, 0 to 1.

        Raises:
            InputError: there was nothing to look at.
        """
        one = self._find(phrase)
        if one.heat is None:
            raise InputError("The extent holds no data: choose one over the raster's image.")
        transform = self.transform @ Affine.scale(one.heat_px[1], one.heat_px[0])
        return geotiff_bytes(one.heat, transform, self.crs, f"attention to {one.phrase}")

    def _find(self, phrase: str | None) -> PhraseMap:
        names = [p.phrase for p in self.phrases]
        return pick(self.phrases, names, None if phrase is None else [phrase])[0]

    def _draw(
        self, one: PhraseMap, options: PolygonOptions, least: float | None
    ) -> tuple[float, tuple[PolygonFeature, ...]]:
        """Mean probability of what is drawn, or the best there is; and the polygons."""
        levels = one.levels
        mask = levels > options.threshold * LEVELS
        pixels = int(np.count_nonzero(mask))
        absent = least is not None and one.presence is not None and one.presence < least
        if absent or not pixels:
            return int(levels.max(initial=0)) / LEVELS, ()
        height, width = levels.shape
        finish = Finisher(self.transform, self.crs, (width, height), options)
        rows = max(1, STRIP_PX // width)
        strips = (
            (mask[top : top + rows], levels[top : top + rows]) for top in range(0, height, rows)
        )
        features = tuple(polygons_of_strips(strips, width, self.transform, finish))
        return int(levels[mask].sum(dtype=np.int64)) / (pixels * LEVELS), features


def pick(items: Sequence[Item], names: Sequence[str], wanted: Sequence[str] | None) -> list[Item]:
    """Items by their phrases, in the order wanted; all when None.

    Raises:
        InputError: a phrase was not asked.
    """
    if wanted is None:
        return list(items)
    by_name = dict(zip(names, items, strict=True))
    missing = [phrase for phrase in wanted if phrase not in by_name]
    if missing:
        raise InputError(
            f"'{missing[0][:60]}' was not asked in this request: ask it, or name one that was."
        )
    return [by_name[phrase] for phrase in wanted]


def probability_tiff(
    phrase: str,
    levels: NDArray[np.uint8],
    valid: NDArray[np.bool_] | None,
    transform: Affine,
    crs: str | None,
) -> bytes:
    """Levels as a GeoTIFF of probabilities."""
    values = levels.astype(np.float32) / np.float32(LEVELS)
    if valid is not None:
        values[~valid] = np.nan
    return geotiff_bytes(values, transform, crs, f"probability of {phrase}")
