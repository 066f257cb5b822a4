"""The runs of a project, kept in the project's file; asked again as they were."""

from __future__ import annotations

import json
from collections.abc import Sequence

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsGeometry,
    QgsPointXY,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
    QgsReferencedGeometry,
    QgsReferencedRectangle,
)
from qgis.PyQt.QtCore import QObject

from rsrefseg_qgis.errors import LayerError, tr
from rsrefseg_qgis.layers.provenance import RunRecord
from rsrefseg_qgis.layers.relations import Relation
from rsrefseg_qgis.tasks.prompts import Click, Prompts
from rsrefseg_qgis.tasks.reshape import Shape
from rsrefseg_qgis.tasks.segment import PhraseAnswer

from .request import AskedExtent, AskedRelation, AskRequest, ExtentMode
from .state import PanelState

SCOPE, KEY = "RSRefSeg", "history"
KEPT = 200


class Session(QObject):
    """Follows the open project.

    Args:
        state: shows the runs.
        parent: its owner.
    """

    def __init__(self, state: PanelState, parent: QObject) -> None:
        super().__init__(parent)
        self._state = state
        project = QgsProject.instance()
        project.readProject.connect(self._read)
        project.cleared.connect(self._read)
        self._read()

    def take(self, phrases: Sequence[PhraseAnswer]) -> None:
        """Remember runs; one that was only drawn again takes its own place."""
        new = [item.record for item in phrases]
        known = {(record.phrase, record.created) for record in new}
        old = [run for run in self._state.view.history if (run.phrase, run.created) not in known]
        self._write(tuple([*new, *old][:KEPT]))

    def clear(self) -> None:
        """Forget all runs of the project."""
        self._write(())

    def close(self) -> None:
        """Follow the project no more."""
        project = QgsProject.instance()
        project.readProject.disconnect(self._read)
        project.cleared.disconnect(self._read)

    def _read(self, *ignored: object) -> None:
        text, _ = QgsProject.instance().readEntry(SCOPE, KEY, "[]")
        try:
            stored = json.loads(text)
        except ValueError:
            stored = []
        read = (RunRecord.from_json(item) for item in stored if isinstance(item, str))
        self._state.change(history=tuple(run for run in read if run is not None))

    def _write(self, runs: tuple[RunRecord, ...]) -> None:
        text = json.dumps([run.to_json() for run in runs], ensure_ascii=False)
        QgsProject.instance().writeEntry(SCOPE, KEY, text)
        self._state.change(history=runs)


def request_of(record: RunRecord) -> AskRequest:
    """What was asked then, to be asked again.

    Raises:
        LayerError: the raster layer is gone.
    """
    crs = QgsCoordinateReferenceSystem.fromWkt(record.crs)
    rectangle = QgsReferencedRectangle(QgsRectangle(*record.extent), crs)
    clicks = tuple(
        Click(x, y, bool(label)) for (x, y), label in zip(record.points, record.point_labels)
    )
    relation = None
    if record.relation in {item.value for item in Relation}:
        relation = AskedRelation(Relation(record.relation), record.related_id, record.related_m)
    return AskRequest(
        layer_id=raster_of(record).id(),
        phrases=(record.phrase,),
        extent=AskedExtent(ExtentMode.DRAWN, rectangle, record.resolution),
        shape=Shape(record.threshold, record.min_area_m2, record.simplify_m, record.right_angles),
        relation=relation,
        prompts=Prompts(clicks, record.box),
    )


def processing_call(record: RunRecord) -> dict[str, object]:
    """The parameters of “Segment by phrase” for a run.

    All that was asked is passed, but for the size of a map service's pixels on the screen: the
    algorithm draws those as finely as the model looks. A layer of the relation that is gone is
    left to be chosen.

    Raises:
        LayerError: the raster layer is gone.
    """
    crs = QgsCoordinateReferenceSystem.fromWkt(record.crs)
    parameters: dict[str, object] = {
        "INPUT": raster_of(record).id(),
        "PHRASE": record.phrase,
        "EXTENT": QgsReferencedRectangle(QgsRectangle(*record.extent), crs),
        "THRESHOLD": record.threshold,
        "MIN_AREA": record.min_area_m2,
        "SIMPLIFY": record.simplify_m,
        "RIGHT_ANGLES": record.right_angles,
        "BEST_GUESS": record.guess,
    }
    if record.ground_resolution_m is not None:
        parameters["RESOLUTION"] = record.ground_resolution_m
    for name, label in (("POINTS_INSIDE", 1), ("POINTS_OUTSIDE", 0)):
        labelled = zip(record.points, record.point_labels)
        points = [QgsPointXY(*point) for point, given in labelled if given == label]
        if points:
            parameters[name] = QgsReferencedGeometry(QgsGeometry.fromMultiPointXY(points), crs)
    if record.box is not None:
        parameters["BOX"] = QgsReferencedRectangle(QgsRectangle(*record.box), crs)
    return {**parameters, **_relation_call(record)}


def _relation_call(record: RunRecord) -> dict[str, object]:
    relations = [relation.value for relation in Relation]
    if record.relation not in relations:
        return {}
    parameters: dict[str, object] = {"RELATION": 1 + relations.index(record.relation)}
    if QgsProject.instance().mapLayer(record.related_id) is not None:
        parameters["RELATION_LAYER"] = record.related_id
    if record.relation == Relation.WITHIN.value:
        parameters["RELATION_DISTANCE"] = record.related_m
    return parameters


def raster_of(record: RunRecord) -> QgsRasterLayer:
    """The raster of a run: by its id, else by its name.

    Raises:
        LayerError: it is gone.
    """
    project = QgsProject.instance()
    layers = [project.mapLayer(record.layer_id), *project.mapLayersByName(record.layer_name)]
    for layer in layers:
        if isinstance(layer, QgsRasterLayer):
            return layer
    raise LayerError(
        tr("The raster “{name}” is not in the project; add it and try again.").format(
            name=record.layer_name
        )
    )
