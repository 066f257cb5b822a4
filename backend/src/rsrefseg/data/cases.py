"""Cases files: one JSON line per phrase, with the image and the mask that answers it.

A line holds `image`, `phrase`, `mask` and `kind`, and may hold `class_mask`, `source` and `place`.
Paths are relative to the file. Masks are single-band PNGs, 0 or 255, as large as the image.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from rsrefseg.errors import DataError

_REQUIRED = ("image", "phrase", "mask", "kind")


@dataclass(frozen=True)
class CaseRecord:
    """One line of a cases file.

    Attributes:
        image: path of the picture.
        phrase: what is asked for.
        mask: path of the answer.
        kind: what the phrase asks for; figures are reported by kind.
        class_mask: path of the mask of all of the named class, or None.
        source: where the image comes from, or None.
        place: part of the source, for splits by place, or None.
    """

    image: Path
    phrase: str
    mask: Path
    kind: str
    class_mask: Path | None = None
    source: str | None = None
    place: str | None = None


def read_cases(path: Path) -> list[CaseRecord]:
    """All cases of a file.

    Raises:
        DataError: the file is missing, or a line is not a case.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"The cases file {path} cannot be read: check the path.") from error
    return [
        _parse(line, f"{path} line {number}", path.parent)
        for number, line in enumerate(lines, start=1)
        if line.strip()
    ]


def _parse(line: str, where: str, folder: Path) -> CaseRecord:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(f"{where} is not JSON: write one JSON object per line.") from error
    if not isinstance(row, dict):
        raise DataError(f"{where} is not a JSON object: write one JSON object per line.")
    for key in _REQUIRED:
        if not isinstance(row.get(key), str) or not row[key]:
            raise DataError(f"{where} has no '{key}': give it as a text.")
    class_mask = row.get("class_mask")
    return CaseRecord(
        image=folder / row["image"],
        phrase=row["phrase"],
        mask=folder / row["mask"],
        kind=row["kind"],
        class_mask=None if class_mask is None else folder / class_mask,
        source=row.get("source"),
        place=row.get("place"),
    )


def write_cases(path: Path, records: Iterable[CaseRecord]) -> int:
    """Write a cases file and return how many cases it holds.

    Raises:
        DataError: an image or mask does not lie in the file's folder.
    """
    lines = [json.dumps(_row(r, path.parent), ensure_ascii=False) for r in records]
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    partial.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    partial.replace(path)
    return len(lines)


def _row(record: CaseRecord, folder: Path) -> dict[str, str]:
    def relative(target: Path) -> str:
        try:
            return target.relative_to(folder).as_posix()
        except ValueError as error:
            raise DataError(
                f"{target} lies outside {folder}: put images and masks beside the cases file."
            ) from error

    row = {
        "image": relative(record.image),
        "phrase": record.phrase,
        "mask": relative(record.mask),
        "kind": record.kind,
    }
    if record.class_mask is not None:
        row["class_mask"] = relative(record.class_mask)
    if record.source is not None:
        row["source"] = record.source
    if record.place is not None:
        row["place"] = record.place
    return row


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """A picture as H,W,3 uint8 RGB.

    Raises:
        DataError: it is missing or not an image.
    """
    if path.suffix.lower() in (".tif", ".tiff"):
        from rsrefseg.geo.extent import PixelWindow
        from rsrefseg.geo.raster import open_raster

        with open_raster(path) as raster:
            return raster.read_rgb(PixelWindow(0, 0, raster.width, raster.height)).image
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise DataError(f"The image {path} cannot be read: check that it exists and is an image.")
    return np.ascontiguousarray(image[..., ::-1], dtype=np.uint8)


def read_mask(path: Path) -> NDArray[np.uint8]:
    """A mask as H,W uint8, 0 or 255.

    Raises:
        DataError: it is missing or not an image.
    """
    mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if mask is None:
        raise DataError(f"The mask {path} cannot be read: check that it exists and is an image.")
    return np.where(mask > 127, np.uint8(255), np.uint8(0))


def write_mask(path: Path, mask: NDArray[np.bool_]) -> None:
    """Write a mask as PNG, 0 or 255.

    Raises:
        DataError: it cannot be written.
    """
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), mask.astype(np.uint8) * 255):
        raise DataError(f"The mask {path} cannot be written: check the folder and free space.")
