"""Labels that say sentences."""

from __future__ import annotations

from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QPalette
from qgis.PyQt.QtWidgets import QLabel

# Red that can be read on a light and on a dark window.
ON_LIGHT, ON_DARK = "#b3261e", "#ff8a80"
MIDDLE = 128


def wrapped(text: str = "") -> QLabel:
    """A text of several lines that can be marked and copied."""
    label = QLabel(text)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def say(label: QLabel, text: str, *, bad: bool = False) -> None:
    """Show a sentence, in red when something is wrong; without one the label goes."""
    label.setStyleSheet(f"color: {_red(label)};" if bad else "")
    label.setText(text)
    label.setVisible(bool(text))


def _red(label: QLabel) -> str:
    ground = label.palette().color(QPalette.ColorRole.Window)
    return ON_DARK if ground.lightness() < MIDDLE else ON_LIGHT
