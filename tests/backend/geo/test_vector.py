from __future__ import annotations

from datetime import datetime, timezone

import numpy as np
import pyogrio
import pyproj
import pytest
import shapely
from rsrefseg.errors import OutputError
from rsrefseg.geo import vector
from rsrefseg.geo.polygons import PolygonFeature
from rsrefseg.geo.vector import Provenance, write_geopackage

UTM = pyproj.CRS(32645).to_wkt()
PROVENANCE = Provenance(
    "tiny", "ab" * 32, "scene.tif", "0.1.0", datetime(2026, 3, 4, 5, 6, 7, tzinfo=timezone.utc)
)
HOLED = shapely.Polygon([(0, 0), (9, 0), (9, 9), (0, 9)], [[(2, 2), (2, 4), (4, 4), (4, 2)]])
RESULTS = [
    ("the red roofs", [PolygonFeature(HOLED, 0.75, 77.0)]),
    ("nothing", []),
    ("дом", [PolygonFeature(shapely.box(20, 0, 21, 1), 0.5, None)]),
]


def test_every_field_arrives(tmp_path):
    path = tmp_path / "out.gpkg"
    assert write_geopackage(path, RESULTS, UTM, PROVENANCE) == 2
    meta, _, geometry, columns = pyogrio.raw.read(path)
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


def test_no_polygons_and_no_crs_still_make_a_layer(tmp_path):
    path = tmp_path / "out.gpkg"
    assert write_geopackage(path, [("x", [])], None, PROVENANCE) == 0
    info = pyogrio.read_info(path)
    assert info["features"] == 0
    assert info["crs"] is None
    assert "phrase" in info["fields"].tolist()


def test_what_is_there_is_kept_unless_told_otherwise(tmp_path):
    path = tmp_path / "out.gpkg"
    path.write_text("mine")
    with pytest.raises(OutputError, match="there already"):
        write_geopackage(path, RESULTS, UTM, PROVENANCE)
    assert path.read_text() == "mine"
    write_geopackage(path, RESULTS, UTM, PROVENANCE, overwrite=True)
    assert pyogrio.read_info(path)["features"] == 2


@pytest.mark.parametrize("name", ["out.shp", "absent/out.gpkg"])
def test_places_that_cannot_be_written_get_a_sentence(tmp_path, name):
    with pytest.raises(OutputError, match=":"):
        write_geopackage(tmp_path / name, RESULTS, UTM, PROVENANCE)


def test_a_failure_half_way_leaves_nothing(tmp_path, monkeypatch):
    path = tmp_path / "out.gpkg"
    path.write_text("mine")
    whole = vector.pyogrio.raw.write

    def breaks_off(place, *arguments, **options):
        whole(place, *arguments, **options)
        raise OSError("No space left on device")

    monkeypatch.setattr(vector.pyogrio.raw, "write", breaks_off)
    with pytest.raises(OutputError, match="disk"):
        write_geopackage(path, RESULTS, UTM, PROVENANCE, overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == ["out.gpkg"]
    assert path.read_text() == "mine"
