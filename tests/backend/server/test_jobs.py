from __future__ import annotations

import threading
import time

import pytest
from rsrefseg.errors import CancelledError, InputError, RsRefSegError
from rsrefseg.server.errors import BusyError, DuplicateRequestError, TimeLimitError
from rsrefseg.server.jobs import IDLE, JobQueue


@pytest.fixture
def queue():
    made = JobQueue(workers=1)
    yield made
    made.stop(5)


@pytest.fixture
def many():
    """A queue with room for several jobs at once."""
    made = JobQueue(workers=8, per_client=2)
    yield made
    made.stop(5)


@pytest.fixture
def busy(queue):
    """Keep the queue's only worker at work until the event is set."""
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


def test_jobs_go_by_priority_then_by_their_coming(queue, busy):
    order = []
    jobs = [
        queue.submit(name, lambda job: order.append(job.request_id), priority)
        for name, priority in (("idle", IDLE), ("one", 1), ("two", 1), ("urgent", 0))
    ]
    assert (queue.waiting, queue.running) == (4, 1)
    busy.set()
    for job in jobs:
        job.future.result(5)
    assert order == ["urgent", "one", "two", "idle"]


def test_no_client_takes_all_workers(many):
    release = threading.Event()
    for i in range(20):
        many.submit(f"greedy-{i}", lambda _job: release.wait(10), client="greedy")
    late = many.submit("modest", lambda _job: "done", client="modest")
    assert late.future.result(5) == "done"
    assert many.running == 2
    release.set()
    for i in range(20):
        assert many.find(f"greedy-{i}").future.result(5)


def test_preparing_never_takes_all_of_a_client_s_room(many):
    release = threading.Event()
    for i in range(3):
        many.submit(f"ahead-{i}", lambda _job: release.wait(10), IDLE, client="c")
    assert many.submit("now", lambda _job: 1, client="c").future.result(5) == 1
    release.set()


def test_a_newer_job_about_a_view_ends_the_older_one_of_the_same_client(many):
    release, started = threading.Event(), threading.Event()

    def work(job):
        started.set()
        while not job.cancelled():
            release.wait(0.01)
        raise CancelledError("Stopped.")

    older = many.submit("older", work, IDLE, client="c", view="canvas")
    other = many.submit("other", lambda job: release.wait(5), IDLE, client="d", view="canvas")
    assert started.wait(5)
    waiting = many.submit("waiting", work, IDLE, client="c", view="canvas")
    with pytest.raises(CancelledError, match="newer"):
        older.future.result(1)
    many.submit("newest", lambda _job: 1, IDLE, client="c", view="canvas")
    with pytest.raises(CancelledError, match="newer"):
        waiting.future.result(1)
    assert many.find("newest").future.result(5) == 1
    release.set()
    assert other.future.result(5)


def test_a_waiting_job_is_cancelled_at_once(queue, busy):
    job = queue.submit("late", lambda _job: pytest.fail("it ran"))
    queue.cancel("late")
    with pytest.raises(CancelledError):
        job.future.result(0)
    assert job.state == "cancelled"


def test_a_running_job_answers_at_once_and_stops_at_its_next_step(queue):
    started, stopped = threading.Event(), threading.Event()

    def work(job):
        started.set()
        while not job.cancelled():
            time.sleep(0.005)
        stopped.set()
        return "too late"

    job = queue.submit("long", work)
    assert started.wait(5)
    queue.cancel("long")
    with pytest.raises(CancelledError):
        job.future.result(0)
    assert stopped.wait(1)
    assert queue.submit("next", lambda _job: 1).future.result(5) == 1
    assert job.state == "cancelled"


def test_a_job_may_be_cancelled_before_it_comes(queue):
    queue.cancel("early")
    with pytest.raises(CancelledError):
        queue.submit("early", lambda _job: 1).future.result(0)


def test_every_job_has_a_time_limit(queue):
    def work(job):
        while not job.cancelled():
            time.sleep(0.005)
        raise CancelledError("Stopped.")

    job = queue.submit("slow", work, limit_s=0.05)
    time.sleep(0.1)
    assert job.overdue
    queue.expire(job)
    assert job.state in ("failed", "cancelled")
    with pytest.raises((TimeLimitError, CancelledError)):
        job.future.result(1)
    waiting = JobQueue(workers=0).submit("w", work, limit_s=0.5)
    queue.expire(waiting)
    with pytest.raises(TimeLimitError, match=r"limit of 0\.5 s"):
        waiting.future.result(0)


def test_an_id_in_use_is_refused_and_free_again_afterwards(queue, busy):
    queue.submit("same", lambda _job: 1)
    with pytest.raises(DuplicateRequestError):
        queue.submit("same", lambda _job: 2)
    busy.set()
    assert queue.find("same").future.result(5) == 1
    assert queue.submit("same", lambda _job: 3).future.result(5) == 3


def test_too_many_jobs_are_refused():
    queue = JobQueue(workers=0, max_waiting=3)
    for i in range(3):
        queue.submit(f"w{i}", lambda _job: 1)
    with pytest.raises(BusyError):
        queue.submit("one too many", lambda _job: 1)
    queue.cancel("w1")
    queue.submit("fits", lambda _job: 1)


def test_errors_that_nobody_foresaw_do_not_end_the_queue(queue):
    def fail(_job):
        raise KeyError("secret")

    with pytest.raises(RsRefSegError) as caught:
        queue.submit("bad", fail).future.result(5)
    assert "secret" not in str(caught.value)
    assert queue.submit("good", lambda _job: 1).future.result(5) == 1


def test_finished_jobs_and_their_outcomes_are_forgotten(queue):
    for i in range(600):
        queue.submit(f"job-{i}", lambda _job: None).future.result(5)
    assert queue.find("job-0") is None
    assert queue.find("job-599") is not None
    job = queue.submit("big", lambda _job: bytearray(10))
    job.future.result(5)
    assert len(job.take()) == 10
    assert not job.future.done()


def test_stopping_cancels_everything(queue, busy):
    waiting = queue.submit("waiting", lambda _job: None)
    busy.set()
    assert queue.stop(5)
    assert isinstance(waiting.future.exception(1), CancelledError) or waiting.state == "done"
