"""Blocking calls of the engine that can be left at any time."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from rsrefseg_qgis.engine.client import EngineClient
from rsrefseg_qgis.engine.wire import Event, SegmentRequest, SegmentResponse
from rsrefseg_qgis.errors import (
    CancelledError,
    EngineDiedError,
    EngineError,
    EngineStoppedError,
    RsRefSegPluginError,
    tr,
)

from .base import Monitor

Value = TypeVar("Value")

POLL_S = 0.05
# The engine gets so long to answer a cancel; then its answer is nobody's.
CANCEL_WAIT_S = 2.0
EVENTS_RETRY_S = 0.1


def interruptible(
    call: Callable[[], Value],
    monitor: Monitor,
    on_cancel: Callable[[], Any] = lambda: None,
    meanwhile: Callable[[], Any] = lambda: None,
) -> Value:
    """Run a blocking call in a thread of its own and leave it when the monitor says so.

    Args:
        call: what to run.
        monitor: asked while waiting.
        on_cancel: run once, in yet another thread, when the monitor says stop.
        meanwhile: run in this thread each time that it has waited a little.

    Raises:
        CancelledError: the monitor said stop; the call may still run to nobody's use.
    """
    answer: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()

    def run() -> None:
        try:
            answer.put((True, call()))
        except BaseException as error:  # noqa: BLE001 - carried over to the waiting thread
            answer.put((False, error))

    _start(run)
    give_up_at: float | None = None
    while True:
        with contextlib.suppress(queue.Empty):
            good, value = answer.get(timeout=POLL_S)
            try:
                monitor.check()
                if good:
                    return value
                raise value
            finally:
                # An error refers to this frame, and the frame to the monitor with its QObject: a
                # cycle would have that destroyed by whatever thread collects garbage next.
                del value
        meanwhile()
        if give_up_at is None and monitor.cancelled():
            give_up_at = time.monotonic() + CANCEL_WAIT_S
            _start(on_cancel)
        if give_up_at is not None and time.monotonic() > give_up_at:
            raise CancelledError


def once_more(work: Callable[[], Value], monitor: Monitor) -> Value:
    """Do work again when the engine's process died under it, on a fresh engine, but only once.

    What crashes native code in the engine may be a matter of the moment, such as a driver; what
    kills it twice is the request's own fault, and is told.

    Args:
        work: what needs the engine; asks the manager for a client itself.
        monitor: asked before, and told of, the second try.

    Raises:
        EngineDiedError: it died twice.
        EngineStoppedError: the plugin stopped it, so it is not wanted again.
        CancelledError: the monitor said stop.
    """
    try:
        return work()
    except EngineStoppedError:
        raise
    except EngineDiedError:
        monitor.check()
        monitor.report(0.0, tr("The engine ended unexpectedly; it starts anew and tries again…"))
    return work()


def segment_call(
    client: EngineClient,
    request: SegmentRequest,
    monitor: Monitor,
    on_event: Callable[[Event], None],
) -> SegmentResponse:
    """Ask the engine, with its progress on the way and a cancel that reaches it.

    Args:
        client: of the engine.
        request: what to find.
        monitor: asked while waiting.
        on_event: told of the engine's events, in this thread.

    Raises:
        EngineError: the engine cannot.
        CancelledError: the monitor said stop.
    """
    over = threading.Event()
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()

    def follow() -> None:
        """Collect events; the engine knows the request only once it has begun to read it."""
        while not over.is_set():
            try:
                for event in client.events(request.request_id):
                    if over.is_set():
                        return
                    events.put(event)
                return
            except RsRefSegPluginError:  # progress is a courtesy: the answer comes another way
                over.wait(EVENTS_RETRY_S)

    def cancel() -> None:
        # what cannot be reached needs no cancelling
        with contextlib.suppress(EngineError):
            client.cancel(request.request_id)

    def tell() -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                on_event(events.get_nowait())

    _start(follow)
    try:
        return interruptible(lambda: client.segment(request), monitor, cancel, tell)
    finally:
        over.set()


def _start(work: Callable[[], Any]) -> None:
    # daemons: QGIS may quit while the engine does not answer
    threading.Thread(target=work, daemon=True, name="rsrefseg-call").start()
