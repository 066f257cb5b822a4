"""The panel's lower half: what was found, how it is drawn, and where it goes."""

from __future__ import annotations

from qgis.core import QgsApplication
from qgis.PyQt.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from rsrefseg_qgis.errors import tr
from rsrefseg_qgis.tasks.reshape import Shape

from .group import folding_group
from .point_bar import PointBar
from .results_list import ResultsList
from .shape_box import ShapeBox
from .state import Activity, PanelView


class AnswerBox(QWidget):
    """Shown once there is an answer.

    Args:
        shape: what the values start with.
        parent: the widget around it.
    """

    def __init__(self, shape: Shape, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.label = QLabel()
        self.label.setObjectName("resultLabel")
        self.label.setWordWrap(True)
        self.label.setAccessibleName(tr("Result"))
        self.guess_button = _button(
            "guessButton",
            tr("Show best guess"),
            "",
            tr("Draw what comes nearest, although the model takes it for no match"),
        )
        self.results_list = ResultsList()
        self.heat_button = QToolButton()
        self.heat_button.setObjectName("heatButton")
        self.heat_button.setText(tr("Heat map"))
        self.heat_button.setCheckable(True)
        self.heat_button.setToolTip(
            tr("Show on the map where the model looked and how likely each place is")
        )
        self.point_bar = PointBar()
        self.shape_box = ShapeBox(shape)
        self.add_button = _button(
            "addButton",
            tr("Add to layer…"),
            "/mActionAddOgrLayer.svg",
            tr("Add the polygons to a polygon layer of yours, field by field"),
        )
        self.export_button = _button(
            "exportButton",
            tr("Export to GeoPackage…"),
            "/mActionFileSave.svg",
            tr("Write the result into a GeoPackage"),
        )
        self._build()

    def show_view(self, view: PanelView) -> None:
        """Show an answer."""
        idle = view.activity is Activity.IDLE
        self.setVisible(bool(view.summary))
        self.label.setText(view.summary)
        self.guess_button.setVisible(view.can_guess)
        self.guess_button.setEnabled(idle)
        self.results_list.setVisible(bool(view.candidates))
        self.results_list.show_candidates(view.candidates)
        self.add_button.setEnabled(idle and bool(view.result_ids))
        self.export_button.setEnabled(idle and bool(view.result_ids))

    def _build(self) -> None:
        tools = QHBoxLayout()
        tools.setSpacing(4)
        tools.addWidget(self.point_bar)
        tools.addStretch(1)
        tools.addWidget(self.heat_button)
        shape_group = folding_group(
            tr("Shape"),
            "rsrefsegShapeGroup",
            tr("How outlines are drawn; they change as you look"),
            self.shape_box,
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(line())
        column.addWidget(self.label)
        column.addWidget(self.guess_button)
        column.addWidget(self.results_list)
        column.addLayout(tools)
        column.addWidget(shape_group)
        column.addWidget(self.add_button)
        column.addWidget(self.export_button)


def line() -> QFrame:
    """A thin line across."""
    made = QFrame()
    made.setFrameShape(QFrame.Shape.HLine)
    made.setFrameShadow(QFrame.Shadow.Sunken)
    return made


def _button(name: str, text: str, icon: str, hint: str) -> QPushButton:
    button = QPushButton(text)
    button.setObjectName(name)
    button.setToolTip(hint)
    # in a narrow dock the text may be cut, the panel not
    button.setMinimumWidth(60)
    button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    if icon:
        button.setIcon(QgsApplication.getThemeIcon(icon))
    return button
