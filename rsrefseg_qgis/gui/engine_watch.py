"""Brings the engine's state, which changes in any thread, to the panel on the main thread."""

from __future__ import annotations

from qgis.PyQt.QtCore import QObject, QTimer, pyqtSignal

from rsrefseg_qgis.engine.install import Installer
from rsrefseg_qgis.engine.manager import EngineManager, EngineState
from rsrefseg_qgis.engine.wire import Health
from rsrefseg_qgis.errors import tr
from rsrefseg_qgis.tasks.engine_words import in_users_language

from .state import EngineStatus, EngineView, PanelState
from .wording import size_text

LOOK_EVERY_MS = 2000
STATUS = {
    EngineState.STOPPED: EngineStatus.STOPPED,
    EngineState.STARTING: EngineStatus.STARTING,
    EngineState.LOADING: EngineStatus.STARTING,
    EngineState.READY: EngineStatus.READY,
    EngineState.FAILED: EngineStatus.FAILED,
}


class EngineWatch(QObject):
    """Keeps the engine's part of the panel's state true.

    Args:
        manager: the engine.
        state: where to show it.
        parent: its owner.
    """

    _changed = pyqtSignal()

    def __init__(self, manager: EngineManager, state: PanelState, parent: QObject) -> None:
        super().__init__(parent)
        self._manager = manager
        self._state = state
        self._health: Health | None = None
        self._changed.connect(self.look)
        self._listener = lambda engine_state: self._changed.emit()
        manager.subscribe(self._listener)
        # nobody tells when an idle process is killed
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.look)
        self._timer.start(LOOK_EVERY_MS)
        self.look()

    def take_health(self, health: Health | None) -> None:
        """Show what the engine said of itself after a request."""
        if health is not None:
            self._health = health
        self.look()

    def look(self) -> None:
        """Show how the engine is now."""
        engine_state = self._manager.state
        status = STATUS[engine_state]
        if status in (EngineStatus.STOPPED, EngineStatus.FAILED) and self._is_missing():
            status = EngineStatus.NOT_INSTALLED
        if status is not EngineStatus.READY:
            self._health = None
            if status is EngineStatus.FAILED and self._manager.is_remote:
                status = EngineStatus.UNREACHABLE
            why = self._failure(status)
            self._state.change(engine=EngineView(status, why=why, details=(why,) if why else ()))
            return
        health = self._health or self._manager.health
        self._state.change(engine=EngineView(status) if health is None else ready_view(health))

    def stop(self) -> None:
        """Look no more."""
        self._timer.stop()
        self._manager.unsubscribe(self._listener)

    def _is_missing(self) -> bool:
        settings = self._manager.settings
        if settings.engine_url or settings.engine_python:
            return False
        return not Installer(settings).is_installed

    def _failure(self, status: EngineStatus) -> str:
        failed = status in (EngineStatus.FAILED, EngineStatus.UNREACHABLE)
        return (self._manager.last_error or "") if failed else ""


def ready_view(health: Health) -> EngineView:
    """What to show of an engine that is ready."""
    cached = why = ""
    details = [tr("Engine {version}").format(version=health.engine_version)]
    if health.model is not None:
        details.append(tr("Model: {name}").format(name=health.model.name))
    if health.device is not None:
        why = in_users_language(health.device.why)
        details.append(
            tr("Device: {name}, {precision}. {why}").format(
                name=health.device.name, precision=health.device.precision, why=why
            )
        )
    if health.cache is not None:
        count = health.cache.images
        views = tr("1 view ready") if count == 1 else tr("{count} views ready").format(count=count)
        cached = tr("{views} ({size} of {budget})").format(
            views=views,
            size=size_text(health.cache.bytes),
            budget=size_text(health.cache.budget_bytes),
        )
        details.append(cached)
        if count == 0:
            cached = ""
    return EngineView(
        EngineStatus.READY,
        model=health.model.name if health.model else "",
        device=_short_device(health),
        why=why.partition(";")[0],  # the rest, what was measured, is in the details
        cached=cached,
        details=tuple(details),
        examples=health.model.vocabulary_examples if health.model else (),
    )


def _short_device(health: Health) -> str:
    if health.device is None:
        return ""
    return "CPU" if health.device.kind == "cpu" else health.device.name
