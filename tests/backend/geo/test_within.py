from __future__ import annotations

import numpy as np
import pyogrio
import pytest
import shapely
from affine import Affine
from rsrefseg.errors import ExtentError, InputError
from rsrefseg.geo.windows import Span, WorkingGrid
from rsrefseg.geo.within import Area, read_area


def write(path, shapes, crs="EPSG:32645", kind="Unknown"):
    pyogrio.raw.write(
        path, shapely.to_wkb(np.array(shapes, dtype=object)), [], [], geometry_type=kind, crs=crs
    )
    return path


def test_all_polygons_of_a_layer_are_one_area(tmp_path):
    bow_tie = shapely.Polygon([(20, 0), (24, 4), (24, 0), (20, 4)])
    shapes = [shapely.box(0, 0, 4, 4), shapely.box(2, 0, 6, 4), shapely.Point(9, 9), bow_tie]
    area = read_area(write(tmp_path / "area.gpkg", shapes))
    assert area.geometry.is_valid
    assert area.geometry.area == pytest.approx(24 + 8)
    assert area.geometry.bounds == (0, 0, 24, 4)


def test_files_without_polygons_get_a_sentence(tmp_path):
    (tmp_path / "notes.gpkg").write_text("no layer")
    points = write(tmp_path / "points.gpkg", [shapely.Point(0, 0)], kind="Point")
    for path in (tmp_path / "absent.gpkg", tmp_path / "notes.gpkg", points):
        with pytest.raises(InputError, match=":"):
            read_area(path)


def test_it_goes_where_the_raster_is():
    area = Area(shapely.box(87.0, 27.0, 87.01, 27.01), "EPSG:4326")
    moved = area.placed("EPSG:32645")
    assert moved.geometry.area == pytest.approx(0.99e3 * 1.108e3, rel=0.01)
    back = shapely.intersection(moved.placed("EPSG:4326").geometry, shapely.box(0, 0, 180, 90))
    assert back.bounds == pytest.approx(area.geometry.bounds, abs=1e-9)
    assert area.placed(None).geometry == area.geometry
    with pytest.raises(ExtentError, match="both are valid"):
        Area(shapely.box(0, 91, 1, 92), "EPSG:4326").placed("EPSG:3857")


def test_across_the_antimeridian_it_is_in_the_longitudes_of_the_raster():
    split = shapely.union(
        shapely.box(179.99, -17, 180, -16.99), shapely.box(-180, -17, -179.99, -16.99)
    )
    placed = Area(split, "EPSG:4326").placed("EPSG:4326")
    for raster in (shapely.box(179.9, -18, 180.1, -16), shapely.box(-180.1, -18, -179.9, -16)):
        found, _ = placed.cut(np.array([raster], dtype=object))
        assert len(found) == 1
        assert found[0].area == pytest.approx(0.02 * 0.01)


def test_windows_that_touch_it_on_a_rotated_raster():
    raster = Affine.translation(100, 200) @ Affine.rotation(30) @ Affine.scale(0.5, -0.5)
    grid = WorkingGrid((0.0, 0.0), (2.0, 2.0), 40, 40)
    spans = [Span(col, row, 10, 10) for row in range(0, 40, 10) for col in range(0, 40, 10)]
    dot = shapely.Point(*(raster @ (2 * 15.0, 2 * 25.0))).buffer(1)
    found = Area(dot, None).touches(spans, grid, raster)
    touched = [span for span, is_in in zip(spans, found, strict=True) if is_in]
    assert touched == [Span(10, 20, 10, 10)]


def test_what_lies_beyond_the_raster_is_touched_by_no_window():
    raster = Affine(0.5, 0, 100, 0, -0.5, 200)
    grid = WorkingGrid((0.0, 0.0), (1.0, 1.0), 100, 100)
    spans = [Span(-30, -30, 64, 64), Span(80, 80, 64, 64)]
    beyond = Area(shapely.box(90, 200.1, 99.9, 210), None)
    assert not beyond.touches(spans, grid, raster).any()
    assert Area(shapely.box(90, 199, 101, 210), None).touches(spans, grid, raster)[0]


def test_polygons_are_cut_at_its_outline():
    area = Area(shapely.box(0, 0, 10, 10), None)
    polygons = np.array(
        [
            shapely.box(1, 1, 2, 2),
            shapely.box(20, 0, 21, 1),
            shapely.Polygon([(8, 1), (12, 1), (12, 4), (8, 4), (8, 3), (11, 3), (11, 2), (8, 2)]),
            shapely.box(10, 0, 11, 1),
        ],
        dtype=object,
    )
    parts, of = area.cut(polygons)
    assert of.tolist() == [0, 2, 2]
    assert shapely.area(parts).tolist() == [1, 2, 2]
    assert shapely.is_valid(parts).all()
