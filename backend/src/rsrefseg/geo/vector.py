"""Writing results as GeoPackage: complete or absent, never half."""

from __future__ import annotations

import os
import re
import sqlite3
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError

from rsrefseg.errors import OutputError
from rsrefseg.geo.clean import repair
from rsrefseg.geo.polygons import PolygonFeature
from rsrefseg.geo.qml import polygon_style
from rsrefseg.geo.reproject import reproject, same_crs

LAYER_NAME = "segments"
# What QGIS 3.22's GDAL reads without a warning.
GPKG_VERSION = "1.2"
# Polygons that are held before they are written.
CHUNK = 5_000
_PROBLEMS = (DataSourceError, DataLayerError, OSError, RuntimeError, sqlite3.Error)


@dataclass(frozen=True)
class Provenance:
    """What every polygon says about where it comes from.

    Attributes:
        model: the model's name.
        model_hash: SHA-256 of its weights file.
        source: the raster.
        engine_version: the engine that made it.
        created: when, in UTC.
    """

    model: str
    model_hash: str
    source: str
    engine_version: str
    created: datetime


class GeoPackageWriter:
    """Writes polygons as they come; the file appears in its place when all are written.

    Use as a context manager; leaving it without `commit` leaves nothing behind. The same polygons
    in the same order with the same `created` give the same bytes.
    """

    def __init__(
        self,
        path: Path,
        created: datetime,
        *,
        overwrite: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare beside the place.

        Args:
            path: where; its folder must exist.
            created: the time that the file says it was made.
            overwrite: replace a file that is there.
            metadata: goes into the file's own metadata (see `read_metadata`).

        Raises:
            OutputError: the file is there already, or cannot be.
        """
        check_output(path, overwrite=overwrite)
        self._path = path
        self._created = created
        self._metadata = dict(metadata or {})
        self._part = path.with_name(f".{path.stem}.{os.getpid()}.part.gpkg")
        self._waiting: dict[str, list[tuple[str, PolygonFeature, Provenance]]] = {}
        self._layers: dict[str, list[str]] = {}
        self._crs: dict[str, str | None] = {}
        self._written: set[str] = set()
        self.count = 0

    def __enter__(self) -> GeoPackageWriter:
        """The writer itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove what was not committed."""
        for name in (str(self._part), f"{self._part}-journal", f"{self._part}-wal"):
            with suppress(OSError):
                Path(name).unlink(missing_ok=True)

    def add(
        self,
        phrase: str,
        features: Sequence[PolygonFeature],
        crs: str | None,
        provenance: Provenance,
        layer: str = LAYER_NAME,
    ) -> None:
        """Write polygons of a phrase; none still make sure that the layer is there.

        A layer has one CRS, that of what came first; the others are brought into it.

        Raises:
            ExtentError: polygons cannot be expressed in the layer's CRS.
            OutputError: the disk is full, or the file cannot be written.
        """
        phrases = self._layers.setdefault(layer, [])
        if phrase not in phrases:
            phrases.append(phrase)
        features = _in_crs(features, crs, self._crs.setdefault(layer, crs))
        waiting = self._waiting.setdefault(layer, [])
        waiting += [(phrase, feature, provenance) for feature in features]
        self.count += len(features)
        if len(waiting) >= CHUNK:
            self._flush(layer)

    def commit(self) -> None:
        """Write the rest and put the file into its place.

        Raises:
            OutputError: the disk is full, or the file cannot be written.
        """
        for layer in self._layers:
            self._flush(layer)
        with self._mapped():
            with closing(sqlite3.connect(self._part)) as database, database:
                _add_styles(database, self._layers, self._created)
            self._part.replace(self._path)

    def _flush(self, layer: str) -> None:
        rows = self._waiting.pop(layer, [])
        if not rows and layer in self._written:
            return
        # The file's options and metadata are given once, when it is made.
        making = {} if self._written else {"VERSION": GPKG_VERSION}
        metadata = None if self._written else self._metadata or None
        with self._mapped(), _at(self._created):
            pyogrio.raw.write(
                self._part,
                _geometries(rows),
                **_columns(rows),
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

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            with warnings.catch_warnings():
                # A raster without a CRS gives a layer without one; the user was told already.
                warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
                yield
        except _PROBLEMS as error:
            raise OutputError(
                f"{self._path} cannot be written: check that its folder is writable and the disk "
                "not full."
            ) from error


def write_geopackage(
    path: Path,
    results: Sequence[tuple[str, Sequence[PolygonFeature]]],
    crs: str | None,
    provenance: Provenance,
    *,
    overwrite: bool = False,
) -> int:
    """Write all results as one layer.

    Args:
        path: where; its folder must exist.
        results: phrases with their polygons.
        crs: the CRS as WKT, or None.
        provenance: written on every polygon.
        overwrite: replace a file that is there.

    Returns:
        How many polygons were written.

    Raises:
        OutputError: the file is there already, or cannot be written.
    """
    with GeoPackageWriter(path, provenance.created, overwrite=overwrite) as writer:
        for phrase, features in results:
            writer.add(phrase, features, crs, provenance)
        writer.commit()
        return writer.count


def check_output(path: Path, *, overwrite: bool) -> None:
    """Refuse an output path before any work is done.

    Raises:
        OutputError: another kind of file is asked for, the folder is missing, or the file is there.
    """
    if path.suffix.lower() != ".gpkg":
        raise OutputError(f"{path} is not a GeoPackage name: let it end in .gpkg.")
    if not path.parent.is_dir():
        raise OutputError(f"There is no folder {path.parent}: make it, or choose another one.")
    if path.is_dir() or (path.exists() and not overwrite):
        raise OutputError(f"{path} is there already: choose another name, or overwrite it.")


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


def read_metadata(path: Path) -> dict[str, str]:
    """The metadata that a GeoPackage was written with; empty for any other file."""
    if not path.is_file():
        return {}
    try:
        layer = pyogrio.list_layers(path)[0][0]
        found = pyogrio.read_info(path, layer=layer)["dataset_metadata"]
    except (*_PROBLEMS, IndexError):
        return {}
    return dict(found or {})


def _in_crs(
    features: Sequence[PolygonFeature], crs: str | None, wanted: str | None
) -> Sequence[PolygonFeature]:
    """Features in another CRS, valid there too; score and area stay."""
    if not features or same_crs(crs, wanted):
        return features
    moved = reproject(
        np.array([feature.geometry for feature in features], dtype=object), crs, wanted
    )
    polygons, of = repair(moved, moved)
    return [replace(features[i], geometry=p) for p, i in zip(polygons, of.tolist(), strict=True)]


@contextmanager
def _at(created: datetime) -> Iterator[None]:
    """Have GDAL date what it writes, so that the same job gives the same bytes."""
    stamp = created.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": stamp})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


def _columns(rows: Sequence[tuple[str, PolygonFeature, Provenance]]) -> dict[str, Any]:
    """The fields of some polygons, as pyogrio takes them."""

    def texts(values: list[str]) -> NDArray[np.object_]:
        return np.array(values, dtype=object)

    areas = [np.nan if feature.area_m2 is None else feature.area_m2 for _, feature, _ in rows]
    created = [np.datetime64(p.created.replace(tzinfo=None), "ms") for _, _, p in rows]
    columns: dict[str, NDArray[Any]] = {
        "phrase": texts([phrase for phrase, _, _ in rows]),
        "score": np.array([feature.score for _, feature, _ in rows], dtype=np.float64),
        "area_m2": np.array(areas, dtype=np.float64),
        "model": texts([p.model for _, _, p in rows]),
        "model_hash": texts([p.model_hash for _, _, p in rows]),
        "source": texts([p.source for _, _, p in rows]),
        "engine_version": texts([p.engine_version for _, _, p in rows]),
        "created": np.array(created, dtype="datetime64[ms]"),
    }
    return {"field_data": list(columns.values()), "fields": list(columns)}


def _geometries(rows: Sequence[tuple[str, PolygonFeature, Provenance]]) -> NDArray[np.object_]:
    polygons = np.array([feature.geometry for _, feature, _ in rows], dtype=object)
    wkb: NDArray[np.object_] = shapely.to_wkb(polygons)
    return wkb


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
    stamp = created.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    for layer, phrases in layers.items():
        database.execute(
            "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name,"
            " f_geometry_column, styleName, styleQML, styleSLD, useAsDefault, description, owner,"
            " update_time) VALUES ('', '', ?, 'geom', 'phrases', ?, '', 1, '', '', ?)",
            (layer, polygon_style(phrases), stamp),
        )
    database.execute(
        "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change)"
        " VALUES ('layer_styles', 'attributes', 'layer_styles', '', ?)",
        (stamp,),
    )
