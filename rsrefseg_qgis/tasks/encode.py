"""Encoding a layer ahead of the first phrase, into the engine's caches."""

from __future__ import annotations

import contextlib
import uuid
from dataclasses import dataclass

from rsrefseg_qgis.engine.manager import EngineManager
from rsrefseg_qgis.engine.wire import CacheInfo, EncodeRequest, Health
from rsrefseg_qgis.errors import EngineError, tr

from .base import Monitor
from .calls import interruptible, once_more
from .delivery import Pixels
from .scene import Part, go_through


@dataclass(frozen=True)
class EncodeAnswer:
    """What came of it.

    Attributes:
        windows: how many the layer has; those that chunks share count for each.
        cache: how full the engine's caches are now, None when it does not say.
    """

    windows: int
    cache: CacheInfo | None


def encode(pixels: Pixels, manager: EngineManager, monitor: Monitor) -> EncodeAnswer:
    """Encode all windows of a layer, in this thread; again when the engine's process dies.

    Raises:
        RsRefSegPluginError: with what is wrong and the remedy.
        CancelledError: the monitor said stop; what is encoded stays in the caches.
    """
    try:
        return once_more(lambda: _encode(pixels, manager, monitor), monitor)
    finally:
        pixels.snapshot.pipe.release()


def _encode(pixels: Pixels, manager: EngineManager, monitor: Monitor) -> EncodeAnswer:
    windows = 0

    def visit(part: Part) -> None:
        nonlocal windows
        request = EncodeRequest(
            request_id=str(uuid.uuid4()),
            image=part.image,
            extent=None if part.chunk is None else part.chunk.asked,
            ground_resolution_m=part.ground_resolution_m,
        )

        def cancel() -> None:
            # what cannot be reached needs no cancelling
            with contextlib.suppress(EngineError):
                part.client.cancel(request.request_id)

        part.monitor.report(0.0, tr("Encoding…"))
        answer = interruptible(lambda: part.client.encode(request), part.monitor, cancel)
        part.monitor.report(1.0, tr("Encoding…"))
        windows += answer.windows

    go_through(pixels, manager, monitor, visit)
    health: Health = manager.ensure(monitor.cancelled).health()
    return EncodeAnswer(windows, health.cache)
