from __future__ import annotations

import numpy as np
import pytest
import shapely
from affine import Affine
from rsrefseg.errors import CancelledError, ExtentError, InputError, PhraseError, RasterError
from rsrefseg.predict.scene import SegmentRequest, encode_raster, segment_raster

from tests.support.stand_in import StandIn


def squares(size=64):
    bands = np.zeros((3, size, size), np.uint8)
    bands[0, 10:20, 5:25] = 255
    bands[0, 40:50, 40:60] = 204
    bands[1, 5:8, 5:8] = 255
    return bands


def test_polygons_land_where_the_pixels_are(make_raster, stand_in):
    path = make_raster(squares())
    result = segment_raster(stand_in, path, SegmentRequest(("red", "green")))
    red, green = result.results
    assert result.windows == 1
    assert [f.geometry for f in red.features] == [
        shapely.orient_polygons(shapely.box(350_002.5, 3_049_990, 350_012.5, 3_049_995)),
        shapely.orient_polygons(shapely.box(350_020, 3_049_975, 350_030, 3_049_980)),
    ] or [f.geometry.bounds for f in red.features] == [
        (350_002.5, 3_049_990, 350_012.5, 3_049_995),
        (350_020, 3_049_975, 350_030, 3_049_980),
    ]
    assert [f.score for f in red.features] == pytest.approx([1.0, 0.8])
    assert red.features[0].area_m2 == pytest.approx(50, rel=2e-3)
    assert len(green.features) == 1
    assert result.timings.total_s > 0


@pytest.mark.parametrize(
    "transform",
    [
        Affine(0.5, 0, 350_000, 0, 0.5, 3_050_000),
        Affine(0.4, 0.3, 350_000, 0.3, -0.4, 3_050_000),
        Affine(0, 0.5, 350_000, 0.5, 0, 3_050_000),
    ],
)
@pytest.mark.parametrize("resolution_m", [None, 0.2])
def test_south_up_and_rotated(make_raster, stand_in, transform, resolution_m):
    path = make_raster(squares(), transform=transform)
    request = SegmentRequest(("green",), ground_resolution_m=resolution_m)
    ((feature,),) = [r.features for r in segment_raster(stand_in, path, request).results]
    corners = {transform @ corner for corner in ((5, 5), (8, 5), (8, 8), (5, 8))}
    assert set(map(tuple, shapely.get_coordinates(feature.geometry))) == corners


def test_windows_agree_with_the_whole(make_raster):
    bands = np.zeros((3, 300, 410), np.uint8)
    rng = np.random.default_rng(3)
    bands[0] = 255 * np.kron(rng.random((30, 41)) < 0.5, np.ones((10, 10)))
    path = make_raster(bands)
    one = segment_raster(StandIn(tile_px=1024), path, SegmentRequest(("red",)))
    many = segment_raster(StandIn(tile_px=64), path, SegmentRequest(("red",)))
    assert (one.windows, many.windows > 30) == (1, True)
    ours = [shapely.to_wkb(f.geometry) for f in many.results[0].features]
    assert ours == [shapely.to_wkb(f.geometry) for f in one.results[0].features]


def test_an_extent_limits_the_answer(make_raster, stand_in):
    path = make_raster(squares())
    extent = (350_000, 3_049_985, 350_010, 3_050_000)
    result = segment_raster(stand_in, path, SegmentRequest(("red",), extent=extent))
    (feature,) = result.results[0].features
    assert feature.geometry.bounds == (350_002.5, 3_049_990, 350_010, 3_049_995)


def test_nodata_is_never_a_target_and_blank_windows_are_not_encoded(make_raster, stand_in):
    bands = np.zeros((3, 300, 300), np.uint8)
    bands[0] = 255
    bands[:, :, :200] = 0
    result = segment_raster(stand_in, make_raster(bands, nodata=0), SegmentRequest(("red",)))
    (feature,) = result.results[0].features
    assert feature.geometry.bounds == (350_100, 3_049_850, 350_150, 3_050_000)
    assert len(stand_in.encoded) < result.windows


