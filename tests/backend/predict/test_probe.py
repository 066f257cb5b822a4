from __future__ import annotations

import json
import time

import pytest
import torch
from rsrefseg.predict import loading, probe
from rsrefseg.predict.diskcache import DiskOptions
from rsrefseg.predict.probe import CpuPlan
from rsrefseg.predict.segmenter import Segmenter


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "some.safetensors"
    path.write_bytes(b"weights")
    return path


def test_threads_are_chosen_for_each_step_by_its_median(threads, monkeypatch):
    """Encoding pays for a second thread, asking is slowed by it in most of its runs."""
    clock = [0.0]
    monkeypatch.setattr(probe.time, "perf_counter", lambda: clock[0])
    asked = []

    def encode():
        clock[0] += 0.1 if torch.get_num_threads() == 2 else 0.2

    def ask():
        asked.append(torch.get_num_threads())
        lucky = asked.count(2) in (2, 3)
        clock[0] += 0.03 if asked[-1] == 1 else 0.02 if lucky else 0.3

    plan = probe.measure("fp32", encode, ask, 2)
    assert (plan.encode_threads, plan.ask_threads) == (2, 1)
    assert plan.seconds == pytest.approx(0.13)
    assert torch.get_num_threads() == 2


def test_a_slow_model_is_not_tried_for_long(threads, monkeypatch):
    clock, runs = [0.0], []
    monkeypatch.setattr(probe.time, "perf_counter", lambda: clock[0])

    def encode():
        runs.append(1)
        clock[0] += 10

    plan = probe.measure("fp32", encode, lambda: None, 2)
    assert (plan.encode_threads, len(runs)) == (2, 2)


def test_a_lower_precision_has_to_be_worth_it():
    exact = CpuPlan("fp32", 2, 1, 1.0)
    assert probe.better(exact, CpuPlan("bf16", 2, 1, 0.95)) is exact
    assert probe.better(exact, CpuPlan("bf16", 2, 1, 0.5)).precision == "bf16"


def test_what_was_found_out_is_remembered(tmp_path, weights):
    plan = CpuPlan("bf16", 1, 1, 0.1)
    assert probe.remembered(tmp_path, weights, "auto") is None
    probe.remember(tmp_path, weights, "auto", plan)
    assert probe.remembered(tmp_path, weights, "auto") == plan
    assert probe.remembered(tmp_path, weights, "fp32") is None
    weights.write_bytes(b"other weights")
    assert probe.remembered(tmp_path, weights, "auto") is None


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "[]",
        "{",
        "old",
        {"precision": "int3"},
        {"ask_threads": 0},
        {"encode_threads": 10**6},
        {"more": 1},
    ],
)
def test_a_memory_that_makes_no_sense_is_none(tmp_path, weights, damage):
    probe.remember(tmp_path, weights, "auto", CpuPlan("fp32", 1, 1, 0.1))
    path = tmp_path / "probe.json"
    known = json.loads(path.read_text())
    (entry,) = known.values()
    if damage == "old":
        entry["when"] = time.time() - 8 * 86_400
    elif isinstance(damage, dict):
        entry.update(damage)
    path.write_text(json.dumps(known) if damage == "old" or isinstance(damage, dict) else damage)
    assert probe.remembered(tmp_path, weights, "auto") is None
    probe.remember(tmp_path, weights, "auto", CpuPlan("fp32", 1, 1, 0.2))
    assert probe.remembered(tmp_path, weights, "auto").seconds == 0.2


def test_a_model_is_tried_once_and_says_what_was_best(tiny_weights, tmp_path, monkeypatch, threads):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(loading.devices, "cpu_has_bf16", lambda: True)
    monkeypatch.setattr(probe, "REPEATS", 1)
    disk = DiskOptions(tmp_path, 10**7)
    first = Segmenter.from_file(tiny_weights, device="cpu", disk=disk)
    assert f"measured best here: {first.device.precision}" in first.device.why
    assert first.threads is not None
    monkeypatch.setattr(probe, "measure", lambda *_: pytest.fail("tried again"))
    again = Segmenter.from_file(tiny_weights, device="cpu", disk=disk)
    assert (again.device.precision, again.threads) == (first.device.precision, first.threads)
    assert again.device.why == first.device.why


def test_the_environment_s_threads_are_respected(tiny_weights, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert Segmenter.from_file(tiny_weights, device="cpu", precision="fp32").threads is None
