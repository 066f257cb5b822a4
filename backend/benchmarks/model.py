"""Seconds and memory of the model's two steps, against the loop that encodes for every phrase.

Published systems of this field run the whole network for each phrase. Here an image is encoded
once and asked any number of times. This measures both on the same machine in one run, at full
dimensions with random weights (the time does not depend on their values), and prints the ratio.

    python backend/benchmarks/model.py --out build/bench/model.json
"""

from __future__ import annotations

import argparse
import json
import platform
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch
from rsrefseg.models.build import build_model
from rsrefseg.models.config import load_preset
from rsrefseg.models.rsrefseg2 import RSRefSeg2
from torch import Tensor

PHRASES = 10
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


def measure(step: Callable[[], object], repeat: int, device: torch.device) -> Cost:
    """The best of `repeat` runs of a step."""
    times = []
    with PeakMemory(device) as memory:
        for _ in range(repeat):
            if device.type == "cuda":
                torch.cuda.synchronize()
            start = time.perf_counter()
            step()
            if device.type == "cuda":
                torch.cuda.synchronize()
            times.append(time.perf_counter() - start)
    return Cost(min(times), memory.mb)


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
    """Every step's cost."""
    bench.ours(1)  # warms up
    return {
        "encode": measure(bench.encode, repeat, device),
        "ask, 1 phrase": measure(lambda: bench.ask(1), repeat, device),
        "ask, 10 phrases": measure(lambda: bench.ask(PHRASES), repeat, device),
        "encode once, 1 phrase": measure(lambda: bench.ours(1), repeat, device),
        "naive, 1 phrase": measure(lambda: bench.naive(1), repeat, device),
        "encode once, 10 phrases": measure(lambda: bench.ours(PHRASES), repeat, device),
        "naive, 10 phrases": measure(lambda: bench.naive(PHRASES), 1, device),
    }


def ratios(costs: dict[str, Cost]) -> dict[str, float]:
    """How many times faster than the naive loop; above 1 is better."""
    return {
        f"{count} phrase{'s' if count > 1 else ''}": round(
            costs[f"naive, {count} phrase{'s' if count > 1 else ''}"].seconds
            / costs[f"encode once, {count} phrase{'s' if count > 1 else ''}"].seconds,
            3,
        )
        for count in (1, PHRASES)
    }


def machine(device: torch.device) -> dict[str, object]:
    """What it ran on."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
        models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        name = models[0] if models else name
    return {
        "cpu": name,
        "cores": psutil.cpu_count(),
        "threads": torch.get_num_threads(),
        "load_before": round(psutil.getloadavg()[0], 1),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "device": torch.cuda.get_device_name() if device.type == "cuda" else device.type,
        "torch": torch.__version__,
        "bf16": torch.cpu._is_avx512_bf16_supported() if device.type == "cpu" else True,
    }


def print_table(precision: str, costs: dict[str, Cost], gained: dict[str, float]) -> None:
    """One precision's figures."""
    print(f"\n{precision:<26}{'seconds':>10}{'peak MB':>10}")
    for name, cost in costs.items():
        print(f"  {name:<24}{cost.seconds:>10.3f}{cost.peak_mb:>10,.0f}")
    for name, ratio in gained.items():
        print(f"  faster than naive, {name}: {ratio:.2f} times")


def main() -> None:
    """Measures, prints a table and writes JSON."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--preset", default="rsrefseg2-l")
    parser.add_argument("--precision", default="fp32,bf16", help="comma-separated")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--repeat", type=int, default=2, help="runs of each step but the naive 10")
    options = parser.parse_args()
    device = torch.device(options.device)
    about = machine(device)
    print(f"{options.preset} on {about['cpu']}, {about['threads']} threads, {about['device']}")
    figures, gained = {}, {}
    model = random_model(options.preset, device)
    for precision in options.precision.split(","):
        model = model.to(DTYPES[precision])
        with torch.inference_mode():
            costs = run(Bench(model, device), options.repeat, device)
        found = ratios(costs)
        print_table(precision, costs, found)
        figures[precision] = {name: vars(cost) for name, cost in costs.items()}
        gained |= {f"{precision}, {name}": ratio for name, ratio in found.items()}
    report = {"machine": about, "preset": options.preset, "figures": figures, "ratios": gained}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
