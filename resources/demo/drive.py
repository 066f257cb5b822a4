"""Runs inside the real QGIS desktop: asks for a phrase through the panel as a user does.

``qgis --code drive.py``, started by run.py, which says in the environment what to do:
RSREFSEG_DEMO_OUT (folder), RSREFSEG_DEMO_RASTER, RSREFSEG_DEMO_PHRASE, RSREFSEG_DEMO_WAIT_S.
Leaves result.gpkg, screenshot.png and drive.json; the last says what went wrong, if anything.
"""

from __future__ import annotations

import json
import os
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from qgis.core import Qgis, QgsApplication, QgsMapLayerType, QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import QT_VERSION_STR, Qt, QTimer
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QDockWidget, QLineEdit, QPushButton, QWidget
from qgis.utils import iface, plugins

OUT = Path(os.environ["RSREFSEG_DEMO_OUT"])
RASTER = os.environ["RSREFSEG_DEMO_RASTER"]
PHRASE = os.environ["RSREFSEG_DEMO_PHRASE"]
WAIT_S = float(os.environ["RSREFSEG_DEMO_WAIT_S"])
TICK_MS = 20
SHOWN_DOCKS = {"rsrefsegPanel", "Layers"}


class DemoError(Exception):
    """The demo cannot go on; the text says why."""


class Until(NamedTuple):
    """What a step waits for: ``holds`` is asked on each tick."""

    holds: Callable[[], bool]
    what: str
    wait_s: float = WAIT_S


def part(kind: type, name: str) -> Any:
    """A widget of the panel by its object name."""
    widget = iface.mainWindow().findChild(kind, name)
    if widget is None:
        raise DemoError(f"The panel has no {name}.")
    return widget


def after(seconds: float) -> Until:
    """Wait a while, for what has no signal to wait for."""
    end = time.monotonic() + seconds
    return Until(lambda: time.monotonic() >= end, "a pause")


def vector_layers() -> list[Any]:
    """The vector layers of the project."""
    kind = QgsMapLayerType.VectorLayer
    return [item for item in QgsProject.instance().mapLayers().values() if item.type() == kind]


def idle() -> bool:
    """Whether the plugin has nothing going on."""
    return bool(plugins["rsrefseg_qgis"].state.view.activity.value == "idle")


def message() -> str:
    """What the message bar says."""
    item = iface.messageBar().currentItem()
    return item.text() if item is not None else "no message"


def prepare() -> Iterator[Until]:
    """Open the raster and the panel, and tidy the window for its picture."""
    if "rsrefseg_qgis" not in plugins:
        raise DemoError("QGIS did not load the plugin; see build/demo/qgis.log.")
    window = iface.mainWindow()
    window.showNormal()
    window.setGeometry(0, 0, 1400, 900)
    for dock in window.findChildren(QDockWidget):
        if dock.objectName() not in SHOWN_DOCKS:
            dock.hide()
    layer = QgsRasterLayer(RASTER, Path(RASTER).stem)
    if not layer.isValid():
        raise DemoError(f"QGIS cannot open {RASTER}.")
    QgsProject.instance().addMapLayer(layer)
    QgsProject.instance().setCrs(layer.crs())
    iface.setActiveLayer(layer)
    panel = part(QDockWidget, "rsrefsegPanel")
    panel.show()
    panel.raise_()
    layers = part(QDockWidget, "Layers")
    window.resizeDocks([layers, panel], [300, 340], Qt.Orientation.Horizontal)
    for node in QgsProject.instance().layerTreeRoot().findLayers():
        node.setExpanded(False)
    yield after(0.5)
    iface.zoomToActiveLayer()
    canvas = iface.mapCanvas()
    yield after(0.5)
    yield Until(lambda: not canvas.isDrawing(), "the map to be drawn", 60)


def ask(result: dict[str, Any]) -> Iterator[Until]:
    """Type the phrase, press the button, wait for the layer; note the seconds it took."""
    edit = part(QLineEdit, "phraseEdit")
    edit.clear()
    QTest.keyClicks(edit, PHRASE)
    before = {layer.id() for layer in vector_layers()}
    seen: list[float] = []

    def arrived() -> bool:
        if not seen and {layer.id() for layer in vector_layers()} - before:
            seen.append(time.monotonic())
        return idle()

    begun = time.monotonic()
    QTest.mouseClick(part(QPushButton, "segmentButton"), Qt.MouseButton.LeftButton)
    yield Until(lambda: arrived() or bool(seen), "polygons")
    yield Until(idle, "the end of the request")
    new = [layer for layer in vector_layers() if layer.id() not in before]
    if not new:
        raise DemoError(f"No polygons came for “{PHRASE}”: {message()}")
    result["seconds"] = round((seen[0] if seen else time.monotonic()) - begun, 3)
    result["layer_id"] = new[0].id()
    result["features"] = new[0].featureCount()
    result["crs"] = new[0].crs().authid()


