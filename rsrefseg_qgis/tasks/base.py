"""The base of all tasks: work in a thread, an outcome on the main thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Union

from qgis.core import QgsApplication, QgsRasterBlockFeedback, QgsTask
from qgis.PyQt.QtCore import QThreadPool, pyqtSignal

from rsrefseg_qgis.errors import CancelledError, RsRefSegPluginError, tr

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Done:
    """The work is done; ``value`` is what it gave."""

    value: Any


@dataclass(frozen=True)
class Failed:
    """The work failed; ``str(error)`` is for the user."""

    error: RsRefSegPluginError


@dataclass(frozen=True)
class Cancelled:
    """The user stopped it."""


Outcome = Union[Done, Failed, Cancelled]


class Monitor:
    """How work tells its progress and learns that it should stop. For any thread.

    Args:
        report: told the fraction that is done and what is being done.
    """

    def __init__(self, report: Callable[[float, str], None] = lambda fraction, text: None) -> None:
        self.report: Callable[[float, str], None] = report
        self.raster_feedback = QgsRasterBlockFeedback()
        self._stop = threading.Event()

    def cancel(self) -> None:
        """Ask the work to stop."""
        self._stop.set()
        self.raster_feedback.cancel()

    def cancelled(self) -> bool:
        """Whether to stop."""
        return self._stop.is_set()

    def check(self) -> None:
        """Stop here when asked to.

        Raises:
            CancelledError: somebody asked.
        """
        if self.cancelled():
            raise CancelledError


class BaseTask(QgsTask):
    """Runs ``work`` in QGIS's task threads and emits the outcome on the main thread.

    Args:
        description: for QGIS's task list.
        work: gets a `Monitor`; gives the value, or raises one of the plugin's errors.
        hidden: not shown in QGIS's task list (from QGIS 3.26).
    """

    ended = pyqtSignal(object)
    """`Outcome`, once, on the main thread."""
    stepped = pyqtSignal(float, str)
    """Fraction and message, as the work goes on."""

    def __init__(
        self, description: str, work: Callable[[Monitor], Any], *, hidden: bool = False
    ) -> None:
        super().__init__(description, _flags("Silent", "Hidden") if hidden else _flags("Silent"))
        self.monitor = Monitor(self._report)
        self._work = work
        self._outcome: Outcome = Cancelled()  # that is what a task that never ran was

    def run(self) -> bool:
        """Work; QGIS calls this in a thread."""
        # Most of the time is spent waiting for another process; others may have the thread
        # meanwhile. Before QGIS 3.34, Qt scales and converts large images in threads of the same
        # pool and waits for them: were they all taken by tasks, the main thread would stand still,
        # and for ever while it holds Python's lock.
        pool = _pool()
        pool.releaseThread()
        try:
            return self._run()
        finally:
            pool.reserveThread()

    def _run(self) -> bool:
        try:
            self._outcome = Done(self._work(self.monitor))
        except CancelledError:
            self._outcome = Cancelled()
        except RsRefSegPluginError as error:
            self._outcome = Failed(error)
        except Exception as error:
            logger.exception("%s failed", self.description())
            self._outcome = Failed(_unexpected(error))
        return isinstance(self._outcome, Done)

    def cancel(self) -> None:
        """Ask the work to stop; QGIS calls this on the main thread."""
        self.monitor.cancel()
        super().cancel()

    def finished(self, result: bool) -> None:
        """Tell the outcome; QGIS calls this on the main thread."""
        outcome = Cancelled() if self.monitor.cancelled() else self._outcome
        # Let go of all that the work held now, in this thread; a task that refers to itself
        # would keep files open until some thread collects garbage, or QGIS has quit.
        self._work = _nothing
        self._outcome = Cancelled()
        self.monitor.report = _no_report
        self.ended.emit(outcome)

    def _report(self, fraction: float, message: str) -> None:
        self.setProgress(100.0 * fraction)
        self.stepped.emit(fraction, message)


def _flags(*names: str) -> QgsTask.Flag:
    """Can be cancelled, and those of the names that this QGIS has.

    Silent, from QGIS 3.26: QGIS need not announce the end, the plugin does.
    """
    flags = QgsTask.Flag.CanCancel
    for name in names:
        flags |= getattr(QgsTask.Flag, name, flags)
    return flags


def _pool() -> QThreadPool:
    """Where QGIS runs tasks: from QGIS 3.34 in a pool of their own."""
    manager = QgsApplication.taskManager()
    return manager.threadPool() if hasattr(manager, "threadPool") else QThreadPool.globalInstance()


def _nothing(monitor: Monitor) -> None:
    pass


def _no_report(fraction: float, message: str) -> None:
    pass


def _unexpected(error: Exception) -> RsRefSegPluginError:
    return RsRefSegPluginError(
        tr(
            "Something unexpected went wrong ({kind}: {why}); try again, and report it with the "
            "message log if it stays."
        ).format(kind=type(error).__name__, why=error)
    )
