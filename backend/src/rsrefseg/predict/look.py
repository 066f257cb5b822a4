"""Looking at the windows of a scene and keeping what the model says about each."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from rsrefseg.errors import CancelledError
from rsrefseg.geo.polygons import quantise
from rsrefseg.geo.raster import RasterSource, RgbTile
from rsrefseg.geo.windows import Span
from rsrefseg.predict.plan import ScenePlan
from rsrefseg.predict.readahead import AHEAD, ReadAhead
from rsrefseg.predict.store import WindowAnswer, WindowStore
from rsrefseg.predict.timings import Timings
from rsrefseg.predict.types import PhraseAnswer, Predictor

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
    model works, on several windows at once where it has a GPU; windows without data never reach
    it.

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
    done = total - len(missing)
    estimate = Estimate(total, done)
    keep = total <= KEEP_WINDOWS
    size = max(1, predictor.together)
    with (
        ReadAhead(raster, plan.grid, missing, ahead=max(AHEAD, 2 * size)) as tiles,
        ThreadPoolExecutor(1, "write-behind") as writer,
    ):
        written: deque[Future[None]] = deque()
        coming = iter(tiles)
        for group in groups(missing, size):
            check(cancelled)
            progress(done / total, estimate.sentence(done))
            with timings.measure("read_s"):
                read = [next(coming)[1] for _ in group]
            spans = [span for _, span in group]
            answers = ask_windows(predictor, read, spans, plan, phrases, timings, keep=keep)
            for (index, _), tile, said in zip(group, read, answers, strict=True):
                written.append(writer.submit(_keep, store, index, tile, said, len(phrases)))
            while len(written) > max(BEHIND, size):
                written.popleft().result()
            done += len(group)
        for future in written:
            future.result()


def groups(windows: Sequence[tuple[int, Span]], size: int) -> Iterator[Sequence[tuple[int, Span]]]:
    """Windows with their numbers, `size` at a time."""
    for first in range(0, len(windows), size):
        yield windows[first : first + size]


def ask_windows(
    predictor: Predictor,
    tiles: Sequence[RgbTile],
    spans: Sequence[Span],
    plan: ScenePlan,
    phrases: Sequence[str],
    timings: Timings,
    *,
    keep: bool,
) -> list[list[PhraseAnswer] | None]:
    """What the model says about some windows; None for one without data, which it never sees.

    Args:
        predictor: the model.
        tiles: the windows' pixels.
        spans: where they lie.
        plan: what they are part of.
        phrases: tidy phrases.
        timings: gets the seconds that the model worked.
        keep: whether the cache of encoded images takes them.
    """
    there = [i for i, tile in enumerate(tiles) if tile.valid.any()]
    said: list[list[PhraseAnswer] | None] = [None] * len(tiles)
    if not there:
        return said
    with timings.measure("encode_s"):
        images = predictor.encode_several(
            [tiles[i].image for i in there], [plan.content_px(spans[i]) for i in there], keep=keep
        )
    with timings.measure("ask_s"):
        for i, image in zip(there, images, strict=True):
            said[i] = predictor.ask(replace(image, valid=tiles[i].known), phrases)
    return said


def window_answer(
    tile: RgbTile, answers: Sequence[PhraseAnswer] | None, phrases: int
) -> WindowAnswer:
    """What is kept of a window.

    Args:
        tile: its pixels, for where there is data.
        answers: what the model said; None when it was not asked.
        phrases: how many there are.
    """
    shape = (tile.valid.shape[0], tile.valid.shape[1])
    if answers is None:
        return WindowAnswer(shape, None, None, (None,) * phrases)
    levels = np.stack([quantise(answer.probability) for answer in answers])
    return WindowAnswer(shape, levels, tile.known, tuple(answer.presence for answer in answers))


def _keep(
    store: WindowStore,
    index: int,
    tile: RgbTile,
    answers: Sequence[PhraseAnswer] | None,
    phrases: int,
) -> None:
    store.put(index, window_answer(tile, answers, phrases))


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
