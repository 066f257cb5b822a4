"""Teaching the network that tells ground plans."""

from __future__ import annotations

import json
import sys

import numpy as np
from rsrefseg.models.ground_plan import CROP_PX, PLANS, GroundPlanNet
from rsrefseg.training import ground_plan
from safetensors import safe_open
from safetensors.torch import load_file


def made(count):
    """Squares and L's, one after the other."""
    rng = np.random.default_rng(0)
    crops = np.zeros((count, CROP_PX, CROP_PX), np.uint8)
    plans = np.arange(count) % 2
    for crop, plan in zip(crops, plans, strict=True):
        top, left, side = rng.integers(5, 9), rng.integers(5, 9), rng.integers(14, 19)
        crop[top : top + side, left : left + side] = 240
        if plan:
            crop[top : top + side // 2, left : left + side // 2] = 10
    return {"crops": crops, "plans": plans.astype(np.int64), "seeds": np.arange(count) // 2}


def test_it_learns_to_tell_what_it_was_shown(capsys):
    _, precision = ground_plan.fit(made(400), epochs=6)
    assert precision["other"] > 0.9
    assert precision["l-shaped"] > 0.9
    losses = [float(line.split()[-1]) for line in capsys.readouterr().out.splitlines()]
    assert losses[-1] < 0.5 * losses[0]


def test_drawn_plans_lie_in_the_middle_and_have_the_arms_that_they_are_named_for():
    found = ground_plan.drawn(40)
    assert found["crops"].shape == (40, CROP_PX, CROP_PX)
    assert np.bincount(found["plans"]).tolist() == [10, 10, 10, 10]
    for crop, plan in zip(found["crops"], found["plans"], strict=True):
        inside = crop > crop.max() / 2
        rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
        for at in (rows, columns):
            assert abs(at[0] + at[-1] - (CROP_PX - 1)) <= 2
        box = inside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        # A plain one fills its box; the others leave corners of it free.
        assert (box.mean() > 0.85) == (PLANS[plan] == "other")
        last = box[-2]
        runs = int(last[0]) + int((np.diff(last.astype(int)) > 0).sum())
        assert runs == (2 if PLANS[plan] == "u-shaped" else 1)


def test_examples_are_outlines_of_buildings_with_their_plans(tiny_weights):
    # Of 40 scenes a few have a building that few have.
    found = ground_plan.examples(tiny_weights, range(330_000, 330_040))
    count = len(found["plans"])
    assert count > 0
    assert found["crops"].shape == (count, CROP_PX, CROP_PX)
    assert found["crops"].dtype == np.uint8
    assert set(found["plans"]) <= set(range(len(PLANS)))
    assert set(found["seeds"]) <= set(range(330_000, 330_040))


def test_the_command_writes_weights_that_say_how_they_were_made(tmp_path, monkeypatch):
    out, examples = tmp_path / "plans.safetensors", tmp_path / "examples.npz"
    np.savez_compressed(examples, **made(60))
    monkeypatch.setattr(
        sys,
        "argv",
        ["ground_plan", str(out), "--weights", "none", "--examples", str(examples), "--epochs=1"],
    )
    assert ground_plan.main() == 0
    GroundPlanNet().load_state_dict(load_file(out))
    with safe_open(out, "pt") as file:
        said = json.loads(file.metadata()["ground_plan"])
    assert said["outlines"]["l-shaped"] == 30
    assert set(said["average_precision"]) == set(PLANS)
