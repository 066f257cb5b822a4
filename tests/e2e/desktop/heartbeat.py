"""How long QGIS's main thread was blocked, told by a timer that wants to tick every few ms.

Besides the wall clock, the processor time of the main thread between two ticks is kept: on a busy
machine other processes make the wall clock jump, which says nothing about this program.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from qgis.PyQt.QtCore import Qt, QTimer

BEAT_MS = 5


@dataclass
class Longest:
    """The longest pauses of one piece of work.

    Attributes:
        wall_s: by the clock.
        cpu_s: of the main thread's own work.
        beats: ticks that were counted.
    """

    wall_s: float = 0.0
    cpu_s: float = 0.0
    beats: int = 0


@dataclass
class Heartbeat:
    """Counts while it runs; each piece of work has a name."""

    pieces: dict[str, Longest] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._name = ""
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._wall, self._cpu = time.monotonic(), time.thread_time()
        self._timer.start(BEAT_MS)

    def begin(self, name: str) -> None:
        """Count for this piece of work from now on."""
        self._beat()
        self._name = name

    def stop(self) -> None:
        """Count no more."""
        self._beat()
        self._timer.stop()

    def _beat(self) -> None:
        wall, cpu = time.monotonic(), time.thread_time()
        if self._name:
            piece = self.pieces.setdefault(self._name, Longest())
            piece.wall_s = max(piece.wall_s, wall - self._wall)
            piece.cpu_s = max(piece.cpu_s, cpu - self._cpu)
            piece.beats += 1
        self._wall, self._cpu = wall, cpu
