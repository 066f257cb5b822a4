"""Keeps the candidates' pictures in step with the list."""

from __future__ import annotations

from qgis.core import QgsApplication, QgsProject, QgsRasterLayer, QgsVectorLayer
from qgis.PyQt.QtCore import QObject, QTimer
from qgis.PyQt.QtGui import QPixmap

from rsrefseg_qgis.errors import LayerError
from rsrefseg_qgis.layers.result import record_of
from rsrefseg_qgis.layers.snapshot import take_snapshot
from rsrefseg_qgis.tasks.base import BaseTask, Done, Outcome
from rsrefseg_qgis.tasks.thumbnails import thumbnails_task

from .results import Results
from .results_list import ResultsList

# Nobody looks at hundreds of pictures, and a map service would be asked for each.
MOST = 50
QUIET_MS = 250


class Thumbnails(QObject):
    """Draws a picture of each of the first candidates once the list is quiet.

    Args:
        results: the candidates.
        rows: where they are shown.
        parent: its owner.
    """

    def __init__(self, results: Results, rows: ResultsList, parent: QObject) -> None:
        super().__init__(parent)
        self._results = results
        self._rows = rows
        self._task: BaseTask | None = None
        self._token = 0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(QUIET_MS)
        self._timer.timeout.connect(self._draw)
        results.changed.connect(self._on_change)

    def close(self) -> None:
        """Draw nothing more."""
        self._results.changed.disconnect(self._on_change)
        self._timer.stop()
        self._drop()

    def _on_change(self) -> None:
        self._drop()
        self._timer.start()

    def _drop(self) -> None:
        self._token += 1
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _draw(self) -> None:
        shown = self._results.outlines()[:MOST]
        raster = _raster_below(shown[0][0].layer_id) if shown else None
        if raster is None:
            return
        try:
            snapshot = take_snapshot(raster)
        except LayerError:
            return  # a list without pictures is still a list
        items = [(candidate.key, geometry) for candidate, geometry in shown]
        side = round(self._rows.iconSize().width() * self._rows.devicePixelRatioF())
        token = self._token
        task = thumbnails_task(snapshot, items, side)
        self._task = task
        task.ended.connect(lambda outcome: self._on_end(token, outcome))
        QgsApplication.taskManager().addTask(task)

    def _on_end(self, token: int, outcome: Outcome) -> None:
        if token != self._token:
            return
        self._task = None
        if isinstance(outcome, Done):
            ratio = self._rows.devicePixelRatioF()
            pictures = {}
            for key, image in outcome.value.items():
                image.setDevicePixelRatio(ratio)
                pictures[key] = QPixmap.fromImage(image)
            self._rows.show_pictures(pictures)


def _raster_below(layer_id: str) -> QgsRasterLayer | None:
    """The raster that a result layer was found in."""
    project = QgsProject.instance()
    layer = project.mapLayer(layer_id)
    record = record_of(layer) if isinstance(layer, QgsVectorLayer) else None
    raster = project.mapLayer(record.layer_id) if record is not None else None
    return raster if isinstance(raster, QgsRasterLayer) else None
