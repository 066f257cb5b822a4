"""Which bands of a raster become red, green, blue and the alpha mask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


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


def plan_bands(interpretations: Sequence[str]) -> BandPlan:
    """Choose bands by their colour interpretation, else by their order.

    Args:
        interpretations: one GDAL colour interpretation per band, lower case
            ("red", "green", "blue", "alpha", "gray", "palette", "undefined" ...).

    Returns:
        The plan: red, green and blue where they are named, else the first three bands, else
        the first band as grey. A fourth band that is not called alpha is taken for infrared.
    """
    alpha = next((i + 1 for i, name in enumerate(interpretations) if name == "alpha"), None)
    named = {name: i + 1 for i, name in reversed(list(enumerate(interpretations)))}
    if all(colour in named for colour in ("red", "green", "blue")):
        return BandPlan((named["red"], named["green"], named["blue"]), alpha)
    colours = [i + 1 for i in range(len(interpretations)) if i + 1 != alpha]
    if len(colours) >= 3:
        return BandPlan((colours[0], colours[1], colours[2]), alpha)
    first = colours[0] if colours else 1
    return BandPlan((first, first, first), alpha)
