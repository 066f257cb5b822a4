"""How results look: a see-through fill and a bright outline with a dark rim, on any imagery."""

from __future__ import annotations

import zlib

from qgis.core import QgsFillSymbol, QgsSingleSymbolRenderer, QgsSymbol, QgsVectorLayer

# Bright, and apart for colour-blind eyes too.
COLOURS = ("#ffb000", "#38c6ff", "#ff5fa2", "#b7f34d", "#c9a2ff", "#ff7847")


def colour_for(phrase: str) -> str:
    """The same colour for the same phrase, in every session."""
    return COLOURS[zlib.crc32(phrase.strip().lower().encode()) % len(COLOURS)]


def result_symbol(colour: str) -> QgsSymbol:
    """Fill at a fifth, a crisp outline, and a dark rim that sets it off from bright ground."""
    symbol = QgsFillSymbol.createSimple(
        {
            "style": "no",
            "outline_color": "20,20,20,150",
            "outline_width": "1.1",
            "outline_style": "solid",
            "joinstyle": "round",
        }
    )
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    bright = QgsFillSymbol.createSimple(
        {
            "color": f"{red},{green},{blue},56",
            "outline_color": f"{red},{green},{blue},255",
            "outline_width": "0.5",
            "joinstyle": "round",
        }
    )
    symbol.appendSymbolLayer(bright.takeSymbolLayer(0))
    return symbol


def apply_style(layer: QgsVectorLayer, colour: str, own: str = "") -> None:
    """Draw a result layer in a colour, without labels, or as the user's own QML file says.

    A file that cannot be read leaves the colour.
    """
    layer.setRenderer(QgsSingleSymbolRenderer(result_symbol(colour)))
    layer.setLabelsEnabled(False)
    if own:
        layer.loadNamedStyle(own)
