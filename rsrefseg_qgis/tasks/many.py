"""Many rasters by many phrases into one GeoPackage."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Union

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCoordinateTransformContext,
    QgsCsException,
    QgsFeature,
    QgsGeometry,
    QgsRasterLayer,
)

from rsrefseg_qgis.engine.manager import EngineManager
from rsrefseg_qgis.errors import EngineAnswerError, InputError, LayerError, tr
from rsrefseg_qgis.layers.area import area_of
from rsrefseg_qgis.layers.grid import shared
from rsrefseg_qgis.layers.result_file import ResultFile, Table
from rsrefseg_qgis.layers.snapshot import LayerSnapshot, take_snapshot

from .base import Monitor
from .reshape import Shape
from .segment import SegmentAnswer, SegmentJob, segment
from .share import Share

RASTER_SUFFIXES = {
    *(".tif", ".tiff", ".vrt", ".jp2", ".img", ".asc", ".bil", ".bsq", ".dat", ".ecw", ".sid"),
    *(".nc", ".png", ".jpg", ".jpeg", ".gpkg"),
}
# What the engine may have against one raster; the rest would be so for all.
RASTER_FAULTS = {"bad_raster", "bad_extent", "too_large"}
RasterSource = Union[LayerSnapshot, Path]
"""A layer of the project as it is shown, or a file that is opened when its turn comes."""


@dataclass(frozen=True)
class ManyJob:
    """What to find and where to, frozen on the main thread.

    Attributes:
        sources: the rasters.
        phrases: what to look for in each.
        path: of the GeoPackage; replaced when it is there.
        tables: its layers.
        crs: of the polygons; invalid for that of the first raster.
        within: polygons that results are kept to; empty for all of each raster.
        within_crs: of those.
        context: how to transform.
        ground_resolution_m: at which the model looks; None for its own choice.
        shape: how polygons are drawn.
        own_style: the user's own QML file; empty for the plugin's style.
    """

    sources: tuple[RasterSource, ...]
    phrases: tuple[str, ...]
    path: Path
    tables: tuple[Table, ...]
    crs: QgsCoordinateReferenceSystem
    within: tuple[QgsGeometry, ...]
    within_crs: QgsCoordinateReferenceSystem
    context: QgsCoordinateTransformContext
    ground_resolution_m: float | None = None
    shape: Shape = field(default_factory=Shape)
    own_style: str = ""


@dataclass
class ManyAnswer:
    """What came of it.

    Attributes:
        counts: polygons by phrase.
        rasters: how many were looked at.
        skipped: why others were not, a sentence each.
        unknown_words: words that the model does not know.
        warnings: the engine's sentences, each once.
    """

    counts: dict[str, int]
    rasters: int = 0
    skipped: list[str] = field(default_factory=list)
    unknown_words: dict[str, None] = field(default_factory=dict)
    warnings: dict[str, None] = field(default_factory=dict)


def rasters_in(folder: Path) -> list[Path]:
    """The rasters of a folder, not those below it, by name.

    Raises:
        LayerError: there is none.
    """
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix.lower() in RASTER_SUFFIXES)
    except OSError as error:
        raise LayerError(
            tr("The folder {folder} cannot be read; choose another.").format(folder=folder)
        ) from error
    if not found:
        raise LayerError(
            tr("There is no raster in {folder}; choose another folder.").format(folder=folder)
        )
    return found


def segment_many(job: ManyJob, manager: EngineManager, monitor: Monitor) -> ManyAnswer:
    """Do the job in this thread. A raster that cannot be used is told and does not end it.

    Raises:
        RsRefSegPluginError: no raster can be used, or the engine or the output is at fault.
        CancelledError: the monitor said stop; then there is no file.
    """
    run = _Run(job, manager)
    try:
        for index, source in enumerate(job.sources):
            monitor.check()
            run.visit(source, Share(monitor, index, len(job.sources)))
        run.finish()
    finally:
        run.close()
    return run.answer


class _Run:
    """Collects what is found."""

    def __init__(self, job: ManyJob, manager: EngineManager) -> None:
        self._job = job
        self._manager = manager
        self._file: ResultFile | None = None
        self._crs = job.crs
        self._last_error: InputError | EngineAnswerError | None = None
        self.answer = ManyAnswer(dict.fromkeys(job.phrases, 0))

    def visit(self, source: RasterSource, monitor: Monitor) -> None:
        """Look at a raster and write what is found."""
        try:
            snapshot = source if isinstance(source, LayerSnapshot) else _opened(source)
            answer = segment(self._segment_job(snapshot), self._manager, monitor)
            features = self._features(answer)
        except (InputError, EngineAnswerError) as error:
            if isinstance(error, EngineAnswerError) and error.code not in RASTER_FAULTS:
                raise
            name = source.name
            self.answer.skipped.append(
                tr("“{name}” is left out: {why}").format(name=name, why=error)
            )
            self._last_error = error
            return
        if self._file is None:
            self._file = ResultFile(self._job.path, self._job.tables, self._crs)
        self._file.add(features)
        self.answer.rasters += 1
        for feature in features:
            self.answer.counts[feature["phrase"]] += 1
        for phrase in answer.phrases:
            self.answer.unknown_words.update(dict.fromkeys(phrase.unknown_words))
        self.answer.warnings.update(dict.fromkeys(answer.response.other_warnings))

    def finish(self) -> None:
        """Put the file in its place."""
        if self._file is None:
            if self._last_error is not None:
                raise self._last_error
            raise LayerError(tr("There is no raster; choose some, or a folder of them."))
        self._file.finish(self._job.own_style)

    def close(self) -> None:
        """Leave nothing unfinished behind, and no layer open."""
        if self._file is not None:
            self._file.discard()
        for source in self._job.sources:
            if isinstance(source, LayerSnapshot):
                source.pipe.release()

    def _segment_job(self, snapshot: LayerSnapshot) -> SegmentJob:
        job = self._job
        within = None
        if job.within:
            within = area_of(job.within, job.within_crs, snapshot.crs, job.context)
        return SegmentJob(
            snapshot=snapshot,
            extent=snapshot.extent if within is None else shared(within.extent, snapshot.extent),
            phrases=job.phrases,
            ground_resolution_m=job.ground_resolution_m,
            threshold=job.shape.threshold,
            min_area_m2=job.shape.min_area_m2,
            simplify_m=job.shape.simplify_m,
            right_angles=job.shape.right_angles,
            any_size=True,
            within=within,
        )

    def _features(self, answer: SegmentAnswer) -> list[QgsFeature]:
        """What was found, in the CRS of the output; the first raster's where none is asked for."""
        crs = answer.job.snapshot.crs
        if self._file is None and not self._crs.isValid():
            self._crs = crs
        found: Iterable[QgsFeature] = (
            feature for phrase in answer.phrases for feature in phrase.features
        )
        if crs == self._crs:
            return list(found)
        if not crs.isValid() or not self._crs.isValid():
            raise LayerError(
                tr("it has no CRS while others have one; set its CRS in the layer's properties.")
            )
        change = QgsCoordinateTransform(crs, self._crs, self._job.context)
        change.setBallparkTransformsAreAppropriate(True)
        moved = []
        for feature in found:
            geometry = feature.geometry()
            try:
                geometry.transform(change)
            except QgsCsException as error:
                raise LayerError(
                    tr("its polygons cannot be expressed in {crs}; choose another CRS.").format(
                        crs=self._crs.authid()
                    )
                ) from error
            feature.setGeometry(geometry)
            moved.append(feature)
        return moved


def _opened(path: Path) -> LayerSnapshot:
    """A file as QGIS shows it at first."""
    layer = QgsRasterLayer(str(path), path.name)
    if not layer.isValid():
        raise LayerError(tr("it cannot be read; check the file."))
    return take_snapshot(layer)
