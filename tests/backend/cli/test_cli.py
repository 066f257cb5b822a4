from __future__ import annotations

import json
import os
import platform
import subprocess
import sys

import numpy as np
import pyogrio
import pytest
import shapely
from rsrefseg import __version__
from rsrefseg.cli import COMMANDS, SPIN_COUNT, main
from rsrefseg.cli.segment import tidy_arguments


@pytest.fixture
def run(capsys):
    """Run a command line in this process: exit code, stdout, stderr."""

    def call(*arguments):
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        code = end.value.code
        captured = capsys.readouterr()
        return code or 0, captured.out, " ".join(captured.err.split())

    return call


@pytest.fixture
def picture(make_raster):
    bands = np.random.default_rng(0).integers(0, 255, (3, 90, 120), dtype=np.uint8)
    return make_raster(bands)


def test_help_lists_every_command_and_loads_nothing_heavy():
    code = (
        "import sys\nfrom rsrefseg.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'rasterio', 'shapely', 'fastapi', 'numpy', 'pydantic'}\n"
        "sys.stderr.write(','.join(sorted(heavy & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    for name, (_, _, text) in COMMANDS.items():
        assert name in done.stdout
        assert text.split(".")[0][:30] in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("given", "spins"),
    [
        ({}, SPIN_COUNT),
        ({"GOMP_SPINCOUNT": "7"}, "7"),
        ({"OMP_WAIT_POLICY": "active"}, None),
    ],
)
def test_threads_that_wait_go_to_sleep_unless_told_otherwise(run, monkeypatch, given, spins):
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.setenv(name, "")  # so that what the command sets is undone
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    run("--version")
    assert os.environ.get("GOMP_SPINCOUNT") == spins


