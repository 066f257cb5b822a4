"""Banepa: building polygons with OSM tags over georeferenced chips."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
from numpy.typing import NDArray

from rsrefseg.data.cases import read_rgb
from rsrefseg.data.real.labelled import Instance, Labelled
from rsrefseg.errors import DataError

_MATERIALS = {"tin": "metal", "metal": "metal", "concrete": "concrete", "concerte": "concrete"}
_ABSENT = ("ship", "plane", "runway", "railway", "pier")
_LEAST_PX = 150
_CHIP = re.compile(r"OAM-(\d+)-(\d+)-\d+$")
DEV_COLUMNS = ("386690", "386691")
"""The western columns of chips: one piece of town that no training chip shows."""


def read_banepa(folder: Path) -> Iterator[Labelled]:
    """All chips with their buildings.

    Raises:
        DataError: labels or georeference are missing.
    """
    try:
        features = json.loads((folder / "buildings.geojson").read_text(encoding="utf-8"))[
            "features"
        ]
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"{folder} holds no readable buildings.geojson: check the folder."
        ) from error
    outlines = [_outline(f) for f in features]
    for path in sorted((folder / "chips").glob("*.tif")):
        found = _CHIP.match(path.stem)
        if found is None:
            raise DataError(f"{path} is not named like a chip (OAM-column-row-zoom.tif).")
        image = read_rgb(path)
        transform = _geotransform(path.with_name(path.name + ".aux.xml"))
        metres = abs(transform[1]) * 111_320 * float(np.cos(np.radians(transform[3])))
        chip = Labelled(path.stem, "banepa", found.group(1), image, metres, absent=_ABSENT)
        _add_buildings(chip, transform, features, outlines)
        yield chip


def _outline(feature: dict[str, object]) -> NDArray[np.float64]:
    geometry = feature["geometry"]
    if not isinstance(geometry, dict) or geometry.get("type") != "Polygon":
        raise DataError("buildings.geojson holds other geometry than polygons; convert it first.")
    return np.asarray(geometry["coordinates"][0], dtype=np.float64)


def _geotransform(path: Path) -> tuple[float, ...]:
    try:
        text = ElementTree.parse(path).findtext("GeoTransform")
    except (OSError, ElementTree.ParseError) as error:
        raise DataError(f"{path} cannot be read: the chip has no georeference.") from error
    values = tuple(float(v) for v in (text or "").split(","))
    if len(values) != 6:
        raise DataError(f"{path} holds no GeoTransform: the chip has no georeference.")
    return values


def _add_buildings(
    chip: Labelled,
    transform: tuple[float, ...],
    features: list[dict[str, object]],
    outlines: list[NDArray[np.float64]],
) -> None:
    rows, cols = chip.image.shape[:2]
    everything = np.zeros((rows, cols), bool)
    for feature, outline in zip(features, outlines, strict=True):
        x = (outline[:, 0] - transform[0]) / transform[1]
        y = (outline[:, 1] - transform[3]) / transform[5]
        if x.max() < 0 or y.max() < 0 or x.min() > cols or y.min() > rows:
            continue
        canvas = np.zeros((rows, cols), np.uint8)
        cv2.fillPoly(canvas, [np.round(np.stack([x, y], axis=1)).astype(np.int32)], 1)
        mask = (canvas > 0) & ~everything
        everything |= canvas > 0
        if int(mask.sum()) < _LEAST_PX:
            continue
        tags = feature.get("properties")
        tag = tags.get("roof:material") if isinstance(tags, dict) else None
        chip.instances.append(Instance("building", mask, _MATERIALS.get(str(tag))))
    if everything.any():
        chip.areas["building"] = everything
