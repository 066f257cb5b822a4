"""The panel: asks for one thing at a time and shows how it goes."""

from __future__ import annotations

from html import escape

from qgis.core import QgsApplication, QgsMapLayer, QgsMapLayerProxyModel, QgsRasterLayer
from qgis.gui import (
    QgsDockWidget,
    QgsFilterLineEdit,
    QgsMapCanvas,
    QgsMapLayerComboBox,
)
from qgis.PyQt.QtCore import QStringListModel, Qt, pyqtSignal
from qgis.PyQt.QtGui import QIcon
from qgis.PyQt.QtWidgets import (
    QCompleter,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from rsrefseg_qgis.errors import InputError, LayerError, PhraseError, tr
from rsrefseg_qgis.paths import resource
from rsrefseg_qgis.settings import Settings
from rsrefseg_qgis.tasks.phrases import split_phrases
from rsrefseg_qgis.tasks.reshape import Shape

from .answer_box import AnswerBox, line
from .engine_line import EngineLine
from .extent import ExtentChooser
from .group import folding_group
from .history import PhraseHistory
from .history_box import HistoryBox
from .panel_scroll import VerticalScroll
from .relation_box import RelationBox
from .request import AskedExtent, AskRequest, ExtentMode
from .state import Activity, PanelState, PanelView

# Not translated: the bundled model knows English.
EXAMPLES = ("all buildings", "the red-roofed building left of the road")
SHOWN_EXAMPLES = 3


class Panel(QgsDockWidget):
    """The dock widget; holds no work and no result, only what is typed and chosen.

    Args:
        canvas: the map.
        state: what to show.
        settings: what to start with.
        parent: QGIS's main window.
    """

    asked = pyqtSignal(object)
    """`AskRequest`: the user wants something found."""
    refused = pyqtSignal(object)
    """`InputError`: what was typed or chosen cannot be asked."""
    cancel_asked = pyqtSignal()
    export_asked = pyqtSignal()
    add_asked = pyqtSignal()
    guess_asked = pyqtSignal()
    install_asked = pyqtSignal()

    def __init__(
        self,
        canvas: QgsMapCanvas,
        state: PanelState,
        settings: Settings,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(tr("RSRefSeg"), parent)
        self.setObjectName("rsrefsegPanel")
        self.setWindowIcon(QIcon(str(resource("icons/rsrefseg.svg"))))
        self._state = state
        self._settings = settings
        self._history = PhraseHistory(settings.folder() / "phrases.json")
        self._build(canvas)
        self._fill_completer()
        self._connect()
        self.phrase_edit.setText("".join(self._history.phrases[:1]))
        mode = ExtentMode(settings.extent_mode)
        self.extent.set_mode(ExtentMode.CANVAS if mode is ExtentMode.DRAWN else mode)
        state.subscribe(self._show)

    def follow_layer(self, layer: QgsMapLayer | None) -> None:
        """Choose the layer that became active, when it is a raster."""
        if isinstance(layer, QgsRasterLayer):
            self.raster_combo.setLayer(layer)

    def place(self) -> tuple[str, AskedExtent]:
        """The raster layer's id and the extent that are chosen.

        Raises:
            LayerError: there is no raster or no extent.
        """
        layer = self.raster_combo.currentLayer()
        if layer is None:
            raise LayerError(tr("There is no raster to look at; add a raster layer first."))
        return layer.id(), self.extent.asked()

    def request(self) -> AskRequest:
        """What is typed and chosen.

        Raises:
            PhraseError: there is no phrase.
            LayerError: there is no raster or no extent.
        """
        layer_id, extent = self.place()
        phrases = split_phrases(self.phrase_edit.text())
        if not phrases:
            raise PhraseError(
                tr("Type what to look for, such as “{example}”.").format(example=EXAMPLES[0])
            )
        return AskRequest(
            layer_id=layer_id,
            phrases=phrases,
            extent=extent,
            shape=self.shape_box.shape,
            relation=self.relation_box.asked(),
        )

    def show_request(self, request: AskRequest) -> None:
        """Show what is asked without having been typed."""
        self.phrase_edit.setText("; ".join(request.phrases))
        self.shape_box.set_shape(request.shape)
        self.relation_box.show_asked(request.relation)

    def close_for_good(self) -> None:
        """Leave nothing behind on the map and in the state."""
        self._state.unsubscribe(self._show)
        self.extent.close_tools()
        self._history.close()

    # -- building

    def _build(self, canvas: QgsMapCanvas) -> None:
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(9, 9, 9, 9)
        column.setSpacing(8)
        column.addLayout(self._where(canvas))
        column.addLayout(self._what())
        column.addWidget(self._relation())
        column.addLayout(self._buttons())
        column.addWidget(self._progress())
        column.addWidget(self._answer())
        column.addWidget(self._history_group())
        column.addStretch(1)
        self.engine_line = EngineLine()
        self.engine_line.setContentsMargins(9, 0, 9, 9)
        # below what is scrolled: how the engine is can always be seen
        whole = QWidget()
        rows = QVBoxLayout(whole)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(6)
        self.scroll = VerticalScroll(body)
        rows.addWidget(self.scroll, 1)
        rows.addWidget(line())
        rows.addWidget(self.engine_line)
        self.setWidget(whole)

    def _where(self, canvas: QgsMapCanvas) -> QFormLayout:
        self.raster_combo = QgsMapLayerComboBox()
        self.raster_combo.setObjectName("rasterCombo")
        self.raster_combo.setFilters(QgsMapLayerProxyModel.Filter.RasterLayer)
        self.raster_combo.setAccessibleName(tr("Raster layer"))
        self.raster_combo.setToolTip(tr("The raster layer to look at, as it is drawn on the map"))
        self.raster_combo.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.extent = ExtentChooser(canvas)
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        form.setHorizontalSpacing(9)
        form.setVerticalSpacing(6)
        form.addRow(tr("Raster"), self.raster_combo)
        form.addRow(tr("Extent"), self.extent)
        return form

    def _what(self) -> QVBoxLayout:
        title = QLabel(tr("What to find"))
        self.phrase_edit = QgsFilterLineEdit()
        self.phrase_edit.setObjectName("phraseEdit")
        self.phrase_edit.setAccessibleName(tr("Phrase"))
        self.phrase_edit.setPlaceholderText(tr("e.g. the red-roofed building left of the road"))
        self.phrase_edit.setToolTip(
            tr("Say in words what to find; several phrases are separated by semicolons")
        )
        self.phrase_edit.setShowSearchIcon(True)
        self.phrase_edit.setMinimumHeight(28)
        title.setBuddy(self.phrase_edit)
        self._known_phrases = QStringListModel(self)
        completer = QCompleter(self._known_phrases, self)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        self.phrase_edit.setCompleter(completer)
        self.examples_label = QLabel()
        self.examples_label.setObjectName("examplesLabel")
        self.examples_label.setWordWrap(True)
        self.examples_label.setAccessibleName(tr("Examples"))
        small = self.examples_label.font()
        small.setPointSizeF(small.pointSizeF() * 0.9)
        self.examples_label.setFont(small)
        column = QVBoxLayout()
        column.setSpacing(4)
        column.addWidget(title)
        column.addWidget(self.phrase_edit)
        column.addWidget(self.examples_label)
        return column

    def _buttons(self) -> QHBoxLayout:
        self.segment_button = QPushButton(tr("Segment"))
        self.segment_button.setObjectName("segmentButton")
        self.segment_button.setIcon(QIcon(str(resource("icons/rsrefseg.svg"))))
        self.segment_button.setToolTip(tr("Find it and draw the outlines (Enter)"))
        self.cancel_button = QPushButton(tr("Cancel"))
        self.cancel_button.setObjectName("cancelButton")
        self.cancel_button.setIcon(QgsApplication.getThemeIcon("/mTaskCancel.svg"))
        self.cancel_button.setToolTip(tr("Stop what is going on"))
        row = QHBoxLayout()
        row.addWidget(self.segment_button, 2)
        row.addWidget(self.cancel_button, 1)
        return row

    def _progress(self) -> QWidget:
        self.progress_bar = QProgressBar()
        self.progress_bar.setObjectName("progressBar")
        self.progress_bar.setAccessibleName(tr("Progress"))
        self.progress_bar.setRange(0, 100)
        self.progress_bar.setTextVisible(False)
        self.progress_bar.setFixedHeight(6)
        self.progress_label = QLabel()
        self.progress_label.setObjectName("progressLabel")
        self.progress_label.setWordWrap(True)
        self._progress_box = QWidget()
        column = QVBoxLayout(self._progress_box)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addWidget(self.progress_bar)
        column.addWidget(self.progress_label)
        return self._progress_box

    def _relation(self) -> QWidget:
        self.relation_box = RelationBox()
        return folding_group(
            tr("Relative to your own data"),
            "rsrefsegRelationGroup",
            tr("Keep only what lies so to the features of a layer of yours"),
            self.relation_box,
            folded=True,
        )

    def _answer(self) -> QWidget:
        settings = self._settings
        self.answer_box = AnswerBox(
            Shape(settings.threshold, settings.min_area_m2, settings.simplify_m)
        )
        self.result_label = self.answer_box.label
        self.results_list = self.answer_box.results_list
        self.heat_button = self.answer_box.heat_button
        self.point_bar = self.answer_box.point_bar
        self.shape_box = self.answer_box.shape_box
        self.add_button = self.answer_box.add_button
        self.export_button = self.answer_box.export_button
        return self.answer_box

    def _history_group(self) -> QWidget:
        self.history_box = HistoryBox()
        self._history_group_box = folding_group(
            tr("History"),
            "rsrefsegHistoryGroup",
            tr("The runs of this project"),
            self.history_box,
            folded=True,
        )
        return self._history_group_box

    def _connect(self) -> None:
        self.segment_button.clicked.connect(self._ask)
        self.phrase_edit.returnPressed.connect(self._ask)
        self.cancel_button.clicked.connect(self.cancel_asked.emit)
        self.export_button.clicked.connect(self.export_asked.emit)
        self.add_button.clicked.connect(self.add_asked.emit)
        self.answer_box.guess_button.clicked.connect(self.guess_asked.emit)
        self.engine_line.install_asked.connect(self.install_asked.emit)
        self.examples_label.linkActivated.connect(self._take_example)
        self.extent.changed.connect(self._remember_extent)

    # -- doing

    def _ask(self) -> None:
        if self._state.view.activity is not Activity.IDLE:
            return
        try:
            request = self.request()
        except InputError as error:
            self.refused.emit(error)
            return
        self._history.add("; ".join(request.phrases))
        self._fill_completer()
        self.asked.emit(request)

    def _take_example(self, phrase: str) -> None:
        self.phrase_edit.setText(phrase)
        self.phrase_edit.setFocus()

    def _remember_extent(self) -> None:
        if self.extent.mode is not ExtentMode.SELECTED:  # a selection does not last
            self._settings.extent_mode = self.extent.mode.value

    def _fill_completer(self) -> None:
        examples = self._state.view.engine.examples or EXAMPLES
        known = dict.fromkeys([*self._history.phrases, *examples])
        self._known_phrases.setStringList(list(known))

    # -- showing

    def _show(self, view: PanelView) -> None:
        idle = view.activity is Activity.IDLE
        self.segment_button.setEnabled(idle)
        self.cancel_button.setEnabled(not idle)
        self.cancel_button.setVisible(not idle)
        self._progress_box.setVisible(not idle)
        # a bar that runs to and fro as long as nobody can say how much is done
        self.progress_bar.setRange(0, 100 if view.fraction > 0 else 0)
        self.progress_bar.setValue(round(100 * view.fraction))
        self.progress_label.setText(view.message)
        self.answer_box.show_view(view)
        self._history_group_box.setVisible(bool(view.history))
        self.history_box.show_runs(view.history)
        self.history_box.setEnabled(idle)
        self.engine_line.show_view(view)
        self._show_examples(view.engine.examples or EXAMPLES)

    def _show_examples(self, examples: tuple[str, ...]) -> None:
        links = " · ".join(
            f'<a href="{escape(text)}">{escape(text)}</a>' for text in examples[:SHOWN_EXAMPLES]
        )
        text = tr("Try: {examples}").format(examples=links)
        if self.examples_label.text() != text:
            self.examples_label.setText(text)
