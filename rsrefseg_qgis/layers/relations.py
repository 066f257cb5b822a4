"""How polygons lie to the features of a layer of the user's own: "left of *this* road".

Everything is measured in metres on a plane around the extent's middle, whatever the two CRS are.
"Left" is west and "above" is north, as on a map that is not turned.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCoordinateTransformContext,
    QgsCsException,
    QgsFeature,
    QgsFeatureRequest,
    QgsGeometry,
    QgsPointXY,
    QgsRectangle,
    QgsSpatialIndex,
    QgsVectorLayer,
    QgsVectorLayerFeatureSource,
    QgsWkbTypes,
)

from rsrefseg_qgis.errors import LayerError, tr

from .grid import Extent

# A direction holds up to 60 degrees off its axis, so that what lies diagonally has two.
DIRECTION_COSINE = 0.5
# Outlines that are traced from pixels cross a boundary here and there.
INSIDE_SHARE = 0.9
# What “within” starts with.
DEFAULT_DISTANCE_M = 50.0


class Relation(enum.Enum):
    """How a polygon may lie to the nearest feature of a layer."""

    LEFT = "left_of"
    RIGHT = "right_of"
    ABOVE = "above"
    BELOW = "below"
    WITHIN = "within"
    TOUCHING = "touching"
    INSIDE = "inside"


# Relation -> what its direction is in x and y.
_DIRECTIONS = {
    Relation.LEFT: (-1.0, 0.0),
    Relation.RIGHT: (1.0, 0.0),
    Relation.ABOVE: (0.0, 1.0),
    Relation.BELOW: (0.0, -1.0),
}


@dataclass(frozen=True)
class RelationRule:
    """A relation to a layer, frozen on the main thread.

    Attributes:
        relation: which.
        distance_m: for `Relation.WITHIN`, how far at most; map units without a CRS.
        layer_id: of the layer.
        name: its name.
        crs: its CRS.
        source: its features as they are now.
        context: how to transform.
    """

    relation: Relation
    distance_m: float
    layer_id: str
    name: str
    crs: QgsCoordinateReferenceSystem
    source: QgsVectorLayerFeatureSource
    context: QgsCoordinateTransformContext


def relation_name(relation: Relation) -> str:
    """A relation in a word or two, to choose from."""
    return {
        Relation.LEFT: tr("left of"),
        Relation.RIGHT: tr("right of"),
        Relation.ABOVE: tr("above"),
        Relation.BELOW: tr("below"),
        Relation.WITHIN: tr("within"),
        Relation.TOUCHING: tr("touching"),
        Relation.INSIDE: tr("inside"),
    }[relation]


def relation_text(relation: Relation) -> str:
    """A relation in the user's words, with places for the layer and the distance."""
    return {
        Relation.LEFT: tr("left of {layer}"),
        Relation.RIGHT: tr("right of {layer}"),
        Relation.ABOVE: tr("above {layer}"),
        Relation.BELOW: tr("below {layer}"),
        Relation.WITHIN: tr("within {distance} m of {layer}"),
        Relation.TOUCHING: tr("touching {layer}"),
        Relation.INSIDE: tr("inside {layer}"),
    }[relation]


def take_rule(
    relation: Relation,
    layer: QgsVectorLayer,
    distance_m: float,
    context: QgsCoordinateTransformContext,
) -> RelationRule:
    """Freeze a layer for a relation. Main thread only.

    Raises:
        LayerError: the layer cannot be read, or nothing can be inside of it.
    """
    if not layer.isValid() or not layer.isSpatial():
        raise LayerError(
            tr("The layer “{name}” has no geometries; choose another for the relation.").format(
                name=layer.name()
            )
        )
    areal = layer.geometryType() == QgsWkbTypes.GeometryType.PolygonGeometry
    if relation is Relation.INSIDE and not areal:
        raise LayerError(
            tr(
                "Nothing can be inside of “{name}”, which has no polygons; choose “touching” or "
                "“within”, or a polygon layer."
            ).format(name=layer.name())
        )
    return RelationRule(
        relation=relation,
        distance_m=distance_m,
        layer_id=layer.id(),
        name=layer.name(),
        crs=layer.crs(),
        source=QgsVectorLayerFeatureSource(layer),
        context=context,
    )


def related(
    rule: RelationRule,
    features: Sequence[QgsFeature],
    crs: QgsCoordinateReferenceSystem,
    extent: Extent,
    tolerance_m: float = 0.0,
) -> list[QgsFeature]:
    """The features that a rule holds for, unchanged, in order. On any thread.

    Args:
        rule: the rule.
        features: polygons in ``crs``.
        crs: of the raster.
        extent: where was looked, in ``crs``.
        tolerance_m: a gap up to this still touches, such as a pixel's size.

    Raises:
        LayerError: the layer has nothing near the extent, or cannot be expressed in its CRS.
    """
    if not features:
        return []
    plane = _plane(crs, extent) if rule.crs.isValid() else QgsCoordinateReferenceSystem()
    try:
        to_plane = _transform(crs, plane, rule.context)
        others = _Others(rule, plane, _reach(rule, to_plane, extent, tolerance_m))
        return [
            feature
            for feature in features
            if others.hold(_moved(feature.geometry(), to_plane), tolerance_m)
        ]
    except QgsCsException as error:
        raise LayerError(
            tr(
                "“{name}” and the raster cannot be brought into one CRS; reproject the layer or "
                "choose another."
            ).format(name=rule.name)
        ) from error


