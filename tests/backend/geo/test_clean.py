from __future__ import annotations

import numpy as np
import pyproj
import pytest
import shapely
import shapely.affinity
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from rsrefseg.geo.clean import Scale, fill_holes, repair, right_angles, scale_at, simplify, smooth
from rsrefseg.geo.polygons import PolygonOptions, mask_to_polygons
from rsrefseg.geo.right_angles import main_direction, overlap, straighten

UTM = pyproj.CRS(32645).to_wkt()
WGS84 = pyproj.CRS(4326).to_wkt()
HALF_METRE = Affine(0.5, 0, 350_000, 0, -0.5, 3_050_000)
METRES = Scale(1.0, 1.0, 0.5)
MASKS = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=24))


def polygons_of(mask, transform=HALF_METRE, crs=UTM, **options):
    valid = np.ones(mask.shape, np.bool_)
    features = mask_to_polygons(
        mask.astype(np.float32), valid, transform, crs, PolygonOptions(**options)
    )
    return np.array([feature.geometry for feature in features], dtype=object)


def rasterised(polygon, size=80, cell=0.5):
    """A polygon in metres as a mask, and as the polygon with stairs that comes of it."""
    import rasterio.features

    transform = Affine(cell, 0, 0, 0, -cell, size * cell)
    mask = rasterio.features.rasterize([polygon], (size, size), transform=transform) > 0
    return polygons_of(mask, transform, None)


@given(
    mask=MASKS,
    options=st.fixed_dictionaries(
        {
            "simplify_m": st.sampled_from([0.0, 0.4, 1.5, 6.0]),
            "fill_holes_m2": st.sampled_from([0.0, 0.3, 50.0]),
            "right_angles": st.booleans(),
            "smooth_m": st.sampled_from([0.0, 0.2, 5.0]),
        }
    ),
    crs=st.sampled_from([UTM, None]),
)
@settings(max_examples=150, deadline=None)
def test_whatever_is_done_polygons_stay_valid_and_none_is_lost(mask, options, crs):
    exact = polygons_of(mask, crs=crs)
    cleaned = polygons_of(mask, crs=crs, **options)
    assert shapely.is_valid(cleaned).all()
    assert (shapely.get_type_id(cleaned) == 3).all()
    assert (shapely.area(cleaned) > 0).all()
    assert len(cleaned) >= len(exact)


@given(mask=MASKS, tolerance=st.sampled_from([0.4, 1.0, 3.0]))
@settings(max_examples=100, deadline=None)
def test_simplified_polygons_do_not_come_to_overlap(mask, tolerance):
    cleaned = polygons_of(mask, simplify_m=tolerance)
    assert shapely.area(cleaned).sum() == pytest.approx(shapely.union_all(cleaned).area, rel=1e-9)


def test_simplification_takes_the_stairs_away():
    slanted = shapely.Polygon([(5, 5), (35, 12), (30, 33), (4, 25)])
    (stairs,) = rasterised(slanted)
    (simple,), _ = simplify(np.array([stairs], dtype=object), 1.0, METRES)
    assert shapely.get_num_coordinates(simple) < 0.3 * shapely.get_num_coordinates(stairs)
    assert overlap(simple, slanted) > 0.97


def test_metres_are_metres_also_where_degrees_are_not():
    transform = Affine(1e-5, 0, 10, 0, -5e-6, 60)
    scale = scale_at(transform, WGS84, (100, 100))
    assert scale.x_m == pytest.approx(55_800, rel=0.01)
    assert scale.y_m == pytest.approx(111_400, rel=0.01)
    assert scale.cell_m == pytest.approx(0.557, rel=0.02)
    assert not scale.even
    mask = np.zeros((60, 60), np.bool_)
    for i in range(50):
        mask[i, : i + 5] = True
    exact, simple = (
        polygons_of(mask, transform, WGS84),
        polygons_of(mask, transform, WGS84, simplify_m=1.0),
    )
    assert shapely.get_num_coordinates(simple)[0] < shapely.get_num_coordinates(exact)[0] / 4
    assert scale_at(transform, None, (100, 100)) == Scale(1.0, 1.0, (5e-11) ** 0.5)


@pytest.mark.parametrize("crs", [UTM, None])
def test_holes_up_to_an_area_are_filled(crs):
    mask = np.ones((20, 20), np.bool_)
    mask[2:4, 2:4] = False
    mask[10:15, 10:15] = False
    (one,) = polygons_of(mask, crs=crs, fill_holes_m2=2.0)
    assert len(one.interiors) == 1
    assert one.interiors[0].length == pytest.approx(10)
    (full,) = polygons_of(mask, crs=crs, fill_holes_m2=7.0)
    assert len(full.interiors) == 0
    (same,) = polygons_of(mask, crs=crs, fill_holes_m2=0.5)
    assert len(same.interiors) == 2
    assert fill_holes(np.array([shapely.box(0, 0, 1, 1)], dtype=object), 1, crs)[0].area == 1


@pytest.mark.parametrize("angle", [0, 10, 30, 45, 77])
def test_a_turned_building_gets_its_four_corners_back(angle):
    house = shapely.affinity.rotate(shapely.box(10, 14, 28, 26), angle)
    (stairs,) = rasterised(house)
    (made,), _ = right_angles(np.array([stairs], dtype=object), 0.0, METRES)
    assert shapely.get_num_coordinates(made) == 5
    assert overlap(made, house) > 0.93
    direction, near = main_direction(np.asarray(made.exterior.coords)[:-1])
    off = (np.degrees(direction) - angle) % 90
    assert min(off, 90 - off) < 3
    assert near == pytest.approx(1.0)


def test_an_l_shaped_building_keeps_its_shape():
    house = shapely.Polygon([(8, 8), (30, 8), (30, 16), (18, 16), (18, 30), (8, 30)])
    (stairs,) = rasterised(shapely.affinity.rotate(house, 20))
    made = straighten(stairs, 1.0)
    assert shapely.get_num_coordinates(made) == 7
    assert overlap(made, shapely.affinity.rotate(house, 20)) > 0.93


def test_a_courtyard_is_kept():
    ring = shapely.box(5, 5, 30, 30).difference(shapely.box(12, 12, 22, 24))
    (stairs,) = rasterised(shapely.affinity.rotate(ring, 25))
    made = straighten(stairs, 1.0)
    assert len(made.interiors) == 1
    assert shapely.get_num_coordinates(made) == 10


def test_what_is_round_does_not_become_a_box():
    (stairs,) = rasterised(shapely.Point(20, 20).buffer(12))
    made = straighten(stairs, 1.0)
    assert overlap(made, shapely.Point(20, 20).buffer(12)) > 0.93
    assert shapely.get_num_coordinates(made) > 7


def test_smoothing_rounds_corners_within_its_radius():
    square = np.array([shapely.box(0, 0, 10, 10)], dtype=object)
    (made,), _ = smooth(square, 1.0, METRES)
    assert shapely.get_num_coordinates(made) == 17
    assert square[0].contains(made)
    assert 98 < made.area < 100
    assert made.contains(shapely.box(1, 1, 9, 9))


def test_repair_gives_valid_parts_and_never_nothing():
    bow_tie = shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])
    made = np.array([bow_tie, shapely.Polygon(), shapely.box(0, 0, 1, 1)], dtype=object)
    originals = np.array([shapely.box(0, 0, 2, 2)] * 3, dtype=object)
    parts, source = repair(made, originals)
    assert shapely.is_valid(parts).all()
    assert source.tolist() == [0, 0, 1, 2]
    assert parts[2].area == 4
