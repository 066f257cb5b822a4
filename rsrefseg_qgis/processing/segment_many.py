"""Segment many rasters by many phrases, into one GeoPackage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputMultipleLayers,
    QgsProcessingOutputNumber,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterCrs,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterField,
    QgsProcessingParameterFile,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterString,
    QgsRasterLayer,
)

from rsrefseg_qgis.errors import PhraseError, tr
from rsrefseg_qgis.layers.result_file import Table, apply_table_style, tables_for
from rsrefseg_qgis.layers.snapshot import take_snapshot
from rsrefseg_qgis.tasks.many import (
    ManyAnswer,
    ManyJob,
    RasterSource,
    rasters_in,
    segment_many,
)
from rsrefseg_qgis.tasks.phrases import SEPARATOR, split_phrases
from rsrefseg_qgis.tasks.sentences import unknown_text

from .base import FeedbackMonitor, ShapedAlgorithm, features_of, told_to_processing
from .loading import PostProcessor


class SegmentMany(ShapedAlgorithm):
    """Rasters and phrases in, one GeoPackage out."""

    RASTERS = "RASTERS"
    FOLDER = "FOLDER"
    PHRASES = "PHRASES"
    PHRASE_LAYER = "PHRASE_LAYER"
    PHRASE_FIELD = "PHRASE_FIELD"
    WITHIN = "WITHIN"
    RESOLUTION = "RESOLUTION"
    CRS = "CRS"
    LAYERS = "LAYERS"
    LOAD = "LOAD"
    OUTPUT = "OUTPUT"
    OUTPUT_LAYERS = "OUTPUT_LAYERS"
    COUNT = "COUNT"
    RASTER_COUNT = "RASTER_COUNT"
    SKIPPED = "SKIPPED"

    _job: ManyJob | None = None

    def name(self) -> str:
        """Part of the algorithm's id."""
        return "segmentmany"

    def displayName(self) -> str:
        """As the Toolbox shows it."""
        return tr("Segment many rasters by many phrases")

    def shortDescription(self) -> str:
        """One sentence."""
        return tr("Finds what phrases say in each of many rasters, into one GeoPackage.")

    def shortHelpString(self) -> str:
        """The help beside the dialog."""
        return tr(
            "<p>Looks for each phrase in each raster and writes all polygons into one GeoPackage, "
            "with score, area, source and provenance, and with the layers' styles.</p>"
            "<p><b>Rasters</b>: layers of the project, as they are drawn, or files; and all those "
            "in a <b>folder</b> (not of folders in it). Each may be of any size. One that cannot "
            "be used is named and left out.<br>"
            "<b>Phrases</b>: one on each line, or separated by semicolons; and those in a "
            "<b>field</b> of a layer or table.<br>"
            "<b>Only inside the polygons of</b>: what is found is cut at their outlines; rasters "
            "that they do not reach are left out.<br>"
            "<b>CRS</b>: of the polygons; that of the first raster by default.<br>"
            "<b>Layers</b>: one for all, coloured by its field “phrase”, or one for each phrase."
            "</p>"
        )

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        """Define the parameters."""
        self._add_rasters()
        self._add_phrases()
        self.add_within(self.WITHIN)
        self.add_number(self.RESOLUTION, tr("Ground resolution [m]"), None, 0.001, 1000.0)
        self.add_shape()
        self.addParameter(QgsProcessingParameterCrs(self.CRS, tr("CRS"), optional=True))
        options = [tr("One for all phrases"), tr("One for each phrase")]
        self.addParameter(
            QgsProcessingParameterEnum(self.LAYERS, tr("Layers"), options, defaultValue=0)
        )
        self.addParameter(
            QgsProcessingParameterBoolean(self.LOAD, tr("Open the layers afterwards"), True)
        )
        self.addParameter(
            QgsProcessingParameterFileDestination(
                self.OUTPUT, tr("GeoPackage"), tr("GeoPackage files (*.gpkg)")
            )
        )
        self.addOutput(QgsProcessingOutputMultipleLayers(self.OUTPUT_LAYERS, tr("Polygons")))
        self.addOutput(QgsProcessingOutputNumber(self.COUNT, tr("Number of polygons")))
        self.addOutput(QgsProcessingOutputNumber(self.RASTER_COUNT, tr("Rasters looked at")))
        self.addOutput(QgsProcessingOutputNumber(self.SKIPPED, tr("Rasters left out")))

    def prepareAlgorithm(
        self,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
        feedback: QgsProcessingFeedback,
    ) -> bool:
        """Freeze the layers; runs on the main thread."""
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
        job, self._job = self._job, None
        if job is None:
            raise QgsProcessingException(tr("The run was not prepared; start it again."))
        answer: ManyAnswer | None = None
        with told_to_processing():
            answer = segment_many(job, self._manager, FeedbackMonitor(feedback))
        if answer is None:
            return {}
        _tell(answer, feedback)
        layers = [f"{job.path}|layername={table.name}" for table in job.tables]
        if context.project() is not None and self.parameterAsBool(parameters, self.LOAD, context):
            for table, layer in zip(job.tables, layers):
                _load(layer, table, job.own_style, context)
        return {
            self.OUTPUT: str(job.path),
            self.OUTPUT_LAYERS: layers,
            self.COUNT: sum(answer.counts.values()),
            self.RASTER_COUNT: answer.rasters,
            self.SKIPPED: len(answer.skipped),
        }

    def _add_rasters(self) -> None:
        self.addParameter(
            QgsProcessingParameterMultipleLayers(
                self.RASTERS, tr("Rasters"), QgsProcessing.SourceType.TypeRaster, optional=True
            )
        )
        self.addParameter(
            QgsProcessingParameterFile(
                self.FOLDER,
                tr("Folder of rasters"),
                QgsProcessingParameterFile.Behavior.Folder,
                optional=True,
            )
        )

    def _add_phrases(self) -> None:
        self.addParameter(
            QgsProcessingParameterString(
                self.PHRASES, tr("Phrases"), None, multiLine=True, optional=True
            )
        )
        self.addParameter(
            QgsProcessingParameterFeatureSource(
                self.PHRASE_LAYER,
                tr("Layer or table with phrases"),
                [QgsProcessing.SourceType.TypeVector],
                optional=True,
            )
        )
        self.addParameter(
            QgsProcessingParameterField(
                self.PHRASE_FIELD,
                tr("Field with the phrases"),
                None,
                self.PHRASE_LAYER,
                QgsProcessingParameterField.DataType.String,
                optional=True,
            )
        )

    def _prepared(self, parameters: dict[str, Any], context: QgsProcessingContext) -> ManyJob:
        phrases = self._phrases(parameters, context)
        path = Path(self.parameterAsFileOutput(parameters, self.OUTPUT, context))
        if path.suffix.lower() != ".gpkg":
            path = path.with_name(path.name + ".gpkg")
        within = self.parameterAsSource(parameters, self.WITHIN, context)
        crs = self.parameterAsCrs(parameters, self.CRS, context)
        return ManyJob(
            sources=self._sources(parameters, context),
            phrases=phrases,
            path=path,
            tables=tables_for(
                phrases, one_each=self.parameterAsEnum(parameters, self.LAYERS, context) == 1
            ),
            crs=crs,
            within=()
            if within is None
            else tuple(feature.geometry() for feature in features_of(within)),
            within_crs=crs if within is None else within.sourceCrs(),
            context=context.transformContext(),
            ground_resolution_m=self.number_or_none(parameters, self.RESOLUTION, context),
            shape=self.shape_of(parameters, context),
            own_style=self._manager.settings.result_style,
        )

    def _sources(
        self, parameters: dict[str, Any], context: QgsProcessingContext
    ) -> tuple[RasterSource, ...]:
        layers = self.parameterAsLayerList(parameters, self.RASTERS, context) or []
        found: list[RasterSource] = [
            take_snapshot(layer) for layer in layers if isinstance(layer, QgsRasterLayer)
        ]
        folder = self.parameterAsString(parameters, self.FOLDER, context)
        if folder:
            found += rasters_in(Path(folder))
        return tuple(found)

    def _phrases(
        self, parameters: dict[str, Any], context: QgsProcessingContext
    ) -> tuple[str, ...]:
        typed = self.parameterAsString(parameters, self.PHRASES, context) or ""
        parts = typed.replace("\\n", "\n").splitlines()
        source = self.parameterAsSource(parameters, self.PHRASE_LAYER, context)
        if source is not None:
            field = self.parameterAsString(parameters, self.PHRASE_FIELD, context)
            if not field:
                raise PhraseError(tr("Say which field of the layer holds the phrases."))
            values = (feature[field] for feature in features_of(source))
            parts += [value for value in values if isinstance(value, str)]
        phrases = split_phrases(SEPARATOR.join(parts))
        if not phrases:
            raise PhraseError(
                tr("There is no phrase; type some, or choose a layer with a field of phrases.")
            )
        return phrases


def _load(layer: str, table: Table, own_style: str, context: QgsProcessingContext) -> None:
    details = QgsProcessingContext.LayerDetails(table.name, context.project(), table.name)
    details.forceName = True
    details.setPostProcessor(
        PostProcessor(lambda loaded: apply_table_style(loaded, table, own_style))
    )
    context.addLayerToLoadOnCompletion(layer, details)


def _tell(answer: ManyAnswer, feedback: QgsProcessingFeedback) -> None:
    for phrase, count in answer.counts.items():
        feedback.pushInfo(tr("“{phrase}”: {count} polygons").format(phrase=phrase, count=count))
    for sentence in answer.skipped:
        feedback.pushWarning(sentence)
    if answer.unknown_words:
        feedback.pushWarning(unknown_text(tuple(answer.unknown_words)))
    for warning in answer.warnings:
        feedback.pushWarning(warning)
