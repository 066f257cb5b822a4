from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from datetime import datetime
from xml.etree import ElementTree

import numpy as np
import pyogrio
import pyproj
import pytest
import shapely
from rsrefseg.errors import OutputError
from rsrefseg.geo import geopackage, results
from rsrefseg.geo.geopackage import GeoPackageWriter, read_metadata
from rsrefseg.geo.polygons import PolygonFeature
from rsrefseg.geo.results import LAYER_NAME

from tests.support.results import HOLED, PROVENANCE, RESULTS, UTM, fill


def test_every_field_arrives(tmp_path):
    path = tmp_path / "out.gpkg"
    assert fill(GeoPackageWriter(path, PROVENANCE.created)) == 2
    meta, _, geometry, columns = pyogrio.raw.read(path, layer=LAYER_NAME)
    rows = dict(zip(meta["fields"], columns, strict=True))
    assert pyproj.CRS(meta["crs"]) == pyproj.CRS(32645)
    assert meta["geometry_type"] == "Polygon"
    assert rows["phrase"].tolist() == ["the red roofs", "дом"]
    assert rows["score"].tolist() == [0.75, 0.5]
    assert rows["area_m2"][0] == 77.0
    assert np.isnan(rows["area_m2"][1])
    assert rows["model"].tolist() == ["tiny"] * 2
    assert rows["model_hash"].tolist() == ["ab" * 32] * 2
    assert rows["source"].tolist() == ["scene.tif"] * 2
    assert rows["engine_version"].tolist() == ["0.1.0"] * 2
    assert rows["created"][0].astype("datetime64[s]").item() == datetime(2026, 3, 4, 5, 6, 7)
    assert shapely.from_wkb(geometry[0]).equals(HOLED)
    assert [p.name for p in tmp_path.iterdir()] == ["out.gpkg"]


def test_polygons_of_another_crs_are_brought_into_the_layer_s(tmp_path):
    path = tmp_path / "out.gpkg"
    square = shapely.box(499_990, 3_049_990, 500_010, 3_050_010)  # on the zone's middle: 87 east
    to = pyproj.Transformer.from_crs(32645, 32644, always_xy=True)
    corners = shapely.get_coordinates(square)
    same = shapely.Polygon(np.column_stack(to.transform(corners[:, 0], corners[:, 1])))
    other = pyproj.CRS(32644).to_wkt()
    with GeoPackageWriter(path, PROVENANCE.created) as writer:
        writer.add("a", [PolygonFeature(square, 0.5, 400.0)], UTM, PROVENANCE)
        writer.add("a", [PolygonFeature(same, 0.25, 400.0)], other, PROVENANCE)
        writer.commit()
    meta, _, geometry, columns = pyogrio.raw.read(path, layer=LAYER_NAME)
    one, two = shapely.from_wkb(geometry)
    assert pyproj.CRS(meta["crs"]) == pyproj.CRS(32645)
    assert one.equals(square)
    assert two.symmetric_difference(square).area < 1e-3
    assert columns[list(meta["fields"]).index("score")].tolist() == [0.5, 0.25]


def test_no_polygons_and_no_crs_still_make_a_layer(tmp_path):
    path = tmp_path / "out.gpkg"
    assert fill(GeoPackageWriter(path, PROVENANCE.created), [("x", [])], None) == 0
    info = pyogrio.read_info(path, layer=LAYER_NAME)
    assert info["features"] == 0
    assert info["crs"] is None
    assert "phrase" in info["fields"].tolist()


def test_a_failure_half_way_leaves_nothing(tmp_path, monkeypatch):
    path = tmp_path / "out.gpkg"
    path.write_text("mine")
    whole = geopackage.pyogrio.raw.write

    def breaks_off(place, *arguments, **options):
        whole(place, *arguments, **options)
        raise OSError("No space left on device")

    monkeypatch.setattr(geopackage.pyogrio.raw, "write", breaks_off)
    with pytest.raises(OutputError, match="disk"):
        fill(GeoPackageWriter(path, PROVENANCE.created))
    assert [p.name for p in tmp_path.iterdir()] == ["out.gpkg"]
    assert path.read_text() == "mine"


def write_in_pieces(path, pieces=40):
    with GeoPackageWriter(path, PROVENANCE.created, metadata={"JOB": "abc"}) as writer:
        for i in range(pieces):
            boxes = [PolygonFeature(shapely.box(j, i, j + 1, i + 1), 0.5, 1.0) for j in range(50)]
            writer.add("red", boxes, UTM, PROVENANCE)
            writer.add("blue", boxes[:7], UTM, PROVENANCE, layer="blue things")
        writer.add("green", [], UTM, PROVENANCE, layer="nothing")
        writer.commit()


def test_polygons_are_written_as_they_come(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "CHUNK", 300)
    path = tmp_path / "out.gpkg"
    write_in_pieces(path)
    counts = {
        layer: pyogrio.read_info(path, layer=layer)["features"]
        for layer in (LAYER_NAME, "blue things", "nothing")
    }
    assert counts == {LAYER_NAME: 2000, "blue things": 280, "nothing": 0}
    assert read_metadata(path) == {"JOB": "abc"}


def test_the_same_polygons_give_the_same_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "CHUNK", 300)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_in_pieces(tmp_path / folder / "out.gpkg")
        time.sleep(1.1)
    assert (tmp_path / "a/out.gpkg").read_bytes() == (tmp_path / "b/out.gpkg").read_bytes()


def test_leaving_without_a_commit_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "CHUNK", 1)
    with GeoPackageWriter(tmp_path / "out.gpkg", PROVENANCE.created) as writer:
        writer.add(*RESULTS[0], UTM, PROVENANCE)
    assert list(tmp_path.iterdir()) == []


def test_the_style_of_each_layer_lies_in_the_file(tmp_path):
    path = tmp_path / "out.gpkg"
    fill(GeoPackageWriter(path, PROVENANCE.created), [('a <b> & "c"', []), ("red", [])])
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute(
            "SELECT f_table_name, styleQML, useAsDefault FROM layer_styles"
        ).fetchall()
    ((name, qml, default),) = rows
    assert (name, default) == (LAYER_NAME, 1)
    values = [c.get("value") for c in ElementTree.fromstring(qml).iter("category")]
    assert values == ['a <b> & "c"', "red"]