def export(layer_id: str) -> Iterator[Until]:
    """Write the layer through the panel's own export, without its dialog."""
    from rsrefseg_qgis.layers.geopackage import ExportMode

    path = OUT / "result.gpkg"
    path.unlink(missing_ok=True)
    plugins["rsrefseg_qgis"].runs.export((layer_id,), path, ExportMode.NEW_FILE)
    yield Until(idle, "the export")
    if not path.is_file():
        raise DemoError(f"The result was not exported: {message()}")


def story(report: dict[str, Any]) -> Iterator[Until]:
    """All steps in turn."""
    yield from prepare()
    cold: dict[str, Any] = {}
    yield from ask(cold)
    yield from export(cold["layer_id"])
    iface.messageBar().clearWidgets()
    warm: dict[str, Any] = {}
    yield from ask(warm)
    QgsProject.instance().removeMapLayer(cold["layer_id"])
    iface.messageBar().clearWidgets()
    iface.setActiveLayer(QgsProject.instance().mapLayer(warm["layer_id"]))
    canvas = iface.mapCanvas()
    canvas.refresh()
    yield after(1.0)
    yield Until(lambda: not canvas.isDrawing(), "the map to be drawn", 60)
    if not iface.mainWindow().grab().save(str(OUT / "screenshot.png")):
        raise DemoError("The screenshot could not be written.")
    health = plugins["rsrefseg_qgis"].manager.health
    report.update(
        features=cold["features"],
        crs=cold["crs"],
        cold_s=cold["seconds"],
        warm_s=warm["seconds"],
        model=health.model.name if health and health.model else None,
        device=health.device.name if health and health.device else None,
    )


class Driver:
    """Lets the event loop run between the steps of the story."""

    def __init__(self) -> None:
        self.report: dict[str, Any] = {
            "ok": False,
            "error": None,
            "qgis": Qgis.QGIS_VERSION,
            "qt": QT_VERSION_STR,
        }
        self._steps = story(self.report)
        self._until: Until | None = None
        self._deadline = 0.0
        self._timer = QTimer()
        self._timer.timeout.connect(self.tick)
        self._timer.start(TICK_MS)

    def tick(self) -> None:
        """Go on when what is waited for holds; any error ends the story and is reported."""
        try:
            if self._until is not None and not self._until.holds():
                if time.monotonic() > self._deadline:
                    raise DemoError(f"Waited {self._until.wait_s:.0f} s for {self._until.what}.")
                return
            self._until = next(self._steps)
            self._deadline = time.monotonic() + self._until.wait_s
        except StopIteration:
            self.report["ok"] = True
            self.leave()
        except DemoError as error:
            self.report["error"] = str(error)
            self.leave()
        except Exception as error:  # noqa: BLE001 - QGIS would show it in a dialog and wait
            self.report["error"] = f"{type(error).__name__}: {error}"
            traceback.print_exc()
            self.leave()

    def leave(self) -> None:
        """Write the report and leave QGIS without a modal question."""
        self._timer.stop()
        window: QWidget = iface.mainWindow()
        if not self.report["ok"]:
            window.grab().save(str(OUT / "screenshot.png"))
        (OUT / "drive.json").write_text(json.dumps(self.report, indent=1), encoding="utf-8")
        QgsProject.instance().clear()
        QgsProject.instance().setDirty(False)
        # QGIS would ask about tasks that still run.
        QgsApplication.taskManager().cancelAll()
        self._timer.timeout.disconnect()
        self._timer.timeout.connect(self._exit_when_idle)
        self._timer.start()

    def _exit_when_idle(self) -> None:
        if QgsApplication.taskManager().countActiveTasks() == 0:
            self._timer.stop()
            iface.actionExit().trigger()
            QTimer.singleShot(5000, QgsApplication.quit)


# --code runs before the window has settled: hand over to the event loop. The name keeps it alive.
rsrefseg_demo: Any = None


def start() -> None:
    """Begin once the window is there."""
    global rsrefseg_demo
    rsrefseg_demo = Driver()


QTimer.singleShot(1500, start)
