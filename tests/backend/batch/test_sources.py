from __future__ import annotations

import numpy as np
import pytest
import shapely
from rsrefseg.batch.sources import find_phrases, find_rasters
from rsrefseg.errors import InputError, PhraseError, RasterError


@pytest.fixture
def folder(make_raster, tmp_path):
    for name in ("b.tif", "a.tif", "[odd].tif"):
        make_raster(np.zeros((1, 4, 4), np.uint8), name=name)
    (tmp_path / "notes.txt").write_text("x")
    return tmp_path


def names(found):
    return [name.rsplit("/", 1)[-1] for name in found]


def test_files_folders_and_patterns(folder):
    assert names(find_rasters([str(folder / "b.tif")])) == ["b.tif"]
    assert names(find_rasters([str(folder)])) == ["[odd].tif", "a.tif", "b.tif"]
    assert names(find_rasters([str(folder / "?.tif")])) == ["a.tif", "b.tif"]
    assert names(find_rasters([str(folder / "b.tif"), str(folder)])) == [
        "b.tif", "[odd].tif", "a.tif",
    ]  # fmt: skip


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(folder):
    assert names(find_rasters([str(folder / "[odd].tif")])) == ["[odd].tif"]


def test_lists_and_names_that_only_gdal_knows(folder):
    (folder / "list.txt").write_text("# two of them\na.tif\n\nb.tif\n/vsis3/bucket/c.tif\n")
    assert names(find_rasters([f"@{folder / 'list.txt'}"])) == ["a.tif", "b.tif", "c.tif"]
    assert find_rasters(["/vsis3/bucket/c.tif"]) == ["/vsis3/bucket/c.tif"]


def test_names_that_lead_to_nothing_get_a_sentence(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.txt").write_text("\n")
    for name in ("absent.tif", "*.jp2", "empty", "@absent.txt", "@empty.txt"):
        place = f"@{tmp_path / name[1:]}" if name.startswith("@") else str(tmp_path / name)
        with pytest.raises(RasterError, match=":"):
            find_rasters([place])


def test_phrases_from_texts_tables_and_layers(tmp_path):
    (tmp_path / "p.txt").write_text("red roofs\n\nwater\nred roofs\n")
    assert find_phrases(["trees"], tmp_path / "p.txt", "phrase") == ["trees", "red roofs", "water"]
    (tmp_path / "p.csv").write_text('Phrase,n\n"roads, paved",1\n,2\nwater,3\n')
    assert find_phrases([], tmp_path / "p.csv", "phrase") == ["roads, paved", "water"]
    import pyogrio

    pyogrio.raw.write(
        tmp_path / "p.gpkg",
        shapely.to_wkb([shapely.Point(0, 0), shapely.Point(1, 1)]),
        [np.array(["cars", None], dtype=object)],
        ["what"],
        geometry_type="Point",
        crs="EPSG:4326",
    )
    assert find_phrases([], tmp_path / "p.gpkg", "what") == ["cars"]


def test_phrases_that_are_not_there_get_a_sentence(tmp_path):
    (tmp_path / "p.csv").write_text("text\nwater\n")
    with pytest.raises(InputError, match="text"):
        find_phrases([], tmp_path / "p.csv", "phrase")
    with pytest.raises(InputError):
        find_phrases([], tmp_path / "absent.gpkg", "phrase")
    with pytest.raises(InputError):
        find_phrases([], tmp_path / "absent.txt", "phrase")
    with pytest.raises(PhraseError):
        find_phrases([], None, "phrase")
