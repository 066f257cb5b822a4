"""Adding results to a polygon layer of the user's own, field by field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from qgis.core import (
    QgsCoordinateTransform,
    QgsCoordinateTransformContext,
    QgsCsException,
    QgsFeature,
    QgsFields,
    QgsVectorDataProvider,
    QgsVectorLayer,
    QgsVectorLayerUtils,
    QgsWkbTypes,
)

from rsrefseg_qgis.errors import OutputError, tr

# Field of a result -> how such a field may be called elsewhere.
_SYNONYMS = {
    "phrase": ("label", "class", "class_name", "category", "type", "name", "description"),
    "score": ("confidence", "probability", "prob", "conf"),
    "area_m2": ("area", "shape_area", "area_sqm", "sqm"),
    "model": ("method",),
    "source": ("image", "raster"),
    "created": ("date", "timestamp", "created_at", "time"),
}


def takes_polygons(layer: QgsVectorLayer) -> bool:
    """Whether polygons can be added to a layer."""
    can_add = layer.dataProvider() is not None and bool(
        layer.dataProvider().capabilities() & QgsVectorDataProvider.Capability.AddFeatures
    )
    areal = layer.geometryType() == QgsWkbTypes.GeometryType.PolygonGeometry
    return layer.isValid() and areal and can_add and not layer.readOnly()


def guess_mapping(source: QgsFields, target: QgsFields) -> dict[str, str]:
    """For each field of the target, the field of the results that suits it; others are left out."""
    names = {name.lower(): name for name in source.names()}
    mapping: dict[str, str] = {}
    for name in target.names():
        same = names.get(name.lower())
        if same is not None:
            mapping[name] = same
    for name in target.names():
        for field, others in _SYNONYMS.items():
            free = name not in mapping and field not in mapping.values()
            if free and field in names and name.lower() in others:
                mapping[name] = names[field]
    return mapping


def append_to_layer(
    source: QgsVectorLayer,
    features: Iterable[QgsFeature],
    target: QgsVectorLayer,
    mapping: Mapping[str, str],
    context: QgsCoordinateTransformContext,
) -> int:
    """Add features to a layer's edit session, as one step that the user can undo.

    Main thread only. The session is left open: it is the user's to save.

    Args:
        source: where the features are from.
        features: in its CRS.
        target: a polygon layer.
        mapping: field of the target -> field of the source.
        context: how to transform.

    Returns:
        How many features were added; more than given when the layer takes single polygons.

    Raises:
        OutputError: the layer cannot be edited, or a polygon cannot be expressed in its CRS.
    """
    made = _made(source, features, target, mapping, context)
    if not target.isEditable() and not target.startEditing():
        raise OutputError(
            tr("The layer “{name}” cannot be edited; choose another.").format(name=target.name())
        )
    target.beginEditCommand(tr("Add segmented polygons"))
    if not target.addFeatures(made):
        target.destroyEditCommand()
        raise OutputError(
            tr("The layer “{name}” does not take the polygons; choose another.").format(
                name=target.name()
            )
        )
    target.endEditCommand()
    target.triggerRepaint()
    return len(made)


def _made(
    source: QgsVectorLayer,
    features: Iterable[QgsFeature],
    target: QgsVectorLayer,
    mapping: Mapping[str, str],
    context: QgsCoordinateTransformContext,
) -> list[QgsFeature]:
    change = None
    if source.crs().isValid() and target.crs().isValid() and source.crs() != target.crs():
        change = QgsCoordinateTransform(source.crs(), target.crs(), context)
    fields = target.fields()
    made: list[QgsFeature] = []
    for feature in features:
        geometry = feature.geometry()
        try:
            if change is not None:
                geometry.transform(change)
        except QgsCsException as error:
            raise OutputError(
                tr("A polygon cannot be expressed in the CRS of “{name}”; choose another.").format(
                    name=target.name()
                )
            ) from error
        values = {
            fields.lookupField(to): _fitting(fields, to, feature[name])
            for to, name in mapping.items()
        }
        new = QgsVectorLayerUtils.createFeature(target, geometry, values)
        made += QgsVectorLayerUtils.makeFeatureCompatible(new, target)
    return made


def _fitting(fields: QgsFields, name: str, value: object) -> object:
    """The value as the field's type, cut to its length; None when it cannot be had so."""
    field = fields.field(name)
    if isinstance(value, str) and field.length() > 0:
        value = value[: field.length()]
    try:
        # gives the value back, or raises when it does not fit
        return field.convertCompatible(value)
    except ValueError:
        return None
