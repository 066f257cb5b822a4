"""Files of results, whatever their format: complete or absent, never half."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rsrefseg.errors import OutputError
from rsrefseg.geo.clean import repair
from rsrefseg.geo.polygons import PolygonFeature
from rsrefseg.geo.reproject import reproject, same_crs

LAYER_NAME = "segments"
# Polygons that are held before they are written.
CHUNK = 5_000


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


Row = tuple[str, PolygonFeature, Provenance]


class ResultWriter(ABC):
    """Writes polygons as they come; the file appears in its place when all are written.

    Use as a context manager; leaving it without `commit` leaves nothing behind. The same polygons
    in the same order with the same `created` give the same bytes.
    """

    # What the format's library raises when the disk is full or the file cannot be written.
    problems: ClassVar[tuple[type[Exception], ...]] = (OSError,)

    def __init__(self, path: Path) -> None:
        """Prepare beside the place.

        Args:
            path: where; its folder must exist.
        """
        self._path = path
        self._part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
        self._waiting: dict[str, list[Row]] = {}
        # Each layer's phrases and CRS, in the order in which they came.
        self._layers: dict[str, list[str]] = {}
        self._crs: dict[str, str | None] = {}
        self.count = 0

    def __enter__(self) -> ResultWriter:
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
            self._finish()
            self._part.replace(self._path)

    @abstractmethod
    def _write(self, layer: str, rows: Sequence[Row]) -> None:
        """Write polygons of a layer; at least once for each, with none where it has none."""

    @abstractmethod
    def _finish(self) -> None:
        """Write what stands in the file once, and close it."""

    def _flush(self, layer: str) -> None:
        with self._mapped():
            self._write(layer, self._waiting.pop(layer, []))

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except self.problems as error:
            raise OutputError(
                f"{self._path} cannot be written: check that its folder is writable and the disk "
                "not full."
            ) from error


def columns_of(rows: Sequence[Row]) -> dict[str, NDArray[Any]]:
    """The fields of some polygons by name; areas that are not known are NaN, times are UTC."""

    def texts(values: list[str]) -> NDArray[np.object_]:
        return np.array(values, dtype=object)

    areas = [np.nan if feature.area_m2 is None else feature.area_m2 for _, feature, _ in rows]
    created = [np.datetime64(p.created.replace(tzinfo=None), "ms") for _, _, p in rows]
    return {
        "phrase": texts([phrase for phrase, _, _ in rows]),
        "score": np.array([feature.score for _, feature, _ in rows], dtype=np.float64),
        "area_m2": np.array(areas, dtype=np.float64),
        "model": texts([p.model for _, _, p in rows]),
        "model_hash": texts([p.model_hash for _, _, p in rows]),
        "source": texts([p.source for _, _, p in rows]),
        "engine_version": texts([p.engine_version for _, _, p in rows]),
        "created": np.array(created, dtype="datetime64[ms]"),
    }


def geometries_of(rows: Sequence[Row]) -> NDArray[np.object_]:
    """The polygons of some rows."""
    return np.array([feature.geometry for _, feature, _ in rows], dtype=object)


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
