"""Regularise polygons: right angles for what people build."""

from __future__ import annotations

from typing import Any

from qgis.core import (
    QgsFeature,
    QgsFeatureSink,
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeatureSource,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingParameterFeatureSink,
    QgsProcessingParameterFeatureSource,
)

from rsrefseg_qgis.errors import tr
from rsrefseg_qgis.layers.area import Measure, transformed
from rsrefseg_qgis.layers.result import GEOMETRY_TYPE
from rsrefseg_qgis.tasks.regularise import regularise

from .base import FeedbackMonitor, RSRefSegAlgorithm, features_of, told_to_processing

AREA_FIELD = "area_m2"


class RegularisePolygons(RSRefSegAlgorithm):
    """Polygons in, straighter polygons out."""

    INPUT = "INPUT"
    TOLERANCE = "TOLERANCE"
    OUTPUT = "OUTPUT"
    COUNT = "COUNT"

    def name(self) -> str:
        """Part of the algorithm's id."""
        return "regularise"

    def displayName(self) -> str:
        """As the Toolbox shows it."""
        return tr("Regularise polygons")

    def tags(self) -> list[str]:
        """Words to find it by, beside its name."""
        words = "orthogonalize,right angles,square,simplify,regularize"
        return [*super().tags(), *words.split(",")]

    def shortDescription(self) -> str:
        """One sentence."""
        return tr("Gives outlines of buildings straight sides and right angles.")

    def shortHelpString(self) -> str:
        """The help beside the dialog."""
        return tr(
            "<p>Gives outlines that nearly have right angles, as those of buildings, straight "
            "sides and right angles along their main direction. What does not look built in right "
            "angles is only simplified; what would change too much is left as it was. The result "
            "is always valid; all fields are kept, and a field <i>area_m2</i> is measured anew."
            "</p>"
            "<p><b>Tolerance</b>: how far an outline may move, in metres on the ground (in map "
            "units for a layer without a CRS); sides shorter than that go.</p>"
        )

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        """Define the parameters."""
        polygons = [QgsProcessing.SourceType.TypeVectorPolygon]
        self.addParameter(QgsProcessingParameterFeatureSource(self.INPUT, tr("Polygons"), polygons))
        self.add_number(self.TOLERANCE, tr("Tolerance [m]"), 1.0, 0.0, 1000.0)
        self.addParameter(
            QgsProcessingParameterFeatureSink(
                self.OUTPUT, tr("Regularised"), QgsProcessing.SourceType.TypeVectorPolygon
            )
        )
        self.addOutput(QgsProcessingOutputNumber(self.COUNT, tr("Number of polygons")))

    def processAlgorithm(
        self,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
        feedback: QgsProcessingFeedback,
    ) -> dict[str, Any]:
        """Straighten and write; runs in any thread."""
        source = self.parameterAsSource(parameters, self.INPUT, context)
        if source is None:
            raise QgsProcessingException(self.invalidSourceError(parameters, self.INPUT))
        features: list[QgsFeature] | None = None
        with told_to_processing():
            tolerance = self.parameterAsDouble(parameters, self.TOLERANCE, context)
            features = self._made(source, tolerance, context, feedback)
        if features is None:
            return {}
        sink, target = self.parameterAsSink(
            parameters, self.OUTPUT, context, source.fields(), GEOMETRY_TYPE, source.sourceCrs()
        )
        if sink is None:
            raise QgsProcessingException(self.invalidSinkError(parameters, self.OUTPUT))
        for feature in features:
            sink.addFeature(feature, QgsFeatureSink.Flag.FastInsert)
        del sink
        return {self.OUTPUT: target, self.COUNT: len(features)}

    def _made(
        self,
        source: QgsProcessingFeatureSource,
        tolerance_m: float,
        context: QgsProcessingContext,
        feedback: QgsProcessingFeedback,
    ) -> list[QgsFeature]:
        crs = source.sourceCrs()
        features = features_of(source)
        valid = transformed(
            (feature.geometry() for feature in features), crs, crs, context.transformContext()
        )
        monitor = FeedbackMonitor(feedback)
        measure = Measure(crs)
        area_at = source.fields().lookupField(AREA_FIELD)
        for feature, geometry in zip(
            features, regularise(valid, crs, tolerance_m, self._manager, monitor)
        ):
            feature.setGeometry(geometry)
            if area_at >= 0 and not geometry.isEmpty():
                feature.setAttribute(area_at, measure.area_m2(geometry))
        return features
