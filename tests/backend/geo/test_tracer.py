from __future__ import annotations

import numpy as np
import pytest
import rasterio.features
import shapely
import shapely.geometry
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from rsrefseg.geo.tracer import StripTracer

NORTH_UP = Affine(0.5, 0, 100, 0, -0.5, 200)
TRANSFORMS = [NORTH_UP, Affine(2, 0, 0, 0, 2, 0), Affine(0.25, 0.5, 10, 0.5, -0.25, 20)]
MASKS = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=14))


def trace(mask, transform=NORTH_UP, cuts=()):
    """Feed the mask in strips; everything that came out, in order."""
    values = np.arange(mask.size, dtype=np.uint8).reshape(mask.shape)
    tracer = StripTracer(mask.shape[1], transform)
    edges = [0, *sorted(c for c in set(cuts) if 0 < c < mask.shape[0]), mask.shape[0]]
    pieces = [
        tracer.feed(mask[a:b], values[a:b]) for a, b in zip(edges[:-1], edges[1:], strict=True)
    ]
    pieces.append(tracer.finish())
    polygons = np.concatenate([p.polygons for p in pieces])
    pixels = np.concatenate([p.pixels for p in pieces])
    sums = np.concatenate([p.value_sums for p in pieces])
    return polygons, pixels.tolist(), sums.tolist()


def as_set(polygons):
    return sorted(shapely.to_wkb(shapely.normalize(np.asarray(polygons, dtype=object))))


@given(mask=MASKS, transform=st.sampled_from(TRANSFORMS))
@settings(max_examples=200, deadline=None)
def test_agrees_with_gdal(mask, transform):
    polygons, pixels, _ = trace(mask, transform)
    expected = [
        shapely.geometry.shape(geometry)
        for geometry, _ in rasterio.features.shapes(
            mask.astype(np.uint8), mask=mask, connectivity=4, transform=transform
        )
    ]
    assert as_set(polygons) == as_set(expected)
    assert shapely.is_valid(polygons).all()
    assert np.allclose(shapely.area(polygons), np.array(pixels) * abs(transform.determinant))


@given(mask=MASKS, cuts=st.lists(st.integers(1, 13), max_size=6))
@settings(max_examples=200, deadline=None)
def test_does_not_depend_on_where_the_strips_are_cut(mask, cuts):
    whole, parts = trace(mask), trace(mask, cuts=cuts)
    assert [shapely.to_wkb(p) for p in parts[0]] == [shapely.to_wkb(p) for p in whole[0]]
    assert parts[1:] == whole[1:]


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_shells_run_counter_clockwise_and_holes_clockwise(transform):
    mask = np.ones((5, 5), np.bool_)
    mask[2, 2] = False
    (polygon,), _, _ = trace(mask, transform)
    assert polygon.exterior.is_ccw
    assert [ring.is_ccw for ring in polygon.interiors] == [False]


def test_parts_that_touch_at_a_corner_stay_apart():
    polygons, _, _ = trace(np.eye(3, dtype=np.bool_))
    assert len(polygons) == 3


def test_a_hole_that_touches_its_shell_makes_valid_geometry():
    mask = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 0]], np.bool_)
    (polygon,), _, _ = trace(mask)
    assert polygon.is_valid
    assert len(polygon.interiors) == 1


def test_sums_the_values_of_each_part():
    mask = np.array([[1, 0, 1], [1, 0, 0]], np.bool_)
    _, pixels, sums = trace(mask)
    assert (pixels, sums) == ([1, 2], [2, 0 + 3])


def test_an_empty_mask_has_no_polygons():
    assert len(trace(np.zeros((4, 4), np.bool_))[0]) == 0
