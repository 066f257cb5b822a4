"""The Toolbox with the real engine: one process for all tests, since starting takes seconds."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from qgis.core import QgsApplication, QgsLayerTreeModel, QgsProcessingFeedback, QgsProject
from qgis.gui import QgsLayerTreeView

from rsrefseg_qgis.engine.manager import EngineManager
from rsrefseg_qgis.processing.provider import RSRefSegProvider
from rsrefseg_qgis.settings import Settings
from tests.plugin.conftest import MemoryStore

ROOT = Path(__file__).parents[3]


class Feedback(QgsProcessingFeedback):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__(False)
        self.said: list[str] = []
        self.steps: list[float] = []
        self.progressChanged.connect(self.steps.append)

    def pushInfo(self, info: str) -> None:
        self.said.append(info)

    def pushWarning(self, warning: str) -> None:
        self.said.append(warning)

    def reportError(self, error: str, fatalError: bool = False) -> None:
        self.said.append(error)

    def setProgressText(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def feedback() -> Feedback:
    return Feedback()


@pytest.fixture
def layer_tree(qgis_iface: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """From 3.44 on QGIS loads results through its window's layer tree: a real one is needed."""
    view = QgsLayerTreeView()
    view.setModel(QgsLayerTreeModel(QgsProject.instance().layerTreeRoot()))
    monkeypatch.setattr(qgis_iface, "layerTreeView", lambda: view)
    yield
    view.setModel(None)


@pytest.fixture(scope="session")
def real_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    chosen = os.environ.get("RSREFSEG_ENGINE_PYTHON")
    python = Path(chosen) if chosen else ROOT / ".venv/engine/bin/python"
    assert python.exists(), "run `make dev` first, or set RSREFSEG_ENGINE_PYTHON"
    made = Settings(MemoryStore())
    made.engine_python = str(python)
    made.engine_folder = str(tmp_path_factory.mktemp("user"))
    made.start_timeout_s = 600.0  # the machine may be busy
    with pytest.MonkeyPatch.context() as patched:
        # one thread: on a busy machine several that wait for each other take many times longer
        patched.setenv("OMP_NUM_THREADS", "1")
        patched.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("features")))
        yield made


@pytest.fixture(scope="session")
def real_manager(real_settings: Settings) -> Iterator[EngineManager]:
    made = EngineManager(real_settings)
    yield made
    made.stop()


@pytest.fixture
def toolbox(
    qgis_processing: None, qgis_new_project: None, real_manager: EngineManager
) -> Iterator[Callable[..., dict[str, Any]]]:
    """Runs an algorithm of the provider with the real engine."""
    import processing

    provider = RSRefSegProvider(real_manager)
    QgsApplication.processingRegistry().addProvider(provider)

    def run(name: str, feedback: QgsProcessingFeedback | None = None, **parameters: Any) -> Any:
        return processing.run(f"rsrefseg:{name}", parameters, feedback=feedback)

    yield run
    QgsApplication.processingRegistry().removeProvider(provider)
