"""A layer given to the engine and gone through in chunks: what encoding and probability share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rsrefseg_qgis.engine.client import EngineClient
from rsrefseg_qgis.engine.manager import EngineManager, EngineState
from rsrefseg_qgis.engine.wire import ImageRef, ModelInfo
from rsrefseg_qgis.errors import EngineProtocolError, tr
from rsrefseg_qgis.layers.grid import PixelGrid

from .base import Monitor
from .chunks import Chunk, chunks
from .delivery import Pixels, delivered
from .share import Share

READ_TO, ENGINE_TO = 0.2, 0.98


@dataclass(frozen=True)
class Part:
    """A chunk of a layer that the engine can see.

    Attributes:
        client: of the engine.
        image: the layer's pixels.
        grid: where they are.
        chunk: which part of them; None when it is the only one.
        ground_resolution_m: at which the model is to look; None for its own choice.
        monitor: of this part's share of the whole.
    """

    client: EngineClient
    image: ImageRef
    grid: PixelGrid
    chunk: Chunk | None
    ground_resolution_m: float | None
    monitor: Monitor


def go_through(
    pixels: Pixels,
    manager: EngineManager,
    monitor: Monitor,
    visit: Callable[[Part], None],
) -> int:
    """Give a layer to the engine and visit it chunk by chunk; how many there were.

    Raises:
        RsRefSegPluginError: with what is wrong and the remedy.
        CancelledError: the monitor said stop.
    """

    def read(part: float) -> None:
        monitor.report(READ_TO * part, tr("Reading the layer…"))

    with delivered(pixels, manager, monitor, read) as given:
        if manager.state is not EngineState.READY:
            monitor.report(READ_TO, tr("Loading the model…"))
        client = manager.ensure(monitor.cancelled)
        model = _model(manager)
        parts = _chunks(pixels, given.grid, model)
        several = len(parts) > 1
        # of its own accord the model would look more closely at a small extent
        resolution = pixels.ground_resolution_m
        if several and resolution is None:
            resolution = model.default_resolution_m
        for index, chunk in enumerate(parts):
            monitor.check()
            visit(
                Part(
                    client,
                    given.image,
                    given.grid,
                    chunk if several else None,
                    resolution,
                    Share(monitor, index, len(parts), READ_TO, ENGINE_TO),
                )
            )
    return len(parts)


def _chunks(pixels: Pixels, grid: PixelGrid, model: ModelInfo) -> list[Chunk]:
    resolution = pixels.ground_resolution_m or model.default_resolution_m
    scale = pixels.snapshot.metres_per_unit(grid.extent)
    if scale is None:  # as for the engine, a pixel is then as large as the model likes it
        pixel_m = model.default_resolution_m
        scale = (pixel_m / grid.pixel_x, pixel_m / grid.pixel_y)
    x_min, y_min, x_max, y_max = grid.extent
    longest_m = max((x_max - x_min) * scale[0], (y_max - y_min) * scale[1])
    coarsest = pixels.ground_resolution_m or model.max_resolution_m
    if longest_m <= model.tile_px * coarsest:  # the model sees all of it in one view
        return [Chunk(grid.extent, grid.extent)]
    window_m = model.tile_px * resolution
    return chunks(grid.extent, (window_m / scale[0], window_m / scale[1]))


def _model(manager: EngineManager) -> ModelInfo:
    health = manager.health
    if health is None or health.model is None:
        raise EngineProtocolError(
            tr("The engine does not say what model it has; repair it in the plugin's settings.")
        )
    return health.model
