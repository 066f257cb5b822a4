"""Evaluate against a reference layer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qgis.core import (
    QgsFeature,
    QgsFeatureSink,
    QgsField,
    QgsFields,
    QgsGeometry,
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeatureSource,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingParameterFeatureSink,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterField,
    QgsProcessingParameterFileDestination,
)
from qgis.PyQt.QtCore import QLocale

from rsrefseg_qgis.errors import LayerError, OutputError, tr
from rsrefseg_qgis.layers.area import area_of, polygons_of, transformed
from rsrefseg_qgis.layers.result import GEOMETRY_TYPE, field_types
from rsrefseg_qgis.layers.verdict_style import apply_verdict_style
from rsrefseg_qgis.tasks.evaluate import (
    FALSE_POSITIVE,
    MISS,
    TRUE_POSITIVE,
    Evaluation,
    Thing,
    Verdict,
    evaluate,
)

from .base import FeedbackMonitor, RSRefSegAlgorithm, features_of, told_to_processing
from .loading import when_loaded


class EvaluateLayer(RSRefSegAlgorithm):
    """Two polygon layers in, figures and a layer of verdicts out."""

    INPUT = "INPUT"
    REFERENCE = "REFERENCE"
    INPUT_PHRASE = "INPUT_PHRASE"
    REFERENCE_PHRASE = "REFERENCE_PHRASE"
    WITHIN = "WITHIN"
    OUTPUT = "OUTPUT"
    REPORT = "REPORT"
    NUMBERS = (
        ("IOU", "IoU"),
        ("PRECISION", "Precision at IoU 0.5"),
        ("RECALL", "Recall at IoU 0.5"),
        ("F1", "F1 at IoU 0.5"),
        ("MEAN_IOU", "Mean IoU of the phrases"),
        ("PR50", "Pr@0.5"),
        ("TRUE_POSITIVES", "True positives"),
        ("FALSE_POSITIVES", "False positives"),
        ("MISSES", "Misses"),
    )

    def name(self) -> str:
        """Part of the algorithm's id."""
        return "evaluate"

    def displayName(self) -> str:
        """As the Toolbox shows it."""
        return tr("Evaluate against a reference layer")

    def shortDescription(self) -> str:
        """One sentence."""
        return tr("Says how well found polygons agree with those of a reference layer.")

    def shortHelpString(self) -> str:
        """The help beside the dialog."""
        return tr(
            "<p>Holds found polygons against a reference. Objects are matched one to one, the best "
            "overlap first; a pair counts from an intersection over union (IoU) of 0.5. Areas are "
            "measured on the ellipsoid.</p>"
            "<p><b>IoU</b>: shared area over the area of both layers.<br>"
            "<b>Precision</b>, <b>recall</b>, <b>F1</b>: by matched objects.<br>"
            "<b>Mean IoU</b> and <b>Pr@0.5</b>: over the phrases that the reference has; Pr@0.5 is "
            "the share of them with an IoU above 0.5. Without phrase fields, all of it counts as "
            "one phrase.</p>"
            "<p><b>Phrase fields</b>: give both to tell phrases apart; texts must be the same up "
            "to upper and lower case.<br>"
            "<b>Only inside the polygons of</b>: where the reference is complete; both layers are "
            "cut there.</p>"
            "<p>The result has each polygon with what became of it: <i>true positive</i>, "
            "<i>false positive</i> or <i>miss</i>. The report is a JSON file with the figures of "
            "each phrase. Figures that would divide by nothing are left empty.</p>"
        )

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        """Define the parameters."""
        for name, text in (
            (self.INPUT, tr("Found polygons")),
            (self.REFERENCE, tr("Reference polygons")),
        ):
            polygons = [QgsProcessing.SourceType.TypeVectorPolygon]
            self.addParameter(QgsProcessingParameterFeatureSource(name, text, polygons))
        for name, text, parent in (
            (self.INPUT_PHRASE, tr("Phrase field of the found polygons"), self.INPUT),
            (self.REFERENCE_PHRASE, tr("Phrase field of the reference"), self.REFERENCE),
        ):
            self.addParameter(QgsProcessingParameterField(name, text, None, parent, optional=True))
        self.add_within(self.WITHIN)
        self.addParameter(
            QgsProcessingParameterFeatureSink(
                self.OUTPUT, tr("Verdicts"), QgsProcessing.SourceType.TypeVectorPolygon
            )
        )
        self.addParameter(
            QgsProcessingParameterFileDestination(
                self.REPORT, tr("Report"), tr("JSON files (*.json)"), None, True, False
            )
        )
        for name, text in self.NUMBERS:
            self.addOutput(QgsProcessingOutputNumber(name, tr(text)))

    def checkParameterValues(
        self, parameters: dict[str, Any], context: QgsProcessingContext
    ) -> tuple[bool, str]:
        """Refuse one phrase field without the other."""
        good, why = super().checkParameterValues(parameters, context)
        given = [bool(parameters.get(name)) for name in (self.INPUT_PHRASE, self.REFERENCE_PHRASE)]
        if good and given[0] != given[1]:
            return False, tr("Give the phrase field of both layers, or of none.")
        return good, why

    def processAlgorithm(
        self,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
        feedback: QgsProcessingFeedback,
    ) -> dict[str, Any]:
        """Compare and write; runs in any thread."""
        reference = self.parameterAsSource(parameters, self.REFERENCE, context)
        result: Evaluation | None = None
        with told_to_processing():
            result = self._evaluated(parameters, context, feedback)
        if result is None or reference is None:
            return {}
        sink, target = self.parameterAsSink(
            parameters, self.OUTPUT, context, _fields(), GEOMETRY_TYPE, reference.sourceCrs()
        )
        if sink is None:
            raise QgsProcessingException(self.invalidSinkError(parameters, self.OUTPUT))
        for verdict in result.verdicts:
            sink.addFeature(_feature(verdict), QgsFeatureSink.Flag.FastInsert)
        del sink
        kinds = (
            (TRUE_POSITIVE, tr("found and there")),
            (FALSE_POSITIVE, tr("found and not there")),
            (MISS, tr("there and not found")),
        )
        when_loaded(
            context, target, tr("Evaluation"), lambda layer: apply_verdict_style(layer, kinds)
        )
        numbers = _numbers(result)
        outputs = {self.OUTPUT: target, **numbers}
        report = self.parameterAsFileOutput(parameters, self.REPORT, context)
        if report:
            with told_to_processing():
                _write_report(Path(report), result, numbers)
            outputs[self.REPORT] = report
        for name, text in self.NUMBERS:
            feedback.pushInfo(f"{tr(text)}: {_shown(numbers[name])}")
        return outputs

    def _evaluated(
        self,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
        feedback: QgsProcessingFeedback,
    ) -> Evaluation:
        found = self.parameterAsSource(parameters, self.INPUT, context)
        reference = self.parameterAsSource(parameters, self.REFERENCE, context)
        if found is None or reference is None:
            raise LayerError(tr("A layer cannot be read; check that its source is there."))
        crs = reference.sourceCrs()
        cut: Callable[[QgsGeometry], QgsGeometry] = QgsGeometry
        within = self.parameterAsSource(parameters, self.WITHIN, context)
        if within is not None:
            cut = area_of(
                (feature.geometry() for feature in features_of(within)),
                within.sourceCrs(),
                crs,
                context.transformContext(),
            ).part
        sides = []
        for source, name in ((found, self.INPUT_PHRASE), (reference, self.REFERENCE_PHRASE)):
            phrase_field = self.parameterAsString(parameters, name, context)
            sides.append(_things(source, phrase_field, crs, context, cut))
        return evaluate(sides[0], sides[1], crs, FeedbackMonitor(feedback))


