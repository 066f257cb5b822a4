"""Jobs on a Dask cluster: windows go out, packed answers come back, polygons are drawn here."""

from __future__ import annotations

import asyncio
import logging
import os
import queue
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from rsrefseg.batch.job import Job, JobReport, run_job_with
from rsrefseg.batch.worker import Facts, ModelSource, SceneSource, answer_windows, describe
from rsrefseg.errors import ClusterError, RasterError
from rsrefseg.geo.raster import RasterSource
from rsrefseg.predict.look import Cancelled, Estimate, Progress, check, groups
from rsrefseg.predict.plan import ScenePlan
from rsrefseg.predict.store import FileStore
from rsrefseg.predict.timings import Timings

# Dask's own types are of no help to a type checker.
Client = Any
Future = Any

# Threads of a worker: one reads and packs while the other has the model.
THREADS = 2
# Tasks for each thread that may be under way, so that none waits for the next.
AHEAD = 2
# Most windows of a task: handing one out takes the processors nearly as long as a small model does.
WINDOWS = 8
# Tasks that each thread gets at least, so that all end at about the same time.
TASKS = 4
# How often a window that failed is tried anew, as when storage did not answer.
RETRIES = 2
# How often a window may be there when a worker dies before it is held to be the cause.
DEATHS = 5
WAIT_FOR_SCHEDULER_S = 10.0
WAIT_FOR_WORKERS_S = 60.0
LOOK_UP_S = 0.2


