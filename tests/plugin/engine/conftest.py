from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rsrefseg_qgis.engine.manager import EngineManager
from rsrefseg_qgis.settings import Settings

FAKE = Path(__file__).with_name("fake_engine.py")


class DictStore(dict):
    """Settings kept in memory, as strings like QgsSettings may give them back."""

    def value(self, key: str, default: Any = None) -> Any:
        return self.get(key, default)

    def setValue(self, key: str, value: Any) -> None:
        self[key] = str(value)

    def remove(self, key: str) -> None:
        self.pop(key, None)


@pytest.fixture
def fake_python(tmp_path: Path) -> Path:
    """A Python that runs the stand-in whatever module it is asked for; its path has a space."""
    path = tmp_path / "a folder" / "python"
    path.parent.mkdir()
    script = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(FAKE))} "$@"\n'
    path.write_text(script)
    path.chmod(0o755)
    return path


@pytest.fixture
def settings(fake_python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in list(os.environ):
        if name.startswith("RSREFSEG_"):
            monkeypatch.delenv(name)
    made = Settings(DictStore())
    made.engine_python = str(fake_python)
    made.engine_folder = str(tmp_path / "user")
    made.start_timeout_s = 20.0
    return made


@pytest.fixture
def manager(settings: Settings) -> Iterator[EngineManager]:
    made = EngineManager(settings)
    yield made
    made.stop()
