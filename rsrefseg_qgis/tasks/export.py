"""Writing result layers into a GeoPackage."""

from __future__ import annotations

from pathlib import Path

from rsrefseg_qgis.errors import tr
from rsrefseg_qgis.layers.geopackage import ExportJob, write_geopackage

from .base import BaseTask, Monitor


def export_task(jobs: tuple[ExportJob, ...]) -> BaseTask:
    """A task that writes layers one after the other; its outcome's value is the file's path."""
    name = jobs[0].path.name
    return BaseTask(tr("Write {name}").format(name=name), lambda monitor: export(jobs, monitor))


def export(jobs: tuple[ExportJob, ...], monitor: Monitor) -> Path:
    """Write layers in this thread.

    Raises:
        OutputError: a layer cannot be written.
        CancelledError: the monitor said stop.
    """
    for index, job in enumerate(jobs):
        text = tr("Writing “{table}”…").format(table=job.table)

        def report(part: float, start: int = index, text: str = text) -> None:
            monitor.report((start + part) / len(jobs), text)

        write_geopackage(job, cancelled=monitor.cancelled, progress=report)
    return jobs[-1].path
