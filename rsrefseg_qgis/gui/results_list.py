"""The candidates of the last answer: numbered, with score and area; checked ones are kept."""

from __future__ import annotations

from collections.abc import Mapping

from qgis.PyQt.QtCore import QEvent, QLocale, QSize, Qt, pyqtSignal
from qgis.PyQt.QtGui import QIcon, QPixmap
from qgis.PyQt.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from rsrefseg_qgis.errors import tr
from rsrefseg_qgis.tasks.sentences import area_text

from .state import Candidate

KEY = Qt.ItemDataRole.UserRole
SHOWN_ROWS = 6
PICTURE_PX = 32


class ResultsList(QTreeWidget):
    """A row per candidate, below its phrase."""

    hovered = pyqtSignal(object)
    """The `Candidate` under the mouse or the keyboard's cursor, None when there is none."""
    kept_changed = pyqtSignal(str, int, bool)
    """Layer id, number of the candidate, whether it is kept."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("resultsList")
        self.setAccessibleName(tr("Candidates"))
        self.setToolTip(tr("Checked polygons are kept; point at one to see it on the map"))
        self.setHeaderLabels([tr("Candidate"), tr("Score"), tr("Area")])
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setMouseTracking(True)
        self.setIconSize(QSize(PICTURE_PX, PICTURE_PX))
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.header().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.header().setStretchLastSection(False)
        self._shown: tuple[Candidate, ...] = ()
        self.itemEntered.connect(self._on_item)
        self.currentItemChanged.connect(lambda item, before: self._on_item(item))
        self.itemChanged.connect(self._on_changed)

    def show_candidates(self, candidates: tuple[Candidate, ...]) -> None:
        """Show candidates; a check box that was not taken goes back."""
        same_rows = [item.key for item in candidates] == [item.key for item in self._shown]
        self._shown = candidates
        self.blockSignals(True)
        if same_rows:
            self._update_checks()
        else:
            self._fill()
        self.blockSignals(False)
        rows = min(max(self.topLevelItemCount(), 1), SHOWN_ROWS)
        height = max(self.sizeHintForRow(0), PICTURE_PX + 2) if self.topLevelItemCount() else 20
        self.setFixedHeight(self.header().sizeHint().height() + rows * height + 4)

    def show_pictures(self, pictures: Mapping[tuple[str, int], QPixmap]) -> None:
        """Show small pictures beside the candidates with these keys."""
        self.blockSignals(True)
        for index, candidate in enumerate(self._shown):
            picture = pictures.get(candidate.key)
            if picture is not None:
                self.topLevelItem(index).setIcon(0, QIcon(picture))
        self.blockSignals(False)

    def _fill(self) -> None:
        self.clear()
        several = len({item.phrase for item in self._shown}) > 1
        for candidate in self._shown:
            name = f"{candidate.number}"
            if several:
                name = f"{candidate.number} · {candidate.phrase}"
            score = QLocale().toString(candidate.score, "f", 2)
            area = "" if candidate.area_m2 is None else area_text(candidate.area_m2)
            row = QTreeWidgetItem([name, score, area])
            for column in (1, 2):
                row.setTextAlignment(
                    column, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                )
            row.setSizeHint(0, QSize(0, PICTURE_PX + 2))
            row.setToolTip(0, candidate.phrase)
            row.setData(0, KEY, candidate)
            row.setCheckState(0, _check(candidate))
            self.addTopLevelItem(row)

    def _update_checks(self) -> None:
        for index, candidate in enumerate(self._shown):
            row = self.topLevelItem(index)
            row.setData(0, KEY, candidate)
            row.setCheckState(0, _check(candidate))

    def _on_item(self, item: QTreeWidgetItem | None) -> None:
        self.hovered.emit(item.data(0, KEY) if item is not None else None)

    def _on_changed(self, item: QTreeWidgetItem, column: int) -> None:
        candidate = item.data(0, KEY)
        kept = item.checkState(0) == Qt.CheckState.Checked
        if column == 0 and kept != candidate.kept:
            self.kept_changed.emit(candidate.layer_id, candidate.number, kept)

    def leaveEvent(self, event: QEvent) -> None:
        """Highlight nothing any more."""
        self.hovered.emit(None)
        super().leaveEvent(event)


def _check(candidate: Candidate) -> Qt.CheckState:
    return Qt.CheckState.Checked if candidate.kept else Qt.CheckState.Unchecked
