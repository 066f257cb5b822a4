"""Segment by phrase: what the panel does, for the Toolbox, models, batches and `qgis_process`."""

from __future__ import annotations

from typing import Any, ClassVar

from qgis.core import (
    QgsFeatureSink,
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingLayerPostProcessorInterface,
    QgsProcessingOutputNumber,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterExtent,
    QgsProcessingParameterFeatureSink,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
    QgsVectorLayer,
)

from rsrefseg_qgis.errors import LayerError, tr
from rsrefseg_qgis.layers.result import GEOMETRY_TYPE, layer_name, result_fields
from rsrefseg_qgis.layers.snapshot import LayerSnapshot, take_snapshot, to_tuple
from rsrefseg_qgis.layers.style import apply_style, colour_for
from rsrefseg_qgis.tasks.phrases import split_phrases
from rsrefseg_qgis.tasks.segment import SegmentAnswer, SegmentJob, segment
from rsrefseg_qgis.tasks.sentences import found_text, nothing_text, unknown_text

from .base import FeedbackMonitor, RSRefSegAlgorithm, told_to_processing


class SegmentByPhrase(RSRefSegAlgorithm):
    """Raster and phrase in, polygons out."""

    INPUT = "INPUT"
    PHRASE = "PHRASE"
    EXTENT = "EXTENT"
    RESOLUTION = "RESOLUTION"
    THRESHOLD = "THRESHOLD"
    MIN_AREA = "MIN_AREA"
    SIMPLIFY = "SIMPLIFY"
    OUTPUT = "OUTPUT"
    COUNT = "COUNT"

    _job: SegmentJob | None = None

    def name(self) -> str:
        """Part of the algorithm's id."""
        return "segmentbyphrase"

    def displayName(self) -> str:
        """As the Toolbox shows it."""
        return tr("Segment by phrase")

    def tags(self) -> list[str]:
        """Words to find it by."""
        words = "segmentation,text,prompt,object,detection,deep learning,building,extract"
        return words.split(",") + tr("phrase,find,outline").split(",")

    def shortDescription(self) -> str:
        """One sentence."""
        return tr("Finds what a phrase says in a raster and gives its outlines as polygons.")

    def shortHelpString(self) -> str:
        """The help beside the dialog."""
        return tr(
            "<p>Finds what a phrase says, such as <i>the red-roofed building left of the road</i> "
            "or <i>all buildings</i>, in a raster layer, and gives a polygon layer in the raster's "
            "CRS with score, area (m², on the ellipsoid) and provenance. Several phrases are "
            "separated by semicolons.</p>"
            "<p>The layer is looked at as it is drawn on the map: bands, stretch and colours "
            "of its style count. Any raster that QGIS can draw will do, map services too.</p>"
            "<p><b>Extent</b>: what part of the layer is looked at; all of it by default.<br>"
            "<b>Ground resolution</b>: metres per pixel at which the model looks; by default "
            "it chooses what suits it.<br>"
            "<b>Threshold</b>: probability from which a pixel counts.<br>"
            "<b>Minimum area</b> and <b>Simplification</b>: smaller polygons are left out, "
            "outlines are made simpler within the tolerance.</p>"
            "<p>The engine runs on this machine; nothing leaves it. It starts on first use and is "
            "shared with the RSRefSeg panel.</p>"
        )

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        """Define the parameters."""
        self.addParameter(QgsProcessingParameterRasterLayer(self.INPUT, tr("Raster layer")))
        self.addParameter(QgsProcessingParameterString(self.PHRASE, tr("Phrase")))
        self.addParameter(QgsProcessingParameterExtent(self.EXTENT, tr("Extent"), optional=True))
        number = QgsProcessingParameterNumber.Type.Double
        self.addParameter(
            QgsProcessingParameterNumber(
                self.RESOLUTION, tr("Ground resolution [m]"), number, None, True, 0.001, 1000.0
            )
        )
        threshold = QgsProcessingParameterNumber(
            self.THRESHOLD, tr("Threshold"), number, 0.5, False, 0.01, 0.99
        )
        threshold.setMetadata({"widget_wrapper": {"decimals": 2}})
        self.addParameter(threshold)
        for name, text in (
            (self.MIN_AREA, tr("Minimum area [m²]")),
            (self.SIMPLIFY, tr("Simplification [m]")),
        ):
            parameter = QgsProcessingParameterNumber(name, text, number, 0.0, False, 0.0)
            parameter.setMetadata({"widget_wrapper": {"decimals": 2}})
            flag = QgsProcessingParameterDefinition.Flag.FlagAdvanced
            parameter.setFlags(parameter.flags() | flag)
            self.addParameter(parameter)
        self.addParameter(
            QgsProcessingParameterFeatureSink(
                self.OUTPUT, tr("Polygons"), QgsProcessing.SourceType.TypeVectorPolygon
            )
        )
        self.addOutput(QgsProcessingOutputNumber(self.COUNT, tr("Number of polygons")))

    def checkParameterValues(
        self, parameters: dict[str, Any], context: QgsProcessingContext
    ) -> tuple[bool, str]:
        """Refuse an empty phrase before anything is started."""
        good, why = super().checkParameterValues(parameters, context)
        phrase = self.parameterAsString(parameters, self.PHRASE, context)
        if good and not split_phrases(phrase):
            return False, tr("The phrase is empty; say what to look for.")
        return good, why

    def prepareAlgorithm(
        self,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
        feedback: QgsProcessingFeedback,
    ) -> bool:
        """Freeze the layer; runs on the main thread."""
        with told_to_processing():
            self._job = self._prepared(parameters, context)
        return self._job is not None

    def processAlgorithm(
        self,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
        feedback: QgsProcessingFeedback,
    ) -> dict[str, Any]:
        """Find and write; runs in any thread."""
        job = self._job
        if job is None:
            raise QgsProcessingException(tr("The run was not prepared; start it again."))
        answer: SegmentAnswer | None = None
        with told_to_processing():
            job.snapshot.grid(job.extent)  # says at once when there is nothing to look at
            answer = segment(job, self._manager, FeedbackMonitor(feedback))
        if answer is None:
            return {}
        sink, target = self.parameterAsSink(
            parameters, self.OUTPUT, context, result_fields(), GEOMETRY_TYPE, job.snapshot.crs
        )
        if sink is None:
            raise QgsProcessingException(self.invalidSinkError(parameters, self.OUTPUT))
        count = 0
        for phrase in answer.phrases:
            for feature in phrase.features:
                sink.addFeature(feature, QgsFeatureSink.Flag.FastInsert)
                count += 1
        del sink
        _tell(answer, feedback)
        if context.willLoadLayerOnCompletion(target):
            details = context.layerToLoadOnCompletionDetails(target)
            details.name = layer_name("; ".join(job.phrases))
            details.forceName = True
            details.setPostProcessor(Styler(job.phrases))
        return {self.OUTPUT: target, self.COUNT: count}

    def _prepared(self, parameters: dict[str, Any], context: QgsProcessingContext) -> SegmentJob:
        layer = self.parameterAsRasterLayer(parameters, self.INPUT, context)
        if layer is None or not layer.isValid():
            raise LayerError(
                tr("The raster “{name}” cannot be read; check its path.").format(
                    name=parameters.get(self.INPUT)
                )
            )
        phrases = split_phrases(self.parameterAsString(parameters, self.PHRASE, context))
        snapshot = take_snapshot(layer)
        extent = self._extent(parameters, context, snapshot)
        resolution = None
        if parameters.get(self.RESOLUTION) not in (None, ""):
            resolution = self.parameterAsDouble(parameters, self.RESOLUTION, context)
        return SegmentJob(
            snapshot=snapshot,
            extent=extent,
            phrases=phrases,
            ground_resolution_m=resolution,
            threshold=self.parameterAsDouble(parameters, self.THRESHOLD, context),
            min_area_m2=self.parameterAsDouble(parameters, self.MIN_AREA, context),
            simplify_m=self.parameterAsDouble(parameters, self.SIMPLIFY, context),
        )

    def _extent(
        self, parameters: dict[str, Any], context: QgsProcessingContext, snapshot: LayerSnapshot
    ) -> tuple[float, float, float, float]:
        asked = self.parameterAsExtent(parameters, self.EXTENT, context, snapshot.crs)
        if asked.isNull() or asked.isEmpty():
            return snapshot.extent
        return to_tuple(asked)


class Styler(QgsProcessingLayerPostProcessorInterface):
    """Gives the result its looks when it is loaded into the project."""

    # QGIS does not own it, and the algorithm that made it is gone by the time it is called
    _waiting: ClassVar[list[Styler]] = []

    def __init__(self, phrases: tuple[str, ...]) -> None:
        super().__init__()
        self._colour = colour_for("; ".join(phrases))
        self._waiting.append(self)

    def postProcessLayer(
        self,
        layer: QgsVectorLayer,
        context: QgsProcessingContext,
        feedback: QgsProcessingFeedback,
    ) -> None:
        """Style a layer; QGIS calls this on the main thread."""
        if self in self._waiting:
            self._waiting.remove(self)
        if isinstance(layer, QgsVectorLayer):
            apply_style(layer, self._colour)


def _tell(answer: SegmentAnswer, feedback: QgsProcessingFeedback) -> None:
    for phrase in answer.phrases:
        if phrase.features:
            feedback.pushInfo(found_text(phrase))
        else:
            feedback.pushWarning(nothing_text(phrase))
            continue
        if phrase.unknown_words:
            feedback.pushWarning(unknown_text(phrase.unknown_words))
    for warning in answer.response.warnings:
        feedback.pushWarning(warning)
