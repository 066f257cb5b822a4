"""Encode ahead: have the engine look at a layer before the first phrase."""

from __future__ import annotations

from typing import Any

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingParameterExtent,
    QgsProcessingParameterRasterLayer,
)

from rsrefseg_qgis.errors import tr
from rsrefseg_qgis.tasks.delivery import Pixels
from rsrefseg_qgis.tasks.encode import EncodeAnswer, encode

from .base import FeedbackMonitor, RSRefSegAlgorithm, told_to_processing

MEGABYTE = 1_000_000
# A cache as full as this has most likely begun to let go of what was in it.
FULL_SHARE = 0.95


class EncodeAhead(RSRefSegAlgorithm):
    """Raster in, caches filled."""

    INPUT = "INPUT"
    EXTENT = "EXTENT"
    RESOLUTION = "RESOLUTION"
    WINDOWS = "WINDOWS"
    CACHED = "CACHED"
    CACHED_MB = "CACHED_MB"

    _pixels: Pixels | None = None

    def name(self) -> str:
        """Part of the algorithm's id."""
        return "encodeahead"

    def displayName(self) -> str:
        """As the Toolbox shows it."""
        return tr("Encode ahead")

    def shortDescription(self) -> str:
        """One sentence."""
        return tr("Has the engine look at a raster now, so that phrases are answered faster later.")

    def shortHelpString(self) -> str:
        """The help beside the dialog."""
        return tr(
            "<p>Looking at pixels takes most of the time of a request, and does not depend on the "
            "phrase. This does it ahead, for instance over night, and keeps what was seen in the "
            "engine's cache on the disk.</p>"
            "<p>It serves later runs of the algorithms and the panel on the <b>same layer, style, "
            "extent and ground resolution</b>, also after QGIS was closed. On extents that take "
            "several views of the model, other extents of the layer that share views gain too."
            "</p>"
            "<p>When the layer takes more room than the disk cache has, what was seen first goes "
            "first; its size is set in the plugin's settings.</p>"
        )

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        """Define the parameters."""
        self.addParameter(QgsProcessingParameterRasterLayer(self.INPUT, tr("Raster layer")))
        self.addParameter(QgsProcessingParameterExtent(self.EXTENT, tr("Extent"), optional=True))
        self.add_number(self.RESOLUTION, tr("Ground resolution [m]"), None, 0.001, 1000.0)
        self.addOutput(QgsProcessingOutputNumber(self.WINDOWS, tr("Views that were looked at")))
        self.addOutput(QgsProcessingOutputNumber(self.CACHED, tr("Views in the disk cache")))
        self.addOutput(QgsProcessingOutputNumber(self.CACHED_MB, tr("Disk cache in use [MB]")))

    def prepareAlgorithm(
        self,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
        feedback: QgsProcessingFeedback,
    ) -> bool:
        """Freeze the layer; runs on the main thread."""
        with told_to_processing():
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
        """Encode; runs in any thread."""
        pixels, self._pixels = self._pixels, None
        if pixels is None:
            raise QgsProcessingException(tr("The run was not prepared; start it again."))
        answer: EncodeAnswer | None = None
        with told_to_processing():
            answer = encode(pixels, self._manager, FeedbackMonitor(feedback))
        return {} if answer is None else self._tell(answer, feedback)

    def _tell(self, answer: EncodeAnswer, feedback: QgsProcessingFeedback) -> dict[str, Any]:
        feedback.pushInfo(tr("Views that were looked at: {count}.").format(count=answer.windows))
        disk = None if answer.cache is None else answer.cache.disk
        if disk is None:
            feedback.pushWarning(
                tr(
                    "The engine keeps nothing on the disk, so this lasts until it ends; give it a "
                    "disk cache in the plugin's settings."
                )
            )
            return {self.WINDOWS: answer.windows, self.CACHED: 0, self.CACHED_MB: 0.0}
        feedback.pushInfo(
            tr("The disk cache holds {count} views, {used} MB of {budget} MB.").format(
                count=disk.count,
                used=round(disk.bytes / MEGABYTE),
                budget=round(disk.budget_bytes / MEGABYTE),
            )
        )
        if disk.bytes > FULL_SHARE * disk.budget_bytes:
            feedback.pushWarning(
                tr(
                    "The disk cache is full, so some of the layer may have been let go of; make "
                    "it larger in the plugin's settings, or take a smaller extent."
                )
            )
        return {
            self.WINDOWS: answer.windows,
            self.CACHED: disk.count,
            self.CACHED_MB: disk.bytes / MEGABYTE,
        }
