"""Finding out how this CPU runs a model fastest: in which precision, on how many threads.

Threads are chosen by the median of a few runs and not by the best one: threads that wait for each
other at every operation are quick on an idle machine and several times slower than a single one
as soon as something else, such as QGIS drawing a map, wants a core.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from rsrefseg.predict.device import DTYPES, cpu_name
from rsrefseg.predict.types import Precision

# A lower precision has to be worth it.
WORTHWHILE_GAIN = 1.15
REPEATS = 5
# A step that takes longer is measured once more, on all cores only: threads pay for it.
SLOW_S = 1.0
REMEMBERED_DAYS = 7
_FILE = "probe.json"


@dataclass(frozen=True)
class CpuPlan:
    """How a model runs on a CPU.

    Attributes:
        precision: the numbers that it computes in.
        encode_threads: threads that encode an image.
        ask_threads: threads that answer phrases.
        seconds: what one image and one phrase took.
    """

    precision: Precision
    encode_threads: int
    ask_threads: int
    seconds: float

    def describe(self, why: str) -> str:
        """A sentence on the device, and what was measured to be best on it."""
        return (
            f"{why.rstrip('.')}; measured best here: {self.precision}, threads to encode "
            f"{self.encode_threads}, to ask {self.ask_threads}."
        )


def measure(
    precision: Precision,
    encode: Callable[[], object],
    ask: Callable[[], object],
    cores: int,
) -> CpuPlan:
    """The best threads for a model's two steps.

    Args:
        precision: of the model.
        encode: encodes an image anew.
        ask: answers one phrase about it.
        cores: threads at most.
    """
    torch.set_num_threads(cores)
    slow = max(_seconds(encode), _seconds(ask)) > SLOW_S
    options = [cores] if slow or cores == 1 else [cores, 1]
    encodings: dict[int, list[float]] = {threads: [] for threads in options}
    answers: dict[int, list[float]] = {threads: [] for threads in options}
    for _ in range(1 if slow else REPEATS):
        for threads in options:  # in turn, so that other work on the machine hits all alike
            torch.set_num_threads(threads)
            encodings[threads].append(_seconds(encode))
            answers[threads].append(_seconds(ask))
    torch.set_num_threads(cores)
    encode_s, encode_threads = min((statistics.median(t), n) for n, t in encodings.items())
    ask_s, ask_threads = min((statistics.median(t), n) for n, t in answers.items())
    return CpuPlan(precision, encode_threads, ask_threads, encode_s + ask_s)


def better(first: CpuPlan, second: CpuPlan) -> CpuPlan:
    """The faster one, unless the second, of a lower precision, is hardly faster."""
    return second if second.seconds * WORTHWHILE_GAIN < first.seconds else first


def remembered(folder: Path, weights: Path, choice: str) -> CpuPlan | None:
    """What was found out before about these weights on this machine; None if nothing was."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        found = json.loads((folder / _FILE).read_text(encoding="utf-8"))[_key(weights, choice)]
        age_s = time.time() - float(found.pop("when"))
        plan = CpuPlan(**found)
        counts = (plan.encode_threads, plan.ask_threads)
        sound = plan.precision in DTYPES and all(0 < n <= (os.cpu_count() or 1) for n in counts)
        if sound and 0 <= age_s < REMEMBERED_DAYS * 86_400:
            return plan
    return None


def remember(folder: Path, weights: Path, choice: str, plan: CpuPlan) -> None:
    """Keep what was found out; nothing happens where that cannot be written."""
    path = folder / _FILE
    known: dict[str, object] = {}
    with contextlib.suppress(OSError, ValueError):
        loaded = json.loads(path.read_text(encoding="utf-8"))
        known = loaded if isinstance(loaded, dict) else {}
    known[_key(weights, choice)] = {**asdict(plan), "when": time.time()}
    part = folder / f"{_FILE}.{os.getpid()}.part"
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(known), encoding="utf-8")
        part.replace(path)


def _key(weights: Path, choice: str) -> str:
    facts = weights.stat()
    file = (str(weights.resolve()), facts.st_size, facts.st_mtime_ns)
    text = repr((file, choice, cpu_name(), os.cpu_count(), torch.__version__))
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def _seconds(step: Callable[[], object]) -> float:
    start = time.perf_counter()
    step()
    return time.perf_counter() - start
