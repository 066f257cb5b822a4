"""Texts from a column of a vector layer or table."""

from __future__ import annotations

from pathlib import Path

import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError

from rsrefseg.errors import InputError


def read_text_column(path: Path, column: str) -> list[str]:
    """The texts of a column, of the file's first layer that has it.

    Args:
        path: anything that GDAL reads as vector or table.
        column: the column's name; upper and lower case are alike.

    Raises:
        InputError: the file cannot be read, or has no such column.
    """
    seen: list[str] = []
    try:
        for name, _ in pyogrio.list_layers(path):
            fields = [str(f) for f in pyogrio.read_info(path, layer=name)["fields"]]
            seen += fields
            match = next((f for f in fields if f.lower() == column.lower()), None)
            if match is not None:
                _, _, _, values = pyogrio.raw.read(
                    path, layer=name, columns=[match], read_geometry=False
                )
                return [str(v) for v in values[0] if v is not None and str(v) != "nan"]
    except (DataSourceError, DataLayerError, OSError) as error:
        raise InputError(f"{path} cannot be read as a layer or table: check the path.") from error
    raise InputError(f"{path} has no column '{column}': choose one of {', '.join(seen) or 'none'}.")
