"""What narrows down what a phrase means: clicks and a box, and a layer of the user's own."""

from __future__ import annotations

from typing import Any

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingParameterEnum,
    QgsProcessingParameterExtent,
    QgsProcessingParameterGeometry,
    QgsProcessingParameterVectorLayer,
    QgsWkbTypes,
)

from rsrefseg_qgis.errors import tr
from rsrefseg_qgis.layers.relations import (
    DEFAULT_DISTANCE_M,
    Relation,
    RelationRule,
    relation_name,
    take_rule,
)
from rsrefseg_qgis.layers.snapshot import LayerSnapshot, to_tuple
from rsrefseg_qgis.tasks.prompts import Click, Prompts

from .base import RSRefSegAlgorithm

RELATION = "RELATION"
RELATION_LAYER = "RELATION_LAYER"
RELATION_DISTANCE = "RELATION_DISTANCE"
POINTS_INSIDE = "POINTS_INSIDE"
POINTS_OUTSIDE = "POINTS_OUTSIDE"
BOX = "BOX"
# The order is that of the parameter's values, which models and scripts keep.
RELATIONS = (None, *Relation)


def add_targets(algorithm: RSRefSegAlgorithm) -> None:
    """Define the parameters, all of them optional and advanced."""
    _add_relation(algorithm)
    points = [QgsWkbTypes.GeometryType.PointGeometry]
    for name, text in (
        (POINTS_INSIDE, tr("Points inside the target")),
        (POINTS_OUTSIDE, tr("Points outside the target")),
    ):
        algorithm.add_advanced(QgsProcessingParameterGeometry(name, text, None, True, points, True))
    algorithm.add_advanced(
        QgsProcessingParameterExtent(BOX, tr("Box around the target"), optional=True)
    )


def _add_relation(algorithm: RSRefSegAlgorithm) -> None:
    names = [tr("Anywhere"), *(relation_name(relation) for relation in Relation)]
    algorithm.add_advanced(
        QgsProcessingParameterEnum(RELATION, tr("Only what is"), names, defaultValue=0)
    )
    algorithm.add_advanced(
        QgsProcessingParameterVectorLayer(
            RELATION_LAYER,
            tr("Layer that this is about"),
            [QgsProcessing.SourceType.TypeVectorAnyGeometry],
            optional=True,
        )
    )
    algorithm.add_number(
        RELATION_DISTANCE, tr("Distance for “within” [m]"), DEFAULT_DISTANCE_M, advanced=True
    )


def refused(
    algorithm: RSRefSegAlgorithm, parameters: dict[str, Any], context: QgsProcessingContext
) -> str:
    """Why the values do not go together, in a sentence; empty when they do."""
    relation = RELATIONS[algorithm.parameterAsEnum(parameters, RELATION, context)]
    layer = algorithm.parameterAsVectorLayer(parameters, RELATION_LAYER, context)
    if relation is None or layer is not None:
        return ""
    return tr("Choose the layer that “{relation}” is about, or choose “Anywhere”.").format(
        relation=relation_name(relation)
    )


def rule_of(
    algorithm: RSRefSegAlgorithm, parameters: dict[str, Any], context: QgsProcessingContext
) -> RelationRule | None:
    """The relation that polygons are kept to, None for any. Main thread only.

    Raises:
        LayerError: its layer is not fit for it.
    """
    relation = RELATIONS[algorithm.parameterAsEnum(parameters, RELATION, context)]
    layer = algorithm.parameterAsVectorLayer(parameters, RELATION_LAYER, context)
    if relation is None or layer is None:
        return None
    distance_m = algorithm.parameterAsDouble(parameters, RELATION_DISTANCE, context)
    return take_rule(relation, layer, distance_m, context.transformContext())


def prompts_of(
    algorithm: RSRefSegAlgorithm,
    parameters: dict[str, Any],
    context: QgsProcessingContext,
    snapshot: LayerSnapshot,
) -> Prompts:
    """The clicks and the box, in the raster's CRS."""
    clicks = []
    for name, inside in ((POINTS_INSIDE, True), (POINTS_OUTSIDE, False)):
        # kept: its vertices are gone with it
        points = algorithm.parameterAsGeometry(parameters, name, context, snapshot.crs)
        clicks += [Click(vertex.x(), vertex.y(), inside) for vertex in points.vertices()]
    box = algorithm.parameterAsExtent(parameters, BOX, context, snapshot.crs)
    return Prompts(tuple(clicks), None if box.isNull() or box.isEmpty() else to_tuple(box))
