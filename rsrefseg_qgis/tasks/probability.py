"""A phrase's probability at every place of a layer, as a raster on the disk."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path

from rsrefseg_qgis.engine.manager import EngineManager
from rsrefseg_qgis.engine.wire import Event, SegmentRequest
from rsrefseg_qgis.layers.mosaic import Mosaic, write_raster

from .base import Monitor
from .calls import interruptible, once_more, segment_call
from .delivery import Pixels
from .scene import Part, go_through

# Polygons are drawn beside the probabilities; few are above this, and none are used.
NO_POLYGONS = 0.999


@dataclass(frozen=True)
class ProbabilityJob:
    """What to find and where to, frozen on the main thread.

    Attributes:
        pixels: of the raster layer.
        phrase: what to look for.
        path: of the GeoTIFF; replaced when it is there.
    """

    pixels: Pixels
    phrase: str
    path: Path


@dataclass(frozen=True)
class ProbabilityAnswer:
    """What came of a job.

    Attributes:
        path: the GeoTIFF: float32, 0 to 1, NaN where the layer has no data.
        unknown_words: words that the model does not know.
        warnings: the engine's sentences, each once.
    """

    path: Path
    unknown_words: tuple[str, ...]
    warnings: tuple[str, ...]


def probability(job: ProbabilityJob, manager: EngineManager, monitor: Monitor) -> ProbabilityAnswer:
    """Do the job in this thread, once more when the engine's process dies under it.

    Raises:
        RsRefSegPluginError: with what is wrong and the remedy.
        CancelledError: the monitor said stop; then there is no file.
    """
    try:
        return once_more(lambda: _probability(job, manager, monitor), monitor)
    finally:
        job.pixels.snapshot.pipe.release()


def _probability(
    job: ProbabilityJob, manager: EngineManager, monitor: Monitor
) -> ProbabilityAnswer:
    run = _Run(job)
    try:
        go_through(job.pixels, manager, monitor, run.visit)
        run.finish()
    finally:
        run.close()
    return ProbabilityAnswer(job.path, tuple(run.unknown_words), tuple(run.warnings))


class _Run:
    """Collects what is said about the parts."""

    def __init__(self, job: ProbabilityJob) -> None:
        self._job = job
        self._mosaic: Mosaic | None = None
        self.unknown_words: dict[str, None] = {}
        self.warnings: dict[str, None] = {}

    def visit(self, part: Part) -> None:
        """Ask about a part and keep the answer."""
        chunk = part.chunk
        request = SegmentRequest(
            request_id=str(uuid.uuid4()),
            image=part.image,
            phrases=(self._job.phrase,),
            extent=None if chunk is None else chunk.asked,
            ground_resolution_m=part.ground_resolution_m,
            threshold=NO_POLYGONS,
        )

        def tell(event: Event) -> None:
            if event.kind == "progress":
                part.monitor.report(event.fraction, event.message)

        response = segment_call(part.client, request, part.monitor, tell)
        for result in response.results:
            self.unknown_words.update(dict.fromkeys(result.unknown_words))
        self.warnings.update(dict.fromkeys(response.other_warnings))
        tiff = interruptible(lambda: part.client.probability(request.request_id), part.monitor)
        if chunk is None:
            write_raster(self._job.path, tiff)
            return
        if self._mosaic is None:
            self._mosaic = Mosaic(self._job.path, part.grid.extent)
        self._mosaic.add(tiff, chunk.core, chunk.asked)

    def finish(self) -> None:
        """Put the raster in its place."""
        if self._mosaic is not None:
            self._mosaic.finish()

    def close(self) -> None:
        """Leave nothing unfinished behind."""
        if self._mosaic is not None:
            self._mosaic.discard()
