"""Phrases on a raster of any size: windows, blended probabilities, polygons."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rsrefseg.errors import CancelledError, InputError
from rsrefseg.geo.extent import Bounds
from rsrefseg.geo.polygons import (
    LEVELS,
    Finisher,
    PolygonFeature,
    PolygonOptions,
    polygons_of_strips,
    quantise,
)
from rsrefseg.geo.raster import RasterSource, open_raster
from rsrefseg.geo.tracer import STRIP_PX
from rsrefseg.geo.windows import BandBlender
from rsrefseg.predict.phrases import needs_whole_scene
from rsrefseg.predict.plan import ScenePlan, plan_scene
from rsrefseg.predict.types import Predictor

Progress = Callable[[float, str], None]
Cancelled = Callable[[], bool]
# Of all progress, what the windows are; the rest are the polygons.
_WINDOWS_SHARE = 0.9


@dataclass(frozen=True)
class SegmentRequest:
    """What to look for, where, and how to draw it.

    Attributes:
        phrases: what to look for.
        threshold: a pixel belongs when its probability is above this.
        presence_threshold: below this presence nothing matches; None: the model's own.
        min_area_m2: smaller polygons are left out.
        simplify_m: tolerance of simplification in metres; 0 keeps the pixel edges.
        ground_resolution_m: metres per pixel that the model sees; None: see `plan_scene`.
        extent: xmin, ymin, xmax, ymax in the raster's CRS; None: all of it.
    """

    phrases: tuple[str, ...]
    threshold: float = 0.5
    presence_threshold: float | None = None
    min_area_m2: float = 0.0
    simplify_m: float = 0.0
    ground_resolution_m: float | None = None
    extent: Bounds | None = None

    def __post_init__(self) -> None:
        """Refuse values that mean nothing.

        Raises:
            InputError: a value is out of its range.
        """
        if self.presence_threshold is not None and not 0.0 <= self.presence_threshold <= 1.0:
            raise InputError("The presence threshold must be from 0 to 1.")
        _ = self.polygon_options

    @property
    def polygon_options(self) -> PolygonOptions:
        """The part that is about drawing."""
        return PolygonOptions(self.threshold, self.min_area_m2, self.simplify_m)


@dataclass(frozen=True)
class PhraseResult:
    """The polygons of one phrase.

    Attributes:
        phrase: the phrase, tidied.
        score: mean probability of what was drawn; the best probability if nothing was.
        presence: the highest presence of any window, or None.
        unknown_words: words that the model never learnt.
        features: the polygons.
    """

    phrase: str
    score: float
    presence: float | None
    unknown_words: tuple[str, ...]
    features: tuple[PolygonFeature, ...]


@dataclass
class Timings:
    """Seconds spent on each part."""

    read_s: float = 0.0
    encode_s: float = 0.0
    ask_s: float = 0.0
    polygons_s: float = 0.0
    total_s: float = 0.0

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Add the time of a block to a part."""
        start = time.perf_counter()
        try:
            yield
        finally:
            setattr(self, name, getattr(self, name) + time.perf_counter() - start)


@dataclass(frozen=True)
class SegmentResult:
    """All that is known about a request.

    Attributes:
        crs: the raster's CRS as WKT, or None.
        results: one per phrase.
        windows: how many the model looked at.
        resolution_m: metres per pixel that it saw.
        timings: seconds.
        warnings: sentences for the user.
    """

    crs: str | None
    results: tuple[PhraseResult, ...]
    windows: int
    resolution_m: float
    timings: Timings
    warnings: tuple[str, ...]


@dataclass
class _Verdict:
    """What the windows said about one phrase."""

    presence: float | None = None
    best: float = 0.0
    unknown_words: tuple[str, ...] = field(default_factory=tuple)


def segment_raster(
    predictor: Predictor,
    source: str | Path | bytes,
    request: SegmentRequest,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
    *,
    name: str | None = None,
    drivers: Sequence[str] | None = None,
) -> SegmentResult:
    """Find phrases on a raster.

    Args:
        predictor: the model.
        source: a raster's path, or a GeoTIFF's bytes.
        request: what to look for and where.
        progress: told the fraction done and a sentence.
        cancelled: asked between windows.
        name: what errors call the raster.
        drivers: GDAL drivers that may open it; all when None.

    Raises:
        RasterError: the raster cannot be read.
        PhraseError: a phrase cannot be used.
        ExtentError: the extent misses the raster.
        CancelledError: `cancelled` said so.
    """
    timings = Timings()
    phrases = predictor.check_phrases(request.phrases)
    with timings.measure("total_s"), open_raster(source, name=name, drivers=drivers) as raster:
        plan = plan_scene(raster, predictor.info, request.extent, request.ground_resolution_m)
        runner = _Runner(predictor, raster, plan, phrases, request, timings, progress, cancelled)
        results = runner.run()
        warnings = [*raster.warnings, *runner.warnings()]
    return SegmentResult(
        raster.crs, results, len(plan.windows), plan.resolution_m, timings, tuple(warnings)
    )


def encode_raster(
    predictor: Predictor,
    source: str | Path | bytes,
    extent: Bounds | None,
    ground_resolution_m: float | None,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
    *,
    name: str | None = None,
    drivers: Sequence[str] | None = None,
) -> tuple[int, Timings]:
    """Fill the predictor's cache with what a later request on the same extent needs.

    Returns:
        How many windows there are, and the seconds that it took.
    """
    timings = Timings()
    with timings.measure("total_s"), open_raster(source, name=name, drivers=drivers) as raster:
        plan = plan_scene(raster, predictor.info, extent, ground_resolution_m)
        for i, span in enumerate(plan.windows):
            _check(cancelled)
            with timings.measure("read_s"):
                tile = raster.read_rgb(plan.grid.pixels(span), (span.height, span.width))
            if tile.valid.any():
                with timings.measure("encode_s"):
                    predictor.encode(tile.image, plan.content_px(span))
            if progress:
                progress((i + 1) / len(plan.windows), _window_message(i + 1, plan))
    return len(plan.windows), timings


