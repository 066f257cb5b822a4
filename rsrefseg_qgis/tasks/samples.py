"""Training samples from a labelled layer: pictures, masks and a cases file.

The cases file has a JSON object on each line: ``image``, ``phrase``, ``mask``, ``kind``,
``source`` and ``place``, with paths relative to it, as `rsrefseg train` and `evaluate` read it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from qgis.core import QgsFeature, QgsGeometry, QgsSpatialIndex

from rsrefseg_qgis.errors import LayerError, OutputError, tr
from rsrefseg_qgis.layers.chips import burnt, remove_png, write_png
from rsrefseg_qgis.layers.geotiff import draw_tile
from rsrefseg_qgis.layers.grid import Extent, PixelGrid, Tile
from rsrefseg_qgis.layers.snapshot import LayerSnapshot

from .base import Monitor

CASES = "cases.jsonl"
# A target of fewer pixels cannot be learnt from.
LEAST_TARGET_PX = 16
# Chips of one place lie together, so that splits by place keep neighbours together.
PLACE_CHIPS = 4


@dataclass(frozen=True)
class Label:
    """A polygon that answers a phrase.

    Attributes:
        geometry: valid, in the raster's CRS.
        phrase: what it answers.
        kind: what the phrase asks for.
    """

    geometry: QgsGeometry
    phrase: str
    kind: str


@dataclass(frozen=True)
class SamplesJob:
    """What to write, frozen on the main thread.

    Attributes:
        snapshot: the raster layer.
        extent: which part of it, in its CRS.
        labels: what is true; all polygons of a phrase in a chip answer it together.
        folder: where to; must hold no cases file yet.
        side_px: chips' width and height.
        ground_resolution_m: of the chips; None for the raster's own pixels.
    """

    snapshot: LayerSnapshot
    extent: Extent
    labels: tuple[Label, ...]
    folder: Path
    side_px: int = 512
    ground_resolution_m: float | None = None


@dataclass
class SamplesAnswer:
    """What came of it: how many chips and cases, and where the cases file is."""

    path: Path
    chips: int = 0
    cases: int = 0


def write_samples(job: SamplesJob, monitor: Monitor) -> SamplesAnswer:
    """Do the job in this thread.

    Raises:
        LayerError: the raster cannot be read, or no label lies on it.
        OutputError: the folder cannot be written, or holds samples already.
        CancelledError: the monitor said stop; then nothing is left behind.
    """
    run = _Run(job, monitor)
    try:
        return run.write()
    except BaseException:
        run.remove()
        raise
    finally:
        job.snapshot.pipe.release()


class _Run:
    """Writes the samples of a job."""

    def __init__(self, job: SamplesJob, monitor: Monitor) -> None:
        self._job = job
        self._monitor = monitor
        self._written: list[Path] = []
        self._answer = SamplesAnswer(job.folder / CASES)

    def write(self) -> SamplesAnswer:
        """Write chip after chip, and the cases file in the end."""
        job, answer = self._job, self._answer
        if job.snapshot.size is None and job.ground_resolution_m is None:
            raise LayerError(
                tr("“{name}” has no pixels of its own; give a ground resolution.").format(
                    name=job.snapshot.name
                )
            )
        self._prepare()
        grid = job.snapshot.scene_grid(job.extent, job.ground_resolution_m or 0.0)
        index = QgsSpatialIndex()
        for number, label in enumerate(job.labels):
            entry = QgsFeature(number)
            entry.setGeometry(label.geometry)
            index.addFeature(entry)
        lines: list[str] = []
        tiles = list(_chips(grid, job.side_px))
        for done, (name, place, tile) in enumerate(tiles):
            self._monitor.check()
            self._monitor.report(done / len(tiles), tr("Writing chips…"))
            x_min, y_min, x_max, y_max = grid.extent_of(tile)
            box = QgsGeometry.fromWkt(
                f"POLYGON(({x_min} {y_min},{x_max} {y_min},{x_max} {y_max},{x_min} {y_max},"
                f"{x_min} {y_min}))"
            )
            near = [job.labels[number] for number in index.intersects(box.boundingBox())]
            if near:
                lines += self._chip(grid, tile, name, place, near)
        if not lines:
            raise LayerError(
                tr("No polygon with a phrase lies on the raster; check the layers' CRS and field.")
            )
        self._finish(lines)
        return answer

    def remove(self) -> None:
        """Take away what was written."""
        for path in self._written:
            remove_png(path)

    def _prepare(self) -> None:
        if self._answer.path.exists():
            raise OutputError(
                tr("{path} is there already; choose another folder.").format(path=self._answer.path)
            )
        try:
            for name in ("images", "masks"):
                (self._job.folder / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(self._job.folder, error) from error

    def _chip(
        self, grid: PixelGrid, tile: Tile, name: str, place: str, labels: list[Label]
    ) -> list[str]:
        """Write a chip and its masks; the lines for the cases file."""
        job = self._job
        rgba = draw_tile(job.snapshot, grid, tile, self._monitor.raster_feedback)
        valid = rgba[..., 3] > 0
        phrases: dict[tuple[str, str], list[QgsGeometry]] = {}
        for label in labels:
            phrases.setdefault((label.phrase, label.kind), []).append(label.geometry)
        lines = []
        for number, ((phrase, kind), geometries) in enumerate(sorted(phrases.items())):
            mask = burnt(geometries, grid, tile) & valid
            if np.count_nonzero(mask) < LEAST_TARGET_PX:
                continue
            path = f"masks/{name}_{number:03d}.png"
            self._put(path, mask.astype(np.uint8) * 255, grid, tile)
            case = {
                "image": f"images/{name}.png",
                "phrase": phrase,
                "mask": path,
                "kind": kind,
                "source": job.snapshot.name,
                "place": place,
            }
            lines.append(json.dumps(case, ensure_ascii=False))
        if lines:
            self._put(f"images/{name}.png", rgba[..., :3], grid, tile)
            self._answer.chips += 1
            self._answer.cases += len(lines)
        return lines

    def _put(
        self, name: str, pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
        grid: PixelGrid, tile: Tile,
    ) -> None:  # fmt: skip
        path = self._job.folder / name
        self._written.append(path)
        write_png(path, pixels, self._job.snapshot, grid, tile)

    def _finish(self, lines: list[str]) -> None:
        part = self._answer.path.with_name(f"{CASES}.part")
        try:
            part.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            part.replace(self._answer.path)
        except OSError as error:
            raise _unwritable(self._job.folder, error) from error


def _chips(grid: PixelGrid, side_px: int) -> Iterator[tuple[str, str, Tile]]:
    """Names, places and tiles; the last of a row or column lies further in, to be of full size."""
    for row in range(0, grid.height, side_px):
        for col in range(0, grid.width, side_px):
            width, height = min(side_px, grid.width), min(side_px, grid.height)
            tile = Tile(min(col, grid.width - width), min(row, grid.height - height), width, height)
            across, down = col // side_px, row // side_px
            place = f"r{down // PLACE_CHIPS}c{across // PLACE_CHIPS}"
            yield f"r{down:04d}c{across:04d}", place, tile


def _unwritable(folder: Path, error: OSError) -> OutputError:
    return OutputError(
        tr("{path} cannot be written ({why}); choose another folder.").format(
            path=folder, why=error.strerror or error
        )
    )
