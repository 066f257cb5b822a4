"""What a request on several windows left behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from rsrefseg.errors import InputError
from rsrefseg.geo.polygons import PolygonOptions
from rsrefseg.predict.drawing import Verdict, blended_bands, draw_phrase
from rsrefseg.predict.look import Cancelled
from rsrefseg.predict.maps import pick, probability_tiff
from rsrefseg.predict.plan import ScenePlan
from rsrefseg.predict.scene import PhraseResult, SegmentResult
from rsrefseg.predict.store import WindowStore
from rsrefseg.predict.timings import Timings


@dataclass(frozen=True)
class SceneMaps:
    """The windows of a request as they were answered; blended whenever they are drawn.

    Attributes:
        store: the answers.
        plan: the windows.
        transform: the raster's pixels to the CRS.
        crs: the CRS as WKT, or None.
        phrases: the phrases, tidied.
        unknown_words: for each phrase, words that the model never learnt.
        presence_threshold: windows of a lower presence count as empty; None: none do.
        warnings: sentences for the user.
    """

    store: WindowStore
    plan: ScenePlan
    transform: Affine
    crs: str | None
    phrases: tuple[str, ...]
    unknown_words: tuple[tuple[str, ...], ...]
    presence_threshold: float | None = None
    warnings: tuple[str, ...] = ()

    @property
    def nbytes(self) -> int:
        """Memory that the answers take, the validity of every pixel included."""
        cells = sum(span.width * span.height for span in self.plan.windows)
        return cells * (len(self.phrases) + 1)

    def draw(
        self,
        options: PolygonOptions,
        timings: Timings,
        *,
        phrases: Sequence[str] | None = None,
        presence_threshold: float | None = None,
        cancelled: Cancelled | None = None,
    ) -> SegmentResult:
        """The request's result under other options; see `maps.KeptMaps`."""
        least = self.presence_threshold if presence_threshold is None else presence_threshold
        with timings.measure("polygons_s"):
            results = tuple(
                self._draw(i, options, least, cancelled)
                for i in pick(range(len(self.phrases)), self.phrases, phrases)
            )
        return SegmentResult(
            self.crs,
            results,
            len(self.plan.windows),
            self.plan.resolution_m,
            timings,
            self.warnings,
        )

    def probability_tiff(self, phrase: str | None) -> bytes:
        """A phrase's probability as a GeoTIFF: float32, 0 to 1, NaN where there is no data."""
        wanted = None if phrase is None else [phrase]
        i = pick(range(len(self.phrases)), self.phrases, wanted)[0]
        bands = blended_bands(self.store, self.plan, i, None, Verdict())
        region = self.plan.region
        transform = self.plan.grid.transform(self.transform, region.col, region.row)
        levels = np.concatenate(list(bands))
        return probability_tiff(self.phrases[i], levels, self._valid(), transform, self.crs)

    def heat_tiff(self, phrase: str | None) -> bytes:
        """There is none.

        Raises:
            InputError: always.
        """
        raise InputError(
            f"The extent was judged in {len(self.plan.windows)} windows, so there is no one map "
            "of where the model looked: choose a smaller extent or a coarser ground resolution."
        )

    def _draw(
        self, i: int, options: PolygonOptions, least: float | None, cancelled: Cancelled | None
    ) -> PhraseResult:
        verdict = Verdict()
        bands = draw_phrase(
            self.store,
            self.plan,
            i,
            self.transform,
            self.crs,
            options,
            least,
            verdict,
            cancelled,
        )
        features = tuple(feature for band in bands for feature in band)
        return PhraseResult(
            self.phrases[i],
            verdict.score,
            verdict.presence,
            self.unknown_words[i],
            features,
            verdict.any_data,
        )

    def _valid(self) -> NDArray[np.bool_]:
        """Where some window had data, on the region."""
        region = self.plan.region
        valid = np.zeros((region.height, region.width), dtype=np.bool_)
        for i, span in enumerate(self.plan.windows):
            said = self.store.get(i, 0)
            if said.levels is None:
                continue
            top, left = max(span.row, region.row), max(span.col, region.col)
            bottom = min(span.row + span.height, region.row + region.height)
            right = min(span.col + span.width, region.col + region.width)
            inner = np.s_[top - span.row : bottom - span.row, left - span.col : right - span.col]
            outer = np.s_[
                top - region.row : bottom - region.row, left - region.col : right - region.col
            ]
            valid[outer] |= True if said.valid is None else said.valid[inner]
        return valid
