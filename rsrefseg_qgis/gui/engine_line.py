"""The panel's last lines: how the engine is, model, device and why, what is cached."""

from __future__ import annotations

import dataclasses

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from rsrefseg_qgis.errors import tr

from .help import help_button
from .state import Activity, EngineStatus, EngineView, PanelView

# Legible on light and dark themes.
DOT_COLOURS = {
    EngineStatus.NOT_INSTALLED: "#d9822b",
    EngineStatus.STOPPED: "#8a8f98",
    EngineStatus.STARTING: "#d9a400",
    EngineStatus.READY: "#2e9e5b",
    EngineStatus.BUSY: "#2f7ed8",
    EngineStatus.FAILED: "#d64545",
    EngineStatus.UNREACHABLE: "#d64545",
}


def status_text(status: EngineStatus) -> str:
    """A status in the user's words."""
    return {
        EngineStatus.NOT_INSTALLED: tr("Engine not installed"),
        EngineStatus.STOPPED: tr("Engine starts with the first question"),
        EngineStatus.STARTING: tr("Engine is starting…"),
        EngineStatus.READY: tr("Engine ready"),
        EngineStatus.BUSY: tr("Engine at work"),
        EngineStatus.FAILED: tr("Engine failed"),
        EngineStatus.UNREACHABLE: tr("Engine unreachable"),
    }[status]


def engine_text(view: EngineView) -> str:
    """Status, model and device in one line."""
    parts = [status_text(view.status)]
    if view.status in (EngineStatus.READY, EngineStatus.BUSY):
        parts += [part for part in (view.model, view.device) if part]
    return " · ".join(parts)


def engine_note(view: EngineView) -> str:
    """Why this device, and what is cached; or why the engine is not ready."""
    return " · ".join(part.rstrip(".") for part in (view.why, view.cached) if part)


class EngineLine(QWidget):
    """A coloured dot, a line of text with details in its tooltip; install, settings, help."""

    install_asked = pyqtSignal()
    settings_asked = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._dot = QLabel()
        self._dot.setFixedSize(10, 10)
        self.label = QLabel()
        self.label.setObjectName("engineLabel")
        self.label.setAccessibleName(tr("State of the engine"))
        self.label.setWordWrap(True)
        self.note = QLabel()
        self.note.setObjectName("engineNote")
        self.note.setAccessibleName(tr("Why this device, and what is cached"))
        self.note.setWordWrap(True)
        small = self.note.font()
        small.setPointSizeF(small.pointSizeF() * 0.85)
        self.note.setFont(small)
        for text in (self.label, self.note):
            text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
            text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.install_button = QToolButton()
        self.install_button.setObjectName("installButton")
        self.install_button.setText(tr("Install engine…"))
        self.install_button.setToolTip(
            tr("Install the engine into a folder of its own; QGIS's Python is left alone")
        )
        self.install_button.clicked.connect(self.install_asked.emit)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        row = QHBoxLayout()
        row.setSpacing(6)
        column.addLayout(row)
        column.addWidget(self.note)
        row.addWidget(self._dot)
        row.addWidget(self.label)
        row.addWidget(self.install_button)
        self.settings_button = QToolButton()
        self.settings_button.setObjectName("settingsButton")
        self.settings_button.setAutoRaise(True)
        self.settings_button.setIcon(QgsApplication.getThemeIcon("/mActionOptions.svg"))
        self.settings_button.setToolTip(tr("Settings of RSRefSeg"))
        self.settings_button.setAccessibleName(tr("Settings of RSRefSeg"))
        self.settings_button.clicked.connect(self.settings_asked.emit)
        row.addWidget(self.settings_button)
        row.addWidget(help_button("ask"))

    def show_view(self, view: PanelView) -> None:
        """Show the engine of a view."""
        engine = view.engine
        if engine.status is EngineStatus.READY and view.activity is Activity.ASKING:
            engine = dataclasses.replace(engine, status=EngineStatus.BUSY)
        colour = DOT_COLOURS[engine.status]
        self._dot.setStyleSheet(f"background: {colour}; border-radius: 5px;")
        self.label.setText(engine_text(engine))
        details = "\n".join(engine.details)
        self.label.setToolTip(details)
        self.note.setText(engine_note(engine))
        self.note.setToolTip(details)
        self.note.setVisible(bool(self.note.text()))
        missing = engine.status is EngineStatus.NOT_INSTALLED
        self.install_button.setVisible(missing and view.activity is not Activity.INSTALLING)
