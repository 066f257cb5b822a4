from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pyogrio
import pyproj
import pytest
import shapely
from affine import Affine
from rsrefseg.batch.folder import JobFolder
from rsrefseg.batch.job import Job, precision_of, run_job
from rsrefseg.errors import CancelledError, ExtentError, InputError, OutputError, RasterError
from rsrefseg.predict.scene import SegmentRequest

from tests.support.stand_in import StandIn

ROOT = Path(__file__).parents[3]


@pytest.fixture
def scene(make_raster):
    """A raster of many windows with things across their borders."""
    rng = np.random.default_rng(5)
    bands = np.zeros((3, 400, 500), np.uint8)
    bands[0] = 220 * (np.kron(rng.random((40, 50)) < 0.4, np.ones((10, 10))) > 0)
    bands[1, 100:120] = 255
    return make_raster(bands, name="scene.tif")


def make_job(scene, output, *phrases, **options):
    request = SegmentRequest(phrases or ("red", "green things"), ground_resolution_m=0.5)
    return Job((str(scene),), request, output, **options)


def table(path, layer="segments"):
    """Geometries and fields of a result, whatever its format."""
    if path.suffix == ".parquet":
        rows = pyarrow.parquet.read_table(path).to_pydict()
        return rows.pop("geometry"), {name: np.array(values) for name, values in rows.items()}
    meta, _, geometry, columns = pyogrio.raw.read(path, layer=layer)
    return geometry.tolist(), dict(zip(meta["fields"], columns, strict=True))


def test_a_job_writes_everything_and_cleans_up(scene, tmp_path):
    told = []
    output = tmp_path / "out.gpkg"
    report = run_job(make_job(scene, output), StandIn(), lambda f, s: told.append((f, s)))
    assert report.windows == report.looked > 50
    geometry, rows = table(output)
    assert len(geometry) == sum(total.polygons for total in report.phrases.values())
    assert report.phrases["green things"].polygons == 1
    assert set(rows["phrase"]) == {"red", "green things"}
    assert set(rows["source"]) == {str(scene)}
    assert not JobFolder(output).path.exists()
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_several_rasters_and_a_layer_for_each_phrase(scene, make_raster, tmp_path):
    other = make_raster(np.full((3, 30, 30), 255, np.uint8), name="other.tif", crs=None)
    output = tmp_path / "out.gpkg"
    request = SegmentRequest(("red", "green !"))
    job = Job((str(scene), str(other)), request, output, layer_per_phrase=True)
    report = run_job(job, StandIn())
    _, red = table(output, "red")
    _, green = table(output, "green")
    assert set(red["source"]) == {str(scene), str(other)}
    assert set(green["phrase"]) == {"green !"}
    assert any("other.tif" in sentence and "CRS" in sentence for sentence in report.warnings)


def test_many_rasters_and_phrases_into_geoparquet(scene, make_raster, tmp_path):
    """What a GeoPackage gets, polygon by polygon, in the first raster's CRS."""
    corner = Affine(0.5, 0, 945_000, 0, -0.5, 3_056_000)
    pixels = np.full((3, 30, 30), 255, np.uint8)
    other = make_raster(pixels, name="other.tif", crs="EPSG:32644", transform=corner)
    request = SegmentRequest(("red", "green things"), ground_resolution_m=0.5)
    for name in ("out.gpkg", "out.parquet"):
        run_job(Job((str(scene), str(other)), request, tmp_path / name), StandIn())
    (ours, found), (theirs, rows) = table(tmp_path / "out.parquet"), table(tmp_path / "out.gpkg")
    assert ours == theirs
    assert set(found["source"]) == {str(scene), str(other)}
    for name in ("phrase", "score", "area_m2", "model", "model_hash", "source", "engine_version"):
        assert found[name].tolist() == rows[name].tolist()
    with pytest.raises(OutputError, match="one layer"):
        run_job(make_job(scene, tmp_path / "new.parquet", layer_per_phrase=True), StandIn())


def test_an_extent_goes_with_one_raster(scene, tmp_path):
    request = SegmentRequest(("red",), extent=(350_000, 3_049_900, 350_050, 3_050_000))
    with pytest.raises(InputError, match="one raster"):
        run_job(Job((str(scene), str(scene)), request, tmp_path / "out.gpkg"), StandIn())


