"""Phrases on a raster of any size: windows, blended probabilities, polygons."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from rsrefseg.geo.extent import Bounds
from rsrefseg.geo.raster import RasterSource, open_raster
from rsrefseg.predict.look import KEEP_WINDOWS, Cancelled, Progress, check, look
from rsrefseg.predict.phrases import needs_whole_scene
from rsrefseg.predict.plan import ScenePlan, plan_scene
from rsrefseg.predict.questions import SceneAnswers, compares_scene, plan_questions
from rsrefseg.predict.request import (
    PhraseResult,
    SegmentRequest,
    SegmentResult,
    presence_threshold,
)
from rsrefseg.predict.scene_maps import SceneMaps
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
    "presence_threshold",
    "segment_raster",
]

Keep = Callable[[SceneMaps], None]
# Of all progress, what the windows are; the rest are the polygons.
LOOKING_SHARE = 0.9


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
        keep: given the maps at the end, where they are in memory and may outlive the request.

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
            maps = _look(predictor, raster, plan, phrases, request, store, timings, tell, cancelled)
            drawn = maps.draw(
                request.polygon_options,
                timings,
                progress=lambda f, sentence: tell(LOOKING_SHARE * (1 - f) + f, sentence),
                cancelled=cancelled,
            )
            any_data = any(result.any_data for result in drawn.results)
            warnings = [*raster.warnings]
            warnings += scene_warnings(predictor, phrases, len(plan.windows), any_data=any_data)
            if keep and isinstance(store, MemoryStore):
                keep(replace(maps, warnings=tuple(warnings)))
    tell(1.0, "Done.")
    return replace(drawn, warnings=tuple(warnings))


def _look(
    predictor: Predictor,
    raster: RasterSource,
    plan: ScenePlan,
    phrases: Sequence[str],
    request: SegmentRequest,
    store: WindowStore,
    timings: Timings,
    tell: Progress,
    cancelled: Cancelled | None,
) -> SceneMaps:
    questions = plan_questions(predictor.info, phrases, as_whole=len(plan.windows) > 1)
    look(
        predictor,
        raster,
        plan,
        questions.asked,
        store,
        timings,
        lambda fraction, sentence: tell(LOOKING_SHARE * fraction, sentence),
        cancelled,
    )
    least = presence_threshold(predictor, request)
    return SceneMaps(
        SceneAnswers(store, plan, raster.transform, raster.crs, least),
        questions,
        tuple(predictor.unknown_words(phrase) for phrase in phrases),
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


def scene_warnings(
    predictor: ModelFacts, phrases: Sequence[str], windows: int, *, any_data: bool
) -> list[str]:
    """Sentences for the user about phrases on a scene."""
    sentences = []
    if not any_data:
        sentences.append("The extent holds no data: choose one over the raster's image.")
    for phrase in phrases:
        sentences += predictor.phrase_warnings(phrase)
        judged_apart = windows > 1 and not compares_scene(predictor.info, phrase)
        if judged_apart and needs_whole_scene(phrase):
            sentences.append(
                f"'{phrase}' compares with the whole scene, but the extent is too large for "
                f"one view and was judged in each of {windows} windows: choose a smaller extent "
                "or a coarser ground resolution."
            )
    return sentences


def _silent(_fraction: float, _sentence: str) -> None:
    """Progress that nobody follows."""
