from __future__ import annotations

import json
import resource
from contextlib import contextmanager

import numpy as np
import pyarrow
import pyarrow.parquet
import pyogrio
import pyproj
import pytest
import shapely
from rsrefseg.errors import OutputError
from rsrefseg.geo import geoparquet, results
from rsrefseg.geo.geopackage import GeoPackageWriter
from rsrefseg.geo.geoparquet import GeoParquetWriter
from rsrefseg.geo.polygons import PolygonFeature
from rsrefseg.geo.results import LAYER_NAME

from tests.support.results import PROVENANCE, UTM, fill


def geo_of(path):
    """What the file says about its geometry, as any reader of GeoParquet finds it."""
    return json.loads(pyarrow.parquet.read_metadata(path).metadata[b"geo"])


def test_its_metadata_is_that_of_geoparquet_1_1(tmp_path):
    path = tmp_path / "out.parquet"
    assert fill(GeoParquetWriter(path)) == 2
    geo = geo_of(path)
    assert set(geo) == {"version", "primary_column", "columns"}
    assert geo["version"] == "1.1.0"
    about = geo["columns"][geo["primary_column"]]
    assert (about["encoding"], about["geometry_types"]) == ("WKB", ["Polygon"])
    assert about["bbox"] == [0, 0, 21, 9]
    assert about["crs"]["type"] == "ProjectedCRS"
    assert about["crs"]["id"] == {"authority": "EPSG", "code": 32645}
    assert pyproj.CRS.from_json_dict(about["crs"]) == pyproj.CRS(32645)
    column = pyarrow.parquet.read_schema(path).field(geo["primary_column"])
    assert column.type == pyarrow.binary()


def test_it_holds_what_the_geopackage_holds(tmp_path):
    fill(GeoParquetWriter(tmp_path / "out.parquet"))
    fill(GeoPackageWriter(tmp_path / "out.gpkg", PROVENANCE.created))
    found = pyarrow.parquet.read_table(tmp_path / "out.parquet").to_pydict()
    meta, _, geometry, columns = pyogrio.raw.read(tmp_path / "out.gpkg", layer=LAYER_NAME)
    wanted = dict(zip(meta["fields"], columns, strict=True))
    assert [*found] == [*wanted, "geometry"]
    assert found.pop("geometry") == [bytes(wkb) for wkb in geometry]
    assert found.pop("area_m2") == [77.0, None]
    assert np.isnan(wanted.pop("area_m2")[1])
    times = [time.replace(tzinfo=None) for time in found.pop("created")]
    assert times == wanted.pop("created").astype("datetime64[us]").tolist()
    assert found == {name: values.tolist() for name, values in wanted.items()}


def test_no_polygons_and_no_crs_still_make_a_file(tmp_path):
    path = tmp_path / "out.parquet"
    assert fill(GeoParquetWriter(path), [("x", [])], None) == 0
    about = geo_of(path)["columns"]["geometry"]
    assert about["crs"] is None
    assert "bbox" not in about
    assert pyarrow.parquet.read_table(path).num_rows == 0


def write_in_pieces(path, pieces=40):
    with GeoParquetWriter(path, {"JOB": "abc"}) as writer:
        for i in range(pieces):
            boxes = [PolygonFeature(shapely.box(j, i, j + 1, i + 1), 0.5, 1.0) for j in range(50)]
            writer.add("red", boxes, UTM, PROVENANCE)
        writer.commit()


def test_polygons_are_written_as_they_come_and_always_as_the_same_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "CHUNK", 300)
    one, other = tmp_path / "one.parquet", tmp_path / "other.parquet"
    write_in_pieces(one)
    write_in_pieces(other)
    file = pyarrow.parquet.read_metadata(one)
    assert (file.num_rows, file.num_row_groups) == (2000, 7)
    assert geo_of(one)["columns"]["geometry"]["bbox"] == [0, 0, 50, 40]
    assert geoparquet.read_metadata(one)["JOB"] == "abc"
    assert one.read_bytes() == other.read_bytes()


def test_leaving_without_a_commit_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "CHUNK", 1)
    path = tmp_path / "out.parquet"
    path.write_text("mine")
    with GeoParquetWriter(path) as writer:
        writer.add("red", [PolygonFeature(shapely.box(0, 0, 1, 1), 0.5, 1.0)], UTM, PROVENANCE)
        assert len(list(tmp_path.iterdir())) == 2
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_text() == "mine"


@contextmanager
def no_room():
    """No file can grow beyond 4 kB, as on a disk that is full; not for long: pytest writes too."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("pieces", [1, 200])
def test_a_full_disk_gets_a_sentence_and_no_half_file(tmp_path, monkeypatch, pieces):
    """Met while polygons are written, or when the file is completed."""
    monkeypatch.setattr(results, "CHUNK", 300)
    with pytest.raises(OutputError, match="disk"), no_room():
        write_in_pieces(tmp_path / "out.parquet", pieces)
    assert list(tmp_path.iterdir()) == []