class _Others:
    """The layer's features near the extent, on the plane."""

    def __init__(
        self, rule: RelationRule, plane: QgsCoordinateReferenceSystem, reach: QgsRectangle
    ) -> None:
        self._rule = rule
        self._geometries: dict[int, QgsGeometry] = {}
        self._index = QgsSpatialIndex(QgsSpatialIndex.Flag.FlagStoreFeatureGeometries)
        to_plane = _transform(rule.crs, plane, rule.context)
        back = _transform(plane, rule.crs, rule.context)
        box = reach if back is None else back.transformBoundingBox(reach)
        request = QgsFeatureRequest().setFilterRect(box).setNoAttributes()
        for number, feature in enumerate(rule.source.getFeatures(request)):
            geometry = _moved(feature.geometry(), to_plane)
            if geometry.isEmpty():
                continue
            self._geometries[number] = geometry
            indexed = QgsFeature(number)
            indexed.setGeometry(geometry)
            self._index.addFeature(indexed)
        if not self._geometries:
            raise LayerError(
                tr("“{name}” has no features near the extent; choose another layer.").format(
                    name=rule.name
                )
            )

    def hold(self, geometry: QgsGeometry, tolerance: float) -> bool:
        """Whether the rule holds for a polygon on the plane."""
        relation = self._rule.relation
        if relation in _DIRECTIONS:
            return self._lies(geometry.centroid(), *_DIRECTIONS[relation])
        if relation is Relation.INSIDE:
            return self._is_inside(geometry)
        far = self._rule.distance_m if relation is Relation.WITHIN else tolerance
        return self._nearest(geometry).distance(geometry) <= far

    def _lies(self, middle: QgsGeometry, x: float, y: float) -> bool:
        at: QgsPointXY = middle.asPoint()
        other: QgsPointXY = self._nearest(middle).nearestPoint(middle).asPoint()
        dx, dy = at.x() - other.x(), at.y() - other.y()
        length = math.hypot(dx, dy)
        return length > 0 and (dx * x + dy * y) / length >= DIRECTION_COSINE

    def _is_inside(self, geometry: QgsGeometry) -> bool:
        shared = [
            geometry.intersection(self._geometries[number])
            for number in self._index.intersects(geometry.boundingBox())
        ]
        parts = [part for part in shared if not part.isEmpty()]
        covered = QgsGeometry.unaryUnion(parts).area() if parts else 0.0
        return covered >= INSIDE_SHARE * geometry.area() > 0

    def _nearest(self, geometry: QgsGeometry) -> QgsGeometry:
        return self._geometries[self._index.nearestNeighbor(geometry, 1)[0]]


def _plane(crs: QgsCoordinateReferenceSystem, extent: Extent) -> QgsCoordinateReferenceSystem:
    """Metres around an extent's middle; invalid when it has no CRS: its units are taken then."""
    if not crs.isValid():
        return crs
    globe = QgsCoordinateReferenceSystem("EPSG:4326")
    middle = QgsPointXY((extent[0] + extent[2]) / 2, (extent[1] + extent[3]) / 2)
    to_globe = _transform(crs, globe, QgsCoordinateTransformContext())
    if to_globe is not None:
        middle = to_globe.transform(middle)
    return QgsCoordinateReferenceSystem.fromProj(
        f"+proj=aeqd +lat_0={middle.y():.9f} +lon_0={middle.x():.9f} +datum=WGS84 +units=m +no_defs"
    )


def _transform(
    source: QgsCoordinateReferenceSystem,
    target: QgsCoordinateReferenceSystem,
    context: QgsCoordinateTransformContext,
) -> QgsCoordinateTransform | None:
    """None when coordinates are taken as they are."""
    if not source.isValid() or not target.isValid() or source == target:
        return None
    made = QgsCoordinateTransform(source, target, context)
    made.setBallparkTransformsAreAppropriate(True)
    return made


def _reach(
    rule: RelationRule, to_plane: QgsCoordinateTransform | None, extent: Extent, tolerance: float
) -> QgsRectangle:
    """Where features can matter: for a direction, as far around the extent as it is large."""
    box = QgsRectangle(*extent)
    if to_plane is not None:
        box = to_plane.transformBoundingBox(box)
    far = {Relation.WITHIN: rule.distance_m, Relation.TOUCHING: tolerance, Relation.INSIDE: 0.0}
    return box.buffered(far.get(rule.relation, max(box.width(), box.height())))


def _moved(geometry: QgsGeometry, change: QgsCoordinateTransform | None) -> QgsGeometry:
    """A valid copy on the plane."""
    made = QgsGeometry(geometry)
    if change is not None and not made.isEmpty():
        made.transform(change)
    return made if made.isEmpty() or made.isGeosValid() else made.makeValid()
