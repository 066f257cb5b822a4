"""How long QGIS's main thread was blocked, told by a timer that wants to tick every few ms.

On a busy machine the clock jumps because other programs have the processor. Linux tells how long
the thread was ready to run and had to wait for that; the rest is work of its own and waiting for
locks, which is what this program is to answer for. Who holds a lock, such as Python's, may itself
have to wait for a processor: what that explains at most is told apart, so there are two bounds.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from qgis.PyQt.QtCore import Qt, QTimer

BEAT_MS = 5


@dataclass
class Longest:
    """The longest pauses of one piece of work.

    Attributes:
        wall_s: by the clock.
        blocked_s: by the clock, less the time in which other programs had the processor: at most.
        sure_s: less also the longest wait of any other thread of this program: at least.
        cpu_s: of the main thread's own work.
        beats: ticks that were counted.
    """

    wall_s: float = 0.0
    blocked_s: float = 0.0
    sure_s: float = 0.0
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
        self._wall, self._cpu, self._waited = now()
        self._others = others_waited()
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
        wall, cpu, waited = now()
        others = others_waited()
        if self._name:
            piece = self.pieces.setdefault(self._name, Longest())
            piece.wall_s = max(piece.wall_s, wall - self._wall)
            blocked = wall - self._wall - (waited - self._waited)
            piece.blocked_s = max(piece.blocked_s, blocked)
            excuse = max((others[tid] - self._others.get(tid, 0.0) for tid in others), default=0.0)
            piece.sure_s = max(piece.sure_s, blocked - excuse)
            piece.cpu_s = max(piece.cpu_s, cpu - self._cpu)
            piece.beats += 1
        self._wall, self._cpu, self._waited, self._others = wall, cpu, waited, others


def now() -> tuple[float, float, float]:
    """The clock, this thread's work, and how long it waited for a processor; seconds."""
    try:
        waited = int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
    except OSError:  # not on this system: all waiting is this program's
        waited = 0.0
    return time.monotonic(), time.thread_time(), waited


def others_waited() -> dict[int, float]:
    """How long each thread of this program waited for a processor so far; seconds by its id."""
    waited = {}
    for task in os.scandir("/proc/self/task") if Path("/proc/self/task").is_dir() else ():
        with contextlib.suppress(OSError, IndexError):  # it has ended
            waited[int(task.name)] = int(Path(task, "schedstat").read_text().split()[1]) / 1e9
    return waited
