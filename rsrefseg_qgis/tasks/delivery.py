"""How a layer's pixels reach the engine: as bytes, or for large extents as a file on the disk.

A large extent is drawn block by block into a temporary GeoTIFF that the engine reads window by
window. The engine sees one raster, so there is no seam for an object to be cut at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rsrefseg_qgis.engine.client import EngineClient
from rsrefseg_qgis.engine.manager import EngineManager, EngineState
from rsrefseg_qgis.engine.wire import Health, ImageRef
from rsrefseg_qgis.errors import LayerError, tr
from rsrefseg_qgis.layers.area import Area
from rsrefseg_qgis.layers.geotiff import export_geotiff, write_geotiff
from rsrefseg_qgis.layers.grid import MAX_SIDE_PX, Extent, PixelGrid
from rsrefseg_qgis.layers.scratch import scratch_folder
from rsrefseg_qgis.layers.snapshot import LayerSnapshot

from .base import Monitor
from .calls import interruptible

BYTES_PER_PIXEL = 4
# What an engine elsewhere takes in one upload, unless its owner has set other limits.
REMOTE_PIXELS = 200_000_000
REMOTE_BYTES = 512_000_000
# So far around the features to keep to, the model sees the raster.
SURROUNDINGS_PX = 256


@dataclass(frozen=True)
class Pixels:
    """Which pixels of a layer the engine is to see, frozen on the main thread.

    Attributes:
        snapshot: the raster layer.
        extent: what to look at, in the layer's CRS.
        resolution: pixel size of the map on the screen in map units, for map services.
        ground_resolution_m: at which resolution the model looks; None for its own choice.
        any_size: an extent larger than one upload is given in full, at the resolution at which
            the model looks; otherwise it is given coarser.
        within: what lies far from it is not read; None for everything.
    """

    snapshot: LayerSnapshot
    extent: Extent
    resolution: float | None = None
    ground_resolution_m: float | None = None
    any_size: bool = False
    within: Area | None = None

    @property
    def needs_model(self) -> bool:
        """Whether nothing but the model can say how finely the layer is drawn."""
        if self.ground_resolution_m is not None or self.resolution is not None:
            return False
        return self.snapshot.size is None or (self.any_size and not self._fits(self._native()))

    def grid(self, health: Health | None) -> PixelGrid:
        """The pixels to draw.

        Raises:
            LayerError: nothing of the layer lies in the extent.
        """
        wanted_m = self.ground_resolution_m
        if wanted_m is None and health is not None and health.model is not None:
            wanted_m = health.model.default_resolution_m
        if self.any_size and wanted_m and self.resolution is None:
            native = None if self.snapshot.size is None else self._native()
            if native is None or not self._fits(native):
                return self.snapshot.scene_grid(self.extent, wanted_m)
        resolution = self.resolution
        if resolution is None and wanted_m:
            scale = self.snapshot.metres_per_unit(self.extent)
            resolution = wanted_m / scale[0] if scale else None
        return self.snapshot.grid(self.extent, resolution)

    def wanted(self, grid: PixelGrid) -> Callable[[Extent], bool]:
        """Whether a part of the grid is near enough to what results are kept to."""
        area = self.within
        if area is None:
            return lambda extent: True
        dx, dy = SURROUNDINGS_PX * grid.pixel_x, SURROUNDINGS_PX * grid.pixel_y

        def near(extent: Extent) -> bool:
            x_min, y_min, x_max, y_max = extent
            return area.touches((x_min - dx, y_min - dy, x_max + dx, y_max + dy))

        return near

    def _native(self) -> PixelGrid:
        return self.snapshot.scene_grid(self.extent, 0.0)

    @staticmethod
    def _fits(grid: PixelGrid) -> bool:
        return max(grid.width, grid.height) <= MAX_SIDE_PX


@dataclass(frozen=True)
class Delivered:
    """Pixels that the engine can see.

    Attributes:
        image: how to name them to it.
        grid: where they are.
    """

    image: ImageRef
    grid: PixelGrid


@contextmanager
def delivered(
    pixels: Pixels,
    manager: EngineManager,
    monitor: Monitor,
    progress: Callable[[float], None],
) -> Iterator[Delivered]:
    """Give a layer's pixels to the engine for the length of a block, which is in this thread.

    The engine's model loads while the layer is read, unless it is needed to say how.

    Args:
        pixels: which.
        manager: of the engine, which is started.
        monitor: asked whether to stop.
        progress: told the fraction that is read.

    Raises:
        LayerError: the layer cannot be read, there is nothing in the extent, or too much.
        EngineError: there is no engine to give them to.
        CancelledError: the monitor said stop.
    """
    if manager.state is not EngineState.READY:
        monitor.report(0.0, tr("Starting the engine…"))
    client = manager.ensure(monitor.cancelled, wait_for_model=pixels.needs_model)
    grid = pixels.grid(manager.health)
    if max(grid.width, grid.height) <= MAX_SIDE_PX:
        tiff = export_geotiff(
            pixels.snapshot, grid, feedback=monitor.raster_feedback, progress=progress
        )
        yield Delivered(_uploaded(client, tiff, monitor), grid)
        return
    remote = manager.is_remote
    if remote:
        _check_for_remote(grid)
    with scratch_folder(grid.width * grid.height * BYTES_PER_PIXEL) as folder:
        path = folder / "scene.tif"
        write_geotiff(
            str(path),
            pixels.snapshot,
            grid,
            wanted=pixels.wanted(grid),
            compressed=remote,
            feedback=monitor.raster_feedback,
            progress=progress,
        )
        image = _upload_file(client, path, monitor) if remote else ImageRef(path=str(path))
        yield Delivered(image, grid)


def _check_for_remote(grid: PixelGrid) -> None:
    count = grid.width * grid.height
    if count > REMOTE_PIXELS:
        raise LayerError(
            tr(
                "The extent has {count} million pixels, and an engine elsewhere takes {limit} "
                "million at once; choose a smaller extent or a coarser ground resolution, or use "
                "the engine on this machine."
            ).format(count=round(count / 1e6), limit=round(REMOTE_PIXELS / 1e6))
        )


def _upload_file(client: EngineClient, path: Path, monitor: Monitor) -> ImageRef:
    if path.stat().st_size > REMOTE_BYTES:
        raise LayerError(
            tr(
                "The extent's pixels are more than an engine elsewhere takes at once; choose a "
                "smaller extent or a coarser ground resolution, or use the engine on this machine."
            )
        )
    return _uploaded(client, path.read_bytes(), monitor)


def _uploaded(client: EngineClient, tiff: bytes, monitor: Monitor) -> ImageRef:
    image = interruptible(lambda: client.put_image(tiff), monitor)
    return ImageRef(id=image.image_id)
