"""Looking at the windows of a scene and keeping what the model says about each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from rsrefseg.errors import CancelledError
from rsrefseg.geo.polygons import quantise
from rsrefseg.geo.raster import RasterSource, RgbTile
from rsrefseg.geo.windows import Span
from rsrefseg.predict.plan import ScenePlan
from rsrefseg.predict.readahead import ReadAhead
from rsrefseg.predict.store import WindowAnswer, WindowStore
from rsrefseg.predict.timings import Timings
from rsrefseg.predict.types import Predictor

Progress = Callable[[float, str], None]
Cancelled = Callable[[], bool]
# Larger scenes do not fill the cache of encoded images, which is for views to come back to.
KEEP_WINDOWS = 64
# After this long, the rest is estimated.
ESTIMATE_AFTER_S = 5.0
# Answers that may wait to be written.
BEHIND = 4


def look(
    predictor: Predictor,
    raster: RasterSource,
    plan: ScenePlan,
    phrases: Sequence[str],
    store: WindowStore,
    timings: Timings,
    progress: Progress,
    cancelled: Cancelled | None,
) -> None:
    """Put the answers for all windows that have none yet into a store.

    Windows are read ahead and answers written behind, each by a thread of its own, while the
    model works; windows without data never reach it.

    Args:
        predictor: the model.
        raster: where to read from.
        plan: the windows.
        phrases: tidy phrases.
        store: takes the answers, and knows which are there.
        timings: gets the seconds that the model waited for reading and that it worked.
        progress: told the fraction done and a sentence.
        cancelled: asked before each window.

    Raises:
        RasterError: the pixels cannot be read.
        OutputError: the answers cannot be kept.
        CancelledError: `cancelled` said so.
    """
    total = len(plan.windows)
    missing = [(i, span) for i, span in enumerate(plan.windows) if i not in store]
    estimate = Estimate(total, total - len(missing))
    with (
        ReadAhead(raster, plan.grid, missing) as tiles,
        ThreadPoolExecutor(1, "write-behind") as writer,
    ):
        written: list[Future[None]] = []
        coming = iter(tiles)
        for done, (_, span) in enumerate(missing, total - len(missing)):
            check(cancelled)
            progress(done / total, estimate.sentence(done))
            with timings.measure("read_s"):
                index, tile = next(coming)
            answer = look_at(predictor, tile, span, plan, phrases, timings)
            written.append(writer.submit(store.put, index, answer))
            if len(written) >= BEHIND:
                written.pop(0).result()
        for future in written:
            future.result()


def look_at(
    predictor: Predictor,
    tile: RgbTile,
    span: Span,
    plan: ScenePlan,
    phrases: Sequence[str],
    timings: Timings,
) -> WindowAnswer:
    """What the model says about one window; nothing where there is no data."""
    shape = (span.height, span.width)
    if not tile.valid.any():
        return WindowAnswer(shape, None, None, (None,) * len(phrases))
    with timings.measure("encode_s"):
        keep = len(plan.windows) <= KEEP_WINDOWS
        encoded = predictor.encode(tile.image, plan.content_px(span), keep=keep)
    with timings.measure("ask_s"):
        answers = predictor.ask(encoded, phrases)
    valid = None if tile.valid.all() else tile.valid
    levels = np.stack([quantise(answer.probability) for answer in answers])
    if valid is not None:
        levels[:, ~valid] = 0
    return WindowAnswer(shape, levels, valid, tuple(answer.presence for answer in answers))


class Estimate:
    """Says how long the rest will take."""

    def __init__(self, total: int, done: int) -> None:
        """Start the clock.

        Args:
            total: windows in all.
            done: windows that were there before.
        """
        self._total = total
        self._before = done
        self._start = time.perf_counter()

    def sentence(self, done: int) -> str:
        """Which window comes next and, once that can be told, how long the rest takes."""
        if self._total == 1:
            return "Looking at the extent."
        sentence = f"Looking at window {done + 1} of {self._total}"
        elapsed = time.perf_counter() - self._start
        fresh = done - self._before
        if fresh > 1 and elapsed > ESTIMATE_AFTER_S:
            sentence += f", about {duration(elapsed / fresh * (self._total - done))} left"
        return f"{sentence}."


def duration(seconds: float) -> str:
    """A length of time in words, as exact as an estimate is."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def check(cancelled: Cancelled | None) -> None:
    """Stop when told to.

    Raises:
        CancelledError: `cancelled` said so.
    """
    if cancelled is not None and cancelled():
        raise CancelledError("The request was cancelled.")
