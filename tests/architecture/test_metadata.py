"""metadata.txt as QGIS and its plugin repository demand it."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REQUIRED = """
name description version qgisMinimumVersion qgisMaximumVersion author email about tracker
repository homepage tags icon changelog hasProcessingProvider category
"""


@pytest.fixture(scope="module")
def metadata() -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(ROOT / "metadata.txt", encoding="utf-8")
    return parser["general"]


def engine_version() -> str:
    text = (ROOT / "backend/src/rsrefseg/_version.py").read_text(encoding="utf-8")
    found = re.search(r'__version__ = "(.+)"', text)
    assert found
    return found.group(1)


def test_complete(metadata: configparser.SectionProxy) -> None:
    assert [name for name in REQUIRED.split() if not metadata.get(name)] == []
    assert "plugin" not in metadata["name"].lower()
    assert len(metadata["description"]) <= 250
    assert "External dependencies" in metadata["about"]
    assert metadata["hasProcessingProvider"] == "yes"
    assert metadata["qgisMinimumVersion"] == "3.22"
    assert metadata["qgisMaximumVersion"] == "4.99"
    assert "@" in metadata["email"]
    for name in ("tracker", "repository", "homepage"):
        assert metadata[name].startswith("https://")


def test_icon_is_there(metadata: configparser.SectionProxy) -> None:
    assert (ROOT / "rsrefseg_qgis" / metadata["icon"]).is_file()


def test_one_version(metadata: configparser.SectionProxy) -> None:
    version = metadata["version"]
    assert version == engine_version()
    assert metadata["changelog"].startswith(version)
    newest = re.search(r"^## \[?(\d[^\]\s]*)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)
    assert newest is not None
    assert newest.group(1) == version


def test_qgis_finds_it_in_the_source_tree() -> None:
    assert (ROOT / "rsrefseg_qgis" / "metadata.txt").read_text("utf-8") == (
        ROOT / "metadata.txt"
    ).read_text("utf-8")
