"""The zip in a QGIS that has never seen the plugin: qgis_process lists and runs its algorithm."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from osgeo import ogr

ROOT = Path(__file__).parents[2]
# Debian's qgis_process is a wrapper that does not work; where it works there is no .bin.
QGIS_PROCESS = shutil.which("qgis_process.bin") or shutil.which("qgis_process") or "qgis_process"


class Installed:
    """The unpacked zip and a scratch profile."""

    def __init__(self, folder: Path, engine_python: Path) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            "QGIS_PLUGINPATH": str(folder / "plugins"),
            "QGIS_CUSTOM_CONFIG_PATH": str(folder / "profile"),
            "RSREFSEG_ENGINE_PYTHON": str(engine_python),
            "RSREFSEG_ENGINE_FOLDER": str(folder / "user"),
            "QT_QPA_PLATFORM": "offscreen",
            "OMP_NUM_THREADS": "1",
        }
        self.environment.pop("RSREFSEG_WEIGHTS", None)

    def qgis_process(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [QGIS_PROCESS, *arguments],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def installed(
    engine_python: Path, engine_weights: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installed]:
    folder = tmp_path_factory.mktemp("a scratch profile")
    command = [sys.executable, str(ROOT / "tools/package.py"), "-o", str(folder)]
    subprocess.run([*command, "--weights", str(engine_weights)], check=True)
    (archive,) = folder.glob("*.zip")
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder / "plugins")
    made = Installed(folder, engine_python)
    enabled = made.qgis_process("plugins", "enable", "rsrefseg_qgis")
    assert enabled.returncode == 0, enabled.stdout + enabled.stderr
    yield made


def test_the_algorithm_is_listed(installed: Installed) -> None:
    listed = installed.qgis_process("list")
    assert "segmentbyphrase" in listed.stdout, listed.stdout + listed.stderr
    helped = installed.qgis_process("help", "rsrefseg:segmentbyphrase")
    assert "PHRASE" in helped.stdout


def test_the_algorithm_runs_with_what_is_in_the_zip(
    installed: Installed, engine_python: Path
) -> None:
    scene = installed.folder / "scene"
    subprocess.run(
        [str(engine_python), "-m", "rsrefseg", "scenes", "--demo", "-o", str(scene)], check=True
    )
    output = installed.folder / "out.gpkg"
    pairs = {
        "INPUT": str(scene / "demo.tif"),
        "PHRASE": "the red-roofed building left of the road",
        "OUTPUT": str(output),
    }
    run = installed.qgis_process(
        "run", "rsrefseg:segmentbyphrase", "--", *(f"{k}={v}" for k, v in pairs.items())
    )
    assert run.returncode == 0, run.stdout + run.stderr
    dataset = ogr.Open(str(output))
    layer = dataset.GetLayer(0)
    assert layer.GetFeatureCount() >= 1
    assert layer.GetSpatialRef().GetAuthorityCode(None) == "32632"
    fields = {layer.GetLayerDefn().GetFieldDefn(i).GetName() for i in range(8)}
    assert {"phrase", "score", "area_m2", "model"} <= fields


def test_the_engine_source_in_the_zip_is_whole(installed: Installed, engine_python: Path) -> None:
    source = installed.folder / "plugins" / "rsrefseg_qgis" / "engine_dist" / "src"
    code = "import rsrefseg, rsrefseg.models.config as c, json; print(json.dumps(c.list_presets()))"
    run = subprocess.run(
        [str(engine_python), "-c", code],
        env={**os.environ, "PYTHONPATH": str(source)},
        cwd=installed.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "rsrefseg2-tiny" in json.loads(run.stdout)
