"""The engine behind the routes: the model as it loads, the images, the queue, the kept maps."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from rsrefseg.errors import CancelledError, InputError, RsRefSegError
from rsrefseg.geo.harden import PLAIN_FORMATS
from rsrefseg.geo.polygons import PolygonOptions
from rsrefseg.geo.regularise import regularise
from rsrefseg.predict.cache import ByteBudgetCache
from rsrefseg.predict.maps import KeptMaps, ViewMaps
from rsrefseg.predict.scene import (
    SegmentRequest,
    SegmentResult,
    Timings,
    encode_raster,
    segment_raster,
)
from rsrefseg.predict.scene_maps import SceneMaps
from rsrefseg.predict.types import CacheInfo, ModelInfo, Predictor
from rsrefseg.predict.view import View, ask_view, open_view, place_prompts
from rsrefseg.server.device import DeviceQueue
from rsrefseg.server.errors import UnknownRequestError, internal_error, over_time
from rsrefseg.server.images import ImageStore, Limits, check_path
from rsrefseg.server.jobs import IDLE, NORMAL, Job, JobQueue
from rsrefseg.server.queued import QueuedPredictor
from rsrefseg.server.schemas import (
    AreaRequest,
    DrawingOptions,
    EncodeRequest,
    ImageRef,
    PolygonsBody,
    RegulariseBody,
    SegmentBody,
)

LOADED_CHECK_S = 0.05
log = logging.getLogger("rsrefseg.server")

# Before every step of a request.
URGENT = 0
EngineState = Literal["loading", "ready", "failed"]
Bounds = tuple[float, float, float, float]


@dataclass(frozen=True)
class Source:
    """Where an image's pixels are, and what names them in a cache."""

    key: tuple[object, ...]
    place: bytes | Path
    name: str


