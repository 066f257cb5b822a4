"""Results as GeoParquet 1.1 (https://geoparquet.org/releases/v1.1.0/), for data lakes and DuckDB.

The library that writes it is an optional extra of the engine, so it is imported where it is used.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray

from rsrefseg.errors import OutputError
from rsrefseg.geo.polygons import PolygonFeature
from rsrefseg.geo.results import (
    LAYER_NAME,
    Provenance,
    ResultWriter,
    Row,
    columns_of,
    geometries_of,
)

VERSION = "1.1.0"
GEOMETRY = "geometry"
# What every reader of GeoParquet unpacks.
COMPRESSION = "zstd"


class GeoParquetWriter(ResultWriter):
    """Writes polygons into the one layer that such a file has; see `ResultWriter`."""

    def __init__(self, path: Path, metadata: Mapping[str, str] | None = None) -> None:
        """Prepare beside the place.

        Args:
            path: where; its folder must exist.
            metadata: goes into the file's own metadata (see `read_metadata`).

        Raises:
            OutputError: the library is not installed.
        """
        check_library()
        super().__init__(path)
        self._metadata = dict(metadata or {})
        self._file: Any = None
        self._writer: Any = None
        self._schema = _schema()
        self._boxes: list[NDArray[np.float64]] = []

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove what was not committed."""
        if self._writer is not None:
            # Else its destructor tries to complete the file.
            self._writer.is_open = False
            with suppress(OSError):
                self._file.close()
        super().__exit__(kind, error, trace)

    def add(
        self,
        phrase: str,
        features: Sequence[PolygonFeature],
        crs: str | None,
        provenance: Provenance,
        layer: str = LAYER_NAME,
    ) -> None:
        """Write polygons of a phrase, whatever the layer; see `ResultWriter.add`."""
        super().add(phrase, features, crs, provenance)

    def _write(self, layer: str, rows: Sequence[Row]) -> None:
        import pyarrow
        import pyarrow.parquet

        if self._writer is None:
            self._file = pyarrow.OSFile(str(self._part), "wb")
            self._writer = pyarrow.parquet.ParquetWriter(
                self._file, self._schema, compression=COMPRESSION
            )
        if not rows:
            return
        polygons = geometries_of(rows)
        self._boxes.append(shapely.total_bounds(polygons))
        columns = {**columns_of(rows), GEOMETRY: shapely.to_wkb(polygons, byte_order=1)}
        # An area that is not known is NaN there and null here.
        arrays = [
            pyarrow.array(columns[field.name], field.type, from_pandas=True)
            for field in self._schema
        ]
        self._writer.write_table(pyarrow.Table.from_arrays(arrays, schema=self._schema))

    def _finish(self) -> None:
        geo = json.dumps(
            {
                "version": VERSION,
                "primary_column": GEOMETRY,
                "columns": {GEOMETRY: self._about_geometry()},
            }
        )
        self._writer.add_key_value_metadata({"geo": geo, **self._metadata})
        self._writer.close()
        self._file.close()

    def _about_geometry(self) -> dict[str, Any]:
        crs = self._crs[LAYER_NAME]
        about: dict[str, Any] = {
            "encoding": "WKB",
            "geometry_types": ["Polygon"],
            # Left out it would mean longitude and latitude; null means that it is not known.
            "crs": None if crs is None else pyproj.CRS(crs).to_json_dict(),
        }
        if self._boxes:
            boxes = np.array(self._boxes)
            about["bbox"] = [*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist()]
        return about


def check_library() -> None:
    """Refuse before any work is done where GeoParquet cannot be written.

    Raises:
        OutputError: the library is not installed.
    """
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise OutputError(
            "Writing GeoParquet needs pyarrow, which is not in the engine's environment: run "
            "'pip install pyarrow' there, or let the output end in .gpkg."
        ) from error


def read_metadata(path: Path) -> dict[str, str]:
    """The metadata that a Parquet file was written with; empty for any other file.

    Raises:
        OutputError: the library is not installed.
    """
    check_library()
    import pyarrow
    import pyarrow.parquet

    try:
        found = pyarrow.parquet.read_metadata(path).metadata
    except (OSError, pyarrow.ArrowException):
        return {}
    return {key.decode(): value.decode() for key, value in (found or {}).items()}


def _schema() -> Any:
    import pyarrow

    text, number = pyarrow.string(), pyarrow.float64()
    return pyarrow.schema(
        [
            ("phrase", text),
            ("score", number),
            ("area_m2", number),
            ("model", text),
            ("model_hash", text),
            ("source", text),
            ("engine_version", text),
            ("created", pyarrow.timestamp("ms", tz="UTC")),
            (GEOMETRY, pyarrow.binary()),
        ]
    )
