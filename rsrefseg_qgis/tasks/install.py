"""Installing the engine, and looking at what that would mean."""

from __future__ import annotations

from pathlib import Path

from rsrefseg_qgis.engine.install import Installer
from rsrefseg_qgis.engine.manager import EngineManager
from rsrefseg_qgis.engine.plan import InstallPlan, make_plan
from rsrefseg_qgis.engine.wire import Health
from rsrefseg_qgis.errors import tr
from rsrefseg_qgis.settings import Settings

from .base import BaseTask, Monitor


def install_task(settings: Settings, *, repair: bool = False) -> BaseTask:
    """A task that installs the engine; its outcome's value is the path of its Python."""

    def work(monitor: Monitor) -> Path:
        installer = Installer(settings)
        return installer.install(monitor.report, monitor.cancelled, repair=repair)

    return BaseTask(tr("Install the engine"), work)


def plan_task(settings: Settings) -> BaseTask:
    """A task that finds out what an installation would do; its outcome's value is the plan."""

    def work(monitor: Monitor) -> InstallPlan:
        return make_plan(Installer(settings))

    return BaseTask(tr("Look at what the engine needs"), work)


def remove_task(manager: EngineManager) -> BaseTask:
    """A task that stops the engine and deletes its environment."""

    def work(monitor: Monitor) -> None:
        manager.stop()
        Installer(manager.settings).remove()

    return BaseTask(tr("Remove the engine"), work)


def connect_task(settings: Settings) -> BaseTask:
    """A task that asks an engine how it is; its outcome's value is its `Health`.

    Args:
        settings: which engine; a local one is started and ended for it.
    """

    def work(monitor: Monitor) -> Health | None:
        manager = EngineManager(settings)
        try:
            manager.ensure(monitor.cancelled)
            return manager.health
        finally:
            manager.stop()

    return BaseTask(tr("Test the connection"), work)
