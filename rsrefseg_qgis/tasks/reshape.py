"""Drawing the last answer's polygons again with another threshold or size, without the model."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from rsrefseg_qgis.engine.manager import EngineManager
from rsrefseg_qgis.engine.wire import PhraseResult, PolygonsRequest
from rsrefseg_qgis.errors import EngineAnswerError, EngineError, tr
from rsrefseg_qgis.layers.relations import RelationRule
from rsrefseg_qgis.layers.result import FoundPolygon, build_features

from .base import BaseTask, Monitor
from .calls import interruptible
from .relate import keep_related
from .segment import PhraseAnswer, SegmentAnswer


@dataclass(frozen=True)
class Shape:
    """How polygons are drawn from probabilities.

    Attributes:
        threshold: probability from which a pixel counts.
        min_area_m2: smaller polygons are left out.
        simplify_m: tolerance of outline simplification.
        right_angles: whether corners are made square.
    """

    threshold: float = 0.5
    min_area_m2: float = 0.0
    simplify_m: float = 0.0
    right_angles: bool = False


@dataclass(frozen=True)
class Redraw:
    """What of an answer is drawn again.

    Attributes:
        shape: how.
        rule: what is kept to; None to keep all.
        guess: draw also what the model takes for no match.
    """

    shape: Shape
    rule: RelationRule | None = None
    guess: bool = False


def reshape_task(answer: SegmentAnswer, redraw: Redraw, manager: EngineManager) -> BaseTask:
    """A task that draws an answer again; its outcome's value is a tuple of `PhraseAnswer`."""
    return BaseTask(
        tr("Draw the outlines again"), lambda monitor: reshape(answer, redraw, manager, monitor)
    )


def reshape(
    answer: SegmentAnswer, redraw: Redraw, manager: EngineManager, monitor: Monitor
) -> tuple[PhraseAnswer, ...]:
    """Draw an answer's polygons again in this thread.

    Raises:
        EngineError: the engine cannot; it forgets probabilities when it ends or runs out of room.
        LayerError: the layer to keep to has nothing there.
        CancelledError: the monitor said stop.
    """
    client = manager.ensure(monitor.cancelled)
    request = PolygonsRequest(
        request_id=answer.response.request_id,
        threshold=redraw.shape.threshold,
        presence_threshold=0.0 if redraw.guess else answer.job.presence_threshold,
        min_area_m2=redraw.shape.min_area_m2,
        simplify_m=redraw.shape.simplify_m,
        right_angles=redraw.shape.right_angles,
    )
    try:
        response = interruptible(lambda: client.polygons(request), monitor)
    except EngineAnswerError as error:
        if error.code != "unknown_request":
            raise
        raise EngineError(
            tr("The engine no longer has this answer; press “Segment” to ask again.")
        ) from error
    return tuple(_drawn(answer, redraw, result) for result in response.results)


def _drawn(answer: SegmentAnswer, redraw: Redraw, result: PhraseResult) -> PhraseAnswer:
    asked = next(item for item in answer.response.results if item.phrase == result.phrase)
    before = next(item.record for item in answer.phrases if item.record.phrase == result.phrase)
    record = dataclasses.replace(
        before,
        threshold=redraw.shape.threshold,
        min_area_m2=redraw.shape.min_area_m2,
        simplify_m=redraw.shape.simplify_m,
        right_angles=redraw.shape.right_angles,
        count=len(result.features),
        relation="",
        related_id="",
        related_name="",
        related_m=0.0,
        guess=redraw.guess and not asked.features and bool(result.features),
    )
    found = [FoundPolygon(item.geometry, item.score, item.area_m2) for item in result.features]
    record, kept, left_out = keep_related(
        record,
        build_features(record, found),
        redraw.rule,
        answer.job.snapshot.crs,
        answer.response.resolution_m,
    )
    return PhraseAnswer(record, kept, result.unknown_words, left_out)
