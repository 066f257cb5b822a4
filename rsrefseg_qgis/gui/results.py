"""The polygons of the last answer: which are kept, and the one that is highlighted."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from qgis.core import QgsFeature, QgsGeometry, QgsProject, QgsVectorLayer
from qgis.gui import QgsHighlight, QgsMapCanvas
from qgis.PyQt.QtCore import QObject, pyqtSignal
from qgis.PyQt.QtGui import QColor

from rsrefseg_qgis.layers.result import refill

from .state import Candidate, PanelState

HIGHLIGHT = "#ffffff"


class Results(QObject):
    """Keeps all candidates of the last answer, so that an unchecked one can come back.

    Args:
        canvas: the map.
        state: where the candidates are shown.
        parent: its owner.
    """

    changed = pyqtSignal()
    """Other candidates are shown."""

    def __init__(self, canvas: QgsMapCanvas, state: PanelState, parent: QObject) -> None:
        super().__init__(parent)
        self._canvas = canvas
        self._state = state
        self._features: dict[str, tuple[QgsFeature, ...]] = {}
        self._highlight: QgsHighlight | None = None

    def clear(self) -> None:
        """Forget the last answer; its layers stay."""
        self._features = {}
        self.highlight(None)
        self._state.change(candidates=())
        self.changed.emit()

    def add(self, layer: QgsVectorLayer, phrase: str, features: Sequence[QgsFeature]) -> None:
        """Take a phrase's polygons; the best one is number 1."""
        ranked = tuple(sorted(features, key=lambda feature: -float(feature["score"])))
        self._features[layer.id()] = ranked
        new = tuple(
            Candidate(
                layer_id=layer.id(),
                number=number,
                phrase=phrase,
                score=float(feature["score"]),
                area_m2=feature["area_m2"] if isinstance(feature["area_m2"], float) else None,
            )
            for number, feature in enumerate(ranked, 1)
        )
        self._state.change(candidates=self._state.view.candidates + new)
        self.changed.emit()

    def outlines(self) -> list[tuple[Candidate, QgsGeometry]]:
        """The candidates with their geometries, in their layers' CRS."""
        return [
            (item, self._features[item.layer_id][item.number - 1].geometry())
            for item in self._state.view.candidates
            if item.layer_id in self._features
        ]

    def keep(self, layer_id: str, number: int, kept: bool) -> None:
        """Keep a candidate in its layer, or leave it out."""
        layer = QgsProject.instance().mapLayer(layer_id)
        if not isinstance(layer, QgsVectorLayer) or layer.isEditable():
            self._state.refresh()  # the check box goes back
            return
        candidates = tuple(
            dataclasses.replace(item, kept=kept) if item.key == (layer_id, number) else item
            for item in self._state.view.candidates
        )
        wanted = {item.number for item in candidates if item.layer_id == layer_id and item.kept}
        features = self._features.get(layer_id, ())
        refill(layer, [item for number, item in enumerate(features, 1) if number in wanted])
        self._state.change(candidates=candidates)

    def forget(self, layer_ids: set[str]) -> None:
        """A layer is gone, and its candidates with it."""
        for layer_id in layer_ids:
            self._features.pop(layer_id, None)
        left = tuple(item for item in self._state.view.candidates if item.layer_id not in layer_ids)
        if left != self._state.view.candidates:
            self.highlight(None)
            self._state.change(candidates=left)

    def highlight(self, candidate: Candidate | None) -> None:
        """Show one candidate on the map, None for none."""
        if self._highlight is not None:
            self._canvas.scene().removeItem(self._highlight)
            self._highlight = None
        if candidate is None:
            return
        layer = QgsProject.instance().mapLayer(candidate.layer_id)
        features = self._features.get(candidate.layer_id, ())
        if layer is None or candidate.number > len(features):
            return
        shown = QgsHighlight(self._canvas, features[candidate.number - 1].geometry(), layer)
        colour = QColor(HIGHLIGHT)
        shown.setColor(colour)
        colour.setAlpha(70)
        shown.setFillColor(colour)
        shown.setWidth(3)
        shown.show()
        self._highlight = shown
