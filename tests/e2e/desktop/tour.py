"""Runs inside the real QGIS desktop: shows the plugin in each of its states and takes pictures.

``qgis --code tour.py``, started by run_tour.py. RSREFSEG_TOUR says what to do, as JSON: ``out``
(folder), ``raster``, ``states`` (names, all when empty), ``prefix`` (of the pictures' names).
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from qgis.core import QgsApplication, QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import Qt, QTimer
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication, QDockWidget, QScrollArea, QWidget
from qgis.utils import iface, plugins

ORDER = json.loads(os.environ["RSREFSEG_TOUR"])
OUT = Path(ORDER["out"])
TICK_MS = 20
WAIT_S = 300.0
SHOWN_DOCKS = {"rsrefsegPanel", "Layers"}
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


@state
def empty() -> Iterator[Step]:
    yield from fresh()
    yield from picture("01-empty")


@state
def raster() -> Iterator[Step]:
    yield from fresh()
    yield from open_raster()
    plugin().panel.phrase_edit.clear()
    yield from picture("02-raster")


@state
def busy() -> Iterator[Step]:
    yield from fresh()
    yield from open_raster()
    plugin().manager.stop()
    ask("the red-roofed building left of the road")
    yield after(0.4)
    yield from picture("03-starting")
    yield until(idle, "the answer")


@state
def result() -> Iterator[Step]:
    yield from fresh()
    yield from open_raster()
    ask("the red-roofed building left of the road")
    yield until(idle, "the answer")
    if not plugin().state.view.summary:
        raise RuntimeError(f"no result: {plugin().manager.last_error}")
    yield from picture("04-result")


@state
def several() -> Iterator[Step]:
    yield from fresh()
    yield from open_raster()
    ask("red roofs; all buildings; nothing")
    yield until(idle, "the answer")
    yield from picture("05-several")


@state
def nothing() -> Iterator[Step]:
    yield from fresh()
    yield from open_raster()
    ask("nothing like a zzheliport")
    yield until(idle, "the answer")
    yield from picture("06-nothing")


@state
def refused() -> Iterator[Step]:
    yield from fresh()
    yield from open_raster()
    ask(" ")
    yield from picture("07-no-phrase")


@state
def missing() -> Iterator[Step]:
    """No engine is installed."""
    yield from fresh()
    yield from open_raster()
    with without_engine("/tmp/rsrefseg"):
        ask("all buildings")
        yield until(idle, "the answer")
        yield from picture("08-not-installed")


@state
def narrow() -> Iterator[Step]:
    yield from fresh()
    yield from open_raster()
    ask("red roofs")
    yield until(idle, "the answer")
    window = iface.mainWindow()
    window.resizeDocks([plugin().panel], [180], Qt.Orientation.Horizontal)
    yield from picture("09-narrow")
    window.resizeDocks([plugin().panel], [ORDER.get("dock", 340)], Qt.Orientation.Horizontal)


@state
def toolbox() -> Iterator[Step]:
    """The dialog of the algorithm, as the Toolbox opens it."""
    import processing

    yield from fresh()
    yield from open_raster()
    dialog = processing.createAlgorithmDialog("rsrefseg:segmentbyphrase", {"PHRASE": "all roofs"})
    dialog.show()
    dialog.resize(900, 640)
    yield after(1.0)
    dialog.grab().save(str(OUT / f"{ORDER.get('prefix', '')}10-toolbox.png"))
    dialog.close()


def grab(widget: QWidget, name: str) -> None:
    """Take a picture of one window."""
    path = OUT / f"{ORDER.get('prefix', '')}{name}.png"
    if not widget.grab().save(str(path)):
        raise RuntimeError(f"{path} could not be written")


@state
def settings() -> Iterator[Step]:
    """The page in QGIS's own Options, as the gear opens it."""
    yield from fresh()
    QTimer.singleShot(0, plugin().panel.engine_line.settings_button.click)
    yield until(lambda: QApplication.activeModalWidget() is not None, "QGIS's Options")
    dialog = QApplication.activeModalWidget()
    dialog.resize(900, 760)
    page = dialog.findChild(QWidget, "rsrefsegSettingsPage")
    yield until(lambda: bool(page.isVisible()), "the plugin's page")
    looking = page.engine_label.text()
    yield until(lambda: page.engine_label.text() != looking or "…" not in looking, "the engine")
    yield after(1.0)
    grab(dialog, "11-settings")
    page.findChild(QWidget, "settingsInstallation").setCollapsed(False)
    page.url_edit.setText("https://gpu.example:8443")
    page.fingerprint_edit.setText("12:34")
    yield after(0.5)
    scroll = page.findChild(QScrollArea)
    scroll.verticalScrollBar().setValue(scroll.verticalScrollBar().maximum())
    yield after(0.5)
    grab(dialog, "12-settings-below")
    dialog.reject()