class EngineService:
    """All that the routes need. Loads the model in the device's thread, ahead of all requests."""

    def __init__(self, load: Callable[[], Predictor], limits: Limits | None = None) -> None:
        """Begin to load.

        Args:
            load: makes the predictor; called once in the device's thread.
            limits: how much is taken.
        """
        self.limits = limits or Limits()
        self.images = ImageStore(self.limits)
        self.jobs = JobQueue()
        self.device = DeviceQueue()
        self._views: ByteBudgetCache[View] = ByteBudgetCache(self.limits.views_bytes)
        self._kept: ByteBudgetCache[tuple[KeptMaps, ModelInfo]] = ByteBudgetCache(
            self.limits.maps_bytes, self.limits.maps_count
        )
        self._predictor: Predictor | None = None
        self._error: RsRefSegError | None = None
        self.loaded = threading.Event()
        self._load = load
        self.device.submit(self._load_model, priority=URGENT)

    def stop(self, timeout_s: float = 0.0) -> bool:
        """Cancel everything and end the threads; whether they ended in time."""
        deadline = time.monotonic() + timeout_s
        device = self.device.stop(0.0)
        jobs = self.jobs.stop(timeout_s)
        return (device or self.device.stop(max(0.0, deadline - time.monotonic()))) and jobs

    @property
    def state(self) -> EngineState:
        """How far the model is."""
        if self._error is not None:
            return "failed"
        return "loading" if self._predictor is None else "ready"

    @property
    def error(self) -> RsRefSegError | None:
        """Why the model did not load."""
        return self._error

    @property
    def predictor(self) -> Predictor | None:
        """The model, once it is loaded."""
        return self._predictor

    @property
    def kept(self) -> CacheInfo:
        """How full the store of probability maps is."""
        return self._kept.info()

    def segment(
        self,
        request_id: str,
        body: SegmentBody,
        client: str,
        write: Callable[[SegmentResult, ModelInfo], bytes],
    ) -> Job:
        """Queue a segment request; the job's outcome is what `write` makes of the result."""
        source = self._source(body.image)
        request = _segment_request(body)

        def work(job: Job) -> bytes:
            predictor = self._queued(job)
            timings = Timings()
            with timings.measure("total_s"):
                with timings.measure("read_s"):
                    view = self._view(predictor, source, body)
                if view is None:
                    result = self._scene(predictor, source, request, body, job)
                else:
                    maps = _ask(predictor, view, request, body, timings, job)
                    self._kept.put(request_id, (maps, predictor.info), maps.nbytes)
                    job.progress(0.9, "Drawing the polygons.")
                    options = _polygon_options(body)
                    result = maps.draw(options, timings, cancelled=job.cancelled)
            result = replace(result, warnings=(*result.warnings, *predictor.notices))
            answer = write(result, predictor.info)
            job.progress(1.0, "Done.")
            return answer

        return self.jobs.submit(
            request_id, work, NORMAL, client=client, limit_s=self._limit_s(body)
        )

    def encode(self, request_id: str, body: EncodeRequest, client: str = "") -> Job:
        """Queue an encode request; the job's outcome is the windows and timings."""
        source = self._source(body.image)

        def work(job: Job) -> tuple[int, Timings]:
            predictor = self._queued(job)
            timings = Timings()
            with timings.measure("total_s"):
                with timings.measure("read_s"):
                    view = self._view(predictor, source, body)
                if view is not None:
                    with timings.measure("encode_s"):
                        if view.has_data:
                            predictor.encode(view.image, view.content_px, digest=view.digest)
                    job.progress(1.0, "Done.")
            if view is not None:
                return 1, timings
            return encode_raster(
                predictor,
                source.place,
                _bounds(body.extent),
                body.ground_resolution_m,
                job.progress,
                job.cancelled,
                name=source.name,
                drivers=PLAIN_FORMATS,
            )

        return self.jobs.submit(
            request_id, work, IDLE, client=client, view=body.view, limit_s=self._limit_s(body)
        )

    def polygons(self, request_id: str, body: PolygonsBody) -> tuple[SegmentResult, ModelInfo]:
        """Draw a request's polygons again, without the model.

        Raises:
            UnknownRequestError: its maps are not here, or no longer.
            InputError: a phrase was not asked in it.
            TimeLimitError: it took too long.
        """
        maps, model = self._maps(request_id)
        phrases = None if body.phrases is None else self._ready().check_phrases(body.phrases)
        timings = Timings()
        with timings.measure("total_s"), self._in_time() as overdue:
            result = maps.draw(
                _polygon_options(body),
                timings,
                phrases=phrases,
                presence_threshold=body.presence_threshold,
                cancelled=overdue,
            )
        return result, model

    def regularise(self, body: RegulariseBody) -> list[dict[str, Any]]:
        """Give outlines right angles; needs no model.

        Raises:
            InputError: one is no polygon, or too tangled.
            TimeLimitError: it took too long.
        """
        with self._in_time() as overdue:
            return regularise(body.geometries, body.crs, body.tolerance_m, cancelled=overdue)

    @contextmanager
    def _in_time(self) -> Iterator[Callable[[], bool]]:
        """The time limit of what runs outside the queues; gives what says that it is over."""
        deadline = time.monotonic() + self.limits.request_s
        try:
            yield lambda: time.monotonic() > deadline
        except CancelledError as error:
            raise over_time(self.limits.request_s) from error

    def map_tiff(
        self, request_id: str, phrase: str | None, kind: Literal["probability", "heat"]
    ) -> bytes:
        """A kept map as a GeoTIFF.

        Args:
            request_id: the request.
            phrase: one of its phrases; the first when None.
            kind: what is shown.

        Raises:
            UnknownRequestError: its maps are not here, or no longer.
            InputError: the phrase was not asked in it, or there is no such map.
        """
        maps, _ = self._maps(request_id)
        wanted = None if phrase is None else self._ready().check_phrases([phrase])[0]
        return maps.probability_tiff(wanted) if kind == "probability" else maps.heat_tiff(wanted)

    def _maps(self, request_id: str) -> tuple[KeptMaps, ModelInfo]:
        kept = self._kept.get(request_id)
        if kept is None:
            raise UnknownRequestError(
                f"The probabilities of the request '{request_id}' are not kept, or no longer: "
                "ask again."
            )
        return kept

    def _view(self, predictor: Predictor, source: Source, body: AreaRequest) -> View | None:
        """What a request looks at, if it is a single window; read once."""
        extent = _bounds(body.extent)
        key = (*source.key, extent, body.ground_resolution_m)
        view = self._views.get(key)
        if view is None:
            view = open_view(
                predictor.info,
                source.place,
                extent,
                body.ground_resolution_m,
                name=source.name,
                drivers=PLAIN_FORMATS,
            )
            if view is not None:
                self._views.put(key, view, view.nbytes)
        return view

    def _scene(
        self,
        predictor: Predictor,
        source: Source,
        request: SegmentRequest,
        body: SegmentBody,
        job: Job,
    ) -> SegmentResult:
        """An extent that takes several windows."""
        if body.points or body.box:
            raise InputError(
                "Clicks and boxes work only where one view of the model shows the whole extent: "
                "zoom in, or choose a coarser ground resolution."
            )

        def keep(maps: SceneMaps) -> None:
            self._kept.put(job.request_id, (maps, predictor.info), maps.nbytes)

        return segment_raster(
            predictor,
            source.place,
            request,
            job.progress,
            job.cancelled,
            name=source.name,
            drivers=PLAIN_FORMATS,
            keep=keep,
        )

    def _source(self, image: ImageRef) -> Source:
        if image.id is not None:
            return Source((image.id,), self.images.get(image.id).data, "The uploaded image")
        path, facts = check_path(image.path or "", self.limits)
        return Source((str(path), *facts), path, f"The raster {path.name}")

    def _limit_s(self, body: AreaRequest) -> float:
        return min(body.time_limit_s or self.limits.request_s, self.limits.request_s)

    def _queued(self, job: Job) -> QueuedPredictor:
        """The model on a job's account, once it is loaded."""
        while not self.loaded.wait(LOADED_CHECK_S):
            if job.cancelled():
                raise CancelledError("The request was cancelled.")
        return QueuedPredictor(self._ready(), self.device, job)

    def _ready(self) -> Predictor:
        if self._predictor is None:
            raise self._error or internal_error()
        return self._predictor

    def _load_model(self) -> None:
        try:
            self._predictor = self._load()
        except RsRefSegError as error:
            self._error = error
            raise
        except Exception:  # the edge of a step: the health says what happened, the log has more
            log.exception("the model did not load")
            self._error = internal_error()
            raise
        finally:
            self.loaded.set()


