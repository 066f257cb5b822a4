"""Segment by phrase: what the panel does, for the Toolbox, models, batches and `qgis_process`."""

from __future__ import annotations

from typing import Any

from qgis.core import (
    QgsFeatureSink,
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterExtent,
    QgsProcessingParameterFeatureSink,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
)

from rsrefseg_qgis.errors import tr
from rsrefseg_qgis.layers.grid import shared
from rsrefseg_qgis.layers.result import GEOMETRY_TYPE, layer_name, result_fields
from rsrefseg_qgis.layers.result_file import save_style_of
from rsrefseg_qgis.layers.style import apply_style, colour_for
from rsrefseg_qgis.tasks.phrases import split_phrases
from rsrefseg_qgis.tasks.segment import SegmentAnswer, SegmentJob, segment
from rsrefseg_qgis.tasks.sentences import found_text, nothing_text, unknown_text

from .base import FeedbackMonitor, ShapedAlgorithm, told_to_processing
from .loading import when_loaded
from .targets import add_targets, prompts_of, refused, rule_of


class SegmentByPhrase(ShapedAlgorithm):
    """Raster and phrase in, polygons out."""

    INPUT = "INPUT"
    PHRASE = "PHRASE"
    EXTENT = "EXTENT"
    WITHIN = "WITHIN"
    RESOLUTION = "RESOLUTION"
    BEST_GUESS = "BEST_GUESS"
    OUTPUT = "OUTPUT"
    COUNT = "COUNT"

    _job: SegmentJob | None = None

    def name(self) -> str:
        """Part of the algorithm's id."""
        return "segmentbyphrase"

    def displayName(self) -> str:
        """As the Toolbox shows it."""
        return tr("Segment by phrase")

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
            "<p><b>Extent</b>: what part of the layer is looked at; all of it by default, "
            "however large it is.<br>"
            "<b>Only inside the polygons of</b>: what is found is cut at their outlines; selected "
            "features only, if you say so.<br>"
            "<b>Ground resolution</b>: metres per pixel at which the model looks; by default "
            "it chooses what suits it.<br>"
            "<b>Threshold</b>: probability from which a pixel counts.<br>"
            "<b>Minimum area</b> and <b>Simplification</b>: smaller polygons are left out, "
            "outlines are made simpler within the tolerance.<br>"
            "<b>Right angles</b>: corners are made square, as those of buildings are.<br>"
            "<b>Best guess where nothing matches</b>: gives also what the model takes for no "
            "match.<br>"
            "<b>Only what is</b>: keeps what lies so to the nearest feature of a layer of "
            "yours; left is west and above is north.<br>"
            "<b>Points</b> and <b>box</b>: point at what is meant, as clicks in the panel do; "
            "points are WKT, such as <code>CRS=EPSG:32633;MultiPoint((500000 5200000))</code>, "
            "in the raster's CRS when they name none.</p>"
            "<p>The engine starts on first use and is shared with the RSRefSeg panel. Nothing "
            "leaves this machine, unless the settings name an engine elsewhere.</p>"
        )

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        """Define the parameters."""
        self.addParameter(QgsProcessingParameterRasterLayer(self.INPUT, tr("Raster layer")))
        self.addParameter(QgsProcessingParameterString(self.PHRASE, tr("Phrase")))
        self.addParameter(QgsProcessingParameterExtent(self.EXTENT, tr("Extent"), optional=True))
        self.add_within(self.WITHIN)
        self.add_number(self.RESOLUTION, tr("Ground resolution [m]"), None, 0.001, 1000.0)
        self.add_shape()
        self.add_advanced(
            QgsProcessingParameterBoolean(
                self.BEST_GUESS, tr("Best guess where nothing matches"), False
            )
        )
        add_targets(self)
        self.addParameter(
            QgsProcessingParameterFeatureSink(
                self.OUTPUT, tr("Polygons"), QgsProcessing.SourceType.TypeVectorPolygon
            )
        )
        self.addOutput(QgsProcessingOutputNumber(self.COUNT, tr("Number of polygons")))

    def checkParameterValues(
        self, parameters: dict[str, Any], context: QgsProcessingContext
    ) -> tuple[bool, str]:
        """Refuse what cannot be asked before anything is started."""
        good, why = super().checkParameterValues(parameters, context)
        phrase = self.parameterAsString(parameters, self.PHRASE, context)
        if good and not split_phrases(phrase):
            return False, tr("The phrase is empty; say what to look for.")
        problem = refused(self, parameters, context) if good else ""
        return (False, problem) if problem else (good, why)

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
        wanted = "; ".join(job.phrases)
        colour, own = colour_for(wanted), self._manager.settings.result_style
        try:
            save_style_of(target, wanted, own)
        except RuntimeError as error:
            feedback.pushWarning(tr("The style is not kept in the file: {why}").format(why=error))
        when_loaded(
            context, target, layer_name(wanted), lambda layer: apply_style(layer, colour, own)
        )
        return {self.OUTPUT: target, self.COUNT: count}

    def _prepared(self, parameters: dict[str, Any], context: QgsProcessingContext) -> SegmentJob:
        snapshot = self.snapshot_of(parameters, self.INPUT, context)
        extent = self.extent_of(parameters, self.EXTENT, context, snapshot)
        shape = self.shape_of(parameters, context)
        guess = self.parameterAsBool(parameters, self.BEST_GUESS, context)
        within = self.area_within(parameters, self.WITHIN, context, snapshot)
        return SegmentJob(
            snapshot=snapshot,
            extent=extent if within is None else shared(within.extent, extent),
            phrases=split_phrases(self.parameterAsString(parameters, self.PHRASE, context)),
            ground_resolution_m=self.number_or_none(parameters, self.RESOLUTION, context),
            threshold=shape.threshold,
            presence_threshold=0.0 if guess else None,
            min_area_m2=shape.min_area_m2,
            simplify_m=shape.simplify_m,
            right_angles=shape.right_angles,
            prompts=prompts_of(self, parameters, context, snapshot),
            rule=rule_of(self, parameters, context),
            any_size=True,
            within=within,
        )


def _tell(answer: SegmentAnswer, feedback: QgsProcessingFeedback) -> None:
    for phrase in answer.phrases:
        if phrase.features:
            feedback.pushInfo(found_text(phrase))
        else:
            feedback.pushWarning(nothing_text(phrase))
        if phrase.unknown_words:
            feedback.pushWarning(unknown_text(phrase.unknown_words))
    for warning in answer.response.other_warnings:
        feedback.pushWarning(warning)
