"""Seconds and memory of the model's two steps, against the loop that encodes for every phrase.

Published systems of this field run the whole network for each phrase. Here an image is encoded
once and asked any number of times. This measures both on the same machine in one run, at full
dimensions with random weights (the time does not depend on their values), and prints the ratio.
All steps are run in turn, so that other work on the machine hits all alike.

    python backend/benchmarks/model.py [--preset rsrefseg2-t] [--precision fp32,bf16]

A precision that the processor multiplies only in software is left out, and that is said, unless
it is asked for by name: at these dimensions it would take an hour and more.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch
from _machine import machine
from rsrefseg.models.build import build_model
from rsrefseg.models.config import load_preset
from rsrefseg.models.rsrefseg2 import RSRefSeg2
from torch import Tensor

OUT = Path(__file__).resolve().parents[2] / "build" / "bench" / "model.json"
PHRASES = 10
# How many times faster than the naive loop. One phrase is the same work both ways: what two runs
# of it differ by is no loss.
TARGETS = {"1 phrase": 0.95, "10 phrases": 8.0}
# A precision whose matrix products take so many times longer than fp32's is computed in software.
SOFTWARE = 2.0
# A step that takes less is repeated as often as all others, even the ten naive encodings.
SHORT_S = 1.0
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Cost:
    """Best time of a step, and the most memory that the process held during it."""

    seconds: float
    peak_mb: float


class PeakMemory:
    """Samples this process's resident memory (or CUDA's allocations) while a block runs."""

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"
        self._process = psutil.Process()
        self._done = threading.Event()
        self.mb = 0.0

    def _sample(self) -> None:
        while not self._done.wait(0.01):
            self.mb = max(self.mb, self._process.memory_info().rss / 1e6)

    def __enter__(self) -> PeakMemory:
        if self._cuda:
            torch.cuda.reset_peak_memory_stats()
        self.mb = self._process.memory_info().rss / 1e6
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        if self._cuda:
            self.mb = torch.cuda.max_memory_allocated() / 1e6


def random_model(name: str, device: torch.device) -> RSRefSeg2:
    """A preset's model with small random weights, made without a slow initialisation."""
    with torch.device("meta"):
        model = build_model(load_preset(name), random_init=False)
    model = model.to_empty(device=device)
    torch.manual_seed(0)
    with torch.no_grad():
        for key, value in [*model.named_parameters(), *model.named_buffers()]:
            if not value.is_floating_point():
                value.zero_()
            elif "norm" in key.rsplit(".", 2)[-2] or key.endswith("running_var"):
                value.fill_(1.0)
            else:
                value.uniform_(-0.03, 0.03)
    return model.eval()


def measure(step: Callable[[], object], device: torch.device) -> Cost:
    """One run of a step."""
    with PeakMemory(device) as memory:
        start = time.perf_counter()
        step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds = time.perf_counter() - start
    return Cost(seconds, memory.mb)


def product_s(dtype: torch.dtype, device: torch.device) -> float:
    """Seconds for a product of two matrices, the best of a few; small, since it may be slow."""
    one, other = (torch.randn(n, 1152).to(device, dtype) for n in (128, 1152))
    return min(measure(lambda: one @ other, device).seconds for _ in range(4))


def why_not(precision: str, device: torch.device) -> str | None:
    """Why a precision cannot be measured in reasonable time here; None where it can."""
    slower = product_s(DTYPES[precision], device) / product_s(torch.float32, device)
    if slower < SOFTWARE:
        return None
    return (
        f"left out, since this processor has no instructions for it: one matrix product takes "
        f"{slower:.0f} times as long as in fp32"
    )


