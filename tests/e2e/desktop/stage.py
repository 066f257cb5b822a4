"""What the tour's states are told with: steps that wait, pictures, the usual moves."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from qgis.core import QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QWidget
from qgis.utils import iface, plugins

ORDER = json.loads(os.environ["RSREFSEG_TOUR"])
OUT = Path(ORDER["out"])
# In points, each of which has as many pixels as the scale says.
WINDOW, DOCK = (1400, 900), 340
Step = tuple[Callable[[], bool], str]
STATES: dict[str, Callable[[], Iterator[Step]]] = {}


def state(work: Callable[[], Iterator[Step]]) -> Callable[[], Iterator[Step]]:
    """Register a state of the tour under its function's name."""
    STATES[work.__name__] = work
    return work


def plugin() -> Any:
    return plugins["rsrefseg_qgis"]


def after(seconds: float) -> Step:
    end = time.monotonic() + seconds
    return (lambda: time.monotonic() >= end, "a pause")


def until(holds: Callable[[], bool], what: str) -> Step:
    return (holds, what)


def idle() -> bool:
    return plugin().state.view.activity.value == "idle"


def drawn() -> bool:
    return not iface.mapCanvas().isDrawing()


def picture(name: str) -> Iterator[Step]:
    """Take a picture of the whole window once the map is drawn."""
    iface.mapCanvas().refresh()
    yield after(0.7)
    yield until(drawn, "the map to be drawn")
    path = OUT / f"{ORDER.get('prefix', '')}{name}.png"
    if not iface.mainWindow().grab().save(str(path)):
        raise RuntimeError(f"{path} could not be written")


def open_raster() -> Iterator[Step]:
    layer = QgsRasterLayer(ORDER["raster"], "orthophoto")
    if not layer.isValid():
        raise RuntimeError(f"QGIS cannot open {ORDER['raster']}")
    QgsProject.instance().addMapLayer(layer)
    QgsProject.instance().setCrs(layer.crs())
    iface.setActiveLayer(layer)
    yield after(0.3)
    iface.zoomToActiveLayer()
    yield after(0.5)
    yield until(drawn, "the map to be drawn")


def ask(phrase: str) -> None:
    panel = plugin().panel
    panel.phrase_edit.clear()
    QTest.keyClicks(panel.phrase_edit, phrase)
    QTest.mouseClick(panel.segment_button, Qt.MouseButton.LeftButton)


def fresh() -> Iterator[Step]:
    """An empty project and a quiet panel."""
    iface.messageBar().clearWidgets()
    QgsProject.instance().clear()
    yield after(0.2)


def grab(widget: QWidget, name: str) -> None:
    """Take a picture of one window."""
    path = OUT / f"{ORDER.get('prefix', '')}{name}.png"
    if not widget.grab().save(str(path)):
        raise RuntimeError(f"{path} could not be written")


@contextmanager
def changed_environment(**changed: str) -> Iterator[None]:
    """Another engine, named by environment variables; the one before is stopped."""
    before = {name: os.environ.get(name, "") for name in changed}
    plugin().manager.stop()
    os.environ.update(changed)
    plugin().watch.look()
    try:
        yield
    finally:
        os.environ.update(before)
        plugin().manager.stop()
        plugin().watch.look()


@contextmanager
def without_engine(folder: str) -> Iterator[None]:
    """A machine without an engine, which would lie in a folder."""
    with changed_environment(RSREFSEG_ENGINE_PYTHON="", RSREFSEG_ENGINE_FOLDER=folder):
        yield
