"""The runs of this project: look them up, run one again, open it in the Toolbox."""

from __future__ import annotations

from qgis.PyQt.QtCore import QDateTime, QLocale, Qt, pyqtSignal
from qgis.PyQt.QtWidgets import (
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from rsrefseg_qgis.errors import quoted, tr
from rsrefseg_qgis.layers.provenance import RunRecord
from rsrefseg_qgis.layers.relations import Relation, relation_text

RECORD = Qt.ItemDataRole.UserRole
ROWS_HEIGHT_PX = 120


class HistoryBox(QWidget):
    """A list of runs, the newest first.

    Args:
        parent: the widget around it.
    """

    again_asked = pyqtSignal(object)
    """`RunRecord` to run again."""
    processing_asked = pyqtSignal(object)
    """`RunRecord` to open as a Processing call."""
    clear_asked = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.list = QListWidget()
        self.list.setObjectName("historyList")
        self.list.setAccessibleName(tr("Runs of this project"))
        self.list.setToolTip(tr("What was asked in this project; Enter runs it again"))
        self.list.setFixedHeight(ROWS_HEIGHT_PX)
        self.list.setAlternatingRowColors(True)
        self.list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.again_button = _button(
            "againButton", tr("Run again"), tr("Ask the chosen run again, as it was")
        )
        self.processing_button = _button(
            "processingButton",
            tr("Open in Toolbox…"),
            tr("Open the chosen run in “Segment by phrase” of the Processing Toolbox"),
        )
        self.clear_button = _button(
            "clearButton", tr("Clear"), tr("Forget the runs of this project; layers stay")
        )
        # two rows, so that no text is cut in a narrow dock
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.again_button)
        row.addWidget(self.clear_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.list)
        column.addLayout(row)
        column.addWidget(self.processing_button)
        self._shown: tuple[RunRecord, ...] | None = None
        self.list.itemActivated.connect(lambda item: self.again_asked.emit(item.data(RECORD)))
        self.list.currentItemChanged.connect(lambda item, before: self._show_buttons())
        self.again_button.clicked.connect(lambda: self._emit(self.again_asked))
        self.processing_button.clicked.connect(lambda: self._emit(self.processing_asked))
        self.clear_button.clicked.connect(self.clear_asked.emit)
        self.show_runs(())

    def show_runs(self, runs: tuple[RunRecord, ...]) -> None:
        """Show runs."""
        if runs == self._shown:
            return
        self._shown = runs
        self.list.clear()
        for record in runs:
            item = QListWidgetItem(run_text(record))
            item.setToolTip(run_details(record))
            item.setData(RECORD, record)
            self.list.addItem(item)
        if runs:
            self.list.setCurrentRow(0)
        self._show_buttons()

    def _emit(self, signal: pyqtSignal) -> None:
        item = self.list.currentItem()
        if item is not None:
            signal.emit(item.data(RECORD))

    def _show_buttons(self) -> None:
        chosen = self.list.currentItem() is not None
        self.again_button.setEnabled(chosen)
        self.processing_button.setEnabled(chosen)
        self.clear_button.setEnabled(chosen)


def run_text(record: RunRecord) -> str:
    """A run in one line."""
    return f"{_time(record)} · {record.phrase} ({record.count})"


def run_details(record: RunRecord) -> str:
    """A run in full."""
    locale = QLocale()
    lines = [
        record.phrase,
        tr("Layer: {name}").format(name=record.layer_name),
        tr("Extent: {extent}").format(
            extent=", ".join(locale.toString(value, "f", 1) for value in record.extent)
        ),
        tr("Model: {name} ({digest})").format(name=record.model, digest=record.model_hash[:12]),
        tr("Threshold {threshold}, minimum area {area} m², simplification {simplify} m").format(
            threshold=locale.toString(record.threshold, "f", 2),
            area=locale.toString(record.min_area_m2, "f", 1),
            simplify=locale.toString(record.simplify_m, "f", 1),
        ),
    ]
    if record.right_angles:
        lines.append(tr("Right angles"))
    if record.relation in {relation.value for relation in Relation}:
        related = relation_text(Relation(record.relation)).format(
            layer=quoted(record.related_name), distance=locale.toString(record.related_m, "f", 1)
        )
        lines.append(tr("Only what is {relation}").format(relation=related))
    if record.points or record.box:
        lines.append(tr("Clicks: {count}").format(count=len(record.points) + bool(record.box)))
    return "\n".join(lines)


def _time(record: RunRecord) -> str:
    made = QDateTime.fromString(record.created, Qt.DateFormat.ISODate)
    return str(QLocale().toString(made.toLocalTime().time(), QLocale.FormatType.ShortFormat))


def _button(name: str, text: str, hint: str) -> QPushButton:
    button = QPushButton(text)
    button.setObjectName(name)
    button.setToolTip(hint)
    button.setMinimumWidth(20)
    button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return button
