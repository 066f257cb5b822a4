from __future__ import annotations

import threading

import pytest
from rsrefseg.errors import CancelledError, InputError, RsRefSegError
from rsrefseg.server.errors import DuplicateRequestError
from rsrefseg.server.jobs import IDLE, URGENT, JobQueue


@pytest.fixture
def queue():
    made = JobQueue()
    yield made
    made.stop(5)


@pytest.fixture
def busy(queue):
    """Keep the queue's thread at work until the event is set."""
    release, started = threading.Event(), threading.Event()

    def work(_job):
        started.set()
        release.wait(10)

    queue.submit("busy", work)
    assert started.wait(5)
    yield release
    release.set()


def test_a_job_gives_its_outcome_or_its_error(queue):
    def fail(_job):
        raise InputError("No.")

    assert queue.submit("a", lambda job: job.request_id).future.result(5) == "a"
    with pytest.raises(InputError):
        queue.submit("b", fail).future.result(5)
    assert (queue.find("a").state, queue.find("b").state) == ("done", "failed")


def test_jobs_run_one_at_a_time_by_priority_then_by_their_coming(queue, busy):
    order = []
    jobs = [
        queue.submit(name, lambda job: order.append(job.request_id), priority)
        for name, priority in (("idle", IDLE), ("one", 1), ("two", 1), ("urgent", URGENT))
    ]
    busy.set()
    for job in jobs:
        job.future.result(5)
    assert order == ["urgent", "one", "two", "idle"]


def test_a_waiting_job_is_cancelled_at_once(queue, busy):
    job = queue.submit("late", lambda _job: pytest.fail("it ran"))
    queue.cancel("late")
    with pytest.raises(CancelledError):
        job.future.result(1)
    assert job.state == "cancelled"


def test_a_running_job_is_told_to_stop(queue):
    started = threading.Event()

    def work(job):
        started.set()
        while not job.cancelled():
            pass
        raise CancelledError("Stopped.")

    job = queue.submit("long", work)
    assert started.wait(5)
    queue.cancel("long")
    with pytest.raises(CancelledError):
        job.future.result(5)


def test_an_id_in_use_is_refused_and_free_again_afterwards(queue, busy):
    queue.submit("same", lambda _job: 1)
    with pytest.raises(DuplicateRequestError):
        queue.submit("same", lambda _job: 2)
    busy.set()
    assert queue.find("same").future.result(5) == 1
    assert queue.submit("same", lambda _job: 3).future.result(5) == 3


def test_errors_that_nobody_foresaw_do_not_end_the_queue(queue):
    def fail(_job):
        raise KeyError("secret")

    with pytest.raises(RsRefSegError) as caught:
        queue.submit("bad", fail).future.result(5)
    assert "secret" not in str(caught.value)
    assert queue.submit("good", lambda _job: 1).future.result(5) == 1


def test_finished_jobs_are_forgotten_in_the_end(queue):
    for i in range(600):
        queue.submit(f"job-{i}", lambda _job: None).future.result(5)
    assert queue.find("job-0") is None
    assert queue.find("job-599") is not None


def test_stopping_cancels_everything(queue, busy):
    waiting = queue.submit("waiting", lambda _job: None)
    busy.set()
    assert queue.stop(5)
    assert waiting.future.exception(1) is not None or waiting.future.result(1) is None
