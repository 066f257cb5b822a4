"""The engine's answer as styled vector layers, above the raster that they were found in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qgis.core import (
    Qgis,
    QgsCoordinateReferenceSystem,
    QgsFeature,
    QgsField,
    QgsFields,
    QgsGeometry,
    QgsLayerMetadata,
    QgsLayerTreeLayer,
    QgsLineString,
    QgsMemoryProviderUtils,
    QgsMultiPolygon,
    QgsPolygon,
    QgsProject,
    QgsVectorLayer,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import QDateTime, Qt, QVariant

from rsrefseg_qgis.errors import LayerError, tr

from .provenance import PROPERTY, RunRecord
from .style import apply_style, colour_for

GEOMETRY_TYPE = QgsWkbTypes.Type.MultiPolygon
MAX_NAME = 60


@dataclass(frozen=True)
class FoundPolygon:
    """One polygon of an answer, as the engine gave it.

    Attributes:
        geometry: GeoJSON Polygon or MultiPolygon in the raster's CRS.
        score: how sure the model is, 0 to 1.
        area_m2: on the ellipsoid; None without a CRS.
    """

    geometry: Mapping[str, Any]
    score: float
    area_m2: float | None


def result_fields() -> QgsFields:
    """The fields of every result layer, in order."""
    text, number, time, _ = field_types()
    fields = QgsFields()
    for name, kind in (
        ("phrase", text),
        ("score", number),
        ("area_m2", number),
        ("model", text),
        ("model_hash", text),
        ("source", text),
        ("engine_version", text),
        ("created", time),
    ):
        fields.append(QgsField(name, kind))
    return fields


def build_features(record: RunRecord, polygons: Iterable[FoundPolygon]) -> list[QgsFeature]:
    """Features with all fields set; on any thread.

    Raises:
        LayerError: a geometry is not one.
    """
    fields = result_fields()
    created = QDateTime.fromString(record.created, Qt.DateFormat.ISODate)
    features = []
    for polygon in polygons:
        feature = QgsFeature(fields)
        feature.setGeometry(geometry_from_geojson(polygon.geometry))
        feature.setAttributes(
            [
                record.phrase,
                polygon.score,
                polygon.area_m2,
                record.model,
                record.model_hash,
                record.source,
                record.engine_version,
                created,
            ]
        )
        features.append(feature)
    return features


def geometry_from_geojson(geometry: Mapping[str, Any]) -> QgsGeometry:
    """A GeoJSON Polygon or MultiPolygon as a multipolygon, holes kept.

    Raises:
        LayerError: it is neither.
    """
    kind = geometry.get("type")
    try:
        coordinates = geometry["coordinates"]
        parts = {"Polygon": [coordinates], "MultiPolygon": coordinates}[str(kind)]
        multi = QgsMultiPolygon()
        for rings in parts:
            polygon = QgsPolygon()
            polygon.setExteriorRing(_ring(rings[0]))
            for hole in rings[1:]:
                polygon.addInteriorRing(_ring(hole))
            multi.addGeometry(polygon)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise LayerError(
            tr("The engine answered a geometry of the kind “{kind}”; update the plugin.").format(
                kind=kind
            )
        ) from error
    return QgsGeometry(multi)


def make_layer(
    record: RunRecord,
    features: Sequence[QgsFeature],
    crs: QgsCoordinateReferenceSystem,
    style: str = "",
) -> QgsVectorLayer:
    """A styled layer of one phrase's polygons that knows how it was made. Main thread only.

    Args:
        record: how it was made.
        features: its polygons.
        crs: theirs.
        style: QML file of the user's own style; empty, or not to be read: the plugin's.
    """
    layer = QgsMemoryProviderUtils.createMemoryLayer(
        layer_name(record.phrase), result_fields(), GEOMETRY_TYPE, crs
    )
    layer.setCrs(crs)  # QGIS gives EPSG:4326 to a memory layer that is to have none
    layer.dataProvider().addFeatures(list(features))
    layer.updateExtents()
    apply_style(layer, colour_for(record.phrase), style)
    layer.setCustomProperty(PROPERTY, record.to_json())
    layer.setMetadata(_metadata(record, crs))
    return layer


def add_above(layer: QgsVectorLayer, raster_id: str, project: QgsProject) -> None:
    """Put a layer into the project, right above the raster, or on top when that is gone."""
    project.addMapLayer(layer, False)
    root = project.layerTreeRoot()
    below = root.findLayer(raster_id)
    parent = below.parent() if below is not None else root
    position = parent.children().index(below) if below is not None else 0
    parent.insertChildNode(position, QgsLayerTreeLayer(layer))


def refill(layer: QgsVectorLayer, features: Iterable[QgsFeature]) -> None:
    """Put other features into a result layer, wherever it is kept. Main thread only.

    Args:
        layer: the layer; not in an edit session.
        features: with the fields of results; others of the layer, such as a file's ``fid``, are
            left to it.
    """
    provider = layer.dataProvider()
    fields = layer.fields()
    made = []
    for feature in features:
        copy = QgsFeature(fields)
        copy.setGeometry(feature.geometry())
        for index, field in enumerate(feature.fields()):
            target = fields.lookupField(field.name())
            if target >= 0:
                copy.setAttribute(target, feature.attribute(index))
        made.append(copy)
    provider.truncate()
    provider.addFeatures(made)
    layer.updateExtents()
    layer.triggerRepaint()


def layer_name(phrase: str) -> str:
    """A phrase as a layer's name: one line, not too long."""
    name = " ".join(phrase.split())
    return name if len(name) <= MAX_NAME else name[: MAX_NAME - 1].rstrip() + "…"


def record_of(layer: QgsVectorLayer) -> RunRecord | None:
    """How a layer was made, None when it is not one of ours."""
    text = layer.customProperty(PROPERTY, "")
    return RunRecord.from_json(text) if isinstance(text, str) and text else None


def _ring(points: Sequence[Sequence[float]]) -> QgsLineString:
    return QgsLineString(
        [float(point[0]) for point in points], [float(point[1]) for point in points]
    )


def field_types() -> tuple[Any, Any, Any, Any]:
    """Text, number, time and whole number as QGIS's version wants them."""
    if Qgis.QGIS_VERSION_INT >= 33800:
        from qgis.PyQt.QtCore import QMetaType

        kinds = QMetaType.Type
        return kinds.QString, kinds.Double, kinds.QDateTime, kinds.LongLong
    types = QVariant.Type
    return types.String, types.Double, types.DateTime, types.LongLong


def _metadata(record: RunRecord, crs: QgsCoordinateReferenceSystem) -> QgsLayerMetadata:
    metadata = QgsLayerMetadata()
    metadata.setType("dataset")
    metadata.setTitle(layer_name(record.phrase))
    metadata.setAbstract(
        tr("Polygons for “{phrase}” in “{layer}”, found by {model}.").format(
            phrase=record.phrase, layer=record.layer_name, model=record.model
        )
    )
    metadata.setCrs(crs)
    metadata.addHistoryItem(
        f"{record.created} rsrefseg {record.engine_version}, {record.model} "
        f"({record.model_hash[:12]}), “{record.phrase}”, threshold {record.threshold:g}, "
        f"extent {record.extent}, source {record.source}"
    )
    return metadata
