"""One queue to one device: jobs with progress and cancelling, run by a single thread."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Literal

from rsrefseg.errors import CancelledError, RsRefSegError
from rsrefseg.server.errors import DuplicateRequestError, internal_error

log = logging.getLogger("rsrefseg.server")

State = Literal["expected", "waiting", "running", "done", "failed", "cancelled"]
FINAL_STATES = frozenset({"done", "failed", "cancelled"})
# Lower numbers go first.
URGENT, NORMAL, IDLE = 0, 1, 2
REMEMBERED_JOBS = 512


@dataclass
class Job:
    """A piece of work and how it stands. Written by the queue, read by anyone."""

    request_id: str
    future: Future[Any] = field(default_factory=Future)
    state: State = "expected"
    fraction: float = 0.0
    message: str = "Waiting."
    error: RsRefSegError | None = None
    version: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def progress(self, fraction: float, message: str) -> None:
        """Say how far it is."""
        self.fraction, self.message = fraction, message
        self.version += 1

    def cancelled(self) -> bool:
        """Whether it was told to stop."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Tell it to stop."""
        self._stop.set()


Work = Callable[[Job], Any]


class JobQueue:
    """Runs jobs one at a time, by priority and then in the order of their coming."""

    def __init__(self) -> None:
        """Start the thread."""
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._heap: list[tuple[int, int, Job, Work]] = []
        self._count = itertools.count()
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="device", daemon=True)
        self._thread.start()

    def submit(self, request_id: str, work: Work, priority: int = NORMAL) -> Job:
        """Put work into the queue.

        Args:
            request_id: names the job; it may have been cancelled already.
            work: called with the job in the device's thread.
            priority: URGENT, NORMAL or IDLE.

        Raises:
            DuplicateRequestError: a job of that name is waiting or running.
        """
        with self._changed:
            job = self._jobs.get(request_id)
            if job is not None and job.state in ("waiting", "running"):
                raise DuplicateRequestError(
                    f"A request with the id '{request_id}' is under way: give each its own id."
                )
            if job is None or job.state != "expected":
                job = self._remember(Job(request_id))
            job.state = "waiting"
            job.version += 1
            heapq.heappush(self._heap, (priority, next(self._count), job, work))
            if job.cancelled():
                self._end(job, "cancelled", CancelledError("The request was cancelled."))
            self._changed.notify()
            return job

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        with self._changed:
            return sum(job.state == "waiting" for *_, job, _ in self._heap)

    @property
    def running(self) -> int:
        """How many jobs run."""
        with self._changed:
            return sum(job.state == "running" for job in self._jobs.values())

    def find(self, request_id: str) -> Job | None:
        """A job that is known."""
        with self._changed:
            return self._jobs.get(request_id)

    def expect(self, request_id: str) -> Job:
        """A job that is known, or a place for one that is yet to come."""
        with self._changed:
            return self._jobs.get(request_id) or self._remember(Job(request_id))

    def cancel(self, request_id: str) -> Job:
        """Tell a job to stop, even one that is yet to come."""
        job = self.expect(request_id)
        with self._changed:
            job.stop()
            if job.state == "waiting":
                self._end(job, "cancelled", CancelledError("The request was cancelled."))
        return job

    def stop(self, timeout_s: float = 0.0) -> bool:
        """Cancel everything and end the thread; whether it ended in time."""
        with self._changed:
            self._stopping = True
            for job in self._jobs.values():
                job.stop()
                if job.state == "waiting":
                    self._end(job, "cancelled", CancelledError("The engine is stopping."))
            self._changed.notify_all()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _remember(self, job: Job) -> Job:
        self._jobs[job.request_id] = job
        self._jobs.move_to_end(job.request_id)
        for old in list(itertools.islice(self._jobs, max(0, len(self._jobs) - REMEMBERED_JOBS))):
            if self._jobs[old].state not in ("waiting", "running"):
                del self._jobs[old]
        return job

    def _end(self, job: Job, state: State, outcome: Any) -> None:
        job.state = state
        job.version += 1
        if isinstance(outcome, RsRefSegError):
            job.error = outcome
            job.future.set_exception(outcome)
        else:
            job.future.set_result(outcome)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._heap and not self._stopping:
                    self._changed.wait()
                if self._stopping:
                    return
                _, _, job, work = heapq.heappop(self._heap)
                if job.state != "waiting":
                    continue
                job.state = "running"
                job.version += 1
            self._work(job, work)

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
        log.info("request %s %s in %.3f s", job.request_id, state, time.perf_counter() - start)
        with self._changed:
            self._end(job, state, outcome)
