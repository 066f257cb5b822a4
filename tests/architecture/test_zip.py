"""The zip as the QGIS plugin repository demands it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BINARIES = {".so", ".dll", ".exe", ".pyd", ".dylib", ".whl", ".egg", ".pyc", ".pyo", ".a", ".zip"}
WEIGHTS = ROOT / "resources/weights/rsrefseg2-tiny.safetensors"


def build(folder: Path) -> Path:
    command = [sys.executable, str(ROOT / "tools/package.py"), "-o", str(folder)]
    if not WEIGHTS.is_file():  # a checkout before its first training: the rules hold all the same
        (folder / "weights").write_bytes(b"\0" * 1000)
        command += ["--weights", str(folder / "weights")]
    run = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    (archive,) = folder.glob("*.zip")
    return archive


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="module")
def names(archive: Path) -> list[str]:
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        return opened.namelist()


def test_size(archive: Path) -> None:
    assert archive.stat().st_size <= 25_000_000


def test_one_top_folder_that_is_an_identifier(names: list[str]) -> None:
    (top,) = {name.split("/")[0] for name in names}
    assert top == "rsrefseg_qgis"
    assert top.isidentifier()


def test_nothing_that_is_refused(names: list[str]) -> None:
    assert len(set(names)) == len(names)
    for name in names:
        path = Path(name)
        assert path.suffix not in BINARIES, name
        assert not {"__pycache__", ".git", "__MACOSX", ".DS_Store"} & set(path.parts), name
        assert "\\" not in name
        assert not name.startswith("/")
        assert ".." not in path.parts


def test_what_must_be_inside(names: list[str]) -> None:
    wanted = {
        "rsrefseg_qgis/__init__.py",
        "rsrefseg_qgis/metadata.txt",
        "rsrefseg_qgis/LICENSE",
        "rsrefseg_qgis/resources/icons/rsrefseg.svg",
        "rsrefseg_qgis/resources/weights/rsrefseg2-tiny.safetensors",
        "rsrefseg_qgis/docs/guide.md",
        "rsrefseg_qgis/docs/guide.de.md",
        "rsrefseg_qgis/docs/images/guide/result.png",
        "rsrefseg_qgis/i18n/rsrefseg_de.qm",
        "rsrefseg_qgis/i18n/rsrefseg_fr.qm",
        "rsrefseg_qgis/engine_dist/pyproject.toml",
        "rsrefseg_qgis/engine_dist/constraints.txt",
        "rsrefseg_qgis/engine_dist/src/rsrefseg/__main__.py",
        "rsrefseg_qgis/engine_dist/src/rsrefseg/models/presets/rsrefseg2-tiny.json",
    }
    assert wanted - set(names) == set()


def test_same_sources_same_bytes(archive: Path, tmp_path: Path) -> None:
    assert build(tmp_path).read_bytes() == archive.read_bytes()
