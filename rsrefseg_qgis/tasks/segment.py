"""The main job: a layer's pixels and phrases to the engine, polygons back."""

from __future__ import annotations

import datetime
import uuid
from dataclasses import dataclass

from qgis.core import QgsFeature

from rsrefseg_qgis.engine.manager import EngineManager, EngineState
from rsrefseg_qgis.engine.wire import (
    Event,
    Health,
    ImageRef,
    PhraseResult,
    SegmentRequest,
    SegmentResponse,
)
from rsrefseg_qgis.errors import EngineError, tr
from rsrefseg_qgis.layers.geotiff import export_geotiff
from rsrefseg_qgis.layers.grid import Extent
from rsrefseg_qgis.layers.provenance import RunRecord
from rsrefseg_qgis.layers.result import FoundPolygon, build_features
from rsrefseg_qgis.layers.snapshot import LayerSnapshot, crs_wkt

from .base import BaseTask, Monitor
from .calls import interruptible, segment_call

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

    @property
    def needs_model_resolution(self) -> bool:
        """Whether nothing but the model can say how finely a map service is drawn."""
        return (
            self.snapshot.size is None
            and self.resolution is None
            and self.ground_resolution_m is None
        )


@dataclass(frozen=True)
class PhraseAnswer:
    """What was found for one phrase.

    Attributes:
        record: how, for provenance and to run it again.
        features: the polygons with all fields, in the layer's CRS.
        unknown_words: words that the model does not know.
    """

    record: RunRecord
    features: tuple[QgsFeature, ...]
    unknown_words: tuple[str, ...]


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
    """Do the job in this thread, once: the same for the panel and for Processing.

    Raises:
        RsRefSegPluginError: with what is wrong and the remedy.
        CancelledError: the monitor said stop.
    """
    try:
        return _segment(job, manager, monitor)
    finally:
        job.snapshot.pipe.release()


def _segment(job: SegmentJob, manager: EngineManager, monitor: Monitor) -> SegmentAnswer:
    if manager.state is not EngineState.READY:
        monitor.report(0.0, tr("Starting the engine…"))
    # The model loads while the layer is read.
    client = manager.ensure(monitor.cancelled, wait_for_model=False)
    if job.needs_model_resolution:
        manager.ensure(monitor.cancelled)
    tiff = _read(job, manager.health, monitor)
    image = interruptible(lambda: client.put_image(tiff), monitor)
    if manager.state is not EngineState.READY:
        monitor.report(READ_TO, tr("Loading the model…"))
    client = manager.ensure(monitor.cancelled)
    request = SegmentRequest(
        request_id=str(uuid.uuid4()),
        image=ImageRef(id=image.image_id),
        phrases=job.phrases,
        ground_resolution_m=job.ground_resolution_m,
        threshold=job.threshold,
        presence_threshold=job.presence_threshold,
        min_area_m2=job.min_area_m2,
        simplify_m=job.simplify_m,
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


def _read(job: SegmentJob, health: Health | None, monitor: Monitor) -> bytes:
    monitor.report(READ_FROM, tr("Reading the layer…"))
    span = READ_TO - READ_FROM
    return export_geotiff(
        job.snapshot,
        job.snapshot.grid(job.extent, _resolution(job, health)),
        feedback=monitor.raster_feedback,
        progress=lambda part: monitor.report(READ_FROM + span * part, tr("Reading the layer…")),
    )


def _resolution(job: SegmentJob, health: Health | None) -> float | None:
    """Map units per pixel at which a map service is drawn."""
    if job.resolution is not None:
        return job.resolution
    wanted_m = job.ground_resolution_m
    if wanted_m is None and health is not None and health.model is not None:
        wanted_m = health.model.default_resolution_m
    scale = job.snapshot.metres_per_unit(job.extent)
    return wanted_m / scale if wanted_m and scale else None


def _pass_on(event: Event, monitor: Monitor) -> None:
    if event.kind == "progress" and not monitor.cancelled():
        monitor.report(READ_TO + (ENGINE_TO - READ_TO) * event.fraction, event.message)


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
        created=datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        score=result.score,
        presence=result.presence,
        count=len(result.features),
    )
    polygons = [FoundPolygon(item.geometry, item.score, item.area_m2) for item in result.features]
    return PhraseAnswer(record, tuple(build_features(record, polygons)), result.unknown_words)
