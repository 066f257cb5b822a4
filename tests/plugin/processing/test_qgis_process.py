"""The algorithms in the program without a window, with JSON out, and in where QGIS reads it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from qgis.core import Qgis, QgsVectorLayer

from rsrefseg_qgis.settings import Settings
from tests.plugin import rasters
from tests.plugin.processing.conftest import ROOT

READS_JSON = Qgis.QGIS_VERSION_INT >= 32400


class Program:
    """`qgis_process` with the plugin.

    Args:
        folder: for its profile.
        settings: which engine.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        found = shutil.which("qgis_process.bin") or shutil.which("qgis_process")
        assert found is not None
        self._program = found
        plugins = folder / "plugins"
        plugins.mkdir()
        (plugins / "rsrefseg_qgis").symlink_to(ROOT / "rsrefseg_qgis")
        self._environment = {
            **os.environ,
            "QGIS_PLUGINPATH": str(plugins),
            "QGIS_CUSTOM_CONFIG_PATH": str(folder / "config"),
            "QT_QPA_PLATFORM": "offscreen",
            "RSREFSEG_ENGINE_PYTHON": settings.engine_python,
            "RSREFSEG_ENGINE_FOLDER": str(folder / "user"),
            "OMP_NUM_THREADS": "1",
        }
        self.call("plugins", "enable", "rsrefseg_qgis")

    def call(self, *arguments: str, stdin: str = "") -> str:
        done = subprocess.run(
            [self._program, *arguments],
            env=self._environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def run(self, name: str, **parameters: Any) -> dict[str, Any]:
        """Run an algorithm; its results."""
        algorithm = f"rsrefseg:{name}"
        if READS_JSON:
            said = self.call("run", algorithm, "-", stdin=json.dumps({"inputs": parameters}))
        else:
            values = [
                f"{key}={item}"
                for key, value in parameters.items()
                for item in (value if isinstance(value, list) else [value])
            ]
            said = self.call("--json", "run", algorithm, "--", *values)
        return json.loads(said[said.index("{") :])["results"]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory, real_settings: Settings) -> Program:
    return Program(tmp_path_factory.mktemp("program"), real_settings)


def test_all_algorithms_are_there_with_help(program: Program) -> None:
    names = "segmentbyphrase segmentmany probabilityraster encodeahead evaluate exportsamples"
    listed = program.call("list")
    for name in [*names.split(), "regularise"]:
        assert f"rsrefseg:{name}\t" in listed
    assert "cases.jsonl" in program.call("help", "rsrefseg:exportsamples")


def test_many_rasters_then_straightened_and_evaluated(program: Program, tmp_path: Path) -> None:
    scenes = []
    for number in range(2):
        pixel = (500000.0 + 60 * number, 0.3, 0.0, 5200000.0, 0.0, -0.3)
        image = rasters.village()
        scenes.append(str(rasters.write(tmp_path / f"{number}.tif", image, pixel)))
    found = str(tmp_path / "found.gpkg")
    result = program.run(
        "segmentmany", RASTERS=scenes, PHRASES="all buildings;trees", THRESHOLD=0.05, OUTPUT=found
    )
    assert (result["OUTPUT"], result["RASTER_COUNT"], result["SKIPPED"]) == (found, 2, 0)
    layer = QgsVectorLayer(f"{found}|layername=found", "x", "ogr")
    assert layer.featureCount() == result["COUNT"] > 0
    straight = str(tmp_path / "straight.gpkg")
    result = program.run("regularise", INPUT=found, TOLERANCE=0.5, OUTPUT=straight)
    assert result["COUNT"] == layer.featureCount()
    report = tmp_path / "report.json"
    result = program.run(
        "evaluate",
        INPUT=straight,
        REFERENCE=found,
        INPUT_PHRASE="phrase",
        REFERENCE_PHRASE="phrase",
        OUTPUT=str(tmp_path / "verdicts.gpkg"),
        REPORT=str(report),
    )
    assert result["TRUE_POSITIVES"] + result["MISSES"] == layer.featureCount()
    assert json.loads(report.read_text(encoding="utf-8"))["iou"] == pytest.approx(result["IOU"])
