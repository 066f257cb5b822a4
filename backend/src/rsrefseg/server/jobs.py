"""Requests as jobs: with progress, cancelling and a time limit, each run by a worker thread."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Literal

from rsrefseg.errors import CancelledError, RsRefSegError
from rsrefseg.server.errors import (
    BusyError,
    DuplicateRequestError,
    internal_error,
    over_time,
)

log = logging.getLogger("rsrefseg.server")

State = Literal["expected", "waiting", "running", "done", "failed", "cancelled"]
FINAL_STATES = frozenset({"done", "failed", "cancelled"})
# Lower numbers go first.
NORMAL, IDLE = 1, 2
REMEMBERED_JOBS = 512
MAX_WAITING = 512
WORKERS = 16
# Of one client's jobs, how many are worked at at once; the rest of its jobs wait.
PER_CLIENT = 2
DEFAULT_LIMIT_S = 3600.0


@dataclass
class Job:
    """A piece of work and how it stands. Written by the queue, read by anyone."""

    request_id: str
    client: str = ""
    priority: int = NORMAL
    limit_s: float = DEFAULT_LIMIT_S
    future: Future[Any] = field(default_factory=Future)
    state: State = "expected"
    fraction: float = 0.0
    message: str = "Waiting."
    error: RsRefSegError | None = None
    version: int = 0
    deadline: float = float("inf")
    _stop: threading.Event = field(default_factory=threading.Event)

    def progress(self, fraction: float, message: str) -> None:
        """Say how far it is."""
        if self.state not in FINAL_STATES:
            self.fraction, self.message = fraction, message
            self.version += 1

    def cancelled(self) -> bool:
        """Whether it was told to stop, or its time is up."""
        return self._stop.is_set() or self.overdue

    @property
    def overdue(self) -> bool:
        """Whether its time is up."""
        return time.monotonic() > self.deadline

    def stop(self) -> None:
        """Tell it to stop."""
        self._stop.set()

    def take(self) -> Any:
        """The outcome, which is forgotten: old jobs must not keep their answers.

        Raises:
            RsRefSegError: it failed or was cancelled.
        """
        future, self.future = self.future, Future()
        return future.result()


Work = Callable[[Job], Any]


class JobQueue:
    """Runs jobs side by side; what they do on the device is queued there, step by step."""

    def __init__(
        self,
        *,
        workers: int = WORKERS,
        per_client: int = PER_CLIENT,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        """Prepare; threads start as they are needed.

        Args:
            workers: jobs that are worked at at once.
            per_client: of one client's.
            max_waiting: jobs that may wait; more are refused.
        """
        self._workers, self._per_client, self._max_waiting = workers, per_client, max_waiting
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._waiting: list[tuple[int, Job, Work]] = []
        self._active: Counter[str] = Counter()
        self._idle_active: Counter[str] = Counter()
        self._views: dict[tuple[str, str], Job] = {}
        self._count = itertools.count()
        self._changed = threading.Condition()
        self._stopping = False
        self._threads: list[threading.Thread] = []
        self._free = 0

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        with self._changed:
            return sum(job.state == "waiting" for _, job, _ in self._waiting)

    @property
    def running(self) -> int:
        """How many jobs are worked at."""
        with self._changed:
            return sum(self._active.values())

    def submit(
        self,
        request_id: str,
        work: Work,
        priority: int = NORMAL,
        *,
        client: str = "",
        view: str | None = None,
        limit_s: float = DEFAULT_LIMIT_S,
    ) -> Job:
        """Put work into the queue.

        Args:
            request_id: names the job; it may have been cancelled already.
            work: called with the job in a worker's thread.
            priority: NORMAL or IDLE.
            client: whose it is.
            view: names what it is about; an older job of the same client about it is cancelled.
            limit_s: after this time it is ended.

        Raises:
            DuplicateRequestError: a job of that name is waiting or running.
            BusyError: too many jobs wait.
        """
        with self._changed:
            job = self._jobs.get(request_id)
            if job is not None and job.state in ("waiting", "running"):
                raise DuplicateRequestError(
                    f"A request with the id '{request_id}' is under way: give each its own id."
                )
            self._waiting = [entry for entry in self._waiting if entry[1].state == "waiting"]
            if len(self._waiting) >= self._max_waiting:
                raise BusyError("Too many requests wait already: try again in a moment.")
            if job is None or job.state != "expected":
                job = self._remember(Job(request_id))
            job.client, job.priority, job.limit_s = client, priority, limit_s
            job.deadline = time.monotonic() + limit_s
            job.state = "waiting"
            job.version += 1
            if view is not None:
                self._supersede((client, view), job)
            if job.cancelled():
                self._end(job, "cancelled", CancelledError("The request was cancelled."))
                return job
            self._waiting.append((next(self._count), job, work))
            self._start_worker()
            self._changed.notify()
            return job

    def find(self, request_id: str) -> Job | None:
        """A job that is known."""
        with self._changed:
            return self._jobs.get(request_id)

    def expect(self, request_id: str) -> Job:
        """A job that is known, or a place for one that is yet to come."""
        with self._changed:
            return self._jobs.get(request_id) or self._remember(Job(request_id))

    def cancel(self, request_id: str) -> Job:
        """End a job, even one that is yet to come; what it is doing stops at its next step."""
        job = self.expect(request_id)
        with self._changed:
            self._stop(job, CancelledError("The request was cancelled."))
        return job

    def expire(self, job: Job) -> None:
        """End a job whose time is up."""
        with self._changed:
            self._stop(job, over_time(job.limit_s))

    def stop(self, timeout_s: float = 0.0) -> bool:
        """Cancel everything and end the threads; whether they ended in time."""
        with self._changed:
            self._stopping = True
            for job in self._jobs.values():
                self._stop(job, CancelledError("The engine is stopping."))
            self._changed.notify_all()
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _stop(self, job: Job, error: RsRefSegError) -> None:
        job.stop()
        if job.state in ("waiting", "running"):
            state: State = "cancelled" if isinstance(error, CancelledError) else "failed"
            log.info("request %s %s: %s", job.request_id, state, error)
            self._end(job, state, error)

    def _supersede(self, key: tuple[str, str], job: Job) -> None:
        older = self._views.get(key)
        if older is not None:
            self._stop(older, CancelledError("A newer request took the place of this one."))
        self._views = {k: j for k, j in self._views.items() if j.state not in FINAL_STATES}
        self._views[key] = job

    def _remember(self, job: Job) -> Job:
        self._jobs[job.request_id] = job
        self._jobs.move_to_end(job.request_id)
        for old in list(itertools.islice(self._jobs, max(0, len(self._jobs) - REMEMBERED_JOBS))):
            if self._jobs[old].state not in ("waiting", "running"):
                del self._jobs[old]
        return job

    def _end(self, job: Job, state: State, outcome: Any) -> None:
        """Settle a job once; what comes later is of no interest."""
        if job.state in FINAL_STATES:
            return
        job.state = state
        job.version += 1
        if isinstance(outcome, RsRefSegError):
            job.error = outcome
            job.future.set_exception(outcome)
        else:
            job.future.set_result(outcome)

    def _start_worker(self) -> None:
        if self._free >= len(self._waiting) or len(self._threads) >= self._workers:
            return
        name = f"worker-{len(self._threads)}"
        thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._threads.append(thread)
        self._free += 1
        thread.start()

    def _next(self) -> tuple[Job, Work] | None:
        """The most urgent job of the client that is worked for least, taken out; or None."""
        startable = [
            (job.priority, self._active[job.client], number, job, work)
            for number, job, work in self._waiting
            if job.state == "waiting"
            and self._active[job.client] < self._per_client
            and not (job.priority == IDLE and self._idle_active[job.client])
        ]
        if not startable:
            return None
        *_, number, job, work = min(startable, key=lambda entry: entry[:3])
        self._waiting = [entry for entry in self._waiting if entry[0] != number]
        return job, work

    def _serve(self) -> None:
        while True:
            with self._changed:
                while (found := self._next()) is None and not self._stopping:
                    self._changed.wait()
                if self._stopping or found is None:
                    return
                job, work = found
                job.state = "running"
                job.version += 1
                self._free -= 1
                self._active[job.client] += 1
                self._idle_active[job.client] += job.priority == IDLE
            self._work(job, work)
            with self._changed:
                self._free += 1
                self._active = self._active - Counter({job.client: 1})
                if job.priority == IDLE:
                    self._idle_active = self._idle_active - Counter({job.client: 1})
                self._changed.notify_all()
            del job, work, found

    def _work(self, job: Job, work: Work) -> None:
        start = time.perf_counter()
        state: State
        try:
            outcome = work(job)
            state = "done"
        except CancelledError as error:
            outcome, state = error, "cancelled"
        except RsRefSegError as error:
            outcome, state = error, "failed"
        except Exception:  # the edge of a job: whatever it is, the service stays up
            log.exception("unforeseen error in request %s", job.request_id)
            outcome, state = internal_error(), "failed"
        log.info(
            "request %s of client %s %s in %.3f s",
            job.request_id,
            job.client or "-",
            state,
            time.perf_counter() - start,
        )
        with self._changed:
            self._end(job, state, outcome)
