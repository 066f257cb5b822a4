"""Writes result layers into GeoPackages; what to do with what is there is always said."""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from osgeo import ogr
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransformContext,
    QgsFeature,
    QgsFeatureSink,
    QgsFields,
    QgsVectorFileWriter,
    QgsVectorLayer,
    QgsVectorLayerFeatureSource,
)

from rsrefseg_qgis.errors import CancelledError, OutputError, tr

from .result import GEOMETRY_TYPE


class ExportMode(enum.Enum):
    """What happens to what lies at the chosen path."""

    NEW_FILE = "new_file"
    REPLACE_FILE = "replace_file"
    NEW_LAYER = "new_layer"
    REPLACE_LAYER = "replace_layer"
    APPEND = "append"


_ACTIONS = {
    ExportMode.NEW_FILE: QgsVectorFileWriter.ActionOnExistingFile.CreateOrOverwriteFile,
    ExportMode.REPLACE_FILE: QgsVectorFileWriter.ActionOnExistingFile.CreateOrOverwriteFile,
    ExportMode.NEW_LAYER: QgsVectorFileWriter.ActionOnExistingFile.CreateOrOverwriteLayer,
    ExportMode.REPLACE_LAYER: QgsVectorFileWriter.ActionOnExistingFile.CreateOrOverwriteLayer,
    ExportMode.APPEND: QgsVectorFileWriter.ActionOnExistingFile.AppendToLayerNoNewFields,
}


@dataclass(frozen=True)
class ExportJob:
    """A layer to write, frozen on the main thread.

    Attributes:
        source: the layer's features as they are now.
        fields: its fields.
        crs: its CRS.
        count: how many features, for the progress.
        path: the GeoPackage.
        table: the layer's name in it.
        mode: what to do with what is there.
        context: how to transform when appending to a layer in another CRS.
    """

    source: QgsVectorLayerFeatureSource
    fields: QgsFields
    crs: QgsCoordinateReferenceSystem
    count: int
    path: Path
    table: str
    mode: ExportMode
    context: QgsCoordinateTransformContext


def prepare_export(
    layer: QgsVectorLayer,
    path: Path,
    mode: ExportMode,
    table: str,
    context: QgsCoordinateTransformContext,
) -> ExportJob:
    """Freeze a layer for writing. Main thread only."""
    if path.suffix.lower() != ".gpkg":
        path = path.with_name(path.name + ".gpkg")
    return ExportJob(
        source=QgsVectorLayerFeatureSource(layer),
        fields=layer.fields(),
        crs=layer.crs(),
        count=layer.featureCount(),
        path=path,
        table=table,
        mode=mode,
        context=context,
    )


def keep_in_geopackage(
    layer: QgsVectorLayer, path: Path, context: QgsCoordinateTransformContext
) -> None:
    """Move a layer into a table of its own of a GeoPackage; it stays the same layer in QGIS.

    Main thread only; for results, which are small.

    Raises:
        OutputError: it cannot be written; the layer is left as it is.
    """
    there = tables_in(path)
    wanted = layer.name() or "result"
    table = next(
        name
        for name in (wanted, *(f"{wanted} {number}" for number in range(2, len(there) + 3)))
        if name.lower() not in {item.lower() for item in there}
    )
    mode = ExportMode.NEW_LAYER if path.exists() else ExportMode.NEW_FILE
    write_geopackage(prepare_export(layer, path, mode, table, context))
    renderer = layer.renderer().clone()
    layer.setDataSource(f"{path}|layername={table}", layer.name(), "ogr")
    layer.setRenderer(renderer)


def tables_in(path: Path) -> list[str]:
    """The layers of a GeoPackage; none when it is missing or no GeoPackage."""
    if not path.is_file():
        return []
    with _quiet_ogr():
        try:
            dataset = ogr.Open(str(path), 0)
        except RuntimeError:  # someone has switched GDAL's exceptions on
            return []
    if dataset is None:
        return []
    return [dataset.GetLayer(index).GetName() for index in range(dataset.GetLayerCount())]


def write_geopackage(
    job: ExportJob,
    *,
    cancelled: Callable[[], bool] = lambda: False,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Path:
    """Write a layer; on any thread.

    A new file is complete or absent: it is written beside its place and then moved there.

    Raises:
        OutputError: it cannot be written, or something is there that the mode does not allow for.
        CancelledError: ``cancelled`` said so.
    """
    _check(job)
    whole_file = job.mode in (ExportMode.NEW_FILE, ExportMode.REPLACE_FILE)
    target = job.path.with_name(f".{job.path.stem}.part.gpkg") if whole_file else job.path
    try:
        _write(job, target, cancelled, progress)
        if whole_file:
            target.replace(job.path)
    except OSError as error:
        raise _unwritable(job.path, str(error)) from error
    finally:
        if whole_file:
            for leftover in (target, *(Path(f"{target}{end}") for end in ("-wal", "-shm"))):
                with contextlib.suppress(OSError):
                    leftover.unlink(missing_ok=True)
    return job.path


def _check(job: ExportJob) -> None:
    if not job.path.parent.is_dir():
        raise OutputError(
            tr("There is no folder {folder}; choose another place.").format(folder=job.path.parent)
        )
    if job.mode is ExportMode.NEW_FILE and job.path.exists():
        raise OutputError(
            tr("{path} is there already; choose another name, or say what to do with it.").format(
                path=job.path
            )
        )
    if job.mode is ExportMode.NEW_LAYER and job.table in tables_in(job.path):
        raise OutputError(
            tr("{path} has a layer “{table}” already; replace it, append to it or rename.").format(
                path=job.path, table=job.table
            )
        )


def _write(
    job: ExportJob, target: Path, cancelled: Callable[[], bool], progress: Callable[[float], None]
) -> None:
    options = QgsVectorFileWriter.SaveVectorOptions()
    options.driverName = "GPKG"
    options.layerName = job.table
    options.actionOnExistingFile = _ACTIONS[job.mode]
    options.layerOptions = ["FID=fid"]
    with _quiet_ogr():
        writer = QgsVectorFileWriter.create(
            str(target),
            job.fields,
            GEOMETRY_TYPE,
            job.crs,
            job.context,
            options,
            QgsFeatureSink.SinkFlags(),
        )
        try:
            _fail_on_error(writer, job.path)
            for index, feature in enumerate(job.source.getFeatures()):
                if cancelled():
                    raise CancelledError
                if not writer.addFeature(QgsFeature(feature), QgsFeatureSink.Flag.FastInsert):
                    _fail_on_error(writer, job.path)
                progress((index + 1) / max(job.count, 1))
            if not writer.flushBuffer():
                _fail_on_error(writer, job.path)
        finally:
            del writer  # closes the file


def _fail_on_error(writer: QgsVectorFileWriter, path: Path) -> None:
    if writer.hasError() != QgsVectorFileWriter.WriterError.NoError:
        raise _unwritable(path, writer.errorMessage())


def _unwritable(path: Path, why: str) -> OutputError:
    return OutputError(
        tr("{path} cannot be written ({why}); choose another place.").format(
            path=path, why=why.strip().rstrip(".")
        )
    )


@contextlib.contextmanager
def _quiet_ogr() -> Iterator[None]:
    """Keep GDAL's own messages off the terminal; errors are told by us."""
    from osgeo import gdal

    gdal.PushErrorHandler("CPLQuietErrorHandler")
    try:
        yield
    finally:
        gdal.PopErrorHandler()
