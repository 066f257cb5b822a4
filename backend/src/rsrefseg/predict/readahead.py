"""Reading the next windows while the model looks at this one."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from types import TracebackType

from rsrefseg.errors import RsRefSegError
from rsrefseg.geo.raster import RasterSource, RgbTile
from rsrefseg.geo.windows import Span, WorkingGrid

# Windows that may lie read and unlooked at; bounds the memory that they take.
AHEAD = 4
_END = -1


class ReadAhead:
    """Tiles of a raster in the order asked for, read by a thread of its own.

    While it is open, nobody else may read from the raster.
    """

    def __init__(
        self,
        raster: RasterSource,
        grid: WorkingGrid,
        spans: Sequence[tuple[int, Span]],
        ahead: int = AHEAD,
    ) -> None:
        """Prepare; entering begins to read.

        Args:
            raster: what to read from.
            grid: the spans' grid.
            spans: the windows with their numbers.
            ahead: how many tiles may wait.
        """
        self._raster = raster
        self._grid = grid
        self._spans = spans
        self._tiles: queue.Queue[tuple[int, RgbTile | BaseException | None]] = queue.Queue(ahead)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, name="read-ahead", daemon=True)

    def __enter__(self) -> ReadAhead:
        """Begin to read."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop reading and wait for the thread, so that the raster can be closed."""
        self._stop.set()
        while self._thread.is_alive():
            with suppress(queue.Empty):
                self._tiles.get_nowait()
            self._thread.join(0.05)

    def __iter__(self) -> Iterator[tuple[int, RgbTile]]:
        """The windows' numbers and tiles, in order.

        Raises:
            RasterError: the pixels cannot be read.
        """
        while True:
            index, tile = self._tiles.get()
            if isinstance(tile, BaseException):
                raise tile
            if tile is None:
                return
            yield index, tile

    def _read(self) -> None:
        for index, span in self._spans:
            if self._stop.is_set():
                return
            try:
                tile = self._raster.read_span(self._grid, span)
            except (RsRefSegError, MemoryError, ValueError) as error:
                self._hand_over(_END, error)
                return
            self._hand_over(index, tile)
        self._hand_over(_END, None)

    def _hand_over(self, index: int, tile: RgbTile | BaseException | None) -> None:
        while not self._stop.is_set():
            with suppress(queue.Full):
                self._tiles.put((index, tile), timeout=0.1)
                return
