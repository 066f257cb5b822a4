"""Progress of work that has parts."""

from __future__ import annotations

from .base import Monitor


class Share(Monitor):
    """A monitor of one part of many: it stops with the whole, and tells its share of progress.

    Args:
        whole: the monitor of all parts.
        index: which part.
        count: of how many.
        start: where in the whole's progress the first part begins.
        end: where the last part ends.
    """

    def __init__(
        self, whole: Monitor, index: int, count: int, start: float = 0.0, end: float = 1.0
    ) -> None:
        first = start + (end - start) * index / count
        span = (end - start) / count
        prefix = f"{index + 1}/{count}: " if count > 1 else ""

        # no method: a cycle would leave the feedback, a QObject, to the garbage collector's thread
        def pass_on(fraction: float, text: str) -> None:
            if not whole.cancelled():
                whole.report(first + span * fraction, prefix + text)

        super().__init__(pass_on)
        self._whole = whole
        self.raster_feedback = whole.raster_feedback

    def cancelled(self) -> bool:
        """Whether to stop."""
        return self._whole.cancelled()