class _Runner:
    """One request on one open raster."""

    def __init__(
        self,
        predictor: Predictor,
        raster: RasterSource,
        plan: ScenePlan,
        phrases: list[str],
        request: SegmentRequest,
        timings: Timings,
        progress: Progress | None,
        cancelled: Cancelled | None,
    ) -> None:
        self._predictor = predictor
        self._raster = raster
        self._plan = plan
        self._phrases = phrases
        self._request = request
        self._timings = timings
        self._progress = progress or (lambda _fraction, _message: None)
        self._cancelled = cancelled
        self._verdicts = [_Verdict() for _ in phrases]
        self._any_data = False

    def run(self) -> tuple[PhraseResult, ...]:
        """Windows first, polygons after."""
        levels = np.zeros(
            (len(self._phrases), self._plan.region.height, self._plan.region.width), np.uint8
        )
        self._look(levels)
        results = []
        with self._timings.measure("polygons_s"):
            for i, phrase in enumerate(self._phrases):
                _check(self._cancelled)
                self._progress(
                    _WINDOWS_SHARE + (1 - _WINDOWS_SHARE) * i / len(self._phrases),
                    f"Drawing the polygons of '{phrase}'.",
                )
                results.append(self._draw(phrase, levels[i], self._verdicts[i]))
        self._progress(1.0, "Done.")
        return tuple(results)

    def warnings(self) -> list[str]:
        """Sentences for the user about this run."""
        sentences = []
        if not self._any_data:
            sentences.append("The extent holds no data: choose one over the raster's image.")
        for phrase in self._phrases:
            sentences += self._predictor.phrase_warnings(phrase)
            if len(self._plan.windows) > 1 and needs_whole_scene(phrase):
                sentences.append(
                    f"'{phrase}' compares with the whole scene, but the extent is too large for "
                    f"one view and was judged in each of {len(self._plan.windows)} windows: "
                    "choose a smaller extent or a coarser ground resolution."
                )
        return sentences

    def _look(self, levels: NDArray[np.uint8]) -> None:
        """Run the model over all windows and blend its answers into `levels`."""
        plan = self._plan
        blender = BandBlender(len(self._phrases), plan.region, plan.overlap)
        done = 0
        for i, span in enumerate(plan.windows):
            _check(self._cancelled)
            self._progress(_WINDOWS_SHARE * i / len(plan.windows), _window_message(i + 1, plan))
            with self._timings.measure("read_s"):
                pixels = plan.grid.pixels(span)
                tile = self._raster.read_rgb(pixels, (span.height, span.width))
            if tile.valid.any():
                self._any_data = True
                with self._timings.measure("encode_s"):
                    encoded = self._predictor.encode(tile.image, plan.content_px(span))
                with self._timings.measure("ask_s"):
                    maps = self._ask(encoded)
                with self._timings.measure("polygons_s"):
                    blender.add(span, maps, tile.valid)
            after = plan.windows[i + 1 :][:1]
            until = after[0].row if after else plan.region.row + plan.region.height
            with self._timings.measure("polygons_s"):
                means, _ = blender.take(until)
                levels[:, done : done + means.shape[1]] = quantise(means)
                done += means.shape[1]

    def _ask(self, encoded: object) -> NDArray[np.float32]:
        answers = self._predictor.ask(encoded, self._phrases)  # type: ignore[arg-type]
        least = self._request.presence_threshold
        if least is None:
            least = self._predictor.info.presence_threshold
        for answer, verdict in zip(answers, self._verdicts, strict=True):
            verdict.unknown_words = answer.unknown_words
            verdict.best = max(verdict.best, float(answer.probability.max(initial=0.0)))
            if answer.presence is not None:
                verdict.presence = max(verdict.presence or 0.0, answer.presence)
        kept = [
            np.zeros_like(answer.probability)
            if least is not None and answer.presence is not None and answer.presence < least
            else answer.probability
            for answer in answers
        ]
        return np.stack(kept)

    def _draw(self, phrase: str, levels: NDArray[np.uint8], verdict: _Verdict) -> PhraseResult:
        region = self._plan.region
        transform = self._plan.grid.transform(self._raster.transform, region.col, region.row)
        limit = self._request.threshold * LEVELS
        finish = Finisher(
            transform,
            self._raster.crs,
            (region.width, region.height),
            self._request.polygon_options,
        )
        rows = max(1, STRIP_PX // region.width)
        strips = (levels[top : top + rows] for top in range(0, region.height, rows))
        masks = ((strip > limit, strip) for strip in strips)
        features = tuple(polygons_of_strips(masks, region.width, transform, finish))
        above = levels > limit
        score = float(levels[above].mean()) / LEVELS if above.any() else verdict.best
        return PhraseResult(phrase, score, verdict.presence, verdict.unknown_words, features)


def _check(cancelled: Cancelled | None) -> None:
    if cancelled is not None and cancelled():
        raise CancelledError("The request was cancelled.")


def _window_message(number: int, plan: ScenePlan) -> str:
    if len(plan.windows) == 1:
        return "Looking at the extent."
    return f"Looking at window {number} of {len(plan.windows)}."
