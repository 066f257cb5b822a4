"""The engine behind the routes: the model as it loads, the images, the queue."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from rsrefseg.errors import RsRefSegError
from rsrefseg.predict.scene import (
    SegmentRequest,
    SegmentResult,
    Timings,
    encode_raster,
    segment_raster,
)
from rsrefseg.predict.types import ModelInfo, Predictor
from rsrefseg.server.errors import internal_error
from rsrefseg.server.images import FILE_DRIVERS, ImageStore, Limits, check_path
from rsrefseg.server.jobs import IDLE, NORMAL, URGENT, Job, JobQueue
from rsrefseg.server.schemas import EncodeRequest, ImageRef, SegmentBody

EngineState = Literal["loading", "ready", "failed"]


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
        self._predictor: Predictor | None = None
        self._error: RsRefSegError | None = None
        self.loaded = threading.Event()
        self._load = load
        self.jobs.submit("load-model", self._load_model, URGENT)

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

    def segment(self, request_id: str, body: SegmentBody) -> Job:
        """Queue a segment request; the job's future gives the result and the model."""
        source = self._source(body.image)
        request = SegmentRequest(
            phrases=tuple(body.phrases),
            threshold=body.threshold,
            presence_threshold=body.presence_threshold,
            min_area_m2=body.min_area_m2,
            simplify_m=body.simplify_m,
            ground_resolution_m=body.ground_resolution_m,
            extent=_extent(body.extent),
        )

        def work(job: Job) -> tuple[SegmentResult, ModelInfo]:
            predictor = self._ready()
            result = segment_raster(
                predictor,
                source,
                request,
                job.progress,
                job.cancelled,
                name=_name(body.image),
                drivers=FILE_DRIVERS,
            )
            return result, predictor.info

        return self.jobs.submit(request_id, work, NORMAL)

    def encode(self, request_id: str, body: EncodeRequest) -> Job:
        """Queue an encode request; the job's future gives the windows and timings."""
        source = self._source(body.image)

        def work(job: Job) -> tuple[int, Timings]:
            return encode_raster(
                self._ready(),
                source,
                _extent(body.extent),
                body.ground_resolution_m,
                job.progress,
                job.cancelled,
                name=_name(body.image),
                drivers=FILE_DRIVERS,
            )

        return self.jobs.submit(request_id, work, IDLE)

    def _source(self, image: ImageRef) -> bytes | Path:
        if image.id is not None:
            return self.images.get(image.id).data
        return check_path(image.path or "", self.limits)

    def _ready(self) -> Predictor:
        if self._predictor is None:
            raise self._error or internal_error()
        return self._predictor

    def _load_model(self, _job: Job) -> None:
        try:
            self._predictor = self._load()
        except RsRefSegError as error:
            self._error = error
            raise
        except Exception:  # the edge of a job: the health says what happened, the log has more
            self._error = internal_error()
            raise
        finally:
            self.loaded.set()


def _extent(values: list[float] | None) -> tuple[float, float, float, float] | None:
    return None if values is None else (values[0], values[1], values[2], values[3])


def _name(image: ImageRef) -> str:
    return "The uploaded image" if image.path is None else f"The raster {Path(image.path).name}"
