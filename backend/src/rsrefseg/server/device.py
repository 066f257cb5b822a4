"""The device's queue: one thread that every step of a model goes through, fair between clients."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError as FutureCancelled
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from typing import Any, TypeVar

from rsrefseg.errors import CancelledError

log = logging.getLogger("rsrefseg.server")

Outcome = TypeVar("Outcome")
# How often a step that waits looks whether it is still wanted.
WANTED_CHECK_S = 0.05
REMEMBERED_CLIENTS = 256


@dataclass
class _Ticket:
    """A step that waits for the device."""

    client: str
    priority: int
    number: int
    step: Callable[[], Any]
    future: Future[Any] = field(default_factory=Future)


class DeviceQueue:
    """Runs steps one at a time.

    Lower priorities go first; among equals the client that has had the least of the device; of
    one client's the first that came. So a scene of a thousand windows keeps nobody else waiting
    for longer than one window. All steps run in the same thread, because compute libraries keep
    a pool of threads for each thread that calls them.
    """

    def __init__(self) -> None:
        """Start the thread."""
        self._changed = threading.Condition()
        self._tickets: list[_Ticket] = []
        self._numbers = itertools.count()
        # Seconds of the device that each client has had; newcomers start level with the others.
        self._used: dict[str, float] = {}
        self._clock = 0.0
        self._stopping = False
        self._thread = threading.Thread(target=self._serve, name="device", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many steps wait."""
        with self._changed:
            return len(self._tickets)

    def run(
        self,
        step: Callable[[], Outcome],
        *,
        client: str = "",
        priority: int = 0,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Outcome:
        """Run a step in the device's thread and wait for it.

        Args:
            step: what to run.
            client: on whose account.
            priority: lower ones go first.
            cancelled: asked while the step waits; once it runs, it runs to its end.

        Raises:
            CancelledError: `cancelled` said so, or the queue was stopped.
            Exception: whatever the step raised.
        """
        ticket = self.submit(step, client=client, priority=priority)
        while True:
            try:
                return ticket.result(WANTED_CHECK_S)  # type: ignore[no-any-return]
            except FutureCancelled as error:
                raise CancelledError("The engine is stopping.") from error
            except FutureTimeout:
                if ticket.done():  # the step itself timed out
                    raise
                if cancelled() and self._withdraw(ticket):
                    raise CancelledError("The request was cancelled.") from None

    def submit(
        self, step: Callable[[], Any], *, client: str = "", priority: int = 0
    ) -> Future[Any]:
        """Queue a step without waiting for it."""
        with self._changed:
            ticket = _Ticket(client, priority, next(self._numbers), step)
            if self._stopping:
                ticket.future.cancel()
                return ticket.future
            if all(other.client != client for other in self._tickets):
                self._used[client] = max(self._used.get(client, 0.0), self._clock)
            self._tickets.append(ticket)
            self._changed.notify()
            return ticket.future

    def stop(self, timeout_s: float = 0.0) -> bool:
        """Withdraw what waits and end the thread; whether it ended in time."""
        with self._changed:
            self._stopping = True
            for ticket in self._tickets:
                ticket.future.cancel()
            self._tickets.clear()
            self._changed.notify_all()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _withdraw(self, future: Future[Any]) -> bool:
        """Take a step back that has not begun; otherwise its end has to be waited for."""
        with self._changed:
            waiting = [t for t in self._tickets if t.future is future]
            for ticket in waiting:
                self._tickets.remove(ticket)
                ticket.future.cancel()
            return bool(waiting)

    def _next(self) -> _Ticket | None:
        with self._changed:
            while not self._tickets and not self._stopping:
                self._changed.wait()
            if self._stopping:
                return None
            ticket = min(
                self._tickets, key=lambda t: (t.priority, self._used.get(t.client, 0.0), t.number)
            )
            self._tickets.remove(ticket)
            self._clock = max(self._clock, self._used.get(ticket.client, 0.0))
            ticket.future.set_running_or_notify_cancel()
            return ticket

    def _serve(self) -> None:
        while (ticket := self._next()) is not None:
            start = time.perf_counter()
            try:
                outcome = ticket.step()
            except Exception as error:  # noqa: BLE001 - handed to whoever asked for the step
                ticket.future.set_exception(error)
            else:
                ticket.future.set_result(outcome)
            finally:
                self._account(ticket.client, time.perf_counter() - start)
            del ticket

    def _account(self, client: str, seconds: float) -> None:
        with self._changed:
            self._used[client] = self._used.get(client, 0.0) + seconds
            if len(self._used) > REMEMBERED_CLIENTS:
                busy = {ticket.client for ticket in self._tickets}
                # Who has no step waiting loses at most the credit of having waited.
                self._used = {c: used for c, used in self._used.items() if c in busy}
