"""Jobs on Dask: two processes, one of them killed in the middle; addresses that lead nowhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyogrio
import pytest
from rsrefseg.batch.cluster import connected
from rsrefseg.batch.job import Job, run_job
from rsrefseg.batch.worker import SceneSource, WeightsSource, answer_windows, describe
from rsrefseg.errors import ClusterError, PhraseError, RasterError
from rsrefseg.geo.raster import ReadOptions, open_raster
from rsrefseg.predict.plan import plan_scene
from rsrefseg.predict.scene import SegmentRequest
from rsrefseg.predict.store import unpack

from tests.support.stand_in import StandIn, StandInSource

ROOT = Path(__file__).parents[3]


@pytest.fixture
def scene(make_raster):
    """16 bit, so that the stretch counts; half of it without data."""
    rng = np.random.default_rng(5)
    bands = np.zeros((3, 300, 400), np.uint16)
    bands[0] = 100 + 5_000 * (np.kron(rng.random((30, 40)) < 0.4, np.ones((10, 10))) > 0)
    bands[1] = 1 + rng.integers(0, 4_000, (300, 400))
    bands[:, :, 250:] = 0
    return make_raster(bands, name="scene.tif", nodata=0)


def rows(path):
    meta, _, geometry, columns = pyogrio.raw.read(path, layer="segments")
    fields = dict(zip(meta["fields"], columns, strict=True))
    fields.pop("created")
    return geometry.tolist(), {name: values.tolist() for name, values in fields.items()}


def test_two_processes_of_which_one_dies_give_what_one_machine_gives(scene, tmp_path):
    alone, spread = tmp_path / "alone.gpkg", tmp_path / "spread.gpkg"
    request = SegmentRequest(("red", "green things"), ground_resolution_m=0.5)
    whole = run_job(Job((str(scene),), request, alone), StandIn())
    loads = tmp_path / "loads"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.support.job_driver", str(scene), str(spread)),
            *("--cluster", str(loads), "--kill-at", "0.3", "--slow", "0.05"),
        ],
        cwd=ROOT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    started, killed, *counts = done.stdout.splitlines()
    assert (started, counts) == ("started", [f"{whole.windows} {whole.windows}"])
    assert rows(spread) == rows(alone)
    # Each process loaded once: the first two, and the one in the dead one's place if there was
    # anything left for it.
    processes = loads.read_text().split()
    assert killed == f"killed {processes[0]}"
    assert 2 <= len(processes) == len(set(processes)) <= 3


def test_an_address_where_nobody_answers_gets_a_sentence(monkeypatch):
    monkeypatch.setattr("rsrefseg.batch.cluster.WAIT_FOR_SCHEDULER_S", 0.5)
    for address in ("tcp://127.0.0.1:9", "abacus://nowhere"):
        with pytest.raises(ClusterError, match="check its address"), connected(address):
            pass


@pytest.fixture
def source(tmp_path):
    return StandInSource(str(tmp_path / "loads"))


def test_a_worker_says_what_its_model_makes_of_the_phrases(source):
    facts = describe(source, ["  red  roofs ", "крыша"])
    assert facts.check_phrases(["anything"]) == ["red roofs", "крыша"]
    assert facts.phrase_warnings("red roofs") == []
    assert "крыша" in facts.phrase_warnings("крыша")[0]
    assert facts.info == StandIn().info
    with pytest.raises(PhraseError):
        describe(source, [" "])


def test_a_worker_answers_windows_as_one_machine_does(source, scene, tmp_path):
    with open_raster(scene) as raster:
        plan = plan_scene(raster, StandIn().info, None, 0.5)
        stretch = raster.stretch()
    about = SceneSource(str(scene), ReadOptions(), stretch, plan)
    windows = list(enumerate(plan.windows))
    answers = dict(answer_windows(source, about, windows[:2] + windows[-1:], ["red"]))
    assert set(answers) == {0, 1, len(windows) - 1}
    assert unpack(answers[0], 0).levels.max() > 200
    assert unpack(answers[len(windows) - 1], 0).levels is None
    gone = SceneSource(str(tmp_path / "gone.tif"), ReadOptions(), stretch, plan)
    with pytest.raises(RasterError):
        answer_windows(source, gone, windows[:1], ["red"])
    assert len((tmp_path / "loads").read_text().split()) == 1


def test_workers_that_differ_are_told_apart(tiny_weights):
    plain = WeightsSource(str(tiny_weights), device="cpu", precision="fp32")
    model = plain.load()
    pinned = plain.pinned(model.info, model.device)
    assert pinned.load().info.sha256 == model.info.sha256
    for field, value, sentence in (
        ("sha256", "0" * 64, "weights"),
        ("engine_version", "0.0.1", "engine"),
    ):
        other = WeightsSource(**{**vars(pinned), field: value})
        with pytest.raises(ClusterError, match=sentence):
            other.load()
