"""How an evaluation looks: right, wrong and missed in three colours."""

from __future__ import annotations

from collections.abc import Sequence

from qgis.core import QgsCategorizedSymbolRenderer, QgsRendererCategory, QgsVectorLayer

from .style import result_symbol

# Right, wrong, missed; apart for colour-blind eyes too.
_COLOURS = ("#38c6ff", "#ff7847", "#ffe14d")


def apply_verdict_style(layer: QgsVectorLayer, kinds: Sequence[tuple[str, str]]) -> None:
    """Draw a layer by its field ``kind``. Main thread only.

    Args:
        layer: the evaluation's polygons.
        kinds: value and label of what is right, wrong and missed, in that order.
    """
    categories = [
        QgsRendererCategory(value, result_symbol(colour), label)
        for (value, label), colour in zip(kinds, _COLOURS)
    ]
    layer.setRenderer(QgsCategorizedSymbolRenderer("kind", categories))
