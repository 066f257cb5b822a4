"""Installing the engine."""

from __future__ import annotations

from pathlib import Path

from rsrefseg_qgis.engine.install import Installer
from rsrefseg_qgis.errors import tr
from rsrefseg_qgis.settings import Settings

from .base import BaseTask, Monitor


def install_task(settings: Settings, *, repair: bool = False) -> BaseTask:
    """A task that installs the engine; its outcome's value is the path of its Python."""

    def work(monitor: Monitor) -> Path:
        installer = Installer(settings)
        return installer.install(monitor.report, monitor.cancelled, repair=repair)

    return BaseTask(tr("Install the engine"), work)
