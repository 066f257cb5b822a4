"""What all algorithms share: group, icon, errors as Processing wants them, progress and cancel."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from qgis.core import (
    QgsProcessingAlgorithm,
    QgsProcessingException,
    QgsProcessingFeedback,
)
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QIcon

from rsrefseg_qgis.engine.manager import EngineManager
from rsrefseg_qgis.errors import CancelledError, RsRefSegPluginError
from rsrefseg_qgis.paths import resource
from rsrefseg_qgis.tasks.base import Monitor


class FeedbackMonitor(Monitor):
    """A monitor that reports to Processing's feedback and is cancelled by it.

    Args:
        feedback: of the run.
    """

    def __init__(self, feedback: QgsProcessingFeedback) -> None:
        super().__init__(self._to_feedback)
        self._feedback = feedback
        self._said = ""
        # Direct: the thread that works has no event loop to bring a queued call.
        feedback.canceled.connect(self.cancel, Qt.ConnectionType.DirectConnection)

    def cancelled(self) -> bool:
        """Whether to stop."""
        return super().cancelled() or self._feedback.isCanceled()

    def _to_feedback(self, fraction: float, text: str) -> None:
        self._feedback.setProgress(100.0 * fraction)
        if text and text != self._said:
            self._said = text
            self._feedback.setProgressText(text)


class RSRefSegAlgorithm(QgsProcessingAlgorithm):
    """The base of the plugin's algorithms.

    Args:
        manager: the engine, shared with the panel.
    """

    def __init__(self, manager: EngineManager) -> None:
        super().__init__()
        self._manager = manager

    def createInstance(self) -> RSRefSegAlgorithm:
        """A fresh one for each run."""
        return type(self)(self._manager)

    def icon(self) -> QIcon:
        """The plugin's icon."""
        return QIcon(str(resource("icons/rsrefseg.svg")))

    def svgIconPath(self) -> str:
        """The plugin's icon as a file."""
        return str(resource("icons/rsrefseg.svg"))


@contextmanager
def told_to_processing() -> Iterator[None]:
    """Turn the plugin's errors into Processing's; a cancelled run just ends.

    Raises:
        QgsProcessingException: with the error's sentence.
    """
    try:
        yield
    except CancelledError:
        return
    except RsRefSegPluginError as error:
        raise QgsProcessingException(str(error)) from error


def choice(parameters: dict[str, Any], name: str) -> Any:
    """A parameter's value, None when it is empty."""
    value = parameters.get(name)
    return None if value in ("", None) else value