def test_on_a_gpu_windows_are_encoded_together_and_blank_ones_never(make_raster):
    """The same polygons, from batches of up to four windows with data in them."""
    bands = np.zeros((3, 300, 300), np.uint8)
    bands[0] = 255 * (np.indices((300, 300)).sum(axis=0) % 40 < 20)
    bands[1] = 10
    bands[:, 100:220, 50:] = 0
    path, request = make_raster(bands, nodata=0), SegmentRequest(("red",))
    one, many = StandIn(), StandIn()
    many.together = 4
    batches = []
    encode_several = many.encode_several
    many.encode_several = lambda images, sizes, keep: (
        batches.append(len(images)) or encode_several(images, sizes, keep=keep)
    )
    alone = segment_raster(one, path, request)
    together = segment_raster(many, path, request)
    assert max(batches) == 4
    assert sum(batches) == len(one.encoded) < alone.windows
    wkb = [[shapely.to_wkb(f.geometry) for f in r.results[0].features] for r in (alone, together)]
    assert wkb[0] == wkb[1]


def test_no_data_at_all_is_said(make_raster, stand_in):
    bands = np.zeros((3, 32, 32), np.uint8)
    result = segment_raster(stand_in, make_raster(bands, nodata=0), SegmentRequest(("red",)))
    assert result.results[0].features == ()
    assert any("no data" in sentence for sentence in result.warnings)


def test_nothing_matching_reports_the_best_there_was(make_raster):
    absent = StandIn(presence=0.2)
    request = SegmentRequest(("red",), presence_threshold=0.5)
    (phrase,) = segment_raster(absent, make_raster(squares()), request).results
    assert phrase.features == ()
    assert phrase.score == 1.0
    assert phrase.presence == 0.2
    kept = SegmentRequest(("red",), presence_threshold=0.1)
    assert segment_raster(absent, make_raster(squares()), kept).results[0].features
    free = SegmentRequest(("red",))
    assert segment_raster(absent, make_raster(squares()), free).results[0].features


def test_phrases_that_need_the_whole_scene_are_named_when_there_are_windows(make_raster, stand_in):
    path = make_raster(np.zeros((3, 300, 300), np.uint8))
    request = SegmentRequest(("the largest building", "all buildings"))
    warnings = segment_raster(stand_in, path, request).warnings
    assert any("'the largest building'" in sentence for sentence in warnings)
    assert not any("'all buildings'" in sentence for sentence in warnings)
    small = make_raster(np.zeros((3, 60, 60), np.uint8), name="small.tif")
    assert segment_raster(stand_in, small, request).warnings == ()


def test_a_raster_that_lies_nowhere_gives_polygons_where_qgis_draws_it(make_raster, stand_in):
    path = make_raster(squares(), crs=None, transform=Affine.identity())
    result = segment_raster(stand_in, path, SegmentRequest(("green",)))
    (feature,) = result.results[0].features
    assert feature.geometry.bounds == (5, -8, 8, -5)
    assert feature.area_m2 is None
    assert any("no CRS" in sentence for sentence in result.warnings)


def test_progress_rises_to_one(make_raster, stand_in):
    told = []
    path = make_raster(np.zeros((3, 200, 200), np.uint8))
    segment_raster(stand_in, path, SegmentRequest(("red",)), lambda f, m: told.append((f, m)))
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert any("of" in message for _, message in told)


def test_cancelling_takes_effect_between_windows(make_raster, stand_in):
    path = make_raster(np.zeros((3, 300, 300), np.uint8))
    with pytest.raises(CancelledError):
        segment_raster(
            stand_in, path, SegmentRequest(("red",)), cancelled=lambda: len(stand_in.encoded) == 3
        )
    assert len(stand_in.encoded) == 3


def test_encoding_ahead_touches_the_same_windows(make_raster, stand_in):
    path = make_raster(np.ones((3, 200, 200), np.uint8))
    windows, _ = encode_raster(stand_in, path, None, None)
    ahead = list(stand_in.encoded)
    stand_in.encoded.clear()
    result = segment_raster(stand_in, path, SegmentRequest(("red",)))
    assert result.windows == windows
    assert stand_in.encoded == ahead


def test_bad_input_gets_the_right_error(make_raster, stand_in, tmp_path):
    path = make_raster(squares())
    with pytest.raises(RasterError):
        segment_raster(stand_in, tmp_path / "absent.tif", SegmentRequest(("red",)))
    with pytest.raises(PhraseError):
        segment_raster(stand_in, path, SegmentRequest((" ",)))
    with pytest.raises(ExtentError):
        segment_raster(stand_in, path, SegmentRequest(("red",), extent=(0, 0, 1, 1)))
    with pytest.raises(InputError):
        SegmentRequest(("red",), threshold=2)
    with pytest.raises(InputError):
        SegmentRequest(("red",), presence_threshold=2)
