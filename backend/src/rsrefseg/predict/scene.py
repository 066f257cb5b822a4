"""Phrases on a raster of any size: windows, blended probabilities, polygons."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rsrefseg.errors import InputError
from rsrefseg.geo.extent import Bounds
from rsrefseg.geo.polygons import PolygonFeature, PolygonOptions
from rsrefseg.geo.raster import RasterSource, ReadOptions, open_raster
from rsrefseg.predict.drawing import Verdict, draw_phrase
from rsrefseg.predict.look import KEEP_WINDOWS, Cancelled, Progress, check, look
from rsrefseg.predict.phrases import needs_whole_scene
from rsrefseg.predict.plan import ScenePlan, plan_scene
from rsrefseg.predict.store import FileStore, MemoryStore, WindowStore
from rsrefseg.predict.timings import Timings
from rsrefseg.predict.types import ModelFacts, Predictor

__all__ = [
    "Cancelled",
    "PhraseResult",
    "Progress",
    "SegmentRequest",
    "SegmentResult",
    "Timings",
    "encode_raster",
    "segment_raster",
]

Keep = Callable[[WindowStore, ScenePlan, RasterSource, Sequence[str]], None]
# Of all progress, what the windows are; the rest are the polygons.
LOOKING_SHARE = 0.9


@dataclass(frozen=True)
class SegmentRequest:
    """What to look for, where, and how to draw it.

    Attributes:
        phrases: what to look for.
        threshold: a pixel belongs when its probability is above this.
        presence_threshold: below this presence nothing matches; None: the model's own.
        min_area_m2: smaller polygons are left out.
        simplify_m: detail up to about this size goes; 0 keeps the pixel edges.
        fill_holes_m2: holes up to this area are filled.
        right_angles: straighten outlines that nearly have right angles.
        smooth_m: corners are cut round, at most this far along their sides.
        ground_resolution_m: metres per pixel that the model sees; None: see `plan_scene`.
        extent: xmin, ymin, xmax, ymax in the raster's CRS; None: all of it.
        bands: which bands to show: auto, false-colour, pan, or numbers such as 4,3,2.
        stretch: how numbers become colours: auto, percentile, min-max, or limits such as 0:3000.
    """

    phrases: tuple[str, ...]
    threshold: float = 0.5
    presence_threshold: float | None = None
    min_area_m2: float = 0.0
    simplify_m: float = 0.0
    fill_holes_m2: float = 0.0
    right_angles: bool = False
    smooth_m: float = 0.0
    ground_resolution_m: float | None = None
    extent: Bounds | None = None
    bands: str = "auto"
    stretch: str = "auto"

    def __post_init__(self) -> None:
        """Refuse values that mean nothing.

        Raises:
            InputError: a value is out of its range.
        """
        if self.presence_threshold is not None and not 0.0 <= self.presence_threshold <= 1.0:
            raise InputError("The presence threshold must be from 0 to 1.")
        _ = self.polygon_options, self.read_options

    @property
    def read_options(self) -> ReadOptions:
        """The part that is about colours."""
        return ReadOptions(self.bands, self.stretch)

    @property
    def polygon_options(self) -> PolygonOptions:
        """The part that is about drawing."""
        return PolygonOptions(
            threshold=self.threshold,
            min_area_m2=self.min_area_m2,
            simplify_m=self.simplify_m,
            fill_holes_m2=self.fill_holes_m2,
            right_angles=self.right_angles,
            smooth_m=self.smooth_m,
        )


@dataclass(frozen=True)
class PhraseResult:
    """The polygons of one phrase.

    Attributes:
        phrase: the phrase, tidied.
        score: mean probability of what was drawn; the best probability if nothing was.
        presence: the highest presence of any window, or None.
        unknown_words: words that the model never learnt.
        features: the polygons.
        any_data: whether there was anything to look at.
    """

    phrase: str
    score: float
    presence: float | None
    unknown_words: tuple[str, ...]
    features: tuple[PolygonFeature, ...]
    any_data: bool = True


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


def segment_raster(
    predictor: Predictor,
    source: str | Path | bytes,
    request: SegmentRequest,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
    *,
    name: str | None = None,
    drivers: Sequence[str] | None = None,
    keep: Keep | None = None,
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
        keep: given the answers at the end, where they are in memory and may outlive the request.

    Raises:
        RasterError: the raster cannot be read.
        PhraseError: a phrase cannot be used.
        ExtentError: the extent misses the raster.
        CancelledError: `cancelled` said so.
    """
    timings = Timings()
    phrases = predictor.check_phrases(request.phrases)
    tell = progress or _silent
    with (
        timings.measure("total_s"),
        open_raster(source, name=name, drivers=drivers, read=request.read_options) as raster,
    ):
        plan = plan_scene(raster, predictor.info, request.extent, request.ground_resolution_m)
        with scratch_store(len(plan.windows)) as store:
            look(
                predictor,
                raster,
                plan,
                phrases,
                store,
                timings,
                lambda fraction, sentence: tell(LOOKING_SHARE * fraction, sentence),
                cancelled,
            )
            drawn = _draw(
                predictor, raster, plan, phrases, request, store, timings, tell, cancelled
            )
            warnings = [*raster.warnings]
            any_data = any(result.any_data for result in drawn)
            warnings += scene_warnings(predictor, phrases, len(plan.windows), any_data=any_data)
            if keep and isinstance(store, MemoryStore):
                keep(store, plan, raster, warnings)
    tell(1.0, "Done.")
    return SegmentResult(
        raster.crs, drawn, len(plan.windows), plan.resolution_m, timings, tuple(warnings)
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
        for i, span in enumerate(plan.windows[:KEEP_WINDOWS]):
            check(cancelled)
            with timings.measure("read_s"):
                tile = raster.read_span(plan.grid, span)
            if tile.valid.any():
                with timings.measure("encode_s"):
                    predictor.encode(tile.image, plan.content_px(span))
            if progress:
                progress((i + 1) / len(plan.windows), f"Encoded {i + 1} of {len(plan.windows)}.")
    return len(plan.windows), timings


@contextmanager
def scratch_store(windows: int) -> Iterator[WindowStore]:
    """A store for one request: in memory for a few windows, else in a temporary file."""
    if windows <= KEEP_WINDOWS:
        yield MemoryStore()
        return
    with (
        tempfile.TemporaryDirectory(prefix="rsrefseg-") as folder,
        FileStore(Path(folder) / "windows") as store,
    ):
        yield store


def _draw(
    predictor: Predictor,
    raster: RasterSource,
    plan: ScenePlan,
    phrases: Sequence[str],
    request: SegmentRequest,
    store: WindowStore,
    timings: Timings,
    progress: Progress,
    cancelled: Cancelled | None,
) -> tuple[PhraseResult, ...]:
    results = []
    least = presence_threshold(predictor, request)
    with timings.measure("polygons_s"):
        for i, phrase in enumerate(phrases):
            done = LOOKING_SHARE + (1 - LOOKING_SHARE) * i / len(phrases)
            progress(done, f"Drawing the polygons of '{phrase}'.")
            verdict = Verdict()
            bands = draw_phrase(
                store,
                plan,
                i,
                raster.transform,
                raster.crs,
                request.polygon_options,
                least,
                verdict,
                cancelled,
            )
            features = tuple(feature for band in bands for feature in band)
            results.append(
                PhraseResult(
                    phrase,
                    verdict.score,
                    verdict.presence,
                    predictor.unknown_words(phrase),
                    features,
                    verdict.any_data,
                )
            )
    return tuple(results)


def presence_threshold(predictor: ModelFacts, request: SegmentRequest) -> float | None:
    """The asked presence threshold, or the model's own."""
    if request.presence_threshold is not None:
        return request.presence_threshold
    return predictor.info.presence_threshold


def scene_warnings(
    predictor: ModelFacts, phrases: Sequence[str], windows: int, *, any_data: bool
) -> list[str]:
    """Sentences for the user about phrases on a scene."""
    sentences = []
    if not any_data:
        sentences.append("The extent holds no data: choose one over the raster's image.")
    for phrase in phrases:
        sentences += predictor.phrase_warnings(phrase)
        if windows > 1 and needs_whole_scene(phrase):
            sentences.append(
                f"'{phrase}' compares with the whole scene, but the extent is too large for "
                f"one view and was judged in each of {windows} windows: choose a smaller extent "
                "or a coarser ground resolution."
            )
    return sentences


def _silent(_fraction: float, _sentence: str) -> None:
    """Progress that nobody follows."""
