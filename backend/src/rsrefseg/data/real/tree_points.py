"""NAIP: a point per tree, and near infrared; weak masks of vegetation and crowns.

The points say what is a tree; the vegetation index says how far its crown reaches. Lawns are
told from crowns by brightness: crowns are darker and the points sit on them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from rsrefseg.data.real.labelled import Labelled, Mask
from rsrefseg.errors import DataError

_ABSENT = ("plane", "ship")
_REACH_PX = 9.0
_LEAST_TREES = 12
DEV_CITIES = ("claremont", "long_beach")


def read_naip(folder: Path) -> Iterator[Labelled]:
    """All crops that have tree points.

    Raises:
        DataError: an image has no near infrared band.
    """
    from rsrefseg.geo.bandstack import read_bands

    for path in sorted((folder / "images").glob("*.tif")):
        labels = folder / "json" / f"{path.stem}.json"
        if not labels.exists():
            continue
        bands, inverse = read_bands(path)
        if bands.shape[0] < 4:
            raise DataError(f"{path} has no near infrared band: fetch the four-band crops.")
        city = path.stem.rsplit("_", 2)[0]
        image = np.clip(bands[:3], 0, 255).astype(np.uint8).transpose(1, 2, 0)
        item = Labelled(path.stem, "naip", city, np.ascontiguousarray(image), 0.6, absent=_ABSENT)
        green = vegetation(bands)
        share = float(green.mean())
        if 0.03 < share < 0.9:
            item.areas["vegetation"] = green
        points = _points(labels, inverse, green.shape)
        if len(points) >= _LEAST_TREES:
            item.areas["trees"] = crowns(image, green, points)
        yield item


def vegetation(bands: NDArray[np.float32]) -> Mask:
    """Green plants, by Otsu's threshold on the vegetation index, within plausible limits."""
    red, infrared = bands[0], bands[3]
    index = (infrared - red) / np.maximum(infrared + red, 1)
    scaled = np.clip((index + 0.4) * 200, 0, 255).astype(np.uint8)
    level, _ = cv2.threshold(scaled, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    mask = index > min(max(level / 200 - 0.4, 0.08), 0.3)
    return np.asarray(cv2.medianBlur(mask.astype(np.uint8), 3) > 0)


def crowns(image: NDArray[np.uint8], green: Mask, points: NDArray[np.int64]) -> Mask:
    """Vegetation around tree points that is about as dark as it is at the point."""
    grey = cv2.medianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), 5).astype(np.float32)
    seeds = np.ones(green.shape, np.uint8)
    seeds[points[:, 1], points[:, 0]] = 0
    reach, nearest = cv2.distanceTransformWithLabels(
        seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    level = np.zeros(int(nearest.max()) + 1, np.float32)
    level[nearest[points[:, 1], points[:, 0]]] = grey[points[:, 1], points[:, 0]]
    dark = grey <= level[nearest] * 1.3 + 10
    mask = green & (reach <= _REACH_PX) & dark
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, kernel)
    return np.asarray(cv2.morphologyEx(opened, cv2.MORPH_CLOSE, kernel) > 0)


def _points(path: Path, inverse: tuple[float, ...], shape: tuple[int, ...]) -> NDArray[np.int64]:
    try:
        features = json.loads(path.read_text(encoding="utf-8"))["features"]
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path} cannot be read: fetch it again.") from error
    a, b, c, d, e, f = inverse
    found = []
    for feature in features:
        x, y = feature["geometry"]["coordinates"][:2]
        col, row = int(a * x + b * y + c), int(d * x + e * y + f)
        if 0 <= col < shape[1] and 0 <= row < shape[0]:
            found.append((col, row))
    return np.array(found, dtype=np.int64).reshape(-1, 2)
