from __future__ import annotations

import pytest
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCoordinateTransformContext,
    QgsFeature,
    QgsGeometry,
    QgsProject,
    QgsVectorLayer,
)

from rsrefseg_qgis.errors import LayerError
from rsrefseg_qgis.layers.relations import Relation, related, take_rule

UTM = QgsCoordinateReferenceSystem("EPSG:32633")
X, Y = 500000.0, 5200000.0
EXTENT = (X, Y, X + 200.0, Y + 200.0)


def square(x: float, y: float, side: float = 10.0) -> QgsFeature:
    """A square around a place, in metres from the extent's corner."""
    half = side / 2
    ring = [(x - half, y - half), (x + half, y - half), (x + half, y + half), (x - half, y + half)]
    points = ", ".join(f"{X + a} {Y + b}" for a, b in [*ring, ring[0]])
    feature = QgsFeature()
    feature.setGeometry(QgsGeometry.fromWkt(f"MultiPolygon((({points})))"))
    return feature


def layer(
    *wkts: str, kind: str = "LineString", crs: QgsCoordinateReferenceSystem = UTM
) -> QgsVectorLayer:
    """A layer whose WKT is in metres from the extent's corner."""
    made = QgsVectorLayer(kind, "ours", "memory")
    made.setCrs(crs)
    features = []
    for wkt in wkts:
        geometry = QgsGeometry.fromWkt(wkt)
        geometry.translate(X, Y)
        geometry.transform(QgsCoordinateTransform(UTM, crs, QgsProject.instance()))
        feature = QgsFeature()
        feature.setGeometry(geometry)
        features.append(feature)
    made.dataProvider().addFeatures(features)
    return made


def kept(
    relation: Relation,
    ours: QgsVectorLayer,
    features: list[QgsFeature],
    distance_m: float = 0.0,
    tolerance_m: float = 0.0,
) -> list[int]:
    """Which of the features are kept."""
    rule = take_rule(relation, ours, distance_m, QgsCoordinateTransformContext())
    left = related(rule, features, UTM, EXTENT, tolerance_m)
    return [features.index(feature) for feature in left]


ROAD = "LineString(100 -50, 100 250)"
AROUND = [(50.0, 100.0), (150.0, 100.0)]


@pytest.mark.parametrize("authid", ["EPSG:32633", "EPSG:4326", "EPSG:3857", "EPSG:3035"])
def test_left_and_right_of_a_road_in_any_crs(qgis_app: object, authid: str) -> None:
    road = layer(ROAD, crs=QgsCoordinateReferenceSystem(authid))
    squares = [square(*place) for place in AROUND]
    assert kept(Relation.LEFT, road, squares) == [0]
    assert kept(Relation.RIGHT, road, squares) == [1]
    assert kept(Relation.ABOVE, road, squares) == []


def test_above_and_below(qgis_app: object) -> None:
    street = layer("LineString(-50 100, 250 100)")
    squares = [square(100, 150), square(100, 50)]
    assert kept(Relation.ABOVE, street, squares) == [0]
    assert kept(Relation.BELOW, street, squares) == [1]
    assert kept(Relation.LEFT, street, squares) == []


def test_beside_a_diagonal_is_both_left_and_above(qgis_app: object) -> None:
    diagonal = layer("LineString(0 0, 200 200)")
    squares = [square(60, 140), square(140, 60)]
    assert kept(Relation.LEFT, diagonal, squares) == [0]
    assert kept(Relation.ABOVE, diagonal, squares) == [0]
    assert kept(Relation.RIGHT, diagonal, squares) == [1]


def test_the_nearest_feature_counts(qgis_app: object) -> None:
    roads = layer("LineString(20 -50, 20 250)", "LineString(180 -50, 180 250)")
    assert kept(Relation.LEFT, roads, [square(60, 100), square(140, 100)]) == [1]


@pytest.mark.parametrize("authid", ["EPSG:32633", "EPSG:4326", "EPSG:3857"])
def test_within_metres_on_the_ground(qgis_app: object, authid: str) -> None:
    # the squares' edges are 5, 15 and 45 m from the road; 3857 is stretched by half here
    road = layer(ROAD, crs=QgsCoordinateReferenceSystem(authid))
    squares = [square(90, 100), square(120, 100), square(150, 100)]
    assert kept(Relation.WITHIN, road, squares, 14.9) == [0]
    assert kept(Relation.WITHIN, road, squares, 15.1) == [0, 1]
    assert kept(Relation.WITHIN, road, squares, 46.0) == [0, 1, 2]


def test_touching_forgives_a_pixel(qgis_app: object) -> None:
    road = layer(ROAD)
    squares = [square(100, 100), square(94.8, 50), square(80, 50)]
    assert kept(Relation.TOUCHING, road, squares) == [0]
    assert kept(Relation.TOUCHING, road, squares, tolerance_m=0.3) == [0, 1]


def test_inside_several_neighbouring_polygons(qgis_app: object) -> None:
    fields = layer(
        "Polygon((0 0, 50 0, 50 100, 0 100, 0 0))",
        "Polygon((50 0, 100 0, 100 100, 50 100, 50 0))",
        kind="Polygon",
    )
    squares = [square(50, 50), square(99, 50), square(104, 50), square(150, 150)]
    assert kept(Relation.INSIDE, fields, squares) == [0]


def test_nothing_is_inside_of_a_line(qgis_app: object) -> None:
    with pytest.raises(LayerError, match="no polygons"):
        take_rule(Relation.INSIDE, layer(ROAD), 0.0, QgsCoordinateTransformContext())


def test_layer_elsewhere_is_a_sentence(qgis_app: object) -> None:
    far = layer("LineString(90000 0, 90000 10)")
    with pytest.raises(LayerError, match="no features near"):
        kept(Relation.LEFT, far, [square(50, 50)])


def test_invalid_polygon_of_the_user_is_no_obstacle(qgis_app: object) -> None:
    bow_tie = layer("Polygon((0 0, 100 100, 100 0, 0 100, 0 0))", kind="Polygon")
    assert kept(Relation.INSIDE, bow_tie, [square(15, 50), square(50, 85)]) == [0]


def test_raster_without_crs_takes_coordinates_as_they_are(qgis_app: object) -> None:
    road = layer(ROAD)
    rule = take_rule(Relation.WITHIN, road, 10.0, QgsCoordinateTransformContext())
    squares = [square(90, 100), square(150, 100)]
    left = related(rule, squares, QgsCoordinateReferenceSystem(), EXTENT)
    assert left == [squares[0]]
