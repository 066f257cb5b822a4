from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rsrefseg_qgis.engine.manager import EngineManager
from rsrefseg_qgis.settings import Settings

ROOT = Path(__file__).parents[2]
MAKE_WEIGHTS = """
import sys
from rsrefseg.models.build import build_model
from rsrefseg.models.config import load_preset
from rsrefseg.weights.files import save_model
save_model(build_model(load_preset("rsrefseg2-tiny")), sys.argv[1])
"""


class DictStore(dict):
    def value(self, key: str, default: Any = None) -> Any:
        return self.get(key, default)

    def setValue(self, key: str, value: Any) -> None:
        self[key] = str(value)

    def remove(self, key: str) -> None:
        self.pop(key, None)


@pytest.fixture(scope="session")
def engine_python() -> Path:
    """The Python that has the real engine; `make test` sets the variable."""
    chosen = os.environ.get("RSREFSEG_ENGINE_PYTHON")
    path = Path(chosen) if chosen else ROOT / ".venv/engine/bin/python"
    assert path.exists(), "run `make dev` first, or set RSREFSEG_ENGINE_PYTHON"
    return path


@pytest.fixture(scope="session")
def engine_weights(engine_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled weights; an untrained model where a checkout has none."""
    bundled = ROOT / "resources/weights/rsrefseg2-tiny.safetensors"
    if bundled.is_file():
        return bundled
    path = tmp_path_factory.mktemp("weights") / "untrained.safetensors"
    subprocess.run([str(engine_python), "-c", MAKE_WEIGHTS, str(path)], check=True)
    return path


@pytest.fixture(scope="module")
def settings(
    engine_python: Path, engine_weights: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    made = Settings(DictStore())
    made.engine_python = str(engine_python)
    made.weights = str(engine_weights)
    made.engine_folder = str(tmp_path_factory.mktemp("user"))
    made.start_timeout_s = 600.0  # the machine may be busy
    with pytest.MonkeyPatch.context() as patched:
        # one thread: on a busy machine several that wait for each other take many times longer
        patched.setenv("OMP_NUM_THREADS", "1")
        yield made


@pytest.fixture(scope="module")
def manager(settings: Settings) -> Iterator[EngineManager]:
    """One engine for a module's tests: starting one takes seconds."""
    made = EngineManager(settings)
    yield made
    made.stop()
