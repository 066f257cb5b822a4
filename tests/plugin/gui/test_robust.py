"""What happens to QGIS in the middle of work: no crash, no orphan, nothing from a dead object."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from qgis.core import QgsProject, QgsVectorLayer

from rsrefseg_qgis.engine.manager import EngineManager, EngineState
from rsrefseg_qgis.gui.request import ExtentMode
from rsrefseg_qgis.gui.state import Activity
from rsrefseg_qgis.settings import Settings
from tests.plugin import rasters

ROOT = Path(__file__).parents[3]

# A QGIS of its own that is quit in the middle of a question; argv: folder, Python, raster.
QUIT_WHILE_ASKING = """
import sys, time
from qgis.core import QgsApplication, QgsProject, QgsRasterLayer
from rsrefseg_qgis.engine.manager import EngineManager
from rsrefseg_qgis.layers.snapshot import take_snapshot
from rsrefseg_qgis.settings import Draft, Settings
from rsrefseg_qgis.tasks.segment import SegmentJob, segment_task

class Empty(dict):
    def value(self, key, default=None):
        return default

app = QgsApplication([], True)
app.initQgis()
settings = Settings(Draft(Empty()))
settings.engine_folder, settings.engine_python = sys.argv[1], sys.argv[2]
manager = EngineManager(settings)
layer = QgsRasterLayer(sys.argv[3], "scene")
snapshot = take_snapshot(layer)
task = segment_task(SegmentJob(snapshot, snapshot.extent, ("wait",)), manager)
task.ended.connect(lambda outcome: print("outcome", outcome))
app.taskManager().addTask(task)
end = time.monotonic() + 60
while manager.pid is None and time.monotonic() < end:
    app.processEvents()
    time.sleep(0.02)
print("engine", manager.pid, flush=True)
app.taskManager().cancelAll()
manager.stop()  # what unloading the plugin does
del layer, snapshot, task  # a script's globals would outlive QGIS, unlike those of a plugin
app.exitQgis()
"""


def vector_layers() -> list[QgsVectorLayer]:
    layers = QgsProject.instance().mapLayers().values()
    return [layer for layer in layers if isinstance(layer, QgsVectorLayer)]


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_quitting_qgis_in_the_middle_leaves_no_engine(
    blob_settings: Settings, scene: Path, qtbot: Any
) -> None:
    script = textwrap.dedent(QUIT_WHILE_ASKING)
    given = (str(blob_settings.folder()), blob_settings.engine_python, str(scene))
    run = subprocess.run(
        [sys.executable, "-c", script, *given],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "Traceback" not in run.stderr
    (line,) = [text for text in run.stdout.splitlines() if text.startswith("engine ")]
    pid = int(line.split()[1])
    qtbot.waitUntil(lambda: is_gone(pid), timeout=20000)


def test_reloaded_in_the_middle_works_again(window: Any, scene: Path) -> None:
    window.add_raster(scene)
    window.panel.extent.set_mode(ExtentMode.LAYER)
    window.ask("slow")
    window.plugin.unload()
    window.plugin.initGui()
    window.plugin.panel.show()
    window.qtbot.wait(1500)  # the first question's answer would come now
    assert vector_layers() == []
    assert window.messages == []
    window.plugin.panel.raster_combo.setLayer(
        next(iter(QgsProject.instance().mapLayers().values()))
    )
    window.plugin.panel.extent.set_mode(ExtentMode.LAYER)
    window.ask("red")
    window.wait()
    assert [layer.name() for layer in vector_layers()] == ["red"]


def test_unloaded_before_it_ever_worked(window: Any) -> None:
    window.plugin.unload()
    window.plugin.initGui()
    window.plugin.unload()
    window.plugin.initGui()  # for the fixture's own unload
    assert window.plugin.manager.state is EngineState.STOPPED


def test_result_removed_while_it_is_drawn_again(window: Any, scene: Path) -> None:
    window.add_raster(scene)
    window.panel.extent.set_mode(ExtentMode.LAYER)
    window.ask("red")
    window.wait()
    window.panel.shape_box.slider.setValue(30)
    for layer in vector_layers():
        QgsProject.instance().removeMapLayer(layer.id())
    window.qtbot.wait(1000)
    assert window.plugin.state.view.candidates == ()
    assert window.plugin.state.view.activity is Activity.IDLE


def test_an_answer_for_a_view_that_was_left_lies_where_it_was_asked(
    window: Any, scene: Path
) -> None:
    layer = window.add_raster(scene)
    canvas = window.iface.mapCanvas()
    canvas.setDestinationCrs(layer.crs())
    canvas.setExtent(layer.extent())
    window.panel.extent.set_mode(ExtentMode.CANVAS)
    window.ask("slow")
    far = layer.extent()
    far.setXMinimum(far.xMinimum() + 10000)
    far.setXMaximum(far.xMaximum() + 10000)
    canvas.setExtent(far)
    window.wait()
    for result in vector_layers():
        box = result.extent()
        found = (box.xMinimum(), box.yMinimum(), box.xMaximum(), box.yMaximum())
        assert found == pytest.approx(rasters.blob_bounds(), abs=1.0)


def test_two_windows_have_an_engine_each(blob_settings: Settings) -> None:
    first, second = EngineManager(blob_settings), EngineManager(blob_settings)
    try:
        one, other = first.ensure(), second.ensure()
        assert first.pid != second.pid
        assert one.base_url != other.base_url
        first.stop()
        assert other.health().state == "ready"  # the other window's is left alone
    finally:
        first.stop()
        second.stop()
