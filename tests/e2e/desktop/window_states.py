"""Windows beside the panel: Toolbox, Options, first run, help; and the heartbeat."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator

from heartbeat import Heartbeat
from qgis.core import QgsApplication
from qgis.gui import QgsOptionsPageWidget
from qgis.PyQt.QtCore import Qt, QTimer
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication, QScrollArea, QWidget
from qgis.utils import iface
from stage import (
    OUT,
    Step,
    after,
    ask,
    fresh,
    grab,
    idle,
    open_raster,
    plugin,
    state,
    until,
    without_engine,
)


def show_dialog(dialog: QWidget, name: str, width: int = 900, height: int = 640) -> Iterator[Step]:
    """Take a picture of an algorithm's dialog, with what few need."""
    dialog.show()
    dialog.resize(width, height)
    yield after(0.3)  # QGIS folds the group as it was before
    advanced = dialog.findChild(QWidget, "grpAdvanced")
    if advanced is not None:
        advanced.setProperty("collapsed", False)  # Python knows it as a plain group
    yield after(0.7)
    grab(dialog, name)
    dialog.close()


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
    grab(dialog, "10-toolbox")
    dialog.close()


@state
def toolbox_again() -> Iterator[Step]:
    """A run of the history, opened in the Toolbox: all that was asked is filled in."""
    yield from fresh()
    yield from open_raster()
    panel = plugin().panel
    panel.shape_box.right_angles.setChecked(True)
    ask("red roofs")
    yield until(idle, "the answer")
    before = set(QApplication.topLevelWidgets())
    panel.history_box.processing_button.click()
    yield after(0.5)
    new = [w for w in QApplication.topLevelWidgets() if w not in before and w.isVisible()]
    dialog = next(w for w in new if w.metaObject().className() == "AlgorithmDialog")
    yield from show_dialog(dialog, "28-toolbox-from-history", 900, 1500)
    panel.shape_box.right_angles.setChecked(False)


@state
def algorithms() -> Iterator[Step]:
    """The dialog of each algorithm."""
    import processing

    yield from fresh()
    yield from open_raster()
    for algorithm in QgsApplication.processingRegistry().providerById("rsrefseg").algorithms():
        dialog = processing.createAlgorithmDialog(algorithm.id(), {})
        yield from show_dialog(dialog, f"30-{algorithm.name()}", 900, 1000)


@state
def settings() -> Iterator[Step]:
    """The page in QGIS's own Options, as the gear opens it."""
    yield from fresh()
    QTimer.singleShot(0, plugin().panel.engine_line.settings_button.click)
    yield until(lambda: QApplication.activeModalWidget() is not None, "QGIS's Options")
    dialog = QApplication.activeModalWidget()
    dialog.resize(900, 760)
    # by class too: newer versions of QGIS wrap it into a scroll area that has its name
    page = dialog.findChild(QgsOptionsPageWidget, "rsrefsegSettingsPage")
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


@state
def first_run() -> Iterator[Step]:
    """What will be installed; then the real installation, stopped when it is under way."""
    yield from fresh()
    page = plugin().install_page
    with without_engine("/tmp/rsrefseg"):
        page.folder_edit.setFilePath("/tmp/rsrefseg")
        plugin().panel.engine_line.install_button.click()
        yield until(page.install_button.isEnabled, "the plan")
        yield after(1.0)  # the page looks again at the folder that was entered
        yield until(page.install_button.isEnabled, "the plan for the folder")
        page.adjustSize()
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
