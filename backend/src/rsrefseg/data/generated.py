"""Procedural scenes written as files: georeferenced pictures, masks, a cases file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from rsrefseg.data.cases import CaseRecord, write_cases, write_mask
from rsrefseg.errors import OutputError
from rsrefseg.geo.write import write_mask_geojson, write_rgb_geotiff
from rsrefseg.scenes import Scene, generate
from rsrefseg.scenes.demo import DEMO_PHRASE, demo_scene

CRS = "EPSG:32632"
_EAST, _NORTH = 400_000.0, 5_000_000.0
_DEMO_EAST, _DEMO_NORTH = 691_500.0, 5_334_750.0


def place_of(scene: Scene) -> Affine:
    """Where a scene lies: a square kilometre of its own, by its seed."""
    east = _EAST + 1000.0 * (scene.seed % 200)
    north = _NORTH + 1000.0 * (scene.seed // 200 % 800)
    return Affine(scene.resolution_m, 0.0, east, 0.0, -scene.resolution_m, north)


def write_scenes(
    out: Path,
    seed: int,
    count: int,
    size_px: int = 256,
    phrases: int = 16,
    done: Callable[[int], None] | None = None,
) -> int:
    """Write scenes of seeds `seed` to `seed + count - 1` and their `cases.jsonl`.

    Args:
        out: folder; made if need be.
        seed: of the first scene.
        count: how many scenes.
        size_px: side of each picture.
        phrases: per picture.
        done: called with the number of scenes written so far.

    Returns:
        How many cases were written.

    Raises:
        ConfigError: an argument is out of range.
        OutputError: a file cannot be written.
    """
    records: list[CaseRecord] = []
    _make_folder(out / "images")
    for number, one in enumerate(range(seed, seed + count), start=1):
        scene = generate(one, size_px=size_px, phrases=phrases)
        records += write_scene(scene, out, f"{one:08d}")
        if done is not None:
            done(number)
    return write_cases(out / "cases.jsonl", records)


def write_scene(scene: Scene, out: Path, stem: str) -> list[CaseRecord]:
    """Write one scene's picture and masks; returns its cases.

    Args:
        scene: what is written.
        out: folder that has a folder `images` in it.
        stem: what its files' names begin with.

    Raises:
        OutputError: a file cannot be written.
    """
    image = out / "images" / f"{stem}.tif"
    write_rgb_geotiff(image, scene.image, place_of(scene), CRS)
    written: dict[int, Path] = {}

    def saved(mask: NDArray[np.bool_]) -> Path:
        if id(mask) not in written:
            written[id(mask)] = out / "masks" / f"{stem}_{len(written):02d}.png"
            write_mask(written[id(mask)], mask)
        return written[id(mask)]

    return [
        CaseRecord(image, c.phrase, saved(c.mask), c.kind, saved(c.class_mask), "scenes", stem)
        for c in scene.cases
    ]


def write_demo(out: Path) -> Path:
    """Write the demonstration scene: picture, mask, polygon and `cases.jsonl`; returns the picture.

    Raises:
        OutputError: a file cannot be written.
    """
    scene = demo_scene()
    _make_folder(out)
    transform = Affine(scene.resolution_m, 0.0, _DEMO_EAST, 0.0, -scene.resolution_m, _DEMO_NORTH)
    image = out / "demo.tif"
    write_rgb_geotiff(image, scene.image, transform, CRS)
    case = next(c for c in scene.cases if c.phrase == DEMO_PHRASE)
    write_mask(out / "demo_mask.png", case.mask)
    write_mask(out / "demo_class_mask.png", case.class_mask)
    write_mask_geojson(out / "demo_truth.geojson", case.mask, transform, CRS, case.phrase)
    write_cases(
        out / "cases.jsonl",
        [
            CaseRecord(
                image, case.phrase, out / "demo_mask.png", case.kind,
                out / "demo_class_mask.png", "demo", "demo",
            )
        ],
    )  # fmt: skip
    return image


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder {path} cannot be made: choose another.") from error
