"""What all algorithms share: group, icon, errors as Processing wants them, progress and cancel."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from qgis.core import (
    QgsFeature,
    QgsFeatureRequest,
    QgsProcessing,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeatureSource,
    QgsProcessingFeedback,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterNumber,
)
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QIcon

from rsrefseg_qgis.engine.manager import EngineManager
from rsrefseg_qgis.errors import CancelledError, LayerError, RsRefSegPluginError, tr
from rsrefseg_qgis.layers.area import Area, area_of
from rsrefseg_qgis.layers.grid import Extent
from rsrefseg_qgis.layers.snapshot import LayerSnapshot, take_snapshot, to_tuple
from rsrefseg_qgis.paths import resource
from rsrefseg_qgis.tasks.base import Monitor
from rsrefseg_qgis.tasks.reshape import Shape


class FeedbackMonitor(Monitor):
    """A monitor that reports to Processing's feedback and is cancelled by it.

    Args:
        feedback: of the run.
    """

    def __init__(self, feedback: QgsProcessingFeedback) -> None:
        super().__init__(self._to_feedback)
        self._feedback = feedback
        self._said = ""
        # Direct: the thread that works has no event loop to bring a queued call.
        feedback.canceled.connect(self.cancel, Qt.ConnectionType.DirectConnection)

    def cancelled(self) -> bool:
        """Whether to stop."""
        return super().cancelled() or self._feedback.isCanceled()

    def _to_feedback(self, fraction: float, text: str) -> None:
        self._feedback.setProgress(100.0 * fraction)
        if text and text != self._said:
            self._said = text
            self._feedback.setProgressText(text)


class RSRefSegAlgorithm(QgsProcessingAlgorithm):
    """The base of the plugin's algorithms.

    Args:
        manager: the engine, shared with the panel.
    """

    def __init__(self, manager: EngineManager) -> None:
        super().__init__()
        self._manager = manager

    def createInstance(self) -> RSRefSegAlgorithm:
        """A fresh one for each run."""
        return type(self)(self._manager)

    def tags(self) -> list[str]:
        """Words to find it by, beside its name."""
        words = "segmentation,text,prompt,object,detection,deep learning,building,extract"
        return words.split(",") + tr("phrase,find,outline").split(",")

    def icon(self) -> QIcon:
        """The plugin's icon."""
        return QIcon(str(resource("icons/rsrefseg.svg")))

    def svgIconPath(self) -> str:
        """The plugin's icon as a file."""
        return str(resource("icons/rsrefseg.svg"))

    def add_number(
        self,
        name: str,
        text: str,
        default: float | None,
        low: float = 0.0,
        high: float = 1e12,
        *,
        advanced: bool = False,
    ) -> None:
        """Define a parameter that is a number; one without a default may be left empty."""
        kind = QgsProcessingParameterNumber.Type.Double
        parameter = QgsProcessingParameterNumber(
            name, text, kind, default, default is None, low, high
        )
        parameter.setMetadata({"widget_wrapper": {"decimals": 2}})
        if advanced:
            self.add_advanced(parameter)
        else:
            self.addParameter(parameter)

    def add_advanced(self, parameter: QgsProcessingParameterDefinition) -> None:
        """Define a parameter that few need."""
        flag = QgsProcessingParameterDefinition.Flag.FlagAdvanced
        parameter.setFlags(parameter.flags() | flag)
        self.addParameter(parameter)

    def add_within(self, name: str) -> None:
        """Define the polygons that results are kept to."""
        self.addParameter(
            QgsProcessingParameterFeatureSource(
                name,
                tr("Only inside the polygons of"),
                [QgsProcessing.SourceType.TypeVectorPolygon],
                optional=True,
            )
        )

    def number_or_none(
        self, parameters: dict[str, Any], name: str, context: QgsProcessingContext
    ) -> float | None:
        """A number, None when it is left empty."""
        if parameters.get(name) in (None, ""):
            return None
        return float(self.parameterAsDouble(parameters, name, context))

    def snapshot_of(
        self, parameters: dict[str, Any], name: str, context: QgsProcessingContext
    ) -> LayerSnapshot:
        """A raster parameter's layer, frozen. Main thread only.

        Raises:
            LayerError: it cannot be read.
        """
        layer = self.parameterAsRasterLayer(parameters, name, context)
        if layer is None or not layer.isValid():
            raise LayerError(
                tr("The raster “{name}” cannot be read; check its path.").format(
                    name=parameters.get(name)
                )
            )
        return take_snapshot(layer)

    def extent_of(
        self,
        parameters: dict[str, Any],
        name: str,
        context: QgsProcessingContext,
        snapshot: LayerSnapshot,
    ) -> Extent:
        """An extent parameter in a raster's CRS; all of the raster when it is left empty."""
        asked = self.parameterAsExtent(parameters, name, context, snapshot.crs)
        return snapshot.extent if asked.isNull() or asked.isEmpty() else to_tuple(asked)

    def area_within(
        self,
        parameters: dict[str, Any],
        name: str,
        context: QgsProcessingContext,
        snapshot: LayerSnapshot,
    ) -> Area | None:
        """The polygons that results are kept to, in a raster's CRS; None when there are none.

        Raises:
            LayerError: the layer has no polygons, or they cannot be expressed in that CRS.
        """
        source = self.parameterAsSource(parameters, name, context)
        if source is None:
            return None
        return area_of(
            (feature.geometry() for feature in features_of(source)),
            source.sourceCrs(),
            snapshot.crs,
            context.transformContext(),
        )


class ShapedAlgorithm(RSRefSegAlgorithm):
    """The base of algorithms that draw polygons from probabilities."""

    THRESHOLD = "THRESHOLD"
    MIN_AREA = "MIN_AREA"
    SIMPLIFY = "SIMPLIFY"
    RIGHT_ANGLES = "RIGHT_ANGLES"

    def add_shape(self) -> None:
        """Define how polygons are drawn."""
        self.add_number(self.THRESHOLD, tr("Threshold"), 0.5, 0.01, 0.99)
        self.add_number(self.MIN_AREA, tr("Minimum area [m²]"), 0.0, advanced=True)
        self.add_number(self.SIMPLIFY, tr("Simplification [m]"), 0.0, advanced=True)
        self.add_advanced(
            QgsProcessingParameterBoolean(self.RIGHT_ANGLES, tr("Right angles"), False)
        )

    def shape_of(self, parameters: dict[str, Any], context: QgsProcessingContext) -> Shape:
        """How polygons are drawn."""
        return Shape(
            threshold=self.parameterAsDouble(parameters, self.THRESHOLD, context),
            min_area_m2=self.parameterAsDouble(parameters, self.MIN_AREA, context),
            simplify_m=self.parameterAsDouble(parameters, self.SIMPLIFY, context),
            right_angles=self.parameterAsBool(parameters, self.RIGHT_ANGLES, context),
        )


def features_of(source: QgsProcessingFeatureSource) -> list[QgsFeature]:
    """A layer's features, or those selected, invalid polygons too: they are repaired later."""
    flag = QgsProcessingFeatureSource.Flag.FlagSkipGeometryValidityChecks
    return list(source.getFeatures(QgsFeatureRequest(), flag))


@contextmanager
def told_to_processing() -> Iterator[None]:
    """Turn the plugin's errors into Processing's; a cancelled run just ends.

    Raises:
        QgsProcessingException: with the error's sentence.
    """
    try:
        yield
    except CancelledError:
        return
    except RsRefSegPluginError as error:
        raise QgsProcessingException(str(error)) from error
