"""Background tasks and the threads that others need."""

from __future__ import annotations

import threading
from typing import Any

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import QThreadPool

from rsrefseg_qgis.tasks.base import BaseTask


def test_waiting_tasks_leave_threads_to_others(qgis_app: Any, qtbot: Any) -> None:
    """More tasks wait at once than their pool has threads; in QGIS 3.22 it is Qt's own too."""
    count = QThreadPool.globalInstance().maxThreadCount() + 1
    together = threading.Barrier(count)
    ends: list[Any] = []
    tasks = [BaseTask("wait", lambda monitor: together.wait(20)) for _ in range(count)]
    for task in tasks:
        task.ended.connect(ends.append)
        QgsApplication.taskManager().addTask(task)
    qtbot.waitUntil(lambda: len(ends) == count, timeout=40_000)
    assert [type(end).__name__ for end in ends] == ["Done"] * count
