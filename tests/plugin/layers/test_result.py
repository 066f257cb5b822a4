from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsFillSymbol,
    QgsProject,
    QgsRasterLayer,
    QgsSingleSymbolRenderer,
    QgsVectorLayer,
)

from rsrefseg_qgis.errors import LayerError
from rsrefseg_qgis.layers.provenance import RunRecord
from rsrefseg_qgis.layers.result import (
    FoundPolygon,
    add_above,
    build_features,
    geometry_from_geojson,
    layer_name,
    make_layer,
    record_of,
)
from tests.plugin import rasters

RING = [[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 4.0], [0.0, 0.0]]
HOLE = [[1.0, 1.0], [1.0, 2.0], [2.0, 2.0], [2.0, 1.0], [1.0, 1.0]]
UTM = QgsCoordinateReferenceSystem("EPSG:32633")


@pytest.fixture
def record() -> RunRecord:
    return RunRecord(
        phrase="the red roof",
        layer_id="raster_1",
        layer_name="scene",
        source="/data/scene.tif",
        extent=(0.0, 0.0, 10.0, 10.0),
        crs="EPSG:32633",
        resolution=None,
        ground_resolution_m=None,
        threshold=0.5,
        min_area_m2=0.0,
        simplify_m=0.0,
        model="tiny",
        model_hash="ab" * 32,
        engine_version="0.1.0",
        created="2026-05-01T12:00:00+02:00",
        score=0.9,
        presence=None,
        count=1,
    )


def polygon(score: float = 0.8) -> FoundPolygon:
    return FoundPolygon({"type": "Polygon", "coordinates": [RING, HOLE]}, score, 15.0)


def test_geometry_keeps_holes() -> None:
    geometry = geometry_from_geojson({"type": "Polygon", "coordinates": [RING, HOLE]})
    assert geometry.area() == 15.0
    assert geometry.isGeosValid()


def test_multipolygon_and_nonsense() -> None:
    triangle = [[9, 9], [10, 9], [10, 10], [9, 9]]
    both = {"type": "MultiPolygon", "coordinates": [[RING], [triangle]]}
    assert geometry_from_geojson(both).area() == 16.5
    for wrong in ({}, {"type": "Point", "coordinates": [0, 0]}, {"type": "Polygon"}):
        with pytest.raises(LayerError):
            geometry_from_geojson(wrong)


def test_layer_carries_fields_and_how_it_was_made(record: RunRecord, qgis_app: object) -> None:
    features = build_features(record, [polygon(), polygon(0.7)])
    layer = make_layer(record, features, UTM)
    assert layer.isValid()
    assert layer.crs() == UTM
    assert layer.name() == "the red roof"
    names = [
        "phrase",
        "score",
        "area_m2",
        "model",
        "model_hash",
        "source",
        "engine_version",
        "created",
    ]
    assert [field.name() for field in layer.fields()] == names
    first = next(layer.getFeatures())
    assert first["score"] == 0.8
    assert first["area_m2"] == 15.0
    assert first["created"].isValid()
    assert record_of(layer) == record
    assert "the red roof" in layer.metadata().abstract()


def test_unknown_area_is_null(record: RunRecord, qgis_app: object) -> None:
    nothing_known = dataclasses.replace(polygon(), area_m2=None)
    layer = make_layer(record, build_features(record, [nothing_known]), UTM)
    assert not next(layer.getFeatures())["area_m2"]


def test_no_crs_stays_no_crs(record: RunRecord, qgis_app: object) -> None:
    layer = make_layer(record, build_features(record, [polygon()]), QgsCoordinateReferenceSystem())
    assert not layer.crs().isValid()


def test_custom_crs_is_kept(record: RunRecord, qgis_app: object) -> None:
    custom = QgsCoordinateReferenceSystem.fromProj("+proj=tmerc +lat_0=3 +lon_0=7 +k=1 +units=m")
    layer = make_layer(record, build_features(record, [polygon()]), custom)
    assert layer.crs() == custom


def test_result_goes_right_above_its_raster(
    record: RunRecord, qgis_new_project: None, tmp_path: Path
) -> None:
    project = QgsProject.instance()
    path = str(rasters.write(tmp_path / "a.tif", rasters.rgb()))
    under, raster = QgsRasterLayer(path, "under"), QgsRasterLayer(path, "raster")
    over = QgsVectorLayer("Point", "over", "memory")
    project.addMapLayers([under], False)
    group = project.layerTreeRoot().addGroup("pictures")
    project.addMapLayers([raster, over], False)
    for layer in (over, raster, under):
        group.addLayer(layer)
    add_above(make_layer(record, [], UTM), raster.id(), project)
    assert [node.name() for node in group.children()] == ["over", "the red roof", "raster", "under"]


def test_result_of_a_vanished_raster_goes_on_top(record: RunRecord, qgis_new_project: None) -> None:
    project = QgsProject.instance()
    project.addMapLayer(QgsVectorLayer("Point", "other", "memory"))
    add_above(make_layer(record, [], UTM), "gone", project)
    names = [node.name() for node in project.layerTreeRoot().children()]
    assert names == ["the red roof", "other"]


def test_record_survives_json_and_strangers(record: RunRecord) -> None:
    assert RunRecord.from_json(record.to_json()) == record
    assert RunRecord.from_json(record.to_json()[:-1] + ', "future": 1}') == record
    for text in ("", "[]", "{}", "nonsense", '{"extent": 3}'):
        assert RunRecord.from_json(text) is None


def test_long_phrases_make_short_names() -> None:
    assert layer_name("a\n  b") == "a b"
    assert len(layer_name("word " * 400)) <= 60


def test_the_users_own_style(record: RunRecord, tmp_path: Path) -> None:
    styled = make_layer(record, [], UTM)
    symbol = QgsFillSymbol.createSimple({"color": "1,2,3"})
    styled.setRenderer(QgsSingleSymbolRenderer(symbol))
    path = str(tmp_path / "own.qml")
    styled.saveNamedStyle(path)
    own, plain, missing = (
        make_layer(record, [], UTM, style) for style in (path, "", str(tmp_path / "gone.qml"))
    )
    assert own.renderer().symbol().color().name() == "#010203"
    assert missing.renderer().symbol().color() == plain.renderer().symbol().color()
