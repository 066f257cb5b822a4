"""Results as GeoPackage, with the styles of its layers."""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timezone
from pathlib import Path

import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError

from rsrefseg.geo.qml import polygon_style
from rsrefseg.geo.results import ResultWriter, Row, columns_of, geometries_of

# What QGIS 3.22's GDAL reads without a warning.
GPKG_VERSION = "1.2"
_PROBLEMS = (DataSourceError, DataLayerError, OSError, RuntimeError, sqlite3.Error)


class GeoPackageWriter(ResultWriter):
    """Writes polygons into one or several layers; see `ResultWriter`."""

    problems = _PROBLEMS

    def __init__(
        self, path: Path, created: datetime, metadata: Mapping[str, str] | None = None
    ) -> None:
        """Prepare beside the place.

        Args:
            path: where; its folder must exist.
            created: the time that the file says it was made.
            metadata: goes into the file's own metadata (see `read_metadata`).
        """
        super().__init__(path)
        self._created = created
        self._metadata = dict(metadata or {})
        self._written: set[str] = set()

    def _write(self, layer: str, rows: Sequence[Row]) -> None:
        if not rows and layer in self._written:
            return
        # The file's options and metadata are given once, when it is made.
        making = {} if self._written else {"VERSION": GPKG_VERSION}
        metadata = None if self._written else self._metadata or None
        columns = columns_of(rows)
        with warnings.catch_warnings(), _at(self._created):
            # A raster without a CRS gives a layer without one; the user was told already.
            warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
            pyogrio.raw.write(
                self._part,
                shapely.to_wkb(geometries_of(rows)),
                field_data=list(columns.values()),
                fields=list(columns),
                layer=layer,
                driver="GPKG",
                geometry_type="Polygon",
                crs=self._crs[layer],
                promote_to_multi=False,
                append=layer in self._written,
                dataset_metadata=metadata,
                dataset_options=making,
            )
        self._written.add(layer)

    def _finish(self) -> None:
        with closing(sqlite3.connect(self._part)) as database, database:
            _add_styles(database, self._layers, self._created)


def read_metadata(path: Path) -> dict[str, str]:
    """The metadata that a GeoPackage was written with; empty for any other file."""
    try:
        layer = pyogrio.list_layers(path)[0][0]
        found = pyogrio.read_info(path, layer=layer)["dataset_metadata"]
    except (*_PROBLEMS, IndexError):
        return {}
    return dict(found or {})


@contextmanager
def _at(created: datetime) -> Iterator[None]:
    """Have GDAL date what it writes, so that the same job gives the same bytes."""
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": _stamp(created)})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


def _stamp(time: datetime) -> str:
    return time.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _add_styles(
    database: sqlite3.Connection, layers: Mapping[str, Sequence[str]], created: datetime
) -> None:
    """The table in which QGIS looks for a layer's own style."""
    database.execute(
        "CREATE TABLE layer_styles (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,"
        " f_table_catalog TEXT(256), f_table_schema TEXT(256), f_table_name TEXT(256),"
        " f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT,"
        " useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30),"
        " update_time DATETIME)"
    )
    for layer, phrases in layers.items():
        database.execute(
            "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name,"
            " f_geometry_column, styleName, styleQML, styleSLD, useAsDefault, description, owner,"
            " update_time) VALUES ('', '', ?, 'geom', 'phrases', ?, '', 1, '', '', ?)",
            (layer, polygon_style(phrases), _stamp(created)),
        )
    database.execute(
        "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change)"
        " VALUES ('layer_styles', 'attributes', 'layer_styles', '', ?)",
        (_stamp(created),),
    )
