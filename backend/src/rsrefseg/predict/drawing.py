"""From kept window answers to polygons: blended and traced in one pass from top to bottom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from rsrefseg.geo.polygons import LEVELS, Finisher, PolygonFeature, PolygonOptions
from rsrefseg.geo.tracer import StripTracer
from rsrefseg.geo.windows import BandBlender
from rsrefseg.geo.within import Area
from rsrefseg.predict.look import Cancelled, check
from rsrefseg.predict.plan import ScenePlan
from rsrefseg.predict.store import WindowStore

# Rows that are traced together, in cells; bounds the memory that tracing takes.
TRACE_PX = 2_000_000


@dataclass
class Verdict:
    """What all windows together said about a phrase.

    Attributes:
        best: the highest probability of any cell, whatever the presence.
        presence: the highest presence of any window, or None.
        size: cells above the threshold, or another measure of what is drawn.
        level_sum: the sum of their levels.
        any_data: whether any window had data.
    """

    best: float = 0.0
    presence: float | None = None
    size: float = 0
    level_sum: float = 0
    any_data: bool = False

    @property
    def score(self) -> float:
        """Mean probability of what is above the threshold; the best one if nothing is."""
        return self.level_sum / (self.size * LEVELS) if self.size else self.best


def blended_bands(
    store: WindowStore,
    plan: ScenePlan,
    phrase: int,
    presence_threshold: float | None,
    verdict: Verdict,
    cancelled: Cancelled | None = None,
) -> Iterator[NDArray[np.uint8]]:
    """The scene's probabilities from top to bottom, as levels from 0 to 255.

    Args:
        store: has an answer for every window of the plan.
        plan: the windows.
        phrase: which of the phrases.
        presence_threshold: windows of a lower presence count as empty; None: none do.
        verdict: gets presence and best probability.
        cancelled: asked before each window.
    """
    blender = BandBlender(plan.region, plan.overlap)
    bottom = plan.region.row + plan.region.height
    for i, span in enumerate(plan.windows):
        check(cancelled)
        said = store.get(i, phrase)
        if said.presence is not None:
            verdict.presence = max(verdict.presence or 0.0, said.presence)
        if said.levels is not None:
            verdict.any_data = True
            verdict.best = max(verdict.best, int(said.levels.max()) / LEVELS)
            absent = (
                presence_threshold is not None
                and said.presence is not None
                and said.presence < presence_threshold
            )
            blender.add(span, None if absent else said.levels, said.valid)
        until = plan.windows[i + 1].row if i + 1 < len(plan.windows) else bottom
        if until > blender.top:
            yield np.rint(blender.take(until)).astype(np.uint8)


def draw_phrase(
    store: WindowStore,
    plan: ScenePlan,
    phrase: int,
    raster_transform: Affine,
    crs: str | None,
    options: PolygonOptions,
    presence_threshold: float | None,
    verdict: Verdict,
    cancelled: Cancelled | None = None,
    within: Area | None = None,
) -> Iterator[list[PolygonFeature]]:
    """The polygons of one phrase, a band of the scene at a time.

    Args:
        store: has an answer for every window of the plan.
        plan: the windows.
        phrase: which of the phrases.
        raster_transform: the raster's pixels to the CRS.
        crs: the CRS as WKT, or None.
        options: threshold and clean-up.
        presence_threshold: windows of a lower presence count as empty; None: none do.
        verdict: gets what all windows together say.
        cancelled: asked before each window.
        within: what lies outside is cut off, in the same CRS.
    """
    region = plan.region
    transform = plan.grid.transform(raster_transform, region.col, region.row)
    finish = Finisher(transform, crs, (region.width, region.height), options, within)
    tracer = StripTracer(region.width, transform)
    limit = options.threshold * LEVELS
    bands = blended_bands(store, plan, phrase, presence_threshold, verdict, cancelled)
    for strip in strips(bands, max(1, TRACE_PX // region.width)):
        mask = strip > limit
        verdict.size += int(np.count_nonzero(mask))
        verdict.level_sum += int(strip[mask].sum(dtype=np.int64))
        yield finish(tracer.feed(mask, strip))
    yield finish(tracer.finish())
    yield finish.rest()


def strips(bands: Iterator[NDArray[np.uint8]], rows: int) -> Iterator[NDArray[np.uint8]]:
    """Bands joined and cut to about as many rows as asked for."""
    waiting: list[NDArray[np.uint8]] = []
    height = 0
    for band in bands:
        waiting.append(band)
        height += len(band)
        if height >= rows:
            whole = np.concatenate(waiting) if len(waiting) > 1 else waiting[0]
            waiting, height = [], 0
            for top in range(0, len(whole), rows):
                yield whole[top : top + rows]
    if waiting:
        yield np.concatenate(waiting)
