"""One labelled picture, whatever its source: instances and areas of named classes."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Instance:
    """One thing of a class; `material` is that of its roof, where a label says so."""

    cls: str
    mask: Mask
    material: str | None = None


@dataclass
class Labelled:
    """A picture with labels.

    Attributes:
        name: unique within its source; becomes the file name.
        image: H,W,3 uint8 RGB.
        place: part of the source, for the split by place.
        instances: things that may be told apart.
        areas: all of a class at once, H,W bool by class.
        absent: classes that surely are not in the picture.
    """

    name: str
    source: str
    place: str
    image: NDArray[np.uint8]
    resolution_m: float
    instances: list[Instance] = field(default_factory=list)
    areas: dict[str, Mask] = field(default_factory=dict)
    absent: tuple[str, ...] = ()


def components(mask: Mask, least_px: int) -> list[Mask]:
    """The connected parts of a mask that have at least so many pixels."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=8
    )
    return [labels == i for i in range(1, count) if stats[i, cv2.CC_STAT_AREA] >= least_px]


def without_small_holes(mask: Mask, most_px: int) -> Mask:
    """The mask with enclosed holes of up to so many pixels filled."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        (~mask).astype(np.uint8), connectivity=4
    )
    out = mask.copy()
    for i in range(1, count):
        if stats[i, cv2.CC_STAT_AREA] <= most_px:
            out[labels == i] = True
    return out
