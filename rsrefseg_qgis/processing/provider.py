"""The plugin's algorithms in the Processing Toolbox and for `qgis_process`."""

from __future__ import annotations

from qgis.core import QgsProcessingProvider
from qgis.PyQt.QtGui import QIcon

from rsrefseg_qgis.engine.manager import EngineManager
from rsrefseg_qgis.errors import tr
from rsrefseg_qgis.paths import resource


class RSRefSegProvider(QgsProcessingProvider):
    """The provider ``rsrefseg``.

    Args:
        manager: the engine that the algorithms share with the panel.
    """

    def __init__(self, manager: EngineManager) -> None:
        super().__init__()
        self._manager = manager

    def id(self) -> str:
        """Part of each algorithm's id."""
        return "rsrefseg"

    def name(self) -> str:
        """As the Toolbox shows it."""
        return "RSRefSeg"

    def longName(self) -> str:
        """As the Toolbox shows it where there is room."""
        return tr("RSRefSeg: find things in rasters by phrase")

    def icon(self) -> QIcon:
        """The plugin's icon."""
        return QIcon(str(resource("icons/rsrefseg.svg")))

    def svgIconPath(self) -> str:
        """The plugin's icon as a file."""
        return str(resource("icons/rsrefseg.svg"))

    def loadAlgorithms(self) -> None:
        """Add all algorithms."""
        from .encode_ahead import EncodeAhead
        from .evaluate_layer import EvaluateLayer
        from .export_samples import ExportSamples
        from .probability_raster import ProbabilityRaster
        from .regularise_polygons import RegularisePolygons
        from .segment_by_phrase import SegmentByPhrase
        from .segment_many import SegmentMany

        for algorithm in (
            SegmentByPhrase,
            SegmentMany,
            ProbabilityRaster,
            EncodeAhead,
            EvaluateLayer,
            ExportSamples,
            RegularisePolygons,
        ):
            self.addAlgorithm(algorithm(self._manager))

    def supportedOutputRasterLayerExtensions(self) -> list[str]:
        """Rasters are written as GeoTIFF."""
        return ["tif", "tiff"]
