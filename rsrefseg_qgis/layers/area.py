"""Polygons of the user's own that results are kept to: "only inside these features".

The model still sees what lies around them, for what it makes of a thing depends on its
surroundings; polygons are cut at the features' outlines afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCoordinateTransformContext,
    QgsCsException,
    QgsDistanceArea,
    QgsFeature,
    QgsGeometry,
    QgsRectangle,
    QgsWkbTypes,
)

from rsrefseg_qgis.errors import LayerError, tr

from .grid import Extent


class Area:
    """The features' polygons as one, in a raster's CRS. May be used from any one thread.

    Args:
        geometry: a valid polygon or multipolygon.
    """

    def __init__(self, geometry: QgsGeometry) -> None:
        self._geometry = geometry
        self._engine = QgsGeometry.createGeometryEngine(self._geometry.constGet())
        self._engine.prepareGeometry()

    @property
    def extent(self) -> Extent:
        """The outer edges."""
        box = self._geometry.boundingBox()
        return (box.xMinimum(), box.yMinimum(), box.xMaximum(), box.yMaximum())

    def touches(self, extent: Extent) -> bool:
        """Whether anything of the area lies in an extent."""
        box = QgsGeometry.fromRect(QgsRectangle(*extent))
        return bool(self._engine.intersects(box.constGet()))

    def part(self, geometry: QgsGeometry) -> QgsGeometry:
        """The part of a polygon that lies inside, empty when there is none."""
        return polygons_of(geometry.intersection(self._geometry))

    def cut(
        self, features: Iterable[QgsFeature], measure: Measure, min_area_m2: float
    ) -> list[QgsFeature]:
        """The parts of polygons that lie inside, their field ``area_m2`` measured anew."""
        kept = []
        for feature in features:
            geometry = feature.geometry()
            if not self._engine.contains(geometry.constGet()):
                geometry = self.part(geometry)
                if geometry.isEmpty() or measure.area(geometry) < min_area_m2:
                    continue
                feature.setGeometry(geometry)
                feature["area_m2"] = measure.area_m2(geometry)
            kept.append(feature)
        return kept


class Measure:
    """Areas on the ellipsoid of a CRS.

    Args:
        crs: of what is measured.
    """

    def __init__(self, crs: QgsCoordinateReferenceSystem) -> None:
        self._known = crs.isValid()
        self._measure = QgsDistanceArea()
        if self._known:
            self._measure.setSourceCrs(crs, QgsCoordinateTransformContext())
            self._measure.setEllipsoid(crs.ellipsoidAcronym() or "EPSG:7030")

    def area_m2(self, geometry: QgsGeometry) -> float | None:
        """The area of polygons in square metres, None without a CRS."""
        return float(self._measure.measureArea(geometry)) if self._known else None

    def area(self, geometry: QgsGeometry) -> float:
        """The area in square metres; without a CRS in squares of the coordinates' unit."""
        return float(self._measure.measureArea(geometry)) if self._known else geometry.area()


def area_of(
    geometries: Iterable[QgsGeometry],
    crs: QgsCoordinateReferenceSystem,
    target: QgsCoordinateReferenceSystem,
    context: QgsCoordinateTransformContext,
) -> Area:
    """The area of polygons of one layer in another's CRS.

    Raises:
        LayerError: there is no polygon, or one cannot be expressed in the other CRS.
    """
    parts = transformed(geometries, crs, target, context)
    united = polygons_of(QgsGeometry.unaryUnion([part for part in parts if not part.isEmpty()]))
    if united.isEmpty():
        raise LayerError(
            tr("The layer to keep to has no polygons; choose another, or select some of it.")
        )
    return Area(united)


def transformed(
    geometries: Iterable[QgsGeometry],
    crs: QgsCoordinateReferenceSystem,
    target: QgsCoordinateReferenceSystem,
    context: QgsCoordinateTransformContext,
) -> list[QgsGeometry]:
    """Valid multipolygons in another CRS, in order; an empty one for what is no polygon.

    Raises:
        LayerError: one cannot be expressed in the other CRS.
    """
    change = None
    if crs.isValid() and target.isValid() and crs != target:
        change = QgsCoordinateTransform(crs, target, context)
        change.setBallparkTransformsAreAppropriate(True)
    found = []
    for geometry in geometries:
        made = QgsGeometry(geometry)
        if change is not None and not made.isEmpty():
            _move(made, change)
        found.append(polygons_of(made if made.isGeosValid() else made.makeValid()))
    return found


def _move(geometry: QgsGeometry, change: QgsCoordinateTransform) -> None:
    try:
        geometry.transform(change)
        there = geometry.boundingBox().isFinite()
    except QgsCsException:
        there = False
    if not there:
        raise LayerError(
            tr(
                "A polygon cannot be expressed in {crs}; reproject its layer, or leave it out."
            ).format(crs=change.destinationCrs().authid())
        )


def polygons_of(geometry: QgsGeometry) -> QgsGeometry:
    """The areal parts of a geometry as a multipolygon, empty when it has none."""
    parts: Sequence[QgsGeometry] = [
        part
        for part in geometry.asGeometryCollection()
        if part.type() == QgsWkbTypes.GeometryType.PolygonGeometry and not part.isEmpty()
    ]
    if not parts:
        return QgsGeometry()
    if len(parts) == 1:
        made = QgsGeometry(parts[0])
        made.convertToMultiType()
        return made
    return QgsGeometry.collectGeometry(list(parts))
