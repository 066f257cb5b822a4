from __future__ import annotations

import pytest
from rsrefseg.predict import look
from rsrefseg.predict.look import Estimate, duration


@pytest.fixture
def clock(monkeypatch):
    """Seconds that tests set."""
    now = [100.0]
    monkeypatch.setattr(look.time, "perf_counter", lambda: now[0])
    return now


def test_the_rest_is_estimated_from_what_this_process_did(clock):
    estimate = Estimate(total=200, done=50)
    assert estimate.sentence(50) == "Looking at window 51 of 200."
    clock[0] += 4
    assert "left" not in estimate.sentence(60)
    clock[0] += 16
    assert estimate.sentence(90) == "Looking at window 91 of 200, about 55 s left."
    assert Estimate(total=1, done=0).sentence(0) == "Looking at the extent."


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (89, "89 s"), (100, "2 min"), (5_400, "1.5 h")]
)
def test_durations_are_as_exact_as_an_estimate(seconds, words):
    assert duration(seconds) == words
