"""Probability raster for a phrase: how likely it is true at each place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingParameterExtent,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
)

from rsrefseg_qgis.errors import PhraseError, tr
from rsrefseg_qgis.layers.probability_style import apply_probability_style
from rsrefseg_qgis.layers.result import layer_name
from rsrefseg_qgis.tasks.delivery import Pixels
from rsrefseg_qgis.tasks.phrases import split_phrases
from rsrefseg_qgis.tasks.probability import ProbabilityJob, probability
from rsrefseg_qgis.tasks.sentences import unknown_text

from .base import FeedbackMonitor, RSRefSegAlgorithm, told_to_processing
from .loading import when_loaded


class ProbabilityRaster(RSRefSegAlgorithm):
    """Raster and phrase in, raster out."""

    INPUT = "INPUT"
    PHRASE = "PHRASE"
    EXTENT = "EXTENT"
    RESOLUTION = "RESOLUTION"
    OUTPUT = "OUTPUT"

    _pixels: Pixels | None = None
    _phrase = ""

    def name(self) -> str:
        """Part of the algorithm's id."""
        return "probabilityraster"

    def displayName(self) -> str:
        """As the Toolbox shows it."""
        return tr("Probability raster for a phrase")

    def shortDescription(self) -> str:
        """One sentence."""
        return tr("Says for each place of a raster how likely a phrase is true there.")

    def shortHelpString(self) -> str:
        """The help beside the dialog."""
        return tr(
            "<p>Says for each place of a raster how likely a phrase such as <i>water</i> is true "
            "there, from 0 to 1: for thresholds of your own, for combining with other rasters, or "
            "to see why something was found or missed.</p>"
            "<p>The result is a GeoTIFF of one band (32-bit float, NaN where the raster has no "
            "data) in the raster's CRS. The extent may be of any size; there are no seams.</p>"
            "<p><b>Phrase</b>: one phrase.<br>"
            "<b>Extent</b>: what part of the layer is looked at; all of it by default.<br>"
            "<b>Ground resolution</b>: metres per pixel at which the model looks; by default "
            "it chooses what suits it.</p>"
        )

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        """Define the parameters."""
        self.addParameter(QgsProcessingParameterRasterLayer(self.INPUT, tr("Raster layer")))
        self.addParameter(QgsProcessingParameterString(self.PHRASE, tr("Phrase")))
        self.addParameter(QgsProcessingParameterExtent(self.EXTENT, tr("Extent"), optional=True))
        self.add_number(self.RESOLUTION, tr("Ground resolution [m]"), None, 0.001, 1000.0)
        self.addParameter(QgsProcessingParameterRasterDestination(self.OUTPUT, tr("Probability")))

    def prepareAlgorithm(
        self,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
        feedback: QgsProcessingFeedback,
    ) -> bool:
        """Freeze the layer; runs on the main thread."""
        with told_to_processing():
            phrases = split_phrases(self.parameterAsString(parameters, self.PHRASE, context))
            if len(phrases) != 1:
                raise PhraseError(tr("Give one phrase; several take one run each."))
            self._phrase = phrases[0]
            snapshot = self.snapshot_of(parameters, self.INPUT, context)
            self._pixels = Pixels(
                snapshot,
                self.extent_of(parameters, self.EXTENT, context, snapshot),
                ground_resolution_m=self.number_or_none(parameters, self.RESOLUTION, context),
                any_size=True,
            )
        return self._pixels is not None

    def processAlgorithm(
        self,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
        feedback: QgsProcessingFeedback,
    ) -> dict[str, Any]:
        """Find and write; runs in any thread."""
        pixels, self._pixels = self._pixels, None
        if pixels is None:
            raise QgsProcessingException(tr("The run was not prepared; start it again."))
        target = self.parameterAsOutputLayer(parameters, self.OUTPUT, context)
        answer = None
        with told_to_processing():
            job = ProbabilityJob(pixels, self._phrase, Path(target))
            answer = probability(job, self._manager, FeedbackMonitor(feedback))
        if answer is None:
            return {}
        if answer.unknown_words:
            feedback.pushWarning(unknown_text(answer.unknown_words))
        for warning in answer.warnings:
            feedback.pushWarning(warning)
        name = tr("{phrase} (probability)").format(phrase=layer_name(self._phrase))
        when_loaded(context, target, name, apply_probability_style)
        return {self.OUTPUT: target}
