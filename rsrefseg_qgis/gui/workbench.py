"""Connects what is done with an answer: refining, pictures, heat map, history, adding, saving."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsMapLayer, QgsProject, QgsVectorLayer
from qgis.PyQt.QtCore import QObject

from rsrefseg_qgis.engine.manager import EngineManager
from rsrefseg_qgis.errors import RsRefSegPluginError, tr
from rsrefseg_qgis.layers.append import append_to_layer
from rsrefseg_qgis.layers.provenance import RunRecord
from rsrefseg_qgis.tasks.segment import SegmentAnswer

from .append_dialog import AppendDialog
from .heat_map import HeatMaps
from .keeping import Keeping
from .marks import Marks
from .messages import Messenger
from .panel import Panel
from .refining import Refining
from .results import Results
from .runs import Runs
from .session import Session, processing_call, request_of
from .shaping import Shaping
from .state import PanelState
from .thumbnails import Thumbnails

ALGORITHM = "rsrefseg:segmentbyphrase"


class Workbench(QObject):
    """Owns the tools around an answer.

    Args:
        iface: QGIS's interface.
        manager: the engine.
        state: what the panel shows.
        messenger: tells the user.
        results: the polygons of the last answer.
        shaping: draws them again.
        runs: asks the engine.
        panel: the controls.
        parent: its owner.
    """

    def __init__(
        self,
        iface: Any,
        manager: EngineManager,
        state: PanelState,
        messenger: Messenger,
        results: Results,
        shaping: Shaping,
        runs: Runs,
        panel: Panel,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._iface = iface
        self._messenger = messenger
        self._state = state
        self._panel = panel
        self.marks = Marks(iface.mapCanvas(), self)
        self.refining = Refining(panel, self.marks, state, runs, shaping, messenger, self)
        self.thumbnails = Thumbnails(results, panel.results_list, self)
        self.heat_maps = HeatMaps(manager, shaping, panel.heat_button, messenger, self)
        self.session = Session(state, self)
        self.keeping = Keeping(manager.settings.folder() / "results", messenger, self)
        runs.answered.connect(self._on_answer)
        shaping.redrawn.connect(self.session.take)
        panel.add_asked.connect(self.add_to_layer)
        panel.history_box.again_asked.connect(self.run_again)
        panel.history_box.processing_asked.connect(self.open_in_processing)
        panel.history_box.clear_asked.connect(self.session.clear)
        QgsProject.instance().cleared.connect(self.refining.reset)

    def close(self) -> None:
        """Leave nothing behind."""
        QgsProject.instance().cleared.disconnect(self.refining.reset)
        self.keeping.close()
        self.session.close()
        self.heat_maps.close()
        self.thumbnails.close()
        self.marks.close()

    def run_again(self, record: RunRecord) -> None:
        """Ask what was asked then."""
        try:
            request = request_of(record)
        except RsRefSegPluginError as error:
            self._messenger.warning(str(error))
            return
        self._panel.show_request(request)
        self._panel.asked.emit(request)

    def open_in_processing(self, record: RunRecord) -> None:
        """Open a run in the algorithm's dialog, to be changed and run there."""
        import processing

        try:
            parameters = processing_call(record)
        except RsRefSegPluginError as error:
            self._messenger.warning(str(error))
            return
        dialog = processing.createAlgorithmDialog(ALGORITHM, parameters)
        if dialog is None:
            self._messenger.warning(
                tr("QGIS's Processing is not active; activate its plugin and try again.")
            )
            return
        dialog.setParent(self._iface.mainWindow(), dialog.windowFlags())
        dialog.show()

    def add_to_layer(self) -> None:
        """Ask for a layer and add the kept polygons of the last answer to it."""
        sources = self._sources()
        count = sum(layer.featureCount() for layer in sources)
        if not count:
            self._messenger.warning(tr("There are no polygons to add; ask for something first."))
            return
        dialog = AppendDialog(sources[0].fields(), count, sources, self._iface.mainWindow())
        if dialog.exec() and dialog.layer is not None:
            self.append(sources, dialog.layer, dialog.mapping)
        dialog.deleteLater()

    def append(
        self, sources: list[QgsVectorLayer], target: QgsVectorLayer, mapping: dict[str, str]
    ) -> None:
        """Add the polygons of result layers to a layer's edit session."""
        context = QgsProject.instance().transformContext()
        try:
            added = sum(
                append_to_layer(layer, layer.getFeatures(), target, mapping, context)
                for layer in sources
            )
        except RsRefSegPluginError as error:
            self._messenger.error(str(error))
            return
        self._messenger.success(
            tr("{count} polygons added to “{layer}”; save its edits to keep them.").format(
                count=added, layer=target.name()
            )
        )

    def _sources(self) -> list[QgsVectorLayer]:
        project = QgsProject.instance()
        layers: list[QgsMapLayer | None] = [
            project.mapLayer(layer_id) for layer_id in self._state.view.result_ids
        ]
        return [layer for layer in layers if isinstance(layer, QgsVectorLayer)]

    def _on_answer(self, answer: SegmentAnswer) -> None:
        self.session.take(answer.phrases)
        self.heat_maps.renew()
