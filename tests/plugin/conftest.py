from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from osgeo import gdal, ogr

from rsrefseg_qgis.engine.manager import EngineManager
from rsrefseg_qgis.settings import Settings

HERE = Path(__file__).parent

# As QGIS's own plugins do; GDAL from 3.7 warns of a process that has not chosen.
gdal.UseExceptions()
ogr.UseExceptions()


class MemoryStore(dict):
    """Settings kept in memory, as strings like QgsSettings may give them back."""

    def value(self, key: str, default: Any = None) -> Any:
        return self.get(key, default)

    def setValue(self, key: str, value: Any) -> None:
        self[key] = str(value)

    def remove(self, key: str) -> None:
        self.pop(key, None)


@pytest.fixture
def blob_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings whose engine is the one that finds red areas."""
    for name in list(os.environ):
        if name.startswith("RSREFSEG_"):
            monkeypatch.delenv(name)
    python = tmp_path / "blob python"
    script = shlex.join([sys.executable, str(HERE / "blob_engine.py")])
    python.write_text(f'#!/bin/sh\nexec {script} "$@"\n')
    python.chmod(0o755)
    made = Settings(MemoryStore())
    made.engine_python = str(python)
    made.engine_folder = str(tmp_path / "user")
    made.start_timeout_s = 30.0
    return made


@pytest.fixture
def blob_manager(blob_settings: Settings) -> Iterator[EngineManager]:
    made = EngineManager(blob_settings)
    yield made
    made.stop()