FREED_AND_TAKEN = """
import resource, threading
from rsrefseg.cli import main
try: main(["--version"])
except SystemExit: pass
import numpy as np

def work():
    for _ in range(20):
        [np.ones(2_000_000) for _ in range(5)]
        if _ == 9: before.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
    before.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)

before = []
thread = threading.Thread(target=work); thread.start(); thread.join()
print(before[1] - before[0])
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told")
def test_memory_that_was_freed_is_kept_for_the_next_step():
    def faults(**more):
        env = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")} | more
        env["NUMPY_MADVISE_HUGEPAGE"] = "0"  # a fault for every page
        done = subprocess.run(
            [sys.executable, "-c", FREED_AND_TAKEN],
            capture_output=True,
            text=True,
            check=True,
            env=env,
        )
        return int(done.stdout.split()[-1])

    pages_of_ten_rounds = 10 * 5 * 2_000_000 * 8 // 4096
    assert faults() < pages_of_ten_rounds / 10
    own = {"MALLOC_MMAP_THRESHOLD_": "100000"}
    assert faults(**own) > pages_of_ten_rounds / 2  # a user's own settings stay


def test_version(run):
    assert run("--version")[:2] == (0, f"rsrefseg {__version__}\n")


def test_segment_writes_a_geopackage(run, picture, tiny_weights, tmp_path):
    output = tmp_path / "out.gpkg"
    code, _, said = run(
        "segment", picture, "red roofs", "крыша", "-o", output, "--weights", tiny_weights,
        "--threshold", "0.01", "--device", "cpu",
    )  # fmt: skip
    assert code == 0
    assert "'крыша'" in said
    assert "red roofs: 1 polygon" in said
    meta, _, _, columns = pyogrio.raw.read(output, layer="segments")
    rows = dict(zip(meta["fields"], columns, strict=True))
    assert set(rows["phrase"]) == {"red roofs", "крыша"}
    assert set(rows["model"]) == {"random-tiny"}
    assert set(rows["source"]) == {str(picture)}
    assert set(rows["engine_version"]) == {__version__}


def test_segment_s_options_reach_the_request(run, picture, tiny_weights, tmp_path):
    output = tmp_path / "out.gpkg"
    code, _, _ = run(
        "segment", picture, "red", "-o", output, "--weights", tiny_weights, "--threshold", "0.01",
        "--extent", 350_010, 3_049_980, 350_020, 3_049_990, "--resolution-m", "0.25",
    )  # fmt: skip
    assert code == 0
    bounds = pyogrio.read_info(output, layer="segments")["total_bounds"]
    assert bounds == (350_010, 3_049_980, 350_020, 3_049_990)
    again = ("segment", picture, "red", "-o", output, "--weights", tiny_weights)
    code, _, said = run(*again)
    assert code == 1
    assert "there already" in said
    large = ("--min-area-m2", "1e9", "--simplify-m", "1", "--threshold", "0.01")
    assert run(*again, "--overwrite", *large)[0] == 0
    assert pyogrio.read_info(output, layer="segments")["features"] == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["{image}", " ", "-o", "{out}"], "phrase is empty"),
        (["{image}", "building " * 250, "-o", "{out}"], "shorten it"),
        (["/nowhere.tif", "red", "-o", "{out}"], "no file"),
        (["{text}", "red", "-o", "{out}"], "cannot be opened"),
        (["{image}", "red", "-o", "{out}.shp"], ".gpkg"),
        (["{image}", "red", "-o", "{out}", "--extent", "0", "0", "1", "1"], "does not touch"),
        (["{image}", "red", "-o", "{out}", "--threshold", "7"], "threshold"),
        (["{image}", "red", "-o", "{out}", "--device", "abacus"], "abacus"),
        (["{image}", "red", "-o", "{out}", "--weights", "/nowhere"], "weights"),
    ],
)
def test_mistakes_get_one_sentence(run, picture, tiny_weights, tmp_path, arguments, sentence):
    text = tmp_path / "notes.tif"
    text.write_text("no image")
    places = {"image": picture, "text": text, "out": tmp_path / "out.gpkg"}
    filled = [argument.format(**places) for argument in arguments]
    if "--weights" not in filled:
        filled += ["--weights", tiny_weights]
    code, _, said = run("segment", *filled)
    assert code == 1
    assert said.startswith("Error: ")
    assert sentence in said
    assert not (tmp_path / "out.gpkg").exists()


def test_segment_only_within_polygons(run, picture, tiny_weights, tmp_path):
    area, output = tmp_path / "area.gpkg", tmp_path / "out.gpkg"
    triangle = shapely.Polygon([(350_010, 3_049_960), (350_030, 3_049_960), (350_010, 3_049_990)])
    pyogrio.raw.write(
        area, shapely.to_wkb([triangle]), [], [], geometry_type="Polygon", crs="EPSG:32645"
    )
    asked = ("--weights", tiny_weights, "--device", "cpu", "--threshold", "0.01")
    assert run("segment", picture, "red", "-o", output, *asked, "--within", area)[0] == 0
    found = shapely.from_wkb(pyogrio.raw.read(output, layer="segments")[2])
    assert shapely.union_all(found).symmetric_difference(triangle).area < 1e-6


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["a.tif", "--dask"], ["a.tif", "--dask=here"]),
        (["a.tif", "--dask", "red roofs"], ["a.tif", "--dask=here", "red roofs"]),
        (["a.tif", "--dask", "--resume"], ["a.tif", "--dask=here", "--resume"]),
        (["--dask", "tls://h:8786", "a.tif"], ["--dask=tls://h:8786", "a.tif"]),
        (["--dask=tcp://h:8786", "a.tif"], ["--dask=tcp://h:8786", "a.tif"]),
        (["a.tif", "the dask"], ["a.tif", "the dask"]),
    ],
)
def test_dask_may_or_may_not_have_an_address(typed, meant):
    assert tidy_arguments(typed) == meant


@pytest.mark.slow
def test_segment_on_processes_of_this_machine(run, picture, tiny_weights, tmp_path):
    """The command and the real model in two processes."""
    output = tmp_path / "out.gpkg"
    code, _, said = run(
        "segment", picture, "red roofs", "-o", output, "--weights", tiny_weights, "--threshold",
        "0.01", "--device", "cpu", "--resolution-m", "0.1", "--dask", "--workers", "2",
    )  # fmt: skip
    assert code == 0, said
    assert "red roofs: 1 polygon" in said
    assert pyogrio.read_info(output, layer="segments")["total_bounds"] == (
        350_000, 3_049_955, 350_060, 3_050_000,
    )  # fmt: skip


def test_a_cluster_that_is_not_there_is_said(run, picture, tmp_path, monkeypatch):
    monkeypatch.setattr("rsrefseg.batch.cluster.WAIT_FOR_SCHEDULER_S", 0.5)
    out = tmp_path / "out.gpkg"
    code, _, said = run("segment", picture, "red", "-o", out, "--dask", "tcp://127.0.0.1:9")
    assert code == 1
    assert said.startswith("Error: The Dask scheduler tcp://127.0.0.1:9 does not answer")


def test_doctor_says_what_there_is(run, tiny_weights):
    code, said, _ = run("doctor", "--json", "--weights", tiny_weights)
    report = json.loads(said)
    assert code == 0
    assert report["problems"] == []
    assert report["versions"]["rsrefseg"] == __version__
    assert report["device"]["why"].endswith(".")
    assert report["weights"]["name"] == "random-tiny"
    assert report["self_test"]["ask_s"] > 0
    code, said, _ = run("doctor", "--weights", tiny_weights)
    assert code == 0
    assert "in order" in said


def test_doctor_fails_when_something_is_wrong(run, tmp_path):
    code, said, _ = run("doctor", "--json", "--weights", tmp_path / "absent")
    assert code == 1
    assert "absent" in json.loads(said)["problems"][0]


def test_a_wrong_command_is_said(run):
    code, _, said = run("dance")
    assert code == 2
    assert "dance" in said
