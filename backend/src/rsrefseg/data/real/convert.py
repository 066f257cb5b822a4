"""From folders of labelled imagery to cases files, split by place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from rsrefseg.data.cases import CaseRecord, write_cases, write_mask
from rsrefseg.data.real.colour_masks import DEV_TILES, read_dubai
from rsrefseg.data.real.labelled import Labelled
from rsrefseg.data.real.phrases import answers
from rsrefseg.data.real.polygons import DEV_COLUMNS, read_banepa
from rsrefseg.data.real.roof_masks import read_geneva
from rsrefseg.data.real.tree_points import DEV_CITIES, read_naip
from rsrefseg.errors import DataError, OutputError

READERS: dict[str, Callable[[Path], Iterator[Labelled]]] = {
    "banepa": read_banepa,
    "dubai": read_dubai,
    "geneva": read_geneva,
    "naip": read_naip,
}
DEV_PLACES: dict[str, frozenset[str]] = {
    "banepa": frozenset(DEV_COLUMNS),
    "dubai": frozenset(DEV_TILES),
    "geneva": frozenset({"east"}),
    "naip": frozenset(DEV_CITIES),
}


def convert(source: Path, out: Path, seed: int = 0, phrases: int = 21) -> dict[str, int]:
    """Write `train.jsonl` and `dev.jsonl` with images and masks beside them.

    Args:
        source: the folder that holds one folder per source; those missing are left out.
        out: where to write; made if need be.
        seed: of the choice of phrases.
        phrases: how many phrases per picture, besides those that name a whole class.

    Returns:
        How many cases each file holds.

    Raises:
        DataError: no known source is there, or one cannot be read.
        OutputError: an image cannot be written.
    """
    found = [name for name in READERS if (source / name).is_dir()]
    if not found:
        raise DataError(f"{source} holds none of {', '.join(READERS)}: give the folder above them.")
    splits: dict[str, list[CaseRecord]] = {"train": [], "dev": []}
    for name in found:
        for number, item in enumerate(READERS[name](source / name)):
            split = "dev" if item.place in DEV_PLACES[name] else "train"
            rng = np.random.default_rng([seed, sum(name.encode()), number])
            splits[split] += _write(item, out, rng, phrases)
    return {split: write_cases(out / f"{split}.jsonl", rows) for split, rows in splits.items()}


def _write(
    item: Labelled, out: Path, rng: np.random.Generator, phrases: int
) -> Iterator[CaseRecord]:
    stem = f"{item.source}_{item.name}"
    image = out / "images" / f"{stem}.png"
    image.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(image), item.image[..., ::-1]):
        raise OutputError(f"{image} cannot be written: check the folder and free space.")
    written: dict[bytes, Path] = {}

    def saved(mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Path:
        key = np.packbits(mask).tobytes()
        if key not in written:
            written[key] = out / "masks" / f"{stem}_{len(written):03d}.png"
            write_mask(written[key], mask)
        return written[key]

    for answer in answers(item, rng, phrases):
        yield CaseRecord(
            image, answer.phrase, saved(answer.mask), answer.kind, saved(answer.class_mask),
            item.source, item.place,
        )  # fmt: skip
