"""Buttons for pointing at the target on the map, and for going back and forth."""

from __future__ import annotations

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtGui import QKeySequence
from qgis.PyQt.QtWidgets import QHBoxLayout, QToolButton, QWidget

from rsrefseg_qgis.errors import tr


class PointBar(QWidget):
    """Four checkable or plain tools in a row; does nothing by itself.

    Args:
        parent: the widget around it.
    """

    tool_chosen = pyqtSignal(str)
    """``inside``, ``outside``, ``box``, or empty when none is in hand any more."""
    undo_asked = pyqtSignal()
    redo_asked = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tools = {
            "inside": _button(
                "insideButton", "/symbologyAdd.svg", tr("Click on the map what belongs to it")
            ),
            "outside": _button(
                "outsideButton",
                "/symbologyRemove.svg",
                tr("Click on the map what does not belong to it"),
            ),
            "box": _button(
                "boxButton", "/mActionAddPolygon.svg", tr("Draw a box around it on the map")
            ),
        }
        self.undo_button = _button("undoButton", "/mActionUndo.svg", tr("Undo the last change"))
        self.redo_button = _button("redoButton", "/mActionRedo.svg", tr("Redo the last change"))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        for name, button in self.tools.items():
            button.setCheckable(True)
            button.toggled.connect(lambda on, name=name: self._on_tool(name, on))
            row.addWidget(button)
        for button, signal, key in (
            (self.undo_button, self.undo_asked, QKeySequence.StandardKey.Undo),
            (self.redo_button, self.redo_asked, QKeySequence.StandardKey.Redo),
        ):
            button.clicked.connect(signal.emit)
            shown = QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)
            button.setToolTip(f"{button.toolTip()} ({shown})")
            row.addWidget(button)
        self.show_steps(False, False)

    def show_steps(self, undo: bool, redo: bool) -> None:
        """Whether there is something to undo and to redo."""
        self.undo_button.setEnabled(undo)
        self.redo_button.setEnabled(redo)

    def drop_tool(self) -> None:
        """Take no tool in hand."""
        for button in self.tools.values():
            button.setChecked(False)

    def _on_tool(self, name: str, on: bool) -> None:
        if on:
            for other, button in self.tools.items():
                if other != name:
                    button.setChecked(False)
            self.tool_chosen.emit(name)
        elif not any(button.isChecked() for button in self.tools.values()):
            self.tool_chosen.emit("")


def _button(name: str, icon: str, hint: str) -> QToolButton:
    button = QToolButton()
    button.setObjectName(name)
    button.setAutoRaise(True)
    button.setIcon(QgsApplication.getThemeIcon(icon))
    button.setToolTip(hint)
    button.setAccessibleName(hint)
    return button
