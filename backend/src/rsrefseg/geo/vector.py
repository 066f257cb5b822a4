"""Where results go: a GeoPackage or a GeoParquet file, by the name's ending."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from rsrefseg.errors import OutputError
from rsrefseg.geo import geopackage, geoparquet
from rsrefseg.geo.results import ResultWriter

_GEOPARQUET = (".parquet", ".geoparquet")


def result_writer(
    path: Path, created: datetime, metadata: Mapping[str, str] | None = None
) -> ResultWriter:
    """A writer of the format that a name asks for.

    Args:
        path: where; one that `check_output` lets pass.
        created: the time that the file says it was made, where the format has a place for it.
        metadata: goes into the file's own metadata (see `read_metadata`).
    """
    if _is_geoparquet(path):
        return geoparquet.GeoParquetWriter(path, metadata)
    return geopackage.GeoPackageWriter(path, created, metadata)


def check_output(path: Path, *, overwrite: bool, layer_per_phrase: bool = False) -> None:
    """Refuse an output path before any work is done.

    Args:
        path: where.
        overwrite: what is there may be replaced.
        layer_per_phrase: whether the file has to hold several layers.

    Raises:
        OutputError: another kind of file is asked for, the folder is missing, the file is there,
            or what writes it is not installed.
    """
    if _is_geoparquet(path):
        if layer_per_phrase:
            raise OutputError(
                "GeoParquet holds one layer: leave out --layer-per-phrase (each polygon names its "
                "phrase), or let the output end in .gpkg."
            )
        geoparquet.check_library()
    elif path.suffix.lower() != ".gpkg":
        raise OutputError(
            f"{path} is neither a GeoPackage nor a GeoParquet name: let it end in .gpkg or "
            ".parquet."
        )
    if not path.parent.is_dir():
        raise OutputError(f"There is no folder {path.parent}: make it, or choose another one.")
    if path.is_dir() or (path.exists() and not overwrite):
        raise OutputError(f"{path} is there already: choose another name, or overwrite it.")


def read_metadata(path: Path) -> dict[str, str]:
    """The metadata that a result was written with; empty for any other file."""
    if not path.is_file():
        return {}
    return (
        geoparquet.read_metadata(path) if _is_geoparquet(path) else geopackage.read_metadata(path)
    )


def layer_names(phrases: Sequence[str]) -> dict[str, str]:
    """A layer name for each phrase: short, plain, and no two alike."""
    names: dict[str, str] = {}
    for phrase in phrases:
        plain = re.sub(r"[^\w -]+", "", phrase).strip()[:50].strip() or "phrase"
        name, number = plain, 2
        while name.lower() in {taken.lower() for taken in names.values()}:
            name, number = f"{plain} {number}", number + 1
        names[phrase] = name
    return names


def _is_geoparquet(path: Path) -> bool:
    return path.suffix.lower() in _GEOPARQUET
