"""What happens to a result that QGIS loads into the project."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from qgis.core import (
    QgsMapLayer,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingLayerPostProcessorInterface,
)


class PostProcessor(QgsProcessingLayerPostProcessorInterface):
    """Gives a result its looks when it is loaded.

    Args:
        apply: styles the layer, on the main thread.
    """

    # QGIS does not own it, and the algorithm that made it is gone by the time it is called
    _waiting: ClassVar[list[PostProcessor]] = []

    def __init__(self, apply: Callable[[Any], None]) -> None:
        super().__init__()
        self._apply = apply
        self._waiting.append(self)

    def postProcessLayer(
        self, layer: QgsMapLayer, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> None:
        """Style a layer; QGIS calls this on the main thread."""
        if self in self._waiting:
            self._waiting.remove(self)
        if layer is not None and layer.isValid():
            self._apply(layer)


def when_loaded(
    context: QgsProcessingContext, target: str, name: str, apply: Callable[[Any], None]
) -> None:
    """Name and style a result in case that QGIS loads it.

    Args:
        context: of the run.
        target: the result, as the algorithm gives it.
        name: of the layer.
        apply: styles it, on the main thread.
    """
    if not context.willLoadLayerOnCompletion(target):
        return
    details = context.layerToLoadOnCompletionDetails(target)
    details.name = name
    details.forceName = True
    details.setPostProcessor(PostProcessor(apply))
