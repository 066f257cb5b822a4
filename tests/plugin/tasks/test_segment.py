from __future__ import annotations

import gc
import threading
import time
import weakref
from pathlib import Path

import pytest
from qgis.core import QgsApplication, QgsRasterLayer

from rsrefseg_qgis.engine.manager import EngineManager, EngineState
from rsrefseg_qgis.errors import (
    CancelledError,
    EngineAnswerError,
    EngineDiedError,
    EngineStoppedError,
)
from rsrefseg_qgis.layers.snapshot import take_snapshot
from rsrefseg_qgis.tasks.base import BaseTask, Cancelled, Done, Failed, Monitor
from rsrefseg_qgis.tasks.calls import interruptible
from rsrefseg_qgis.tasks.segment import SegmentJob, segment, segment_task
from tests.plugin import rasters


@pytest.fixture
def layer(tmp_path: Path) -> QgsRasterLayer:
    return QgsRasterLayer(str(rasters.write(tmp_path / "a.tif", rasters.rgb())), "scene")


def job_for(layer: QgsRasterLayer, *phrases: str) -> SegmentJob:
    snapshot = take_snapshot(layer)
    return SegmentJob(snapshot, snapshot.extent, phrases)


def test_polygons_lie_where_the_pixels_are(
    layer: QgsRasterLayer, blob_manager: EngineManager
) -> None:
    steps = []
    answer = segment(
        job_for(layer, "red slow", "nothing zzz"),
        blob_manager,
        Monitor(lambda *step: steps.append(step)),
    )
    red, nothing = answer.phrases
    assert len(red.features) == 1
    box = red.features[0].geometry().boundingBox()
    found = (box.xMinimum(), box.yMinimum(), box.xMaximum(), box.yMaximum())
    assert found == pytest.approx(rasters.blob_bounds(), abs=1e-9 * 5_200_000)
    assert red.record.model == "fake"
    assert red.record.source.endswith("a.tif")
    assert nothing.features == ()
    assert nothing.unknown_words == ("zzz",)
    assert nothing.record.presence == 0.03
    fractions = [fraction for fraction, _ in steps]
    assert fractions == sorted(fractions)
    assert any("half" in text for _, text in steps)
    assert answer.health is not None


def test_refusal_is_the_engines_sentence(
    layer: QgsRasterLayer, blob_manager: EngineManager
) -> None:
    with pytest.raises(EngineAnswerError, match="too long"):
        segment(job_for(layer, "a" * 2000), blob_manager, Monitor())


def test_engine_that_dies_is_started_and_asked_once_more(
    layer: QgsRasterLayer, blob_manager: EngineManager, tmp_path: Path
) -> None:
    blob_manager.ensure()
    first = blob_manager.pid
    steps = []
    answer = segment(
        job_for(layer, f"die unless there is {tmp_path / 'flag'}"),
        blob_manager,
        Monitor(lambda *step: steps.append(step)),
    )
    assert len(answer.phrases) == 1
    assert blob_manager.pid != first
    assert any("tries again" in text for _, text in steps)


def test_engine_that_the_plugin_stops_is_not_started_again(
    layer: QgsRasterLayer, blob_manager: EngineManager
) -> None:
    blob_manager.ensure()
    threading.Timer(0.5, blob_manager.stop).start()
    with pytest.raises(EngineStoppedError):
        segment(job_for(layer, "wait"), blob_manager, Monitor())
    assert blob_manager.state is EngineState.STOPPED


def test_second_death_is_said_and_the_next_request_starts_it_again(
    layer: QgsRasterLayer, blob_manager: EngineManager
) -> None:
    with pytest.raises(EngineDiedError, match="run it again"):
        segment(job_for(layer, "die"), blob_manager, Monitor())
    assert len(segment(job_for(layer, "red"), blob_manager, Monitor()).phrases[0].features) == 1


def test_cancel_ends_a_waiting_request_soon(
    layer: QgsRasterLayer, blob_manager: EngineManager
) -> None:
    blob_manager.ensure()
    monitor = Monitor()
    threading.Timer(0.4, monitor.cancel).start()
    start = time.monotonic()
    with pytest.raises(CancelledError):
        segment(job_for(layer, "wait"), blob_manager, monitor)
    assert time.monotonic() - start < 3


def test_cancel_before_anything(layer: QgsRasterLayer, blob_manager: EngineManager) -> None:
    monitor = Monitor()
    monitor.cancel()
    with pytest.raises(CancelledError):
        segment(job_for(layer, "red"), blob_manager, monitor)


def run_task(task: BaseTask, qtbot: object) -> object:
    outcomes = []
    task.ended.connect(outcomes.append)
    QgsApplication.taskManager().addTask(task)
    qtbot.waitUntil(lambda: bool(outcomes), timeout=20000)
    assert len(outcomes) == 1
    return outcomes[0]


def test_task_tells_its_outcome(
    layer: QgsRasterLayer, blob_manager: EngineManager, qtbot: object
) -> None:
    done = run_task(segment_task(job_for(layer, "red"), blob_manager), qtbot)
    assert isinstance(done, Done)
    assert len(done.value.phrases[0].features) == 1
    failed = run_task(segment_task(job_for(layer, "die"), blob_manager), qtbot)
    assert isinstance(failed, Failed)


def test_nothing_of_qt_is_left_to_the_garbage_collector() -> None:
    """It runs in any thread, and a QObject must not be destroyed in any."""

    def fail() -> None:
        raise EngineAnswerError("no", code="no")

    def left() -> object:
        monitor = Monitor()
        with pytest.raises(EngineAnswerError):
            interruptible(fail, monitor)
        return weakref.ref(monitor)

    gc.collect()
    gc.disable()
    try:
        assert left()() is None
    finally:
        gc.enable()


def test_unexpected_error_is_a_sentence(qtbot: object) -> None:
    def break_down(monitor: Monitor) -> None:
        raise ZeroDivisionError("by nought")

    outcome = run_task(BaseTask("t", break_down), qtbot)
    assert isinstance(outcome, Failed)
    assert "by nought" in str(outcome.error)


def test_cancelled_task_tells_so_whatever_came_of_it(qtbot: object) -> None:
    def work(monitor: Monitor) -> str:
        while not monitor.cancelled():
            time.sleep(0.01)
        return "late"

    task = BaseTask("t", work)
    outcomes = []
    task.ended.connect(outcomes.append)
    QgsApplication.taskManager().addTask(task)
    qtbot.wait(100)
    task.cancel()
    qtbot.waitUntil(lambda: bool(outcomes), timeout=5000)
    assert outcomes == [Cancelled()]
