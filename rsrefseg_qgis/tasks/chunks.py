"""Large extents in chunks that the engine answers one by one, and that join without a seam.

The engine's windows lie on a lattice that is fixed to the ground, so neighbouring chunks say the
same where both see all windows around a place: a chunk is asked with a margin for that. Plain
arithmetic: no QGIS here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from rsrefseg_qgis.layers.grid import Extent

# The engine keeps the answers of a request of at most 64 windows that overlap by a quarter.
SIDE_WINDOWS = 4.0
# Windows' edges within half an overlap of an extent's edge may be left out by the engine.
MARGIN_WINDOWS = 0.25


@dataclass(frozen=True)
class Chunk:
    """A part of an extent.

    Attributes:
        core: what it is for; the cores of all chunks make up the extent.
        asked: what is asked of the engine, with the margin, within the extent.
    """

    core: Extent
    asked: Extent


def chunks(extent: Extent, window: tuple[float, float]) -> list[Chunk]:
    """Chunks row by row from the upper left corner.

    Args:
        extent: in map units.
        window: width and height in map units of what the model sees at once.
    """
    xs = _cuts(extent[0], extent[2], SIDE_WINDOWS * window[0])
    ys = _cuts(extent[1], extent[3], SIDE_WINDOWS * window[1])
    margin = (MARGIN_WINDOWS * window[0], MARGIN_WINDOWS * window[1])
    return [
        Chunk((x0, y0, x1, y1), _grown((x0, y0, x1, y1), margin, extent))
        for y0, y1 in zip(ys[-2::-1], ys[:0:-1])
        for x0, x1 in zip(xs, xs[1:])
    ]


def _cuts(low: float, high: float, side: float) -> list[float]:
    count = max(1, math.ceil((high - low) / side - 1e-9))
    return [low + (high - low) * index / count for index in range(count)] + [high]


def _grown(core: Extent, margin: tuple[float, float], limit: Extent) -> Extent:
    return (
        max(core[0] - margin[0], limit[0]),
        max(core[1] - margin[1], limit[1]),
        min(core[2] + margin[0], limit[2]),
        min(core[3] + margin[1], limit[3]),
    )
