"""Dubai: one colour per class of land cover."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from rsrefseg.data.cases import read_rgb
from rsrefseg.data.real.labelled import Instance, Labelled, Mask, components
from rsrefseg.errors import DataError

_COLOURS = {
    "building": (60, 16, 152),
    "anyroad": (110, 193, 228),
    "water": (226, 169, 41),
    "vegetation": (254, 221, 58),
    "bare": (132, 41, 246),
}
_BLOCK_TILES = ("tile4", "tile7", "tile8")
"""Here "building" outlines whole blocks, gardens included, so it is no label of buildings."""
_ABSENT = ("plane", "runway", "container")
_PIECE_PX = 760
DEV_TILES = ("tile3_007", "tile3_008", "tile3_009", "tile8_007", "tile8_008", "tile8_009")
"""The lowest rows of two of the areas."""


def read_dubai(folder: Path) -> Iterator[Labelled]:
    """All tiles, and the pieces of those that are large.

    Raises:
        DataError: a mask is missing or does not match its image.
    """
    for path in sorted((folder / "images").glob("*.jpg")):
        image = read_rgb(path)
        mask = read_rgb(folder / "masks" / f"{path.stem}.png")
        if mask.shape != image.shape:
            raise DataError(f"{path} and its mask differ in size: fetch both again.")
        rows, cols = image.shape[:2]
        layers = {
            cls: np.abs(mask.astype(np.int16) - rgb).max(axis=2) < 12
            for cls, rgb in _COLOURS.items()
        }
        blocks = path.stem.startswith(_BLOCK_TILES)
        if blocks:
            layers["builtup"] = layers.pop("building")
        yield _piece(path.stem, path.stem, image, layers)
        down, across = (-(-n // _PIECE_PX) for n in (rows, cols))
        if down * across == 1:
            continue
        for i in range(down):
            for j in range(across):
                part = np.s_[
                    i * rows // down : (i + 1) * rows // down,
                    j * cols // across : (j + 1) * cols // across,
                ]
                cut = {cls: layer[part] for cls, layer in layers.items()}
                yield _piece(f"{path.stem}_{i}{j}", path.stem, image[part], cut)


def _piece(
    name: str, place: str, image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
    layers: dict[str, Mask],
) -> Labelled:  # fmt: skip
    pixels = image.shape[0] * image.shape[1]
    item = Labelled(name, "dubai", place, np.ascontiguousarray(image), 0.7, absent=_ABSENT)
    for cls, layer in layers.items():
        if layer.sum() > 0.002 * pixels:
            item.areas[cls] = np.ascontiguousarray(layer)
    for cls in ("building", "water"):
        if cls in item.areas:
            parts = components(item.areas[cls], max(60, int(0.0004 * pixels)))
            item.instances += [Instance(cls, part) for part in parts]
    if "water" in item.areas and "anyroad" in item.areas:
        for part in components(item.areas["anyroad"], max(60, int(0.0003 * pixels))):
            if _over_water(part, item.areas["water"]):
                item.instances.append(Instance("bridge", part))
    return item


def _over_water(part: Mask, water: Mask) -> bool:
    """Whether a piece of road is mostly surrounded by water: a bridge."""
    kernel = np.ones((9, 9), np.uint8)
    ring = (cv2.dilate(part.astype(np.uint8), kernel) > 0) & ~part
    return float(water[ring].mean()) > 0.6
