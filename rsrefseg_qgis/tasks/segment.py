"""The main job: a layer's pixels and phrases to the engine, polygons back."""

from __future__ import annotations

import dataclasses
import datetime
import uuid
from dataclasses import dataclass, field

from qgis.core import QgsFeature

from rsrefseg_qgis.engine.manager import EngineManager, EngineState
from rsrefseg_qgis.engine.wire import (
    Event,
    Health,
    PhraseResult,
    SegmentRequest,
    SegmentResponse,
)
from rsrefseg_qgis.errors import EngineError, tr
from rsrefseg_qgis.layers.area import Area, Measure
from rsrefseg_qgis.layers.grid import Extent
from rsrefseg_qgis.layers.provenance import RunRecord
from rsrefseg_qgis.layers.relations import RelationRule
from rsrefseg_qgis.layers.result import FoundPolygon, build_features
from rsrefseg_qgis.layers.snapshot import LayerSnapshot, crs_wkt

from .base import BaseTask, Monitor
from .calls import once_more, segment_call
from .delivery import Pixels, delivered
from .engine_words import in_users_language
from .prompts import Prompts
from .relate import keep_related

# Which part of the progress is what: reading the layer, then the engine.
READ_FROM, READ_TO, ENGINE_TO = 0.05, 0.2, 0.98


@dataclass(frozen=True)
class SegmentJob:
    """What to find and where, frozen on the main thread.

    Attributes:
        snapshot: the raster layer.
        extent: what to look at, in the layer's CRS.
        phrases: what to look for.
        resolution: pixel size of the map on the screen in map units, for map services.
        ground_resolution_m: at which resolution the model looks; None for its own choice.
        threshold: probability from which a pixel counts.
        presence_threshold: how likely a match must be for there to be one; None for the model's.
        min_area_m2: smaller polygons are left out.
        simplify_m: tolerance of outline simplification.
        right_angles: whether corners are made square.
        prompts: clicks and a box that point at the target.
        rule: polygons are kept that lie so to a layer of the user's; None for all.
        any_size: a large extent is looked at in full; otherwise it is looked at coarser.
        within: polygons are kept to it; None for all of the extent.
    """

    snapshot: LayerSnapshot
    extent: Extent
    phrases: tuple[str, ...]
    resolution: float | None = None
    ground_resolution_m: float | None = None
    threshold: float = 0.5
    presence_threshold: float | None = None
    min_area_m2: float = 0.0
    simplify_m: float = 0.0
    right_angles: bool = False
    prompts: Prompts = field(default_factory=Prompts)
    rule: RelationRule | None = None
    any_size: bool = False
    within: Area | None = None

    @property
    def pixels(self) -> Pixels:
        """What the engine is to see."""
        return Pixels(
            self.snapshot,
            self.extent,
            self.resolution,
            self.ground_resolution_m,
            self.any_size,
            self.within,
        )


@dataclass(frozen=True)
class PhraseAnswer:
    """What was found for one phrase.

    Attributes:
        record: how, for provenance and to run it again.
        features: the polygons with all fields, in the layer's CRS.
        unknown_words: words that the model does not know.
        left_out: how many polygons do not lie as asked to the user's own layer.
    """

    record: RunRecord
    features: tuple[QgsFeature, ...]
    unknown_words: tuple[str, ...]
    left_out: int = 0


@dataclass(frozen=True)
class SegmentAnswer:
    """What came of a job.

    Attributes:
        job: the job.
        phrases: one answer per phrase, in order.
        response: the engine's answer as it was.
        health: how the engine is after it, None when it did not say.
    """

    job: SegmentJob
    phrases: tuple[PhraseAnswer, ...]
    response: SegmentResponse
    health: Health | None


def segment_task(job: SegmentJob, manager: EngineManager) -> BaseTask:
    """The job as a task of QGIS; its outcome's value is a `SegmentAnswer`."""
    title = tr("Find “{phrase}”").format(phrase="; ".join(job.phrases))
    return BaseTask(title, lambda monitor: segment(job, manager, monitor))