@contextmanager
def connected(address: str | None, workers: int | None = None) -> Iterator[Client]:
    """A client of a running cluster, or of one on this machine that ends with it.

    Args:
        address: the scheduler's, such as tcp://host:8786; this machine when None.
        workers: processes on this machine; two, or as many as it has cores, when None.

    Raises:
        ClusterError: Dask is not installed, or the scheduler does not answer.
    """
    try:
        import dask
        import distributed
    except ImportError as error:
        raise ClusterError(
            "Dask is not installed in the engine's environment: install rsrefseg[dask], or leave "
            "out --dask."
        ) from error
    cores = os.cpu_count() or 1
    count = workers or min(2, cores)
    if address is not None:
        with _client_of(distributed.Client, address) as client:
            yield client
        return
    local: Any = distributed.LocalCluster
    client_of: Any = distributed.Client
    threads = {"OMP_NUM_THREADS": str(max(1, cores // count))}
    settings = {
        "distributed.scheduler.allowed-failures": DEATHS,
        # In place of Dask's own, which make workers give memory back at once: a model that takes
        # it again for its next step spends half of its time on that.
        "distributed.nanny.pre-spawn-environ": threads,
    }
    with (
        dask.config.set(settings),
        local(
            n_workers=count,
            threads_per_worker=THREADS,
            processes=True,
            host="127.0.0.1",
            dashboard_address=None,
            silence_logs=logging.ERROR,
            memory_limit=0,  # the operating system's holds: a worker is not killed for its model
            env=threads,
        ) as cluster,
        client_of(cluster) as client,
    ):
        yield client


@contextmanager
def _client_of(client: Callable[..., Any], address: str) -> Iterator[Client]:
    with ExitStack() as stack:
        try:
            opened = stack.enter_context(client(address, timeout=WAIT_FOR_SCHEDULER_S))
            opened.wait_for_workers(1, timeout=WAIT_FOR_WORKERS_S)
        except (OSError, ValueError, asyncio.TimeoutError) as error:
            raise ClusterError(
                f"The Dask scheduler {address} does not answer, or has no workers: check its "
                "address and that dask workers are connected to it."
            ) from error
        yield opened


def run_job_on(
    client: Client,
    job: Job,
    model: ModelSource,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> JobReport:
    """Do a job on a cluster, or go on with it there; see `job.run_job`.

    The workers look at the windows, this process keeps their answers and draws the polygons, so
    the output is what one machine gives and a killed job goes on anywhere.

    Args:
        client: of the cluster.
        job: what to do; the rasters lie where every worker reaches them under the same name.
        model: where the workers get their model from.
        progress: told the fraction done and a sentence.
        cancelled: asked a few times a second.

    Raises:
        ClusterError: the cluster lost its workers, or they differ.
        RsRefSegError: as `job.run_job`.
    """
    facts = _described(client, model, job.request.phrases)
    fleet = _Fleet(client, model.pinned(facts.info, facts.device), facts, job)
    return run_job_with(job, facts, fleet.look, progress, cancelled)


def _everywhere(source: str) -> str:
    """A raster's name that does not depend on the folder that a process is in."""
    return source if source.startswith("/vsi") else str(Path(source).resolve())


def _described(client: Client, model: ModelSource, phrases: Sequence[str]) -> Facts:
    """Have every worker load its model; what one of them says about it."""
    first = client.submit(describe, model, tuple(phrases), pure=False)
    facts: Facts = _result(first)
    pinned = model.pinned(facts.info, facts.device)
    others = [
        client.submit(describe, pinned, facts.phrases, pure=False, workers=[worker])
        for worker in client.scheduler_info(n_workers=-1)["workers"]
    ]
    for future in others:
        _result(future)
    return facts


class _Fleet:
    """The workers, looking at windows."""

    def __init__(self, client: Client, model: ModelSource, facts: Facts, job: Job) -> None:
        self._client = client
        self._model = model
        self._together = facts.together
        self._read = job.request.read_options

    def look(
        self,
        raster: RasterSource,
        plan: ScenePlan,
        phrases: Sequence[str],
        store: FileStore,
        timings: Timings,
        progress: Progress,
        cancelled: Cancelled | None,
    ) -> None:
        """Put the answers for all windows that have none yet into a store; see `predict.look`."""
        total = len(plan.windows)
        missing = [(i, span) for i, span in enumerate(plan.windows) if i not in store]
        done = total - len(missing)
        estimate = Estimate(total, done)
        without_windows = replace(plan, windows=())
        scene = SceneSource(
            _everywhere(raster.location), self._read, raster.stretch(), without_windows
        )
        share = len(missing) // max(1, TASKS * self._threads())
        waiting = groups(missing, max(self._together, min(WINDOWS, share)))
        finished: queue.SimpleQueue[Future] = queue.SimpleQueue()
        out: set[Future] = set()
        try:
            while done < total:
                check(cancelled)
                progress(done / total, estimate.sentence(done))
                for group in self._as_many(waiting, len(out)):
                    future = self._client.submit(
                        answer_windows, self._model, scene, tuple(group), tuple(phrases),
                        pure=False, retries=RETRIES,
                    )  # fmt: skip
                    out.add(future)
                    future.add_done_callback(finished.put)
                future = _next(finished)
                if future is None:
                    continue
                for index, payload in _result(future):
                    store.put_packed(index, payload)
                    done += 1
                out.discard(future)
        finally:
            self._client.cancel(list(out), force=True)

    def _as_many(self, waiting: Iterator[Any], out: int) -> Iterator[Any]:
        """The next groups, as long as there are too few under way."""
        for _ in range(max(1, AHEAD * self._threads()) - out):
            group = next(waiting, None)
            if group is None:
                return
            yield group

    def _threads(self) -> int:
        """The workers' threads, of which there may be more by now."""
        return sum(self._client.nthreads().values())


def _next(finished: queue.SimpleQueue[Future]) -> Future | None:
    """A future that is done; None when none was for a moment."""
    try:
        return finished.get(timeout=LOOK_UP_S)
    except queue.Empty:
        return None


def _result(future: Future) -> Any:
    """What a task gave.

    Raises:
        ClusterError: every worker that tried it died, or the scheduler went away.
        RsRefSegError: what the task raised.
    """
    from distributed import KilledWorker
    from distributed.client import FutureCancelledError

    try:
        return future.result()
    except KilledWorker as error:
        raise ClusterError(
            "Workers died again and again over the same window, mostly for want of memory: give "
            "each more memory, or start fewer, and go on with --resume."
        ) from error
    except (FutureCancelledError, OSError) as error:
        raise ClusterError(
            "The Dask scheduler went away: start the cluster again and go on with --resume."
        ) from error
    except RasterError as error:
        raise RasterError(
            f"A worker says: {error} The raster must lie where every worker reaches it under the "
            "same name."
        ) from error
