"""Which bands of a raster become red, green, blue and the alpha mask, and by which colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rsrefseg.errors import InputError


@dataclass(frozen=True)
class BandPlan:
    """The bands (1-based) to read.

    Attributes:
        rgb: three band numbers; a grey raster repeats one.
        alpha: the band that says which pixels are there, or None.
    """

    rgb: tuple[int, int, int]
    alpha: int | None

    @property
    def unique(self) -> tuple[int, ...]:
        """The colour bands without repeats, in reading order."""
        return tuple(dict.fromkeys(self.rgb))


def plan_bands(interpretations: Sequence[str], choice: str = "auto") -> BandPlan:
    """Choose bands by their colour interpretation, else by their order.

    Args:
        interpretations: one GDAL colour interpretation per band, lower case
            ("red", "green", "blue", "nir", "alpha", "gray", "palette", "undefined" ...).
        choice: what to show:
            "auto": red, green and blue where they are named, else the first three bands, else
            the first band as grey; a fourth band that is not called alpha is no colour.
            "false-colour": near infrared, red and green, where vegetation is red.
            "pan": one band as grey, the one that is called panchromatic, else the first.
            Numbers: "4,3,2", or "5" for one band as grey.

    Raises:
        InputError: the choice means nothing, or the raster has no such band.
    """
    count = len(interpretations)
    alpha = next((i + 1 for i, name in enumerate(interpretations) if name == "alpha"), None)
    named = {name.lower(): i + 1 for i, name in reversed(list(enumerate(interpretations)))}
    colours = [i + 1 for i in range(count) if i + 1 != alpha]
    if choice == "auto":
        return BandPlan(_natural(named, colours), alpha)
    if choice == "false-colour":
        red, green, _ = _natural(named, colours)
        infrared = named.get("nir", colours[3] if len(colours) > 3 else None)
        if infrared is None:
            raise InputError(
                "False colour needs a near-infrared band and this raster has none: choose other "
                "bands."
            )
        return BandPlan((infrared, red, green), alpha)
    if choice == "pan":
        grey = named.get("pan", colours[0] if colours else 1)
        return BandPlan((grey, grey, grey), alpha)
    numbers = _numbers(choice, count)
    return BandPlan(numbers, alpha if alpha not in numbers else None)


def _natural(named: Mapping[str, int], colours: Sequence[int]) -> tuple[int, int, int]:
    if all(colour in named for colour in ("red", "green", "blue")):
        return named["red"], named["green"], named["blue"]
    if len(colours) >= 3:
        return colours[0], colours[1], colours[2]
    first = colours[0] if colours else 1
    return first, first, first


def _numbers(choice: str, count: int) -> tuple[int, int, int]:
    try:
        numbers = [int(part) for part in choice.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 3):
        raise InputError(
            f"'{choice}' names no bands: give auto, false-colour, pan, one number, or three "
            "such as 4,3,2."
        )
    if any(not 1 <= number <= count for number in numbers):
        raise InputError(f"The raster has {count} bands, so bands {choice} are not all there.")
    return (numbers[0], numbers[len(numbers) // 2], numbers[-1])


def palette_of(dataset: Any, bands: BandPlan) -> NDArray[np.uint8] | None:
    """A 256 x 3 colour table, when the raster is one band of indexes into one."""
    if dataset.dtypes[bands.rgb[0] - 1] != "uint8" or len(bands.unique) > 1:
        return None
    try:
        table = dataset.colormap(bands.rgb[0])
    except ValueError:
        return None
    colours = np.zeros((256, 3), dtype=np.uint8)
    for index, colour in table.items():
        if 0 <= index < 256:
            colours[index] = colour[:3]
    return colours
