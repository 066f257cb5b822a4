"""`make demo`'s own way: the real QGIS desktop in a real window."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from osgeo import ogr

ROOT = Path(__file__).parents[2]
TRAINED = ROOT / "resources/weights/rsrefseg2-tiny.safetensors"


def demo(
    engine_python: Path, weights: Path, out: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(engine_python), str(ROOT / "resources/demo/run.py")],
        env={
            **os.environ,
            "RSREFSEG_WEIGHTS": str(weights),
            "OMP_NUM_THREADS": "1",
            "DEMO_OUT": str(out),
            "DEMO_WAIT_S": "600",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_phrase_to_geopackage_in_the_desktop(
    engine_python: Path, engine_weights: Path, tmp_path: Path
) -> None:
    run = demo(engine_python, engine_weights, tmp_path)
    assert run.returncode == 0, run.stderr
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert report["phrase"] == "the red-roofed building left of the road"
    assert report["crs"] == "EPSG:32632"
    assert report["features"] >= 1
    assert 0 < report["first_polygons_warm_s"] < report["first_polygons_cold_s"]
    if engine_weights == TRAINED:
        assert report["iou"] >= 0.6
    assert (tmp_path / "screenshot.png").stat().st_size > 20_000
    dataset = ogr.Open(str(tmp_path / "result.gpkg"))  # kept: its layers die with it
    layer = dataset.GetLayer(0)
    assert layer.GetFeatureCount() == report["features"]
    assert layer.GetSpatialRef().GetAuthorityCode(None) == "32632"


@pytest.mark.slow
def test_a_demo_that_fails_says_so(
    engine_python: Path, engine_weights: Path, tmp_path: Path
) -> None:
    raster = tmp_path / "no raster.tif"
    raster.write_text("not a picture")
    run = demo(engine_python, engine_weights, tmp_path / "out", DEMO_RASTER=str(raster))
    assert run.returncode == 1
    assert "cannot open" in run.stderr
    assert not (tmp_path / "out" / "report.json").exists()
