"""Colour words, decided from what the picture shows and not from the paint that was meant."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

COLOURS = (
    "red", "orange", "brown", "yellow", "green", "turquoise", "blue", "white", "grey", "black",
)  # fmt: skip


def colour_words(rgb: NDArray[np.floating]) -> tuple[frozenset[str], frozenset[str]]:
    """The colour words that surely fit an RGB value (0..255), and those that might.

    Thresholds are in HSV; between two words lies a band where both might fit and neither is sure.
    """
    r, g, b = (float(c) for c in rgb)
    value, low = max(r, g, b), min(r, g, b)
    chroma = value - low
    sat = chroma / max(value, 1.0)
    if chroma < 1e-6:
        hue = 0.0
    elif value == r:
        hue = (60 * (g - b) / chroma) % 360
    elif value == g:
        hue = 60 * (b - r) / chroma + 120
    else:
        hue = 60 * (r - g) / chroma + 240
    sure: set[str] = set()
    maybe: set[str] = set()

    def judge(word: str, is_sure: bool, is_maybe: bool) -> None:
        if is_sure:
            sure.add(word)
        elif is_maybe:
            maybe.add(word)

    judge("black", value < 52 and chroma < 22, value < 78 and chroma < 34)
    judge("white", low > 178 and sat < 0.12, low > 148 and sat < 0.20)
    judge(
        "grey",
        sat < 0.13 and 78 < value < 172,
        sat < 0.24 and 48 < value < 208,
    )
    warm = hue < 62 or hue > 335
    vivid = sat > 0.30 and value > 62
    judge(
        "red",
        (hue < 14 or hue > 342) and sat > 0.36 and value > 72,
        (hue < 24 or hue > 328) and sat > 0.22 and value > 48,
    )
    judge(
        "orange",
        20 < hue < 36 and sat > 0.52 and value > 150,
        12 < hue < 46 and sat > 0.36 and value > 120,
    )
    judge(
        "brown",
        16 < hue < 40 and 0.22 < sat < 0.60 and 52 < value < 138,
        (hue < 52 or hue > 350) and 0.12 < sat < 0.7 and 40 < value < 178,
    )
    judge(
        "yellow",
        42 < hue < 62 and sat > 0.42 and value > 140,
        36 < hue < 70 and sat > 0.24 and value > 110,
    )
    judge("green", 76 < hue < 158 and sat > 0.20 and value > 45, 62 < hue < 176 and sat > 0.08)
    judge(
        "turquoise", 168 < hue < 196 and sat > 0.25 and value > 90, 156 < hue < 206 and sat > 0.14
    )
    judge("blue", 202 < hue < 246 and sat > 0.30 and value > 60, 188 < hue < 262 and sat > 0.13)
    if warm and not vivid:
        sure.discard("orange")
    return frozenset(sure), frozenset(maybe)
