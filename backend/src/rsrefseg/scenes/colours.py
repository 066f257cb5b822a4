"""Colour words, decided from what the picture shows and not from the paint that was meant."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Judge = Callable[[float, float, float, float], bool]
"""Of hue in degrees, saturation 0..1, value and lowest channel 0..255."""

# Between where a word surely fits and where it surely does not lies a band where it might.
_RULES: dict[str, tuple[Judge, Judge]] = {
    "red": (
        lambda h, s, v, low: (h < 14 or h > 342) and s > 0.36 and v > 72,
        lambda h, s, v, low: (h < 24 or h > 328) and s > 0.22 and v > 48,
    ),
    "orange": (
        lambda h, s, v, low: 20 < h < 36 and s > 0.52 and v > 150,
        lambda h, s, v, low: 12 < h < 46 and s > 0.36 and v > 120,
    ),
    "brown": (
        lambda h, s, v, low: 16 < h < 40 and 0.22 < s < 0.60 and 52 < v < 138,
        lambda h, s, v, low: (h < 52 or h > 350) and 0.12 < s < 0.7 and 40 < v < 178,
    ),
    "yellow": (
        lambda h, s, v, low: 42 < h < 62 and s > 0.42 and v > 140,
        lambda h, s, v, low: 36 < h < 70 and s > 0.24 and v > 110,
    ),
    "green": (
        lambda h, s, v, low: 76 < h < 158 and s > 0.20 and v > 45,
        lambda h, s, v, low: 62 < h < 176 and s > 0.08,
    ),
    "turquoise": (
        lambda h, s, v, low: 168 < h < 196 and s > 0.25 and v > 90,
        lambda h, s, v, low: 156 < h < 206 and s > 0.14,
    ),
    "blue": (
        lambda h, s, v, low: 202 < h < 246 and s > 0.30 and v > 60,
        lambda h, s, v, low: 188 < h < 262 and s > 0.13,
    ),
    "white": (
        lambda h, s, v, low: low > 178 and s < 0.12,
        lambda h, s, v, low: low > 148 and s < 0.20,
    ),
    "grey": (
        lambda h, s, v, low: s < 0.13 and 78 < v < 172,
        lambda h, s, v, low: s < 0.24 and 48 < v < 208,
    ),
    "black": (
        lambda h, s, v, low: v < 52 and v - low < 22,
        lambda h, s, v, low: v < 78 and v - low < 34,
    ),
}
COLOURS = tuple(_RULES)


def colour_words(rgb: NDArray[np.number]) -> tuple[frozenset[str], frozenset[str]]:
    """The colour words that surely fit an RGB value (0..255), and those that might."""
    r, g, b = (float(c) for c in rgb.tolist())
    value, low = max(r, g, b), min(r, g, b)
    hue, saturation = _hue(r, g, b), (value - low) / max(value, 1.0)
    sure: set[str] = set()
    maybe: set[str] = set()
    for word, (surely, perhaps) in _RULES.items():
        if surely(hue, saturation, value, low):
            sure.add(word)
        elif perhaps(hue, saturation, value, low):
            maybe.add(word)
    return frozenset(sure), frozenset(maybe)


def _hue(r: float, g: float, b: float) -> float:
    """Hue of an RGB value in degrees, 0 for greys."""
    top = max(r, g, b)
    chroma = top - min(r, g, b)
    if chroma < 1e-6:
        return 0.0
    if top == r:
        return 60 * (g - b) / chroma % 360
    if top == g:
        return 60 * (b - r) / chroma + 120
    return 60 * (r - g) / chroma + 240