def _ask(
    predictor: Predictor,
    view: View,
    request: SegmentRequest,
    body: SegmentBody,
    timings: Timings,
    job: Job,
) -> ViewMaps:
    prompts = None
    if body.points or body.box:
        points = [(x, y) for x, y in body.points]
        labels = body.point_labels or [1] * len(points)
        prompts = place_prompts(view, points, labels, _bounds(body.box))
    job.progress(0.0, "Looking at the extent.")
    return ask_view(predictor, view, request, timings, prompts=prompts, cancelled=job.cancelled)


def _segment_request(body: SegmentBody) -> SegmentRequest:
    return SegmentRequest(
        phrases=tuple(body.phrases),
        threshold=body.threshold,
        presence_threshold=body.presence_threshold,
        min_area_m2=body.min_area_m2,
        simplify_m=body.simplify_m,
        fill_holes_m2=body.fill_holes_m2,
        right_angles=body.right_angles,
        ground_resolution_m=body.ground_resolution_m,
        extent=_bounds(body.extent),
    )


def _polygon_options(body: DrawingOptions) -> PolygonOptions:
    return PolygonOptions(
        threshold=body.threshold,
        min_area_m2=body.min_area_m2,
        simplify_m=body.simplify_m,
        fill_holes_m2=body.fill_holes_m2,
        right_angles=body.right_angles,
    )


def _bounds(values: list[float] | None) -> Bounds | None:
    return None if values is None else (values[0], values[1], values[2], values[3])
