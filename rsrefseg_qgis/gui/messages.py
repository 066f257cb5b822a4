"""Sentences for the user in QGIS's message bar."""

from __future__ import annotations

from collections.abc import Callable

from qgis.core import Qgis, QgsMessageLog
from qgis.gui import QgsMessageBar
from qgis.PyQt.QtWidgets import QPushButton

TITLE = "RSRefSeg"
INFO_S = 8


class Messenger:
    """Tells the user something; all is kept in QGIS's message log too.

    Args:
        bar: QGIS's message bar.
    """

    def __init__(self, bar: QgsMessageBar) -> None:
        self._bar = bar

    def info(self, text: str) -> None:
        """Something to know; goes away by itself."""
        self._say(text, Qgis.MessageLevel.Info, INFO_S)

    def success(self, text: str) -> None:
        """Something worked; goes away by itself."""
        self._say(text, Qgis.MessageLevel.Success, INFO_S)

    def warning(self, text: str) -> None:
        """Something to mind; goes away by itself."""
        self._say(text, Qgis.MessageLevel.Warning, 2 * INFO_S)

    def error(self, text: str) -> None:
        """Something failed; stays until it is closed."""
        self._say(text, Qgis.MessageLevel.Critical, 0)

    def offer(self, text: str, button_text: str, action: Callable[[], None]) -> None:
        """Something failed, and a button mends it."""
        QgsMessageLog.logMessage(text, TITLE, Qgis.MessageLevel.Warning, False)
        item = self._bar.createMessage(TITLE, text)
        button = QPushButton(button_text)
        button.setObjectName("messageButton")

        def act() -> None:
            self._bar.popWidget(item)
            action()

        button.clicked.connect(act)
        item.layout().addWidget(button)
        self._bar.pushWidget(item, Qgis.MessageLevel.Warning)

    def _say(self, text: str, level: Qgis.MessageLevel, seconds: int) -> None:
        QgsMessageLog.logMessage(text, TITLE, level, False)
        self._bar.pushMessage(TITLE, text, level, seconds)
