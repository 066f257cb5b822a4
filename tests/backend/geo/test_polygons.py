from __future__ import annotations

from fractions import Fraction

import numpy as np
import pyproj
import pytest
import shapely
from affine import Affine
from rsrefseg.errors import InputError
from rsrefseg.geo.polygons import PolygonOptions, mask_to_polygons, quantise

UTM = pyproj.CRS(32645).to_wkt()
WGS84 = pyproj.CRS(4326).to_wkt()
CASES = {
    "north-up, projected": (Affine(0.3, 0, 350_000.1, 0, -0.3, 3_050_000.7), UTM),
    "south-up, projected": (Affine(0.3, 0, 350_000.1, 0, 0.3, 3_050_000.7), UTM),
    "rotated, projected": (Affine(0.26, 0.15, 350_000.1, 0.15, -0.26, 3_050_000.7), UTM),
    "rotated, south-up": (Affine(0.26, -0.15, 350_000.1, 0.15, 0.26, 3_050_000.7), UTM),
    "north-up, geographic": (Affine(3e-6, 0, 85.5, 0, -3e-6, 27.6), WGS84),
    "west of Greenwich, south": (Affine(3e-6, 0, -179.999, 0, -3e-6, -33.1), WGS84),
    "no CRS": (Affine.identity(), None),
}


def probability(shape=(40, 60)):
    values = np.zeros(shape, np.float32)
    values[3:20, 5:50] = 0.8
    values[6:10, 10:14] = 0.1
    values[30:33, 7:11] = 0.6
    return values


@pytest.mark.parametrize("name", CASES)
def test_vertices_lie_on_pixel_edges(name):
    transform, crs = CASES[name]
    values = probability()
    features = mask_to_polygons(values, np.ones(values.shape, np.bool_), transform, crs)
    a, b, c, d, e, f = (Fraction(v) for v in transform[:6])
    determinant = a * e - b * d
    corners = set()
    for feature in features:
        assert feature.geometry.is_valid
        for x, y in shapely.get_coordinates(feature.geometry):
            dx, dy = Fraction(float(x)) - c, Fraction(float(y)) - f
            col, row = (dx * e - dy * b) / determinant, (dy * a - dx * d) / determinant
            # A coordinate of seven figures holds no more than this fraction of such a pixel.
            nearest = np.spacing(max(abs(x), abs(y))) / abs(float(determinant)) ** 0.5
            assert abs(col - round(col)) <= max(1e-9, nearest)
            assert abs(row - round(row)) <= max(1e-9, nearest)
            corners.add((round(col), round(row)))
    assert {(5, 3), (50, 3), (50, 20), (5, 20), (10, 6), (14, 10), (7, 30), (11, 33)} <= corners


def test_vertices_are_exact_to_a_billionth_of_a_pixel_where_numbers_are_that_fine():
    for transform in (
        Affine(0.5, 0, 1000, 0, -0.5, 2000),
        Affine(0.5, 0, 1000, 0, 0.5, 2000),
        Affine(0.4, 0.3, 1000, 0.3, -0.4, 2000),
    ):
        values = probability()
        features = mask_to_polygons(values, np.ones(values.shape, np.bool_), transform, None)
        back = ~transform
        for feature in features:
            for x, y in shapely.get_coordinates(feature.geometry):
                col, row = back @ (x, y)
                assert abs(col - round(col)) < 1e-9
                assert abs(row - round(row)) < 1e-9


def test_holes_are_kept_and_scores_are_means_of_the_pixels():
    values = probability()
    large, small = mask_to_polygons(
        values, np.ones(values.shape, np.bool_), Affine(1, 0, 0, 0, -1, 0), None
    )
    assert len(large.geometry.interiors) == 1
    assert large.geometry.area == 17 * 45 - 16
    assert large.score == pytest.approx(0.8, abs=0.002)
    assert small.score == pytest.approx(0.6, abs=0.002)
    assert large.area_m2 is None


def test_pixels_without_data_never_belong():
    values = np.ones((8, 8), np.float32)
    valid = np.ones((8, 8), np.bool_)
    valid[:, :4] = False
    (feature,) = mask_to_polygons(values, valid, Affine.identity(), None)
    assert feature.geometry.bounds == (4, 0, 8, 8)


def test_small_polygons_are_left_out_by_their_area_on_the_ground():
    values = probability()
    transform, crs = CASES["north-up, geographic"]
    valid = np.ones(values.shape, np.bool_)
    both = mask_to_polygons(values, valid, transform, crs)
    limit = (both[0].area_m2 + both[1].area_m2) / 2
    kept = mask_to_polygons(values, valid, transform, crs, PolygonOptions(min_area_m2=limit))
    assert [f.geometry for f in kept] == [f.geometry for f in both if f.area_m2 > limit]


@pytest.mark.parametrize("name", ["north-up, projected", "north-up, geographic"])
def test_simplification_is_in_metres_and_valid(name):
    transform, crs = CASES[name]
    rng = np.random.default_rng(1)
    values = np.kron(rng.random((12, 12)) < 0.6, np.ones((6, 6))).astype(np.float32)
    values[rng.random(values.shape) < 0.2] = 0
    valid = np.ones(values.shape, np.bool_)
    exact = mask_to_polygons(values, valid, transform, crs)
    simple = mask_to_polygons(values, valid, transform, crs, PolygonOptions(simplify_m=0.6))

    def vertices(features):
        return sum(shapely.get_num_coordinates(f.geometry) for f in features)

    assert all(f.geometry.is_valid and f.geometry.geom_type == "Polygon" for f in simple)
    assert vertices(simple) < 0.8 * vertices(exact)
    union = shapely.union_all([f.geometry for f in exact])
    assert (
        shapely.union_all([f.geometry for f in simple]).symmetric_difference(union).area
        < 0.25 * union.area
    )


def test_quantising_keeps_the_sides_of_one_half():
    assert quantise(np.array([-1, 0.499, 0.502, 2], np.float32)).tolist() == [0, 127, 128, 255]


@pytest.mark.parametrize(
    "options",
    [
        {"threshold": 1.0},
        {"threshold": -0.1},
        {"threshold": float("nan")},
        {"min_area_m2": -1},
        {"simplify_m": float("inf")},
        {"fill_holes_m2": -0.1},
        {"smooth_m": float("nan")},
    ],
)
def test_options_that_mean_nothing_are_refused(options):
    with pytest.raises(InputError):
        PolygonOptions(**options)
