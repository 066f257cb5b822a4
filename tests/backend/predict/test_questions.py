"""Phrases that compare all things of a scene, on scenes of several windows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely
from affine import Affine
from rasterio.io import MemoryFile
from rsrefseg.batch.job import Job, run_job
from rsrefseg.geo.parts import Parts, covered, in_cells, polygon_parts, polygon_reference
from rsrefseg.geo.polygons import PolygonOptions
from rsrefseg.geo.vector import read_metadata
from rsrefseg.predict.questions import compares_scene, plan_questions
from rsrefseg.predict.scene import SegmentRequest, Timings, segment_raster

from tests.support.stand_in import StandIn

# Row, column, height and width; more than one lies across the borders of 64-pixel windows.
RED = {
    "a": (20, 20, 20, 20),
    "b": (60, 90, 90, 90),
    "c": (210, 40, 30, 50),
    "d": (230, 240, 24, 24),
    "crumb": (280, 5, 2, 2),
}
GREEN = (250, 200, 8, 8)


@pytest.fixture
def model():
    stand_in = StandIn()
    stand_in.info = replace(stand_in.info, compares_outlines=True)
    return stand_in


@pytest.fixture
def scene(make_raster):
    bands = np.zeros((3, 300, 300), np.uint8)
    for value, (row, column, height, width) in zip((230, 200, 150, 230, 255), RED.values()):
        bands[0, row : row + height, column : column + width] = value
    row, column, height, width = GREEN
    bands[1, row : row + height, column : column + width] = 255
    return make_raster(bands, name="scene.tif")


def outline(name):
    row, column, height, width = RED[name]
    x, y = 350_000 + column / 2, 3_050_000 - row / 2
    return shapely.box(x, y - height / 2, x + width / 2, y)


def same(features, *names):
    found = sorted((f.geometry for f in features), key=lambda g: g.bounds)
    wanted = sorted((outline(name) for name in names), key=lambda g: g.bounds)
    return len(found) == len(wanted) and all(
        one.equals(other) for one, other in zip(found, wanted, strict=True)
    )


@pytest.mark.parametrize(
    ("phrase", "names"),
    [
        ("the largest red thing", "b"),
        ("the two smallest red things", "ad"),
        ("the second red thing from the top", "b"),
        ("the rightmost red thing", "d"),
        ("the red thing nearest to the green thing", "d"),
        ("the red thing farthest from the green thing", "a"),
        ("red things in the south", "cd"),
        ("the red things in the top left", "a"),
        ("the fifth red thing from the left", ""),
        ("the largest blue thing", ""),
        ("red things", ["a", "b", "c", "d", "crumb"]),
    ],
)
def test_things_of_all_windows_are_compared(scene, model, phrase, names):
    result = segment_raster(model, scene, SegmentRequest((phrase,)))
    assert result.windows > 1
    assert same(result.results[0].features, *names)
    assert result.warnings == ()


def test_scores_are_of_what_is_meant(scene, model):
    phrases = ("the largest red thing", "the fifth red thing from the left", "green things")
    result = segment_raster(model, scene, SegmentRequest(phrases))
    scores = [one.score for one in result.results]
    assert scores == pytest.approx([200 / 255, 1.0, 1.0])
    assert [one.phrase for one in result.results] == list(phrases)


def test_windows_are_asked_for_the_things_once(scene, model):
    phrases = ("the largest red thing", "the smallest red thing", "all red things")
    segment_raster(model, scene, SegmentRequest(phrases))
    assert set(model.asked) == {("all red things",)}


def test_a_model_that_does_not_compare_is_asked_as_before(scene, stand_in):
    phrase = "the largest red thing"
    result = segment_raster(stand_in, scene, SegmentRequest((phrase,)))
    assert set(stand_in.asked) == {(phrase,)}
    assert len(result.results[0].features) == len(RED)
    assert phrase in result.warnings[0]


def test_one_window_answers_the_phrase_itself(model):
    assert plan_questions(model.info, ["the largest roof"], as_whole=False).asked == (
        "the largest roof",
    )
    assert compares_scene(model.info, "the largest roof")
    assert not compares_scene(model.info, "roofs that are not red")
    assert not compares_scene(model.info, "the widest road")


def test_what_the_model_cannot_compare_still_warns(scene, model):
    request = SegmentRequest(("the widest red road", "the largest red thing"))
    (warning,) = segment_raster(model, scene, request).warnings
    assert "widest" in warning


def test_another_threshold_compares_anew(scene, model):
    kept = []
    request = SegmentRequest(("the third red thing from the left",))
    first = segment_raster(model, scene, request, keep=kept.append)
    assert same(first.results[0].features, "b")
    (maps,) = kept
    assert maps.draw(PolygonOptions(), Timings()).results == first.results
    # Above 0.6 the thing at the left is none, and what was the third is the second.
    other = maps.draw(PolygonOptions(0.6), Timings())
    assert same(other.results[0].features, "d")
    larger = maps.draw(PolygonOptions(min_area_m2=200), Timings())
    assert not larger.results[0].features
    assert maps.nbytes == 2 * sum(s.width * s.height for s in maps.answers.plan.windows)


def test_the_map_of_probabilities_shows_what_is_meant(scene, model):
    kept = []
    segment_raster(model, scene, SegmentRequest(("the largest red thing",)), keep=kept.append)
    with MemoryFile(kept[0].probability_tiff(None)) as memory, memory.open() as given:
        values = given.read(1)
    row, column, height, width = RED["b"]
    expected = np.zeros((300, 300))
    expected[row : row + height, column : column + width] = 200 / 255
    assert values == pytest.approx(expected, abs=1 / 255)


def test_a_job_compares_the_scene_and_goes_on(scene, model, tmp_path):
    output = tmp_path / "out.gpkg"
    request = SegmentRequest(("the largest red thing", "green things"))
    job = Job((str(scene),), request, output, resume=True)
    seen = iter(range(1000))
    with pytest.raises(Exception, match="cancelled"):
        run_job(job, model, cancelled=lambda: next(seen) > 9)
    report = run_job(job, model)
    assert report.looked < report.windows
    assert {name: total.polygons for name, total in report.phrases.items()} == {
        "the largest red thing": 1,
        "green things": 1,
    }
    assert report.phrases["the largest red thing"].score == pytest.approx(200 / 255)
    assert not report.warnings
    assert read_metadata(output)


def test_only_things_inside_given_polygons_are_compared(scene, model, tmp_path):
    import pyogrio

    area = tmp_path / "area.gpkg"
    west = shapely.box(350_000, 3_049_850, 350_045, 3_050_000)
    pyogrio.raw.write(
        area, [shapely.to_wkb(west)], [np.array([1])], ["id"], geometry_type="Polygon",
        crs="EPSG:32645",
    )  # fmt: skip
    request = SegmentRequest(("the largest red thing", "the rightmost red thing"))
    output = tmp_path / "out.gpkg"
    run_job(Job((str(scene),), request, output, within=area), model)
    _, _, geometry, _ = pyogrio.raw.read(output, layer="segments")
    assert [g.equals(outline("c")) for g in shapely.from_wkb(geometry)] == [True, True]


def test_polygons_are_parts_wherever_they_lie():
    to_crs = Affine(0, 2, 500, -2, 0, 800)  # turned and scaled
    inner = shapely.box(10, 20, 30, 50)
    moved = shapely.transform(inner, lambda at: np.array([to_crs @ tuple(p) for p in at]))
    polygons = in_cells([moved, shapely.transform(moved, lambda at: at + 0.1)], to_crs)
    assert shapely.equals_exact(polygons[0].normalize(), inner.normalize(), 1e-9)
    parts, numbers = polygon_parts(np.array([inner, shapely.box(0, 0, 1, 1)]), (100, 40))
    assert isinstance(parts, Parts)
    assert numbers.tolist() == [0]  # the other is a crumb
    assert parts.area.tolist() == [600]
    assert parts.centre[0] == pytest.approx([0, 0, 0.3, -0.3])
    assert parts.edge[0] == pytest.approx([0.5, 0.5, 0.6, 0.0])
    reference = polygon_reference(np.array([shapely.box(20, 20, 60, 50)]), np.array([inner]))
    assert reference.shared.tolist() == [300]
    assert reference.places.min(axis=0).tolist() == [20, 20]
    assert covered(np.array([inner]), (100, 40)).sum() == 600
    assert not covered(np.array([]), (3, 3)).any()