@pytest.fixture
def polygons(tmp_path):
    """A triangle within the scene, in longitude and latitude."""
    corners = np.array([(350_020, 3_049_990), (350_150, 3_049_950), (350_060, 3_049_880)], float)
    to = pyproj.Transformer.from_crs(32645, 4326, always_xy=True)
    triangle = shapely.Polygon(np.column_stack(to.transform(corners[:, 0], corners[:, 1])))
    path = tmp_path / "area.gpkg"
    pyogrio.raw.write(
        path, shapely.to_wkb([triangle]), [], [], geometry_type="Polygon", crs="EPSG:4326"
    )
    return path, shapely.Polygon(corners)


def test_only_inside_polygons_is_looked_at_and_kept(scene, polygons, tmp_path):
    whole, output = tmp_path / "whole.gpkg", tmp_path / "out.gpkg"
    everywhere = run_job(make_job(scene, whole, "red"), StandIn())
    report = run_job(make_job(scene, output, "red", within=polygons[0]), StandIn())
    assert report.windows < everywhere.windows
    found = shapely.from_wkb(table(output)[0])
    wanted = shapely.union_all(shapely.from_wkb(table(whole)[0])).intersection(polygons[1])
    assert wanted.area > 1_000
    assert shapely.is_valid(found).all()
    assert shapely.union_all(found).symmetric_difference(wanted).area < 0.01
    assert table(output)[1]["area_m2"].sum() == pytest.approx(wanted.area, rel=2e-3)


def test_polygons_elsewhere_are_said_unless_another_raster_has_them(
    scene, polygons, make_raster, tmp_path
):
    far = make_raster(
        np.full((3, 30, 30), 255, np.uint8),
        name="far.tif",
        transform=Affine(0.5, 0, 351_000, 0, -0.5, 3_050_000),
    )
    output = tmp_path / "out.gpkg"
    with pytest.raises(ExtentError, match="do not touch"):
        run_job(make_job(far, output, "red", within=polygons[0]), StandIn())
    assert not output.exists()
    sources = (str(scene), str(far))
    run_job(Job(sources, SegmentRequest(("red",)), output, within=polygons[0]), StandIn())
    assert set(table(output)[1]["source"]) == {str(scene)}


@pytest.mark.parametrize("ending", ["gpkg", "parquet"])
def test_a_cancelled_job_goes_on_where_it_was(scene, tmp_path, ending):
    whole, output = tmp_path / f"whole.{ending}", tmp_path / f"out.{ending}"
    run_job(make_job(scene, whole), StandIn())
    first, second = StandIn(), StandIn()
    with pytest.raises(CancelledError):
        run_job(make_job(scene, output), first, cancelled=lambda: len(first.encoded) >= 20)
    assert not output.exists()
    report = run_job(make_job(scene, output, resume=True), second)
    assert report.looked == report.windows - 20
    assert len(second.encoded) == report.looked
    ours, theirs = table(output), table(whole)
    assert ours[0] == theirs[0]
    assert ours[1]["score"].tolist() == theirs[1]["score"].tolist()


def test_without_resume_a_job_begins_anew(scene, tmp_path):
    output = tmp_path / "out.gpkg"
    first = StandIn()
    with pytest.raises(CancelledError):
        run_job(make_job(scene, output), first, cancelled=lambda: len(first.encoded) >= 20)
    report = run_job(make_job(scene, output), StandIn())
    assert report.looked == report.windows


def test_resuming_what_was_never_begun_begins(scene, tmp_path):
    report = run_job(make_job(scene, tmp_path / "out.gpkg", resume=True), StandIn())
    assert report.looked == report.windows


def test_resuming_with_other_settings_is_refused_and_named(scene, tmp_path):
    output = tmp_path / "out.gpkg"
    first = StandIn()
    with pytest.raises(CancelledError):
        run_job(make_job(scene, output), first, cancelled=lambda: len(first.encoded) >= 5)
    with pytest.raises(OutputError, match=r"other settings \(phrases\)"):
        run_job(make_job(scene, output, "blue", resume=True), StandIn())
    os.utime(scene, (1, 1))
    with pytest.raises(OutputError, match="rasters"):
        run_job(make_job(scene, output, resume=True), StandIn())
    assert precision_of(output) == ("cpu", "fp32")


@pytest.mark.parametrize("ending", ["gpkg", "parquet"])
def test_resuming_what_is_complete_does_nothing(scene, tmp_path, ending):
    output = tmp_path / f"out.{ending}"
    run_job(make_job(scene, output), StandIn())
    before = output.read_bytes()
    model = StandIn()
    assert run_job(make_job(scene, output, resume=True), model).already_done
    assert model.encoded == []
    assert output.read_bytes() == before
    with pytest.raises(OutputError, match="there already"):
        run_job(make_job(scene, output, "blue", resume=True), model)


