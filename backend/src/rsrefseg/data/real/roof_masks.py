"""Geneva: usable roof area at 0.25 m."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from rsrefseg.data.cases import read_mask, read_rgb
from rsrefseg.data.real.labelled import Instance, Labelled, components, without_small_holes
from rsrefseg.errors import DataError

_NAME = re.compile(r"_(\d+\.\d)_(\d+\.\d)$")
_ABSENT = ("plane", "runway", "ship")
DEV_FROM_EASTING = 498_437.0
"""Images from this easting on (Swiss grid LV03) are for development."""


def read_geneva(folder: Path) -> Iterator[Labelled]:
    """All images with their roofs.

    Dormers and skylights are cut out of the labels; the small holes they leave are filled, since
    they are part of the roof that a phrase means.

    Raises:
        DataError: a mask is missing or a name gives no place.
    """
    for path in sorted((folder / "image").glob("*.png")):
        found = _NAME.search(path.stem)
        if found is None:
            raise DataError(f"{path} does not end in its coordinates, so its place is unknown.")
        image = read_rgb(path)
        mask = read_mask(folder / "mask" / f"{path.stem}_label.png") > 0
        closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
        roof = without_small_holes(closed > 0, 90)
        place = "east" if float(found.group(1)) >= DEV_FROM_EASTING else "west"
        item = Labelled(path.stem.replace(".", "_"), "geneva", place, image, 0.25, absent=_ABSENT)
        if roof.sum() >= 200:
            item.areas["roof"] = roof
            joined = cv2.morphologyEx(
                roof.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8)
            )
            for part in components(joined > 0, 250):
                item.instances.append(Instance("building", part & roof))
        yield item
