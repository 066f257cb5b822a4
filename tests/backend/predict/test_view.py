from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from rsrefseg.errors import CancelledError, InputError
from rsrefseg.geo.polygons import PolygonOptions
from rsrefseg.predict.scene import SegmentRequest, Timings, segment_raster
from rsrefseg.predict.view import ask_view, open_view, place_prompts

from tests.support.stand_in import StandIn

OPTIONS = [
    {},
    {"threshold": 0.8, "min_area_m2": 10},
    {"simplify_m": 1},
    {"fill_holes_m2": 20},
    {"right_angles": True, "simplify_m": 1},
]


def picture(size=60, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (3, size // 6, size // 6), dtype=np.uint8).repeat(6, 1).repeat(6, 2)


def answer(predictor, path, request, **drawing):
    view = open_view(predictor.info, path, request.extent, request.ground_resolution_m)
    maps = ask_view(predictor, view, request, Timings())
    return maps, maps.draw(request.polygon_options, Timings(), **drawing)


@pytest.mark.parametrize("extent", [None, (350_003, 3_049_985, 350_021.3, 3_049_999)])
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize(
    "raster",
    [
        {},
        {"nodata": 0},
        {"crs": None, "transform": Affine.identity()},
        {"transform": Affine(0.4, 0.3, 350_000, 0.3, -0.4, 3_050_000)},
    ],
)
def test_a_view_gives_what_a_scene_of_one_window_gives(make_raster, extent, options, raster):
    if extent and "transform" in raster:
        pytest.skip("another place")
    bands = picture()
    bands[:, 20:30, 20:40] = 0
    path = make_raster(bands, **raster)
    predictor = StandIn(presence=0.7)
    request = SegmentRequest(("red", "green", "red крыша"), extent=extent, **options)
    scene = segment_raster(predictor, path, request)
    _, view = answer(predictor, path, request)
    assert scene.windows == view.windows == 1
    assert view.results == scene.results
    assert any(result.features for result in view.results)
    assert (view.crs, view.resolution_m) == (scene.crs, scene.resolution_m)
    assert sorted(view.warnings) == sorted(scene.warnings)


def test_the_real_model_agrees_too(make_raster, tiny_weights):
    from rsrefseg.predict.segmenter import Segmenter

    segmenter = Segmenter.from_file(tiny_weights, device="cpu", precision="fp32")
    path = make_raster(picture(120))
    request = SegmentRequest(("red roofs", "the water"), threshold=0.45)
    scene = segment_raster(segmenter, path, request)
    _, view = answer(segmenter, path, request)
    assert view.results == scene.results


def test_what_takes_several_windows_is_no_view(make_raster, stand_in):
    path = make_raster(np.zeros((3, 300, 300), np.uint8))
    assert open_view(stand_in.info, path, None, None) is None


def test_no_data_is_not_asked_about(make_raster, stand_in):
    path = make_raster(np.zeros((3, 32, 32), np.uint8), nodata=0)
    maps, result = answer(stand_in, path, SegmentRequest(("red",)))
    assert stand_in.encoded == []
    assert result.results[0].features == ()
    assert any("no data" in sentence for sentence in maps.warnings)


def test_maps_are_drawn_again_with_other_options(make_raster):
    predictor = StandIn(presence=0.4)
    path = make_raster(picture())
    request = SegmentRequest(("red", "green"), threshold=0.9)
    maps, first = answer(predictor, path, request)
    asked = len(predictor.asked)
    low = maps.draw(PolygonOptions(0.2), Timings())
    fresh = segment_raster(predictor, path, SegmentRequest(("red", "green"), threshold=0.2))
    assert low.results == fresh.results != first.results
    only = maps.draw(PolygonOptions(0.2), Timings(), phrases=["green"])
    assert only.results == (low.results[1],)
    absent = maps.draw(PolygonOptions(0.2), Timings(), presence_threshold=0.5)
    assert [r.features for r in absent.results] == [(), ()]
    assert absent.results[0].score == pytest.approx(maps.phrases[0].levels.max() / 255)
    assert len(predictor.asked) == asked + 1
    with pytest.raises(InputError, match="not asked"):
        maps.draw(PolygonOptions(), Timings(), phrases=["blue"])


def test_maps_as_tiffs(make_raster, stand_in):
    import rasterio
    from rasterio.io import MemoryFile

    bands = picture()
    bands[:, :12, :] = 0
    path = make_raster(bands, nodata=0)
    request = SegmentRequest(("red",), extent=(350_002, 3_049_980, 350_020, 3_050_000))
    maps, _ = answer(stand_in, path, request)
    for tiff in (maps.probability_tiff("red"), maps.heat_tiff(None)):
        with MemoryFile(tiff) as memory, memory.open() as given, rasterio.open(path) as source:
            assert (given.crs, given.res, given.dtypes) == (source.crs, (0.5, 0.5), ("float32",))
            assert given.bounds == (350_002, 3_049_980, 350_020, 3_050_000)
            assert np.isnan(given.nodata)
            values = given.read(1)
    with MemoryFile(maps.probability_tiff("red")) as memory, memory.open() as given:
        values = given.read(1)
        assert np.isnan(values[:12]).all()
        assert values[12:] == pytest.approx(bands[0, 12:40, 4:40] / 255)
        assert given.descriptions == ("probability of red",)


def test_the_heat_of_a_real_model_covers_the_view(make_raster, tiny_weights):
    from rasterio.io import MemoryFile
    from rsrefseg.predict.segmenter import Segmenter

    segmenter = Segmenter.from_file(tiny_weights, device="cpu", precision="fp32")
    maps, _ = answer(segmenter, make_raster(picture(120)[:, :90]), SegmentRequest(("red",)))
    with MemoryFile(maps.heat_tiff("red")) as memory, memory.open() as given:
        left, bottom, right, top = given.bounds
        assert (left, top) == (350_000, 3_050_000)
        assert right == pytest.approx(350_060, abs=0.01)
        assert 3_049_955 - 60 / 16 - 0.1 <= bottom <= 3_049_955


def test_clicks_and_boxes_land_where_they_are_meant(make_raster, stand_in):
    path = make_raster(np.zeros((3, 40, 60), np.uint8))
    view = open_view(stand_in.info, path, (350_005, 3_049_985, 350_025, 3_049_995), None)
    points = [(350_005.25, 3_049_994.75), (350_024.75, 3_049_985.25), (350_025, 3_049_985)]
    prompts = place_prompts(view, points, [1, 0, 1], (350_000, 3_049_990, 350_015, 3_050_000))
    assert prompts.points[:2] == pytest.approx(np.array([[0.0125, 0.025], [0.9875, 0.975]]))
    assert prompts.points.max() < 1
    assert prompts.labels.tolist() == [1, 0, 1]
    assert prompts.box == pytest.approx((0, 0, 0.5, 0.5))
    maps = ask_view(stand_in, view, SegmentRequest(("red",)), Timings(), prompts=prompts)
    assert maps.phrases[0].levels[0, 0] == 255
    for point in ((350_004, 3_049_990), (350_026, 3_049_990), (0, 0)):
        with pytest.raises(InputError, match="outside"):
            place_prompts(view, [point], [1], None)
    with pytest.raises(InputError, match="outside"):
        place_prompts(view, [], [], (0, 0, 1, 1))


def test_clicks_change_a_real_model_s_answer_on_the_same_features(make_raster, tiny_weights):
    from rsrefseg.predict.segmenter import Segmenter

    segmenter = Segmenter.from_file(tiny_weights, device="cpu", precision="fp32")
    view = open_view(segmenter.info, make_raster(picture(120)), None, None)
    request = SegmentRequest(("red roofs",))
    plain = ask_view(segmenter, view, request, Timings())
    misses = segmenter.cache.misses
    inside = place_prompts(view, [(350_010, 3_049_990)], [1], None)
    boxed = place_prompts(view, [], [], (350_010, 3_049_960, 350_030, 3_049_990))
    for prompts in (inside, boxed):
        refined = ask_view(segmenter, view, request, Timings(), prompts=prompts)
        again = ask_view(segmenter, view, request, Timings(), prompts=prompts)
        assert (refined.phrases[0].levels != plain.phrases[0].levels).any()
        assert (refined.phrases[0].levels == again.phrases[0].levels).all()
    assert segmenter.cache.misses == misses


def test_a_view_can_be_left(make_raster, stand_in):
    view = open_view(stand_in.info, make_raster(picture()), None, None)
    with pytest.raises(CancelledError):
        ask_view(stand_in, view, SegmentRequest(("red",)), Timings(), cancelled=lambda: True)


def test_a_scene_of_several_windows_is_drawn_again_from_its_windows(make_raster):
    from rasterio.io import MemoryFile

    kept = []
    bands = picture(180)
    bands[:, :30] = 0
    path = make_raster(bands, nodata=0)
    predictor = StandIn(presence=0.6)
    request = SegmentRequest(("red", "green"), threshold=0.7)

    first = segment_raster(predictor, path, request, keep=kept.append)
    (maps,) = kept
    assert first.windows > 1
    assert maps.draw(PolygonOptions(0.7), Timings()).results == first.results
    fresh = segment_raster(predictor, path, SegmentRequest(("red", "green"), threshold=0.3))
    again = maps.draw(PolygonOptions(0.3), Timings(), phrases=["green"])
    assert again.results == (fresh.results[1],)
    absent = maps.draw(PolygonOptions(0.3), Timings(), presence_threshold=0.7)
    assert [r.features for r in absent.results] == [(), ()]
    with MemoryFile(maps.probability_tiff("red")) as memory, memory.open() as given:
        values = given.read(1)
    assert np.isnan(values[:30]).all()
    assert values[30:] == pytest.approx(bands[0, 30:] / 255, abs=1 / 255)
    with pytest.raises(InputError, match="windows"):
        maps.heat_tiff(None)
    with pytest.raises(InputError, match="not asked"):
        maps.draw(PolygonOptions(), Timings(), phrases=["blue"])
