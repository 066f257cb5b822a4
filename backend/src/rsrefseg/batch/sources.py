"""Which rasters and which phrases a job is about."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from rsrefseg.errors import InputError, PhraseError, RasterError
from rsrefseg.geo.raster import RASTER_SUFFIXES
from rsrefseg.geo.table import read_text_column


def find_rasters(names: Sequence[str]) -> list[str]:
    """Rasters by name: files, folders, patterns, or lists.

    Args:
        names: a file; a folder (all rasters in it, not below it); a pattern such as
            "tiles/*.tif"; "@list.txt" (a file with a name on each line, as seen from the
            list's folder); or a GDAL name such as "/vsis3/bucket/scene.tif".

    Returns:
        The rasters, each once, in the order given, those of a folder or pattern sorted.

    Raises:
        RasterError: a name leads to nothing.
    """
    found: dict[str, None] = {}
    for name in names:
        for raster in _expand(name):
            found[raster] = None
    return list(found)


def _expand(name: str) -> list[str]:
    if name.startswith("/vsi"):
        return [name]
    if name.startswith("@"):
        return _listed(Path(name[1:]))
    path = Path(name)
    if path.is_dir():
        inside = sorted(str(p) for p in path.iterdir() if p.suffix.lower() in RASTER_SUFFIXES)
        if not inside:
            raise RasterError(f"There is no raster in {path}: choose another folder.")
        return inside
    if not path.exists() and glob.has_magic(name):
        matching = sorted(p for p in glob.glob(name, recursive=True) if Path(p).is_file())  # noqa: PTH207
        if not matching:
            raise RasterError(f"No file matches {name}: check the pattern.")
        return matching
    if not path.exists():
        raise RasterError(f"There is no file {path}: check the path.")
    return [name]


def _listed(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RasterError(f"The list {path} cannot be read: check the path.") from error
    names = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not names:
        raise RasterError(f"The list {path} is empty: write a raster's name on each line.")
    placed = [n if n.startswith("/vsi") else str(path.parent / n) for n in names]
    return find_rasters(placed)


def find_phrases(phrases: Sequence[str], table: Path | None, column: str) -> list[str]:
    """Phrases as typed, and those of a file.

    Args:
        phrases: as typed.
        table: a text file with a phrase on each line, or a vector layer or CSV with a column.
        column: the column's name.

    Raises:
        PhraseError: there is none.
        InputError: the file cannot be read, or has no such column.
    """
    found = list(phrases)
    if table is not None:
        found += _from_file(table, column)
    if not found:
        raise PhraseError("There is no phrase: type what to look for, such as 'the red roofs'.")
    return list(dict.fromkeys(found))


def _from_file(table: Path, column: str) -> list[str]:
    if table.suffix.lower() == ".txt":
        try:
            lines = table.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"The phrases in {table} cannot be read: check the path.") from error
        return [line.strip() for line in lines if line.strip()]
    return [text.strip() for text in read_text_column(table, column) if text and text.strip()]
