"""Having the engine encode what a phrase will be asked about, before it is asked."""

from __future__ import annotations

import contextlib
import uuid

from rsrefseg_qgis.engine.manager import EngineManager
from rsrefseg_qgis.engine.wire import EncodeRequest, Health
from rsrefseg_qgis.errors import EngineError, tr

from .base import BaseTask, Monitor
from .calls import interruptible
from .delivery import Pixels, delivered

# The engine drops an encode of ours that another one of the same name follows.
VIEW = "panel"


def ahead_task(pixels: Pixels, manager: EngineManager) -> BaseTask:
    """A task, not shown to the user, whose outcome's value is the engine's `Health` after it."""
    return BaseTask(
        tr("Prepare the view"), lambda monitor: encode_ahead(pixels, manager, monitor), hidden=True
    )


def encode_ahead(pixels: Pixels, manager: EngineManager, monitor: Monitor) -> Health:
    """Encode what a phrase on these pixels would need, in this thread.

    Raises:
        RsRefSegPluginError: with what is wrong; the phrase itself will meet it again.
        CancelledError: the monitor said stop; a window that is under way is still kept.
    """
    try:
        with delivered(pixels, manager, monitor, lambda part: None) as given:
            client = manager.ensure(monitor.cancelled)
            request = EncodeRequest(
                request_id=str(uuid.uuid4()),
                image=given.image,
                ground_resolution_m=pixels.ground_resolution_m,
                view=VIEW,
            )

            def cancel() -> None:
                # what cannot be reached needs no cancelling
                with contextlib.suppress(EngineError):
                    client.cancel(request.request_id)

            interruptible(lambda: client.encode(request), monitor, cancel)
        return client.health()
    finally:
        pixels.snapshot.pipe.release()
