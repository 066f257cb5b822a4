"""Where the model looked for a phrase, and how likely each place is, as rasters on the disk."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rsrefseg_qgis.engine.manager import EngineManager
from rsrefseg_qgis.errors import EngineAnswerError, EngineError, OutputError, tr
from rsrefseg_qgis.layers.mosaic import write_raster

from .base import BaseTask, Monitor
from .calls import interruptible


@dataclass(frozen=True)
class HeatMap:
    """Two rasters of a phrase, values from 0 to 1.

    Attributes:
        phrase: the phrase.
        looked: where the model looked: the dense prompt that the phrase made.
        probability: how likely each pixel belongs to it.
    """

    phrase: str
    looked: Path
    probability: Path


def heat_task(
    request_id: str, phrases: tuple[str, ...], folder: Path, manager: EngineManager
) -> BaseTask:
    """A task whose outcome's value is a tuple of `HeatMap`, one per phrase."""
    return BaseTask(
        tr("Draw where the model looked"),
        lambda monitor: heat_maps(request_id, phrases, folder, manager, monitor),
    )


def heat_maps(
    request_id: str,
    phrases: tuple[str, ...],
    folder: Path,
    manager: EngineManager,
    monitor: Monitor,
) -> tuple[HeatMap, ...]:
    """Fetch and write the rasters in this thread.

    Raises:
        EngineError: the engine cannot; it forgets when it ends or runs out of room.
        OutputError: they cannot be written.
        CancelledError: the monitor said stop.
    """
    client = manager.ensure(monitor.cancelled)
    made = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for phrase in phrases:
            name = uuid.uuid4().hex
            paths = (folder / f"{name}_looked.tif", folder / f"{name}_probability.tif")
            for path, call in zip(paths, (client.heat, client.probability)):
                fetch = partial(call, request_id, phrase)
                write_raster(path, interruptible(fetch, monitor))
            made.append(HeatMap(phrase, *paths))
    except EngineAnswerError as error:
        if error.code != "unknown_request":
            raise
        raise EngineError(
            tr("The engine no longer has this answer; press “Segment” to ask again.")
        ) from error
    except OSError as error:
        raise OutputError(
            tr("{path} cannot be written ({why}); free some room or choose another folder.").format(
                path=folder, why=error.strerror
            )
        ) from error
    return tuple(made)
