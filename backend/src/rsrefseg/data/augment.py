"""Exact augmentation: mirror the picture and say the phrase as it is true afterwards."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Axis = Literal["horizontal", "vertical"]
"""horizontal swaps left and right; vertical swaps top and bottom."""

_PAIRS: dict[Axis, tuple[tuple[str, str], ...]] = {
    "horizontal": (
        ("left", "right"),
        ("leftmost", "rightmost"),
        ("west", "east"),
        ("western", "eastern"),
        ("westernmost", "easternmost"),
        ("northwest", "northeast"),
        ("southwest", "southeast"),
        ("northwestern", "northeastern"),
        ("southwestern", "southeastern"),
    ),
    "vertical": (
        ("top", "bottom"),
        ("topmost", "bottommost"),
        ("upper", "lower"),
        ("uppermost", "lowermost"),
        ("above", "below"),
        ("north", "south"),
        ("northern", "southern"),
        ("northernmost", "southernmost"),
        ("northwest", "southwest"),
        ("northeast", "southeast"),
        ("northwestern", "southwestern"),
        ("northeastern", "southeastern"),
    ),
}
_SWAPS: dict[Axis, dict[str, str]] = {
    axis: {a: b for x, y in pairs for a, b in ((x, y), (y, x))} for axis, pairs in _PAIRS.items()
}
# Words whose meaning turns with the picture in a way that no word swap can follow.
_FIXED = frozenset({"clockwise", "anticlockwise", "counterclockwise"})
_WORD = re.compile(r"[^\W\d_]+", re.UNICODE)


class HasPhrase(Protocol):
    """Anything with a phrase."""

    @property
    def phrase(self) -> str:
        """The phrase."""


@dataclass(frozen=True)
class PixelCase:
    """A phrase with its picture and masks in memory.

    Attributes:
        image: H,W,3 uint8.
        phrase: what is asked for.
        mask: H,W bool.
        class_mask: H,W bool, or None.
    """

    image: NDArray[np.uint8]
    phrase: str
    mask: NDArray[np.bool_]
    class_mask: NDArray[np.bool_] | None = None


def flip_words(phrase: str, axis: Axis) -> str | None:
    """The phrase as it is true of the mirrored picture, or None if that cannot be said."""
    words = [w.lower() for w in _WORD.findall(phrase)]
    if any(w in _FIXED for w in words):
        return None
    if _side_is_no_direction(words):
        return None
    swaps = _SWAPS[axis]

    def swap(match: re.Match[str]) -> str:
        word = match.group()
        other = swaps.get(word.lower())
        if other is None:
            return word
        return other.capitalize() if word[0].isupper() else other

    return _WORD.sub(swap, phrase)


def _side_is_no_direction(words: list[str]) -> bool:
    """Whether a word such as "right" or "top" is used for something else than a direction."""
    pairs = set(zip(words, words[1:], strict=False))
    return bool(
        pairs & {("right", "angle"), ("right", "angled"), ("flat", "top"), ("on", "top")}
        or ("left" in words and "over" in words)
    )


def flip_phrase(case: HasPhrase, axis: Axis) -> str | None:
    """The case's phrase after mirroring its picture, or None if that cannot be said."""
    return flip_words(case.phrase, axis)


def flip(case: PixelCase, axis: Axis) -> PixelCase | None:
    """The mirrored case, or None if its phrase cannot be said of the mirrored picture."""
    phrase = flip_words(case.phrase, axis)
    if phrase is None:
        return None
    along = 1 if axis == "horizontal" else 0

    def turned(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return np.ascontiguousarray(np.flip(mask, along))

    return PixelCase(
        np.ascontiguousarray(np.flip(case.image, along)),
        phrase,
        turned(case.mask),
        None if case.class_mask is None else turned(case.class_mask),
    )
