from __future__ import annotations

import builtins

import pytest
from rsrefseg.errors import OutputError
from rsrefseg.geo.vector import check_output, layer_names, read_metadata, result_writer

from tests.support.results import PROVENANCE, fill

NAMES = ["out.gpkg", "out.parquet", "out.GeoParquet"]


@pytest.mark.parametrize("name", NAMES)
def test_the_name_decides_on_the_format(tmp_path, name):
    path = tmp_path / name
    check_output(path, overwrite=False)
    assert fill(result_writer(path, PROVENANCE.created, {"JOB": "abc"})) == 2
    assert path.read_bytes()[:4] == (b"SQLi" if name.endswith("gpkg") else b"PAR1")
    assert read_metadata(path)["JOB"] == "abc"


@pytest.mark.parametrize("name", ["out.shp", "absent/out.gpkg", "absent/out.parquet"])
def test_places_that_cannot_be_written_get_a_sentence(tmp_path, name):
    with pytest.raises(OutputError, match=r": (make|let)"):
        check_output(tmp_path / name, overwrite=False)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_there_is_kept_unless_told_otherwise(tmp_path, name):
    path = tmp_path / name
    path.write_text("mine")
    with pytest.raises(OutputError, match="there already"):
        check_output(path, overwrite=False)
    check_output(path, overwrite=True)
    assert path.read_text() == "mine"


def test_one_file_of_geoparquet_has_one_layer(tmp_path):
    check_output(tmp_path / "out.gpkg", overwrite=False, layer_per_phrase=True)
    with pytest.raises(OutputError, match="leave out --layer-per-phrase"):
        check_output(tmp_path / "out.parquet", overwrite=False, layer_per_phrase=True)


def test_without_its_library_geoparquet_is_refused_with_the_remedy(tmp_path, monkeypatch):
    whole = builtins.__import__

    def lacks(name, *arguments, **options):
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return whole(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", lacks)
    with pytest.raises(OutputError, match=r"'pip install pyarrow' there, or .* \.gpkg"):
        check_output(tmp_path / "out.parquet", overwrite=False)
    check_output(tmp_path / "out.gpkg", overwrite=False)


@pytest.mark.parametrize("name", NAMES)
def test_metadata_of_other_files_is_empty(tmp_path, name):
    path = tmp_path / name
    assert read_metadata(path) == {}
    path.write_text("neither")
    assert read_metadata(path) == {}


def test_layer_names_are_plain_and_no_two_alike():
    names = layer_names(["Red roofs!", "red roofs?", "\u0434\u043e\u043c", "///", "x" * 80])
    assert names["Red roofs!"] == "Red roofs"
    assert names["red roofs?"] == "red roofs 2"
    assert names["\u0434\u043e\u043c"] == "\u0434\u043e\u043c"
    assert names["///"] == "phrase"
    assert len(names["x" * 80]) == 50
