"""The style that a GeoPackage carries, so that QGIS shows its polygons as the plugin would."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from xml.sax.saxutils import quoteattr

# Bright, and apart for colour-blind eyes too; the plugin has the same.
COLOURS = ("#ffb000", "#38c6ff", "#ff5fa2", "#b7f34d", "#c9a2ff", "#ff7847")


def colour_for(phrase: str) -> tuple[int, int, int]:
    """The same colour for the same phrase, everywhere."""
    text = COLOURS[zlib.crc32(phrase.strip().lower().encode()) % len(COLOURS)]
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def polygon_style(phrases: Sequence[str]) -> str:
    """A QGIS style that colours polygons by their phrase.

    Args:
        phrases: the phrases in the layer, in the order of the legend.
    """
    categories = "".join(
        f'<category render="true" symbol="{i}" type="string" '
        f"value={quoteattr(phrase)} label={quoteattr(phrase)}/>"
        for i, phrase in enumerate(phrases)
    )
    symbols = "".join(_symbol(i, phrase) for i, phrase in enumerate(phrases))
    return (
        '<!DOCTYPE qgis PUBLIC "http://mrcc.com/qgis.dtd" "SYSTEM">'
        '<qgis version="3.22" styleCategories="Symbology">'
        '<renderer-v2 type="categorizedSymbol" attr="phrase" forceraster="0" enableorderby="0" '
        'symbollevels="0">'
        f"<categories>{categories}</categories><symbols>{symbols}</symbols>"
        "</renderer-v2></qgis>"
    )


def _symbol(number: int, phrase: str) -> str:
    """A dark rim under a bright outline with a thin fill."""
    red, green, blue = colour_for(phrase)
    rim = {
        "style": "no",
        "outline_color": "20,20,20,150",
        "outline_width": "1.1",
        "outline_style": "solid",
        "joinstyle": "round",
    }
    bright = {
        "style": "solid",
        "color": f"{red},{green},{blue},56",
        "outline_color": f"{red},{green},{blue},255",
        "outline_width": "0.5",
        "outline_style": "solid",
        "joinstyle": "round",
    }
    layers = "".join(_layer(options) for options in (rim, bright))
    return f'<symbol type="fill" name="{number}" alpha="1">{layers}</symbol>'


def _layer(options: dict[str, str]) -> str:
    # QGIS 3.22 reads <prop>, later versions read <Option> and fall back to <prop>.
    properties = "".join(f'<prop k="{key}" v="{value}"/>' for key, value in options.items())
    entries = "".join(
        f'<Option type="QString" name="{key}" value="{value}"/>' for key, value in options.items()
    )
    return (
        '<layer class="SimpleFill" enabled="1" locked="0" pass="0">'
        f'<Option type="Map">{entries}</Option>{properties}</layer>'
    )
