from __future__ import annotations

import numpy as np
import pyproj
import pytest
import shapely
from affine import Affine
from rsrefseg.geo.ground import areas_m2, pixel_size_m


def geodesic_area(polygon, crs):
    to_lonlat = pyproj.Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    dense = shapely.segmentize(polygon, 0.002 if crs.is_geographic else 200)
    lonlat = shapely.transform(dense, lambda xy: np.column_stack(to_lonlat.transform(*xy.T)))
    return abs(crs.get_geod().geometry_area_perimeter(lonlat)[0])


@pytest.mark.parametrize(
    ("code", "box"),
    [
        (32645, (350_000, 3_050_000, 352_000, 3_051_000)),
        (3857, (9_500_000, 7_000_000, 9_501_000, 7_001_000)),
        (4326, (10.0, 60.0, 10.02, 60.01)),
        (4326, (10.0, 89.5, 10.5, 89.6)),
        (2263, (980_000, 190_000, 985_000, 195_000)),  # New York, in feet
        (31370, (150_000, 170_000, 152_000, 171_000)),  # Belgium: another ellipsoid
        (4326, (-180.0, -17.0, -179.9, -16.9)),
    ],
)
def test_areas_agree_with_geodesics(code, box):
    crs = pyproj.CRS(code)
    polygon = shapely.box(*box)
    (area,) = areas_m2(np.array([polygon], dtype=object), crs.to_wkt())
    assert area == pytest.approx(geodesic_area(polygon, crs), rel=2e-6)


def test_scenes_across_the_antimeridian_are_measured_in_one_piece():
    crs = pyproj.CRS(4326)
    straddling = np.array([shapely.box(179.99, -17, 180.01, -16.99)], dtype=object)
    same = np.array([shapely.box(-0.01, -17, 0.01, -16.99)], dtype=object)
    wkt = crs.to_wkt()
    assert areas_m2(straddling, wkt)[0] == pytest.approx(areas_m2(same, wkt)[0], rel=1e-9)


def test_areas_of_a_whole_hemisphere_do_not_fold():
    crs = pyproj.CRS(4326)
    box = np.array([shapely.box(-100, -40, 100, 40)], dtype=object)
    assert areas_m2(box, crs.to_wkt())[0] == pytest.approx(1.81e14, rel=0.02)


def test_without_a_crs_there_are_no_metres():
    local = 'LOCAL_CS["site",UNIT["metre",1]]'
    for wkt in (None, "", "nonsense", local):
        assert areas_m2(np.array([shapely.box(0, 0, 1, 1)], dtype=object), wkt) is None
        assert pixel_size_m(Affine.identity(), wkt, 0, 0) is None


def test_pixels_of_a_web_map_are_smaller_than_they_claim():
    lat = 60.0
    mercator = pyproj.CRS(3857)
    x, y = pyproj.Transformer.from_crs(4326, mercator, always_xy=True).transform(10, lat)
    width, height = pixel_size_m(Affine(1, 0, x, 0, -1, y), mercator.to_wkt(), 0, 0)
    assert width == pytest.approx(0.5, rel=0.01)
    assert height == pytest.approx(0.5, rel=0.01)


def test_pixels_of_a_geographic_raster_are_narrower_than_high():
    width, height = pixel_size_m(Affine(1e-5, 0, 10, 0, -1e-5, 60), pyproj.CRS(4326).to_wkt(), 0, 0)
    assert width / height == pytest.approx(0.5, rel=0.01)
    assert height == pytest.approx(1.114, rel=0.01)
