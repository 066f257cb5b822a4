"""Drawing the last answer's polygons again with another threshold or size, without the model."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from rsrefseg_qgis.engine.manager import EngineManager
from rsrefseg_qgis.engine.wire import PolygonsRequest
from rsrefseg_qgis.errors import EngineAnswerError, EngineError, tr
from rsrefseg_qgis.layers.result import FoundPolygon, build_features

from .base import BaseTask, Monitor
from .calls import interruptible
from .segment import PhraseAnswer, SegmentAnswer


@dataclass(frozen=True)
class Shape:
    """How polygons are drawn from probabilities.

    Attributes:
        threshold: probability from which a pixel counts.
        min_area_m2: smaller polygons are left out.
        simplify_m: tolerance of outline simplification.
    """

    threshold: float = 0.5
    min_area_m2: float = 0.0
    simplify_m: float = 0.0


def reshape_task(answer: SegmentAnswer, shape: Shape, manager: EngineManager) -> BaseTask:
    """A task that draws an answer again; its outcome's value is a tuple of `PhraseAnswer`."""
    return BaseTask(
        tr("Draw the outlines again"), lambda monitor: reshape(answer, shape, manager, monitor)
    )


def reshape(
    answer: SegmentAnswer, shape: Shape, manager: EngineManager, monitor: Monitor
) -> tuple[PhraseAnswer, ...]:
    """Draw an answer's polygons again in this thread.

    Raises:
        EngineError: the engine cannot; it forgets probabilities when it ends or runs out of room.
        CancelledError: the monitor said stop.
    """
    client = manager.ensure(monitor.cancelled)
    request = PolygonsRequest(
        request_id=answer.response.request_id,
        threshold=shape.threshold,
        presence_threshold=answer.job.presence_threshold,
        min_area_m2=shape.min_area_m2,
        simplify_m=shape.simplify_m,
    )
    try:
        response = interruptible(lambda: client.polygons(request), monitor)
    except EngineAnswerError as error:
        if error.code != "unknown_request":
            raise
        raise EngineError(
            tr("The engine no longer has this answer; press “Segment” to ask again.")
        ) from error
    records = {item.record.phrase: item.record for item in answer.phrases}
    drawn = []
    for result in response.results:
        record = dataclasses.replace(
            records[result.phrase],
            threshold=shape.threshold,
            min_area_m2=shape.min_area_m2,
            simplify_m=shape.simplify_m,
            count=len(result.features),
        )
        found = [FoundPolygon(item.geometry, item.score, item.area_m2) for item in result.features]
        features = tuple(build_features(record, found))
        drawn.append(PhraseAnswer(record, features, result.unknown_words))
    return tuple(drawn)
