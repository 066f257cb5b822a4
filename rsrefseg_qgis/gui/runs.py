"""Starts the work that the panel asks for and brings its outcome back, one piece at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qgis.core import QgsApplication, QgsProject, QgsRasterLayer, QgsVectorLayer
from qgis.PyQt.QtCore import QObject, QTimer, pyqtSignal

from rsrefseg_qgis.engine.manager import EngineManager
from rsrefseg_qgis.errors import (
    EngineNotInstalledError,
    EngineUnreachableError,
    LayerError,
    RsRefSegPluginError,
    tr,
)
from rsrefseg_qgis.layers.geopackage import ExportMode, prepare_export
from rsrefseg_qgis.layers.grid import Extent
from rsrefseg_qgis.layers.result import add_above, make_layer
from rsrefseg_qgis.layers.snapshot import LayerSnapshot, take_snapshot, to_layer_extent
from rsrefseg_qgis.tasks.base import BaseTask, Done, Failed, Outcome
from rsrefseg_qgis.tasks.export import export_task
from rsrefseg_qgis.tasks.install import install_task
from rsrefseg_qgis.tasks.segment import SegmentAnswer, SegmentJob, segment_task
from rsrefseg_qgis.tasks.sentences import nothing_text, phrases_text

from .engine_watch import EngineWatch
from .messages import Messenger
from .relation_box import rule_for
from .request import AskedExtent, AskRequest, ExtentMode
from .results import Results
from .shaping import Shaping
from .state import Activity, PanelState

logger = logging.getLogger(__name__)


class Runs(QObject):
    """At most one piece of work at a time; each has a token, and what comes late is dropped.

    Args:
        manager: the engine.
        state: told what is going on.
        watch: told what the engine says of itself.
        messenger: tells the user.
        results: keeps the polygons of the last answer.
        shaping: draws the last answer again.
        parent: its owner.
    """

    begun = pyqtSignal(object)
    """`AskRequest` that is being worked at."""
    answered = pyqtSignal(object)
    """`SegmentAnswer` that is shown."""
    install_wanted = pyqtSignal()
    """The user wants to see what installing the engine means."""
    install_ended = pyqtSignal(object)
    """`Outcome` of an installation."""

    def __init__(
        self,
        manager: EngineManager,
        state: PanelState,
        watch: EngineWatch,
        messenger: Messenger,
        results: Results,
        shaping: Shaping,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._manager = manager
        self._state = state
        self._watch = watch
        self._messenger = messenger
        self._results = results
        self._shaping = shaping
        self._token = 0
        self._tasks: dict[int, BaseTask] = {}
        self._raster_id = ""
        project = QgsProject.instance()
        project.layersWillBeRemoved.connect(self._on_layers_removed)
        project.cleared.connect(self._on_project_cleared)

    # -- what can be asked for

    def ask(self, request: AskRequest) -> None:
        """Find phrases in a layer."""
        try:
            job = self._job(request)
        except RsRefSegPluginError as error:
            self._messenger.error(str(error))
            return
        self._raster_id = request.layer_id
        show = self._show_refined if request.refines else self._show_answer
        self._start(Activity.ASKING, segment_task(job, self._manager), show)
        self.begun.emit(request)

    def export(self, layer_ids: tuple[str, ...], path: Path, mode: ExportMode) -> None:
        """Write result layers into a GeoPackage, each under its own name."""
        project = QgsProject.instance()
        layers = [project.mapLayer(layer_id) for layer_id in layer_ids]
        kept = [layer for layer in layers if isinstance(layer, QgsVectorLayer)]
        if not kept:
            self._messenger.error(tr("The result's layer is gone; ask again."))
            return
        context = project.transformContext()
        jobs = []
        for index, layer in enumerate(kept):
            how = mode
            if index and mode in (ExportMode.NEW_FILE, ExportMode.REPLACE_FILE):
                how = ExportMode.NEW_LAYER
            jobs.append(prepare_export(layer, path, how, layer.name(), context))
        self._start(Activity.EXPORTING, export_task(tuple(jobs)), self._show_export)

    def install(self, repair: bool = False) -> None:
        """Install the engine; to repair it, from an empty environment."""
        task = install_task(self._manager.settings, repair=repair)
        task.ended.connect(self._on_install_end)
        self._start(Activity.INSTALLING, task, lambda value: self._show_installed())

    def cancel(self) -> None:
        """Stop what is going on; the panel is free at once."""
        task = self._tasks.get(self._token)
        self._token += 1
        if task is not None:
            task.cancel()
        self._state.change(activity=Activity.IDLE, fraction=0.0, message="")

    def close(self) -> None:
        """Stop everything and listen no more."""
        project = QgsProject.instance()
        project.layersWillBeRemoved.disconnect(self._on_layers_removed)
        project.cleared.disconnect(self._on_project_cleared)
        self._token += 1
        for task in list(self._tasks.values()):
            task.cancel()

    # -- preparing

    def _job(self, request: AskRequest) -> SegmentJob:
        layer = QgsProject.instance().mapLayer(request.layer_id)
        if not isinstance(layer, QgsRasterLayer):
            raise LayerError(tr("The raster layer is gone; choose another."))
        snapshot = take_snapshot(layer)
        extent, resolution = resolve_extent(request.extent, snapshot, layer)
        snapshot.grid(extent, resolution)  # says now when there is nothing to look at
        return SegmentJob(
            snapshot=snapshot,
            extent=extent,
            phrases=request.phrases,
            resolution=resolution,
            threshold=request.shape.threshold,
            min_area_m2=request.shape.min_area_m2,
            simplify_m=request.shape.simplify_m,
            right_angles=request.shape.right_angles,
            prompts=request.prompts,
            rule=rule_for(request.relation),
        )

    def _start(self, activity: Activity, task: BaseTask, show: Callable[[Any], None]) -> None:
        self._token += 1
        token = self._token
        self._tasks[token] = task
        task.stepped.connect(lambda fraction, text: self._on_step(token, fraction, text))
        task.ended.connect(lambda outcome: self._on_end(token, outcome, show))
        self._state.change(activity=activity, fraction=0.0, message=task.description())
        QgsApplication.taskManager().addTask(task)

    # -- what comes back

    def _on_step(self, token: int, fraction: float, text: str) -> None:
        if token == self._token:
            self._state.change(fraction=fraction, message=text)

    def _on_end(self, token: int, outcome: Outcome, show: Callable[[Any], None]) -> None:
        self._tasks.pop(token, None)
        # after QGIS's own “Task failed”, which would lie over the sentence that says why
        QTimer.singleShot(0, lambda: self._take(token, outcome, show))

    def _take(self, token: int, outcome: Outcome, show: Callable[[Any], None]) -> None:
        if token != self._token:
            logger.debug("dropped a late outcome")
            return
        self._state.change(activity=Activity.IDLE, fraction=0.0, message="")
        if isinstance(outcome, Failed) and isinstance(outcome.error, EngineUnreachableError):
            self._manager.mark_unreachable(outcome.error)
        self._watch.look()
        try:
            if isinstance(outcome, Done):
                show(outcome.value)
            elif isinstance(outcome, Failed):
                self._show_failure(outcome.error)
        except RsRefSegPluginError as error:
            self._messenger.error(str(error))

    def _show_failure(self, error: RsRefSegPluginError) -> None:
        if isinstance(error, EngineNotInstalledError):
            text = tr("The engine is not installed yet (about 1.5 GB, once).")
            self._messenger.offer(text, tr("Install engine…"), self.install_wanted.emit)
        else:
            self._messenger.error(str(error))

    def _show_answer(self, answer: SegmentAnswer) -> None:
        self._watch.take_health(answer.health)
        project = QgsProject.instance()
        snapshot = answer.job.snapshot
        layers: dict[str, str] = {}
        self._results.clear()
        for phrase in answer.phrases:
            if not phrase.features:
                self._messenger.info(nothing_text(phrase))
                continue
            layer = make_layer(
                phrase.record, phrase.features, snapshot.crs, self._manager.settings.result_style
            )
            add_above(layer, snapshot.layer_id, project)
            layers[phrase.record.phrase] = layer.id()
            self._results.add(layer, phrase.record.phrase, phrase.features)
        for warning in answer.response.other_warnings:
            self._messenger.warning(warning)
        self._state.change(summary=phrases_text(answer.phrases), result_ids=tuple(layers.values()))
        self._shaping.take(answer, layers)
        self.answered.emit(answer)

    def _show_refined(self, answer: SegmentAnswer) -> None:
        self._watch.take_health(answer.health)
        self._shaping.refine(answer)
        self.answered.emit(answer)

    def _on_install_end(self, outcome: Outcome) -> None:
        self.install_ended.emit(outcome)

    def _show_export(self, path: Path) -> None:
        self._messenger.success(tr("Exported to {path}.").format(path=path))

    def _show_installed(self) -> None:
        self._messenger.success(tr("The engine is installed; ask for something."))

    # -- what happens meanwhile

    def _on_layers_removed(self, layer_ids: list[str]) -> None:
        gone = set(layer_ids)
        self._results.forget(gone)
        left = tuple(item for item in self._state.view.result_ids if item not in gone)
        if left != self._state.view.result_ids:
            self._state.change(result_ids=left)
        asking = self._state.view.activity is Activity.ASKING
        if asking and self._raster_id in gone:
            self.cancel()
            self._messenger.info(tr("The raster layer was removed; the search in it was stopped."))

    def _on_project_cleared(self) -> None:
        if self._state.view.activity is Activity.ASKING:
            self.cancel()
        self._shaping.close()
        self._results.clear()
        self._state.change(summary="", result_ids=())


def resolve_extent(
    asked: AskedExtent, snapshot: LayerSnapshot, layer: QgsRasterLayer
) -> tuple[Extent, float | None]:
    """An asked extent in the layer's CRS, and the screen's pixel size there.

    Raises:
        LayerError: it cannot be transformed.
    """
    if asked.mode is ExtentMode.LAYER or asked.rectangle is None:
        return snapshot.extent, None
    context = QgsProject.instance().transformContext()
    extent = to_layer_extent(asked.rectangle, asked.rectangle.crs(), layer, context)
    if not asked.map_units_per_pixel or asked.rectangle.width() <= 0:
        return extent, None
    scale = (extent[2] - extent[0]) / asked.rectangle.width()
    return extent, asked.map_units_per_pixel * scale
