"""Export training samples from a layer with a phrase field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputFile,
    QgsProcessingOutputNumber,
    QgsProcessingParameterExtent,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterField,
    QgsProcessingParameterFolderDestination,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
)

from rsrefseg_qgis.errors import LayerError, tr
from rsrefseg_qgis.layers.area import transformed
from rsrefseg_qgis.layers.snapshot import LayerSnapshot
from rsrefseg_qgis.tasks.samples import Label, SamplesAnswer, SamplesJob, write_samples

from .base import FeedbackMonitor, RSRefSegAlgorithm, features_of, told_to_processing

# Not one of the kinds whose pictures may be turned and cut at will.
DEFAULT_KIND = "labelled"


class ExportSamples(RSRefSegAlgorithm):
    """Raster and labels in, a folder of samples out."""

    INPUT = "INPUT"
    LABELS = "LABELS"
    PHRASE_FIELD = "PHRASE_FIELD"
    KIND_FIELD = "KIND_FIELD"
    KIND = "KIND"
    EXTENT = "EXTENT"
    RESOLUTION = "RESOLUTION"
    SIDE = "SIDE"
    OUTPUT = "OUTPUT"
    CASES_FILE = "CASES_FILE"
    CHIPS = "CHIPS"
    CASES = "CASES"

    _job: SamplesJob | None = None

    def name(self) -> str:
        """Part of the algorithm's id."""
        return "exportsamples"

    def displayName(self) -> str:
        """As the Toolbox shows it."""
        return tr("Export training samples")

    def tags(self) -> list[str]:
        """Words to find it by, beside its name."""
        return [*super().tags(), *["training", "labels", "chips", "masks", "dataset", "fine-tune"]]

    def shortDescription(self) -> str:
        """One sentence."""
        return tr("Makes training samples of a raster and polygons with a field of phrases.")

    def shortHelpString(self) -> str:
        """The help beside the dialog."""
        return tr(
            "<p>Cuts a raster into chips and writes, for each phrase that polygons on a chip "
            "answer, a mask: PNG files, and a file <i>cases.jsonl</i> that "
            "<code>rsrefseg train</code> and <code>rsrefseg evaluate</code> read.</p>"
            "<p>All polygons of a phrase that lie on a chip answer it together, so a phrase such "
            "as <i>all buildings</i> needs all of them drawn. Chips without polygons are left "
            "out.</p>"
            "<p><b>Kind</b>: what the phrases ask for, by which figures are reported: from a "
            "field, or one for all. With <i>class</i>, <i>colour</i> or <i>material</i>, training "
            "may turn and cut the pictures; leave it for phrases with left, right or largest.<br>"
            "<b>Ground resolution</b>: metres per pixel of the chips; the raster's own pixels by "
            "default.</p>"
        )

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        """Define the parameters."""
        self.addParameter(QgsProcessingParameterRasterLayer(self.INPUT, tr("Raster layer")))
        polygons = [QgsProcessing.SourceType.TypeVectorPolygon]
        self.addParameter(
            QgsProcessingParameterFeatureSource(self.LABELS, tr("Labelled polygons"), polygons)
        )
        self.addParameter(
            QgsProcessingParameterField(
                self.PHRASE_FIELD, tr("Field with the phrases"), "phrase", self.LABELS
            )
        )
        self.addParameter(
            QgsProcessingParameterField(
                self.KIND_FIELD, tr("Field with the kinds"), None, self.LABELS, optional=True
            )
        )
        self.addParameter(
            QgsProcessingParameterString(self.KIND, tr("Kind without a field"), DEFAULT_KIND)
        )
        self.addParameter(QgsProcessingParameterExtent(self.EXTENT, tr("Extent"), optional=True))
        self.add_number(self.RESOLUTION, tr("Ground resolution [m]"), None, 0.001, 1000.0)
        whole = QgsProcessingParameterNumber.Type.Integer
        self.addParameter(
            QgsProcessingParameterNumber(
                self.SIDE, tr("Side of a chip [pixels]"), whole, 512, False, 64, 4096
            )
        )
        self.addParameter(QgsProcessingParameterFolderDestination(self.OUTPUT, tr("Folder")))
        self.addOutput(QgsProcessingOutputFile(self.CASES_FILE, tr("Cases file")))
        self.addOutput(QgsProcessingOutputNumber(self.CHIPS, tr("Number of chips")))
        self.addOutput(QgsProcessingOutputNumber(self.CASES, tr("Number of cases")))

    def prepareAlgorithm(
        self,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
        feedback: QgsProcessingFeedback,
    ) -> bool:
        """Freeze the layers; runs on the main thread."""
        with told_to_processing():
            snapshot = self.snapshot_of(parameters, self.INPUT, context)
            self._job = SamplesJob(
                snapshot=snapshot,
                extent=self.extent_of(parameters, self.EXTENT, context, snapshot),
                labels=self._labels(parameters, context, snapshot),
                folder=Path(self.parameterAsString(parameters, self.OUTPUT, context)),
                side_px=self.parameterAsInt(parameters, self.SIDE, context),
                ground_resolution_m=self.number_or_none(parameters, self.RESOLUTION, context),
            )
        return self._job is not None

    def processAlgorithm(
        self,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
        feedback: QgsProcessingFeedback,
    ) -> dict[str, Any]:
        """Cut and write; runs in any thread."""
        job, self._job = self._job, None
        if job is None:
            raise QgsProcessingException(tr("The run was not prepared; start it again."))
        answer: SamplesAnswer | None = None
        with told_to_processing():
            answer = write_samples(job, FeedbackMonitor(feedback))
        if answer is None:
            return {}
        feedback.pushInfo(
            tr("{cases} cases on {chips} chips: {path}").format(
                cases=answer.cases, chips=answer.chips, path=answer.path
            )
        )
        return {
            self.OUTPUT: str(job.folder),
            self.CASES_FILE: str(answer.path),
            self.CHIPS: answer.chips,
            self.CASES: answer.cases,
        }

    def _labels(
        self, parameters: dict[str, Any], context: QgsProcessingContext, snapshot: LayerSnapshot
    ) -> tuple[Label, ...]:
        source = self.parameterAsSource(parameters, self.LABELS, context)
        if source is None:
            raise LayerError(tr("The labelled polygons cannot be read; check their layer."))
        phrase_field = self.parameterAsString(parameters, self.PHRASE_FIELD, context)
        kind_field = self.parameterAsString(parameters, self.KIND_FIELD, context)
        default = self.parameterAsString(parameters, self.KIND, context).strip() or DEFAULT_KIND
        features = features_of(source)
        geometries = transformed(
            (feature.geometry() for feature in features),
            source.sourceCrs(),
            snapshot.crs,
            context.transformContext(),
        )
        labels = []
        for feature, geometry in zip(features, geometries):
            phrase = " ".join(str(feature[phrase_field] or "").split())
            kind = str(feature[kind_field] or "").strip() if kind_field else ""
            if phrase and not geometry.isEmpty():
                labels.append(Label(geometry, phrase, kind or default))
        return tuple(labels)
