from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from rsrefseg.data.cases import read_cases, read_mask, read_rgb
from rsrefseg.data.generated import CRS, write_demo
from rsrefseg.geo.raster import open_raster
from rsrefseg.scenes import Scene
from rsrefseg.scenes.demo import COLS, DEMO_PHRASE, ROWS, demo_scene


@pytest.fixture(scope="module")
def scene() -> Scene:
    return demo_scene()


def test_one_red_roof_left_of_the_road(scene: Scene) -> None:
    assert scene.image.shape == (ROWS, COLS, 3)
    (case,) = scene.cases
    assert case.phrase == DEMO_PHRASE
    (target,) = case.target_ids
    buildings = {s.id: s for s in scene.view.members("building")}
    road = np.isin(scene.view.ids, [s.id for s in scene.view.members("road")])
    for ident, s in buildings.items():
        left = s.cx < np.flatnonzero(road[int(s.cy)]).min()
        if left and ident != target:
            assert not {"red", "orange"} & (s.sure | s.maybe)
    red = [s for s in buildings.values() if "red" in s.sure]
    assert buildings[target] in red
    assert sum(s.cx > COLS / 2 for s in red) >= 1
    assert case.mask.sum() > 1000


def test_files(tmp_path: Path, scene: Scene) -> None:
    path = write_demo(tmp_path)
    with open_raster(path) as raster:
        assert raster.width == COLS
        assert raster.crs is not None
        assert "32632" in raster.crs or "32N" in raster.crs
        assert raster.transform.a == pytest.approx(0.25)
        origin = raster.transform.c, raster.transform.f
    (record,) = read_cases(tmp_path / "cases.jsonl")
    assert np.array_equal(read_rgb(record.image), scene.image)
    mask = read_mask(record.mask) > 0
    assert np.array_equal(mask, scene.cases[0].mask)
    truth = json.loads((tmp_path / "demo_truth.geojson").read_text())
    assert CRS.rpartition(":")[2] in truth["crs"]["properties"]["name"]
    ring = np.concatenate([f["geometry"]["coordinates"][0] for f in truth["features"]])
    cols, rows = (ring[:, 0] - origin[0]) / 0.25, (origin[1] - ring[:, 1]) / 0.25
    ys, xs = np.nonzero(mask)
    assert (cols.min(), cols.max()) == (xs.min(), xs.max() + 1)
    assert (rows.min(), rows.max()) == (ys.min(), ys.max() + 1)
