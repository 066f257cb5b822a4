"""The heat map: one click puts it on the map, another takes it away."""

from __future__ import annotations

import contextlib
from pathlib import Path

from qgis.core import (
    QgsApplication,
    QgsLayerTreeGroup,
    QgsProject,
    QgsRasterLayer,
)
from qgis.PyQt.QtCore import QObject, QTimer
from qgis.PyQt.QtWidgets import QToolButton

from rsrefseg_qgis.engine.manager import EngineManager
from rsrefseg_qgis.errors import tr
from rsrefseg_qgis.layers.probability_style import apply_probability_style
from rsrefseg_qgis.tasks.base import BaseTask, Done, Failed, Outcome
from rsrefseg_qgis.tasks.heat import HeatMap, heat_task

from .messages import Messenger
from .shaping import Shaping

PROPERTY = "rsrefseg/heat"


class HeatMaps(QObject):
    """Shows the last answer's heat map as long as its button is down.

    Args:
        manager: the engine.
        shaping: has the last answer.
        button: the checkable button.
        messenger: tells the user.
        parent: its owner.
    """

    def __init__(
        self,
        manager: EngineManager,
        shaping: Shaping,
        button: QToolButton,
        messenger: Messenger,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._manager = manager
        self._shaping = shaping
        self._button = button
        self._messenger = messenger
        self._token = 0
        self._tasks: dict[int, BaseTask] = {}
        self._layer_ids: list[str] = []
        self._files: list[Path] = []
        self._group: QgsLayerTreeGroup | None = None
        self._saved = False
        button.toggled.connect(self._on_toggled)
        QgsProject.instance().layersWillBeRemoved.connect(self._on_removed)
        QgsProject.instance().projectSaved.connect(self._on_saved)

    def renew(self) -> None:
        """There is another answer: show its heat map, when one is shown."""
        if self._button.isChecked():
            self._remove()
            self._fetch()

    def close(self) -> None:
        """Take all away."""
        QgsProject.instance().layersWillBeRemoved.disconnect(self._on_removed)
        QgsProject.instance().projectSaved.disconnect(self._on_saved)
        self._button.toggled.disconnect(self._on_toggled)
        self._remove()

    def _on_toggled(self, on: bool) -> None:
        self._remove()
        if on:
            self._fetch()

    def _fetch(self) -> None:
        answer = self._shaping.answer
        if answer is None:
            self._messenger.info(tr("Ask for something first; then its heat map can be shown."))
            self._button.setChecked(False)
            return
        token = self._token
        phrases = tuple(item.record.phrase for item in answer.phrases)
        folder = self._manager.settings.folder() / "heat"
        task = heat_task(answer.response.request_id, phrases, folder, self._manager)
        self._tasks[token] = task
        raster_id = answer.job.snapshot.layer_id
        task.ended.connect(lambda outcome: self._on_end(token, raster_id, outcome))
        QgsApplication.taskManager().addTask(task)

    def _on_end(self, token: int, raster_id: str, outcome: Outcome) -> None:
        self._tasks.pop(token, None)
        if isinstance(outcome, Done) and token != self._token:
            _delete([path for item in outcome.value for path in (item.looked, item.probability)])
        elif isinstance(outcome, Done):
            self._show(outcome.value, raster_id)
        elif token == self._token:
            self._button.setChecked(False)
            if isinstance(outcome, Failed):
                self._messenger.warning(str(outcome.error))

    def _show(self, heat_maps: tuple[HeatMap, ...], raster_id: str) -> None:
        project = QgsProject.instance()
        root = project.layerTreeRoot()
        below = root.findLayer(raster_id)
        parent = below.parent() if below is not None else root
        position = parent.children().index(below) if below is not None else 0
        group = parent.insertGroup(position, tr("Heat map"))
        self._group = group
        for item in heat_maps:
            for path, name in (
                (item.looked, tr("{phrase}: where the model looked")),
                (item.probability, tr("{phrase}: probability")),
            ):
                self._files.append(path)
                layer = QgsRasterLayer(str(path), name.format(phrase=item.phrase))
                if not layer.isValid():
                    continue
                apply_probability_style(layer)
                layer.setCustomProperty(PROPERTY, True)
                project.addMapLayer(layer, False)
                group.addLayer(layer)
                self._layer_ids.append(layer.id())
        # one picture at a time can be read; the others are a click away
        for node in group.children()[1:]:
            node.setItemVisibilityChecked(False)

    def _remove(self) -> None:
        self._token += 1
        self._saved = False
        for task in list(self._tasks.values()):
            task.cancel()
        ids, self._layer_ids = self._layer_ids, []
        group, self._group = self._group, None
        project = QgsProject.instance()
        project.removeMapLayers([layer_id for layer_id in ids if project.mapLayer(layer_id)])
        if group is not None:
            # the user or a closed project may have removed it
            with contextlib.suppress(RuntimeError, AttributeError):
                group.parent().removeChildNode(group)
        files, self._files = self._files, []
        _delete(files)

    def _on_removed(self, layer_ids: list[str]) -> None:
        """The user removed them, or the project is closed: the button goes up."""
        if self._layer_ids and set(self._layer_ids) <= set(layer_ids):
            closing = set(layer_ids) >= set(QgsProject.instance().mapLayers())
            files, self._files = self._files, []
            # a project that was saved with it needs its files
            if not (closing and self._saved):
                # once the layers are gone, which write statistics beside the files as they go
                QTimer.singleShot(0, lambda: _delete(files))
            self._layer_ids = []
            self._group = None if len(layer_ids) > 1 else self._group
            self._button.setChecked(False)

    def _on_saved(self) -> None:
        self._saved = bool(self._layer_ids)


def _delete(files: list[Path]) -> None:
    for path in files:
        for name in (path, path.with_name(path.name + ".aux.xml")):
            with contextlib.suppress(OSError):  # a file that is open yet stays, in a folder of ours
                name.unlink()