class Bench:
    """The steps to measure, on one tile and ten phrases of different lengths."""

    def __init__(self, model: RSRefSeg2, device: torch.device) -> None:
        self.model = model
        side = model.preset.tile_px
        generator = torch.Generator().manual_seed(0)
        self.image = torch.rand(1, 3, side, side, generator=generator).to(device)
        vocabulary = model.preset.clip.vocab_size
        lengths = torch.arange(PHRASES) % 7 + 5
        ids = torch.randint(3, vocabulary, (PHRASES, int(lengths.max())), generator=generator)
        self.ids, self.lengths = ids.to(device), lengths.to(device)
        self.features = model.encode_image(self.image)

    def encode(self) -> None:
        """Both image encoders."""
        self.features = self.model.encode_image(self.image)

    def ask(self, count: int) -> Tensor:
        """`count` phrases at once about the encoded image."""
        text = self.model.encode_text(self.ids[:count], self.lengths[:count])
        index = torch.zeros(count, dtype=torch.long, device=self.ids.device)
        return self.model.ask(self.features.expand(index), text).low_res_logits

    def ours(self, count: int) -> None:
        """One encoding, `count` phrases."""
        self.encode()
        self.ask(count)

    def naive(self, count: int) -> None:
        """One encoding for each phrase."""
        for phrase in range(count):
            features = self.model.encode_image(self.image)
            own = slice(phrase, phrase + 1)
            ids = self.ids[own, : int(self.lengths[phrase])]
            self.model.ask(features, self.model.encode_text(ids, self.lengths[own]))


def run(bench: Bench, repeat: int, device: torch.device) -> dict[str, Cost]:
    """Every step's cost: the best time of `repeat` rounds, the most memory of all."""
    bench.ours(1)  # warms up
    steps: dict[str, Callable[[], object]] = {
        "encode": bench.encode,
        "ask, 1 phrase": lambda: bench.ask(1),
        "ask, 10 phrases": lambda: bench.ask(PHRASES),
        "naive, 1 phrase": lambda: bench.naive(1),
        "encode once, 1 phrase": lambda: bench.ours(1),
        "encode once, 10 phrases": lambda: bench.ours(PHRASES),
        "naive, 10 phrases": lambda: bench.naive(PHRASES),
    }
    costs: dict[str, list[Cost]] = {name: [] for name in steps}
    for number in range(repeat):
        for name, step in steps.items():
            known = costs[name]
            if number and name == "naive, 10 phrases" and known[0].seconds > PHRASES * SHORT_S:
                continue
            known.append(measure(step, device))
    return {
        name: Cost(min(c.seconds for c in known), max(c.peak_mb for c in known))
        for name, known in costs.items()
    }


def ratios(costs: dict[str, Cost]) -> dict[str, float]:
    """How many times faster than the naive loop; above 1 is better."""
    return {
        phrases: round(
            costs[f"naive, {phrases}"].seconds / costs[f"encode once, {phrases}"].seconds, 3
        )
        for phrases in TARGETS
    }


def ran_on(device: torch.device) -> dict[str, object]:
    """The machine, and what of it the model uses."""
    return {
        **machine(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if device.type == "cuda" else device.type,
        "torch": torch.__version__,
    }


def print_table(precision: str, costs: dict[str, Cost], gained: dict[str, float]) -> None:
    """One precision's figures."""
    print(f"\n{precision:<26}{'seconds':>10}{'peak MB':>10}")
    for name, cost in costs.items():
        print(f"  {name:<24}{cost.seconds:>10.3f}{cost.peak_mb:>10,.0f}")
    for name, ratio in gained.items():
        met = "met" if ratio >= TARGETS[name] else "MISSED"
        print(f"  faster than naive, {name}: {ratio:.2f} times, target {TARGETS[name]:.2f}: {met}")


def main() -> None:
    """Measures, prints a table and writes JSON."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--out", type=Path, default=OUT, help="JSON file to write")
    parser.add_argument("--preset", default="rsrefseg2-l")
    parser.add_argument("--precision", help="comma-separated; by default fp32 and, if fast, bf16")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--repeat", type=int, default=2, help="rounds")
    options = parser.parse_args()
    device = torch.device(options.device)
    about = ran_on(device)
    print(f"{options.preset} on {about['cpu']}, {about['threads']} threads, {about['device']}")
    report: dict[str, Any] = {"machine": about, "preset": options.preset, "targets": TARGETS}
    report |= {"figures": {}, "left_out": {}, "ratios": {}}
    model = random_model(options.preset, device)
    for precision in (options.precision or "fp32,bf16").split(","):
        reason = None if options.precision else why_not(precision, device)
        if reason is not None:
            report["left_out"][precision] = reason
            print(f"\n{precision}: {reason}")
            continue
        model = model.to(DTYPES[precision])
        with torch.inference_mode():
            costs = run(Bench(model, device), options.repeat, device)
        found = ratios(costs)
        print_table(precision, costs, found)
        report["figures"][precision] = {name: vars(cost) for name, cost in costs.items()}
        report["ratios"] |= {f"{precision}, {name}": ratio for name, ratio in found.items()}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
