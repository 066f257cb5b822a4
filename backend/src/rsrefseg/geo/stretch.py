"""Mapping any number range to 0..255, by limits that are computed once per raster."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rsrefseg.errors import InputError

LOWER_PERCENT = 2.0
UPPER_PERCENT = 98.0


@dataclass(frozen=True)
class Stretch:
    """Per-band limits that map to 0 and 255.

    Attributes:
        low: one lower limit per colour band.
        high: one upper limit per colour band.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]

    def apply(self, bands: NDArray[np.generic]) -> NDArray[np.uint8]:
        """Map bands to 0..255.

        Args:
            bands: B x H x W of any real type; values that are not finite become 0.

        Returns:
            B x H x W uint8.
        """
        low = np.asarray(self.low, dtype=np.float32)[:, None, None]
        span = np.asarray(self.high, dtype=np.float32)[:, None, None] - low
        span = np.where(span > 0, span, 1.0)
        scaled = (bands.astype(np.float32) - low) * (255.0 / span)
        scaled = np.nan_to_num(scaled, nan=0.0, posinf=255.0, neginf=0.0)
        clipped: NDArray[np.uint8] = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
        return clipped


@dataclass(frozen=True)
class StretchRule:
    """How a raster's limits are found.

    Attributes:
        kind: "auto" leaves 8-bit rasters as they are and stretches others by percentiles;
            "percentile" and "min-max" look at the raster's pixels; "fixed" has its own limits.
        low: of "fixed", what becomes 0.
        high: of "fixed", what becomes 255.
    """

    kind: Literal["auto", "percentile", "min-max", "fixed"] = "auto"
    low: float = 0.0
    high: float = 255.0


def parse_stretch(text: str) -> StretchRule:
    """A rule as users write it: auto, percentile, min-max, or limits such as 0:3000.

    Raises:
        InputError: the text means nothing.
    """
    if text in ("auto", "percentile", "min-max"):
        return StretchRule(text)  # type: ignore[arg-type]
    low, colon, high = text.partition(":")
    try:
        rule = StretchRule("fixed", float(low), float(high))
    except ValueError:
        rule = StretchRule("fixed", 0.0, 0.0)
    if not colon or not rule.low < rule.high or not math.isfinite(rule.high - rule.low):
        raise InputError(
            f"'{text}' is no stretch: give auto, percentile, min-max, or limits such as 0:3000."
        )
    return rule


def percentile_stretch(
    bands: NDArray[np.generic],
    valid: NDArray[np.bool_],
    lower_percent: float = LOWER_PERCENT,
    upper_percent: float = UPPER_PERCENT,
) -> Stretch:
    """Limits at two percentiles of each band's valid, finite pixels.

    Args:
        bands: B x H x W, a decimated read of the whole raster.
        valid: H x W, False where there is no data.
        lower_percent: the percentile that becomes 0.
        upper_percent: the percentile that becomes 255.

    Returns:
        The stretch; a band without any valid pixel, or with a single value, gets limits around
        that value so that it becomes mid-grey rather than noise.
    """
    low: list[float] = []
    high: list[float] = []
    for band in bands:
        values = band[valid & np.isfinite(band)].astype(np.float64)
        if values.size == 0:
            bottom, top = 0.0, 1.0
        else:
            bottom, top = (float(v) for v in np.percentile(values, [lower_percent, upper_percent]))
        if not top > bottom:
            bottom, top = bottom - 0.5, bottom + 0.5
        low.append(bottom)
        high.append(top)
    return Stretch(tuple(low), tuple(high))
