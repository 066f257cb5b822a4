"""How a probability raster looks: see-through where nothing is likely, bright where it is."""

from __future__ import annotations

from qgis.core import (
    QgsColorRampShader,
    QgsRasterLayer,
    QgsRasterShader,
    QgsSingleBandPseudoColorRenderer,
)
from qgis.PyQt.QtGui import QColor

# Probability, colour, opacity from 0 to 255: evenly brighter, apart for colour-blind eyes too.
_STEPS = (
    (0.0, "#440154", 0),
    (0.25, "#3b528b", 110),
    (0.5, "#21918c", 160),
    (0.75, "#5ec962", 190),
    (1.0, "#fde725", 215),
)


def apply_probability_style(layer: QgsRasterLayer) -> None:
    """Draw a raster of probabilities from 0 to 1. Main thread only."""
    ramp = QgsColorRampShader(0.0, 1.0)
    ramp.setColorRampType(QgsColorRampShader.Type.Interpolated)
    items = []
    for value, name, opacity in _STEPS:
        colour = QColor(name)
        colour.setAlpha(opacity)
        items.append(QgsColorRampShader.ColorRampItem(value, colour, f"{value:.0%}"))
    ramp.setColorRampItemList(items)
    shader = QgsRasterShader(0.0, 1.0)
    shader.setRasterShaderFunction(ramp)
    renderer = QgsSingleBandPseudoColorRenderer(layer.dataProvider(), 1, shader)
    renderer.setClassificationMin(0.0)
    renderer.setClassificationMax(1.0)
    layer.setRenderer(renderer)
