from __future__ import annotations

import pytest
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransformContext,
    QgsFeature,
    QgsGeometry,
)

from rsrefseg_qgis.errors import LayerError
from rsrefseg_qgis.layers.area import Measure, area_of
from rsrefseg_qgis.layers.result import result_fields

UTM = QgsCoordinateReferenceSystem("EPSG:32633")
NONE = QgsCoordinateReferenceSystem()
CONTEXT = QgsCoordinateTransformContext()
BOW_TIE = "POLYGON((500000 5200000,500010 5200010,500010 5200000,500000 5200010,500000 5200000))"
SQUARE = "POLYGON((500000 5200000,500010 5200000,500010 5200010,500000 5200010,500000 5200000))"


def geometry(wkt: str) -> QgsGeometry:
    return QgsGeometry.fromWkt(wkt)


def found(wkt: str) -> QgsFeature:
    feature = QgsFeature(result_fields())
    feature.setGeometry(geometry(wkt))
    return feature


def test_polygons_are_cut_and_measured_anew() -> None:
    area = area_of([geometry(SQUARE)], UTM, UTM, CONTEXT)
    half = SQUARE.replace("500010", "500005").replace("500000", "499995")
    (cut,) = area.cut([found(half)], Measure(UTM), 0.0)
    assert cut.geometry().area() == pytest.approx(50)
    assert cut["area_m2"] == pytest.approx(50, rel=2e-3)
    assert area.cut([found(half)], Measure(UTM), 60.0) == []
    away = SQUARE.replace("5200", "5300")
    assert area.cut([found(away)], Measure(UTM), 0.0) == []


def test_broken_polygons_still_keep_to_their_area() -> None:
    area = area_of([geometry(BOW_TIE), QgsGeometry()], UTM, UTM, CONTEXT)
    (cut,) = area.cut([found(SQUARE)], Measure(UTM), 0.0)
    assert cut.geometry().area() == pytest.approx(50)
    assert area.touches((500004, 5200001, 500006, 5200004))
    assert not area.touches((500004.9, 5200000, 500005.1, 5200001))


def test_no_polygon_or_no_way_into_the_crs_is_a_sentence() -> None:
    with pytest.raises(LayerError, match="has no polygons"):
        area_of([geometry("POINT(1 1)")], UTM, UTM, CONTEXT)
    world = QgsCoordinateReferenceSystem("EPSG:4326")
    with pytest.raises(LayerError, match="cannot be expressed"):
        area_of([geometry(SQUARE)], world, UTM, CONTEXT)


def test_without_a_crs_nothing_is_said_in_square_metres() -> None:
    area = area_of([geometry(SQUARE)], NONE, NONE, CONTEXT)
    (cut,) = area.cut([found(SQUARE.replace("500010", "500020"))], Measure(NONE), 0.0)
    assert not cut["area_m2"]
    assert Measure(NONE).area_m2(geometry(SQUARE)) is None
    assert Measure(NONE).area(geometry(SQUARE)) == pytest.approx(100)
