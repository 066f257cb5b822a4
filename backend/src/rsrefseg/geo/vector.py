"""Writing results as GeoPackage: complete or absent, never half."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError

from rsrefseg.errors import OutputError
from rsrefseg.geo.polygons import PolygonFeature

LAYER_NAME = "segments"


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


def write_geopackage(
    path: Path,
    results: Sequence[tuple[str, Sequence[PolygonFeature]]],
    crs: str | None,
    provenance: Provenance,
    *,
    overwrite: bool = False,
) -> int:
    """Write all results as one layer.

    The file is written beside its place under another name and moved there when complete.

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
    check_output(path, overwrite=overwrite)
    rows = [(phrase, feature) for phrase, features in results for feature in features]
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part.gpkg")
    try:
        _write(temporary, rows, crs, provenance)
        temporary.replace(path)
    except (DataSourceError, DataLayerError, OSError, RuntimeError) as error:
        raise OutputError(
            f"{path} cannot be written: check that its folder is writable and the disk not full."
        ) from error
    finally:
        for leftover in (temporary, Path(f"{temporary}-journal"), Path(f"{temporary}-wal")):
            with suppress(OSError):
                leftover.unlink(missing_ok=True)
    return len(rows)


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


def _write(
    path: Path,
    rows: Sequence[tuple[str, PolygonFeature]],
    crs: str | None,
    provenance: Provenance,
) -> None:
    count = len(rows)

    def repeated(text: str) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
        return np.full(count, text, dtype=object)

    created = np.datetime64(provenance.created.replace(tzinfo=None), "ms")
    areas = [np.nan if f.area_m2 is None else f.area_m2 for _, f in rows]
    columns = {
        "phrase": np.array([phrase for phrase, _ in rows], dtype=object),
        "score": np.array([f.score for _, f in rows], dtype=np.float64),
        "area_m2": np.array(areas, dtype=np.float64),
        "model": repeated(provenance.model),
        "model_hash": repeated(provenance.model_hash),
        "source": repeated(provenance.source),
        "engine_version": repeated(provenance.engine_version),
        "created": np.full(count, created),
    }
    geometry = shapely.to_wkb(np.array([f.geometry for _, f in rows], dtype=object))
    with warnings.catch_warnings():
        # A raster without a CRS gives a layer without one; the user was told already.
        warnings.filterwarnings("ignore", message="'crs' was not provided", category=UserWarning)
        pyogrio.raw.write(
            path,
            geometry,
            list(columns.values()),
            list(columns),
            layer=LAYER_NAME,
            driver="GPKG",
            geometry_type="Polygon",
            crs=crs,
            promote_to_multi=False,
        )
