"""How a raster is cut into what the model can look at."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rsrefseg.errors import InputError
from rsrefseg.geo.extent import Bounds, PixelWindow, window_for_extent
from rsrefseg.geo.raster import RasterSource
from rsrefseg.geo.windows import Span, WorkingGrid, plan_windows
from rsrefseg.predict.types import ModelInfo

# Of a window's side, how much it shares with each neighbour.
OVERLAP_SHARE = 0.25
# A single view finer than this many tiles per side is read coarser: the mask holds no more detail.
MAX_OVERSAMPLING = 4
STEP_TOLERANCE = 0.1


@dataclass(frozen=True)
class ScenePlan:
    """The windows of a scene.

    Attributes:
        grid: what probabilities are kept on.
        region: the part of the grid that is asked about.
        windows: what the model looks at, row by row.
        overlap: columns and rows that neighbouring windows share.
        cell_m: the size of a grid cell on the ground, along a row and along a column.
        resolution_m: metres per pixel that the model sees.
        tile_px: the model's tile.
    """

    grid: WorkingGrid
    region: Span
    windows: tuple[Span, ...]
    overlap: tuple[int, int]
    cell_m: tuple[float, float]
    resolution_m: float
    tile_px: int

    def content_px(self, span: Span) -> tuple[int, int]:
        """Height and width that a window takes up in the model's tile."""
        sides = (span.height * self.cell_m[1], span.width * self.cell_m[0])
        height, width = (
            min(self.tile_px, max(1, round(side / self.resolution_m))) for side in sides
        )
        return height, width


def plan_scene(
    raster: RasterSource,
    model: ModelInfo,
    extent: Bounds | None,
    resolution_m: float | None,
) -> ScenePlan:
    """Decide on one view of the whole extent, or on overlapping windows.

    An extent that fits into one tile at no coarser than the model's coarsest trained resolution
    (or at the resolution asked for) is judged as a whole; a larger one in windows at the asked
    or the model's default resolution. Without a CRS, a pixel counts as the default resolution.

    Raises:
        ExtentError: the extent misses the raster.
        InputError: the resolution is not a positive number.
    """
    if resolution_m is not None and not 0 < resolution_m < math.inf:
        raise InputError("The ground resolution must be more than 0 metres per pixel.")
    pixels = window_for_extent(extent, raster.transform, raster.width, raster.height)
    default = model.default_resolution_m
    pixel_m = raster.pixel_size_m(pixels) or (default, default)
    longest_m = max(pixels.width * pixel_m[0], pixels.height * pixel_m[1])
    fitting = longest_m / model.tile_px
    if fitting <= (resolution_m or model.max_resolution_m) * (1 + 1e-9):
        chosen = resolution_m or max(fitting, model.min_resolution_m)
        return _single(pixels, pixel_m, chosen, model.tile_px)
    return _windowed(raster, pixels, pixel_m, resolution_m or default, model.tile_px)


def _single(
    pixels: PixelWindow, pixel_m: tuple[float, float], resolution_m: float, tile_px: int
) -> ScenePlan:
    limit = MAX_OVERSAMPLING * tile_px
    width, height = min(round(pixels.width), limit), min(round(pixels.height), limit)
    step = (pixels.width / width, pixels.height / height)
    grid = WorkingGrid((pixels.col, pixels.row), step, width, height)
    whole = Span(0, 0, width, height)
    cell_m = (pixel_m[0] * step[0], pixel_m[1] * step[1])
    return ScenePlan(grid, whole, (whole,), (0, 0), cell_m, resolution_m, tile_px)


def _windowed(
    raster: RasterSource,
    pixels: PixelWindow,
    pixel_m: tuple[float, float],
    resolution_m: float,
    tile_px: int,
) -> ScenePlan:
    sizes = (raster.width, raster.height)
    # Whole steps, so that coarser cells lie on the pixels' edges and overviews can be used; a
    # map projection's scale alone must not make 4 of a nominal 5.
    factors = [max(1, math.floor(resolution_m / side + STEP_TOLERANCE)) for side in pixel_m]
    cells = [max(1, round(size / factor)) for size, factor in zip(sizes, factors, strict=True)]
    step = (sizes[0] / cells[0], sizes[1] / cells[1])
    grid = WorkingGrid((0.0, 0.0), step, cells[0], cells[1])
    region = _region(pixels, grid)
    cell_m = (pixel_m[0] * step[0], pixel_m[1] * step[1])
    window = (
        max(1, round(tile_px * resolution_m / cell_m[0])),
        max(1, round(tile_px * resolution_m / cell_m[1])),
    )
    overlap = (round(window[0] * OVERLAP_SHARE), round(window[1] * OVERLAP_SHARE))
    phase = _phase(raster, grid, (window[0] - overlap[0], window[1] - overlap[1]))
    spans = tuple(plan_windows(grid, region, window, overlap, phase))
    return ScenePlan(grid, region, spans, overlap, cell_m, resolution_m, tile_px)


def _region(pixels: PixelWindow, grid: WorkingGrid) -> Span:
    left = math.floor(pixels.col / grid.step[0] + 1e-6)
    top = math.floor(pixels.row / grid.step[1] + 1e-6)
    right = min(grid.width, math.ceil((pixels.col + pixels.width) / grid.step[0] - 1e-6))
    bottom = min(grid.height, math.ceil((pixels.row + pixels.height) / grid.step[1] - 1e-6))
    return Span(left, top, max(1, right - left), max(1, bottom - top))


def _phase(raster: RasterSource, grid: WorkingGrid, stride: tuple[int, int]) -> tuple[int, int]:
    """Where the raster's corner lies on a lattice of windows that starts at the CRS's origin."""
    transform = grid.transform(raster.transform)
    if transform.b or transform.d or not transform.a or not transform.e:
        return (0, 0)
    from_origin = (round(transform.c / transform.a), round(transform.f / transform.e))
    return from_origin[0] % stride[0], from_origin[1] % stride[1]
