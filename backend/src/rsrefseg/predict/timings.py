"""Where the time goes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Timings:
    """Seconds spent on each part, as the one who waits sees them."""

    read_s: float = 0.0
    encode_s: float = 0.0
    ask_s: float = 0.0
    polygons_s: float = 0.0
    total_s: float = 0.0

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Add the time of a block to a part."""
        start = time.perf_counter()
        try:
            yield
        finally:
            setattr(self, name, getattr(self, name) + time.perf_counter() - start)
