"""Runs inside the real QGIS desktop: shows the plugin in each of its states and takes pictures.

``qgis --code tour.py``, started by run_tour.py. RSREFSEG_TOUR says what to do, as JSON: ``out``
(folder), ``raster``, ``states`` (names, all when empty), ``prefix`` (of the pictures' names).
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Iterator
from typing import Any

from qgis.core import QgsApplication, QgsProject
from qgis.PyQt.QtCore import Qt, QTimer
from qgis.PyQt.QtWidgets import QDockWidget
from qgis.utils import iface, plugins

sys.path.insert(0, json.loads(os.environ["RSREFSEG_TOUR"])["tools"])

# the states register themselves
import answer_states  # noqa: F401
import panel_states  # noqa: F401
import window_states  # noqa: F401
from stage import DOCK, ORDER, OUT, STATES, WINDOW, Step, after, plugin

TICK_MS = 20
WAIT_S = 300.0
SHOWN_DOCKS = {"rsrefsegPanel", "Layers"}


def prepare() -> Iterator[Step]:
    if "rsrefseg_qgis" not in plugins:
        raise RuntimeError("QGIS did not load the plugin")
    window = iface.mainWindow()
    window.showNormal()
    window.setGeometry(0, 0, *WINDOW)
    for dock in window.findChildren(QDockWidget):
        if dock.objectName() not in SHOWN_DOCKS:
            dock.hide()
    plugin().panel.show()
    plugin().panel.raise_()
    layers = window.findChild(QDockWidget, "Layers")
    docks = [layers, plugin().panel]
    window.resizeDocks(docks, [240, DOCK], Qt.Orientation.Horizontal)
    yield after(0.5)


def story() -> Iterator[Step]:
    yield from prepare()
    for name in ORDER.get("states") or [name for name in STATES if name != "heartbeat"]:
        yield from STATES[name]()


class Driver:
    """Lets the event loop run between the steps."""

    def __init__(self) -> None:
        self.report: dict[str, Any] = {"ok": False, "error": None}
        self.steps = story()
        self.step: Step | None = None
        self.deadline = 0.0
        self.timer = QTimer()
        self.timer.timeout.connect(self.tick)
        self.timer.start(TICK_MS)

    def tick(self) -> None:
        try:
            if self.step is not None and not self.step[0]():
                if time.monotonic() > self.deadline:
                    raise RuntimeError(f"waited in vain for {self.step[1]}")
                return
            self.step = next(self.steps)
            self.deadline = time.monotonic() + WAIT_S
        except StopIteration:
            self.report["ok"] = True
            self.leave()
        except Exception as error:  # noqa: BLE001 - QGIS would show it in a dialog and wait
            self.report["error"] = "".join(traceback.format_exception(error))
            self.leave()

    def leave(self) -> None:
        self.timer.stop()
        (OUT / f"{ORDER.get('prefix', '')}tour.json").write_text(json.dumps(self.report, indent=1))
        if "rsrefseg_qgis" in plugins:
            plugin().runs.cancel()  # QGIS asks a modal question while tasks run
        QgsProject.instance().clear()
        QgsProject.instance().setDirty(False)
        QTimer.singleShot(3000, iface.actionExit().trigger)
        QTimer.singleShot(8000, QgsApplication.quit)


rsrefseg_tour: Any = None


def start() -> None:
    global rsrefseg_tour
    rsrefseg_tour = Driver()


QTimer.singleShot(1500, start)