@contextmanager
def without_engine(folder: str) -> Iterator[None]:
    """A machine without an engine, which would lie in a folder."""
    changed = {"RSREFSEG_ENGINE_PYTHON": "", "RSREFSEG_ENGINE_FOLDER": folder}
    before = {name: os.environ.get(name, "") for name in changed}
    plugin().manager.stop()
    os.environ.update(changed)
    plugin().watch.look()
    try:
        yield
    finally:
        os.environ.update(before)
        plugin().watch.look()


@state
def first_run() -> Iterator[Step]:
    """What will be installed; then the real installation, stopped when it is under way."""
    yield from fresh()
    page = plugin().install_page
    with without_engine("/tmp/rsrefseg"):
        page.folder_edit.setFilePath("/tmp/rsrefseg")
        plugin().panel.engine_line.install_button.click()
        yield until(page.install_button.isEnabled, "the plan")
        page.adjustSize()
        yield after(0.5)
        grab(page, "13-first-run")
        page.install_button.click()
        begun = page.progress_bar
        yield until(lambda: begun.maximum() > 0 and begun.value() > 5, "packages to come")
        grab(page, "14-installing")
        page.stop_button.click()
        yield until(lambda: bool(page.outcome_label.text()), "the end of the installation")
        yield after(0.3)
        grab(page, "15-stopped")
        page.close()
    shutil.rmtree("/tmp/rsrefseg", ignore_errors=True)


@state
def help_window() -> Iterator[Step]:
    yield from fresh()
    panel = plugin().panel
    iface.mainWindow().activateWindow()
    panel.phrase_edit.setFocus()
    yield after(0.3)
    QTest.keyClick(panel.phrase_edit, Qt.Key.Key_F1)
    yield after(1.0)
    window = next(w for w in QApplication.topLevelWidgets() if w.objectName() == "rsrefsegHelp")
    grab(window, "16-help")
    window.close()


@state
def heartbeat() -> Iterator[Step]:
    """No pictures: how long the main thread is blocked while the real engine works."""
    sys.path.insert(0, ORDER["tools"])
    from heartbeat import Heartbeat

    yield from fresh()
    yield from open_raster()
    yield after(2.0)
    heart = Heartbeat()
    heart.begin("nothing to do")
    yield after(3.0)
    plugin().manager.stop()
    heart.begin("first phrase, engine starts")
    ask("the red-roofed building left of the road")
    yield until(idle, "the first answer")
    yield after(1.0)
    heart.begin("another phrase")
    ask("all buildings")
    yield until(idle, "the second answer")
    yield after(1.0)
    heart.begin("threshold dragged")
    for value in range(30, 70, 2):
        plugin().panel.shape_box.slider.setValue(value)
        yield after(0.05)
    yield after(1.0)
    heart.begin("cancelled")
    ask("all roads")
    yield after(0.1)
    plugin().runs.cancel()
    yield after(1.0)
    heart.stop()
    said = {name: vars(piece) for name, piece in heart.pieces.items()}
    (OUT / "heartbeat.json").write_text(json.dumps(said, indent=1))


def prepare() -> Iterator[Step]:
    if "rsrefseg_qgis" not in plugins:
        raise RuntimeError("QGIS did not load the plugin")
    window = iface.mainWindow()
    window.showNormal()
    window.setGeometry(0, 0, *ORDER.get("size", [1400, 900]))
    for dock in window.findChildren(QDockWidget):
        if dock.objectName() not in SHOWN_DOCKS:
            dock.hide()
    plugin().panel.show()
    plugin().panel.raise_()
    layers = window.findChild(QDockWidget, "Layers")
    docks = [layers, plugin().panel]
    window.resizeDocks(docks, [240, ORDER.get("dock", 340)], Qt.Orientation.Horizontal)
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
