from __future__ import annotations

import threading
import time

import pytest
from rsrefseg.errors import CancelledError
from rsrefseg.server.device import DeviceQueue


@pytest.fixture
def device():
    made = DeviceQueue()
    yield made
    assert made.stop(5)


@pytest.fixture
def held(device):
    """Keep the device busy until the event is set."""
    release, started = threading.Event(), threading.Event()
    device.submit(lambda: (started.set(), release.wait(10)))
    assert started.wait(5)
    yield release
    release.set()


def test_steps_run_in_one_thread_and_give_what_they_give(device):
    assert device.run(lambda: threading.current_thread().name) == "device"
    for error in (ValueError("no"), TimeoutError("step's own")):

        def fail(error=error):
            raise error

        with pytest.raises(type(error)):
            device.run(fail)
    assert device.run(lambda: 1) == 1


def test_a_long_scene_does_not_keep_others_waiting(device):
    """A client with many steps and one with few get the device in turn."""
    order = []

    def scene():
        for i in range(20):
            device.run(lambda i=i: (time.sleep(0.005), order.append(("scene", i))), client="a")

    thread = threading.Thread(target=scene)
    thread.start()
    while len(order) < 3:
        time.sleep(0.001)
    before = len(order)
    device.run(lambda: order.append(("phrase", 0)), client="b")
    assert order.index(("phrase", 0)) - before <= 2
    thread.join()


def test_who_has_had_least_goes_first(device, held):
    order = []
    futures = [
        device.submit(lambda i=i: (time.sleep(0.002), order.append(f"a{i}")), client="a")
        for i in range(4)
    ]
    futures += [
        device.submit(lambda i=i: (time.sleep(0.002), order.append(f"b{i}")), client="b")
        for i in range(4)
    ]
    held.set()
    for future in futures:
        future.result(5)
    assert {order[0][0], order[1][0]} == {"a", "b"}
    assert abs(order.index("a3") - order.index("b3")) <= 3
    assert [o for o in order if o[0] == "a"] == ["a0", "a1", "a2", "a3"]


def test_having_been_away_gives_no_credit(device):
    for _ in range(5):
        device.run(lambda: time.sleep(0.01), client="old")
    release = threading.Event()
    device.submit(lambda: release.wait(5), client="old")
    order = []
    futures = [device.submit(lambda: order.append("old"), client="old")]
    futures += [
        device.submit(lambda: (time.sleep(0.02), order.append("new")), client="new")
        for _ in range(5)
    ]
    release.set()
    for future in futures:
        future.result(5)
    assert order.index("old") <= 4


def test_priorities(device, held):
    order = []
    futures = [
        device.submit(lambda p=p: order.append(p), client=str(p), priority=p) for p in (2, 1, 0)
    ]
    held.set()
    for future in futures:
        future.result(5)
    assert order == [0, 1, 2]


def test_a_step_that_is_not_wanted_any_more_is_withdrawn(device, held):
    start = time.monotonic()
    with pytest.raises(CancelledError):
        device.run(lambda: pytest.fail("it ran"), cancelled=lambda: True)
    assert time.monotonic() - start < 0.2
    assert device.waiting == 0


def test_stopping_withdraws_what_waits(device, held):
    outcomes = []

    def ask():
        try:
            device.run(lambda: None)
        except CancelledError as error:
            outcomes.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    while not device.waiting:
        time.sleep(0.001)
    device.stop(0)
    thread.join(2)
    held.set()
    assert len(outcomes) == 1
    with pytest.raises(CancelledError):
        device.run(lambda: None)