def _things(
    source: QgsProcessingFeatureSource,
    phrase_field: str,
    crs: Any,
    context: QgsProcessingContext,
    cut: Callable[[QgsGeometry], QgsGeometry],
) -> list[Thing]:
    """A layer's polygons in a CRS, valid; what is none is left out."""
    features = features_of(source)
    geometries = transformed(
        (feature.geometry() for feature in features),
        source.sourceCrs(),
        crs,
        context.transformContext(),
    )
    has_score = source.fields().lookupField("score") >= 0
    things = []
    for feature, whole in zip(features, geometries):
        geometry = QgsGeometry() if whole.isEmpty() else polygons_of(cut(whole))
        if geometry.isEmpty():
            continue
        value = feature["score"] if has_score else None
        score = float(value) if isinstance(value, (int, float)) else None
        phrase = str(feature[phrase_field] or "") if phrase_field else ""
        things.append(Thing(feature.id(), geometry, " ".join(phrase.lower().split()), score))
    return things


def _fields() -> QgsFields:
    text, number, _, integer = field_types()
    fields = QgsFields()
    for name, kind in (
        ("kind", text),
        ("phrase", text),
        ("iou", number),
        ("score", number),
        ("found_id", integer),
        ("reference_id", integer),
    ):
        fields.append(QgsField(name, kind))
    return fields


def _feature(verdict: Verdict) -> QgsFeature:
    feature = QgsFeature(_fields())
    feature.setGeometry(verdict.thing.geometry)
    missed = verdict.kind == MISS
    feature.setAttributes(
        [
            verdict.kind,
            verdict.thing.phrase,
            verdict.iou,
            verdict.thing.score,
            None if missed else verdict.thing.number,
            verdict.thing.number if missed else verdict.partner,
        ]
    )
    return feature


def _numbers(result: Evaluation) -> dict[str, float | int | None]:
    total = result.total
    return {
        "IOU": total.iou,
        "PRECISION": total.precision,
        "RECALL": total.recall,
        "F1": total.f1,
        "MEAN_IOU": result.mean_iou,
        "PR50": result.pr50,
        "TRUE_POSITIVES": total.true_positives,
        "FALSE_POSITIVES": total.false_positives,
        "MISSES": total.misses,
    }


def _shown(value: float | int | None) -> str:
    if value is None:
        return tr("nothing to divide by")
    return str(value) if isinstance(value, int) else QLocale().toString(value, "f", 3)


def _write_report(path: Path, result: Evaluation, numbers: dict[str, float | int | None]) -> None:
    report = {
        **{name.lower(): value for name, value in numbers.items()},
        "phrases": {phrase: one.to_json() for phrase, one in result.phrases.items()},
    }
    try:
        path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(
            tr("{path} cannot be written ({why}); choose another place.").format(
                path=path, why=error
            )
        ) from error