def test_two_processes_do_not_work_on_one_job(scene, tmp_path):
    output = tmp_path / "out.gpkg"
    with JobFolder(output), pytest.raises(OutputError, match="another process"):
        run_job(make_job(scene, output), StandIn())
    run_job(make_job(scene, output), StandIn())


def test_a_raster_that_cannot_be_read_leaves_no_output(scene, tmp_path):
    cut = tmp_path / "cut.tif"
    cut.write_bytes(scene.read_bytes()[:200_000])
    with pytest.raises(RasterError):
        run_job(make_job(cut, tmp_path / "out.gpkg"), StandIn())
    assert not (tmp_path / "out.gpkg").exists()


def driver(scene, output, *options, **limits):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.job_driver", str(scene), str(output), *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **limits,
    )


def test_killed_at_random_moments_and_resumed_it_gives_the_same_bytes(scene, tmp_path):
    """Twenty kills of one job; the result is that of a job that was left alone."""
    rng = random.Random(7)
    output = tmp_path / "out.gpkg"
    kills = 0
    created = None
    for _ in range(200):
        process = driver(scene, output, "--resume", "--slow", "0.03")
        process.stdout.readline()
        if kills < 20:
            # By its own progress: on a busy machine time alone would end it before it did anything.
            for _ in range(rng.randint(0, 8)):
                process.stdout.readline()
            time.sleep(rng.uniform(0.0, 0.03))
            process.kill()
            process.communicate(timeout=30)
            kills += 1
            assert not output.exists()
            created = created or (JobFolder(output).begun() or {}).get("created")
            continue
        said, complaints = process.communicate(timeout=120)
        assert process.returncode == 0, complaints
        break
    looked, windows = map(int, said.splitlines()[-1].split())
    assert looked < windows
    assert not JobFolder(output).path.exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.gpkg", "scene.tif"]

    # A job left alone, given the time that the killed one began.
    alone = tmp_path / "alone"
    alone.mkdir()
    first = StandIn()
    with pytest.raises(CancelledError):
        run_job(make_job(scene, alone / "out.gpkg"), first, cancelled=lambda: bool(first.encoded))
    manifest = JobFolder(alone / "out.gpkg").path / "job.json"
    now = JobFolder(alone / "out.gpkg").begun()["created"]
    manifest.write_text(manifest.read_text().replace(now, created))
    run_job(make_job(scene, alone / "out.gpkg", resume=True), StandIn())
    assert (alone / "out.gpkg").read_bytes() == output.read_bytes()


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 300 kB of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(place)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"a tmpfs cannot be mounted here: {error}")
    if done.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("left", [4_096, 40_960, 131_072])
def test_a_full_disk_of_its_own(scene, small_disk, left):
    """It fills up while windows are kept, or while polygons are written; then there is room."""
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(300 * 1024 - left))
    output = small_disk / "out.gpkg"
    with pytest.raises(OutputError, match="disk"):
        run_job(make_job(scene, output), StandIn())
    assert not output.exists()
    assert not list(small_disk.glob(".out*"))
    ballast.unlink()
    elsewhere = small_disk.parent / "elsewhere.gpkg"
    run_job(make_job(scene, elsewhere), StandIn())
    room = elsewhere.stat().st_size + 200_000
    subprocess.run(["mount", "-o", f"remount,size={room}", str(small_disk)], check=True)
    run_job(make_job(scene, output, resume=True), StandIn())
    assert table(output)[0] == table(elsewhere)[0]


def limit_file_size(size):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    return limit


@pytest.mark.parametrize("size", [2_000, 20_000, 60_000, 110_000, 200_000])
def test_a_full_disk_gets_a_sentence_and_no_half_file(scene, tmp_path, size):
    """A limit on the size of files meets every writer at another place, as a full disk does."""
    output = tmp_path / "out.gpkg"
    process = driver(scene, output, preexec_fn=limit_file_size(size))
    _, complaints = process.communicate(timeout=120)
    if process.returncode == 0:
        assert len(table(output)[0]) > 0
        return
    last = complaints.strip().splitlines()[-1]
    assert "OutputError" in last, complaints
    assert "disk" in last
    assert not output.exists()
    process = driver(scene, output, "--resume")
    assert process.communicate(timeout=120)[0].startswith("started")
    assert process.returncode == 0
    assert len(table(output)[0]) > 0