def segment(job: SegmentJob, manager: EngineManager, monitor: Monitor) -> SegmentAnswer:
    """Do the job in this thread: the same for the panel and for Processing.

    When the engine's process dies under it, it is started again and asked once more.

    Raises:
        RsRefSegPluginError: with what is wrong and the remedy.
        CancelledError: the monitor said stop.
    """
    try:
        return once_more(lambda: _segment(job, manager, monitor), monitor)
    finally:
        job.snapshot.pipe.release()


def _segment(job: SegmentJob, manager: EngineManager, monitor: Monitor) -> SegmentAnswer:
    span = READ_TO - READ_FROM

    def read(part: float) -> None:
        monitor.report(READ_FROM + span * part, tr("Reading the layer…"))

    with delivered(job.pixels, manager, monitor, read) as given:
        if manager.state is not EngineState.READY:
            monitor.report(READ_TO, tr("Loading the model…"))
        client = manager.ensure(monitor.cancelled)
        request = SegmentRequest(
            request_id=str(uuid.uuid4()),
            image=given.image,
            phrases=job.phrases,
            ground_resolution_m=job.ground_resolution_m,
            threshold=job.threshold,
            presence_threshold=job.presence_threshold,
            min_area_m2=job.min_area_m2,
            simplify_m=job.simplify_m,
            right_angles=job.right_angles,
            points=job.prompts.points,
            point_labels=job.prompts.point_labels,
            box=job.prompts.box,
        )
        monitor.report(READ_TO, tr("Looking for “{phrase}”…").format(phrase="; ".join(job.phrases)))
        response = segment_call(client, request, monitor, lambda event: _pass_on(event, monitor))
    monitor.report(ENGINE_TO, tr("Drawing the result…"))
    try:
        health: Health | None = client.health()
    except EngineError:
        health = None  # the answer is there; how the engine is shows at the next request
    return SegmentAnswer(
        job=job,
        phrases=tuple(_phrase_answer(job, response, result) for result in response.results),
        response=response,
        health=health,
    )


def _pass_on(event: Event, monitor: Monitor) -> None:
    if event.kind == "progress" and not monitor.cancelled():
        monitor.report(
            READ_TO + (ENGINE_TO - READ_TO) * event.fraction, in_users_language(event.message)
        )


def _phrase_answer(
    job: SegmentJob, response: SegmentResponse, result: PhraseResult
) -> PhraseAnswer:
    snapshot = job.snapshot
    record = RunRecord(
        phrase=result.phrase,
        layer_id=snapshot.layer_id,
        layer_name=snapshot.name,
        source=snapshot.source,
        extent=job.extent,
        crs=crs_wkt(snapshot.crs) if snapshot.crs.isValid() else "",
        resolution=job.resolution,
        ground_resolution_m=job.ground_resolution_m,
        threshold=job.threshold,
        min_area_m2=job.min_area_m2,
        simplify_m=job.simplify_m,
        model=response.model.name,
        model_hash=response.model.sha256,
        engine_version=response.engine_version,
        created=datetime.datetime.now().astimezone().isoformat(timespec="milliseconds"),
        score=result.score,
        presence=result.presence,
        count=len(result.features),
        right_angles=job.right_angles,
        points=job.prompts.points,
        point_labels=job.prompts.point_labels,
        box=job.prompts.box,
    )
    polygons = [FoundPolygon(item.geometry, item.score, item.area_m2) for item in result.features]
    features = build_features(record, polygons)
    if job.within is not None:
        features = job.within.cut(features, Measure(snapshot.crs), job.min_area_m2)
        record = dataclasses.replace(record, count=len(features))
    record, kept, left_out = keep_related(
        record, features, job.rule, snapshot.crs, response.resolution_m
    )
    return PhraseAnswer(record, kept, result.unknown_words, left_out)
