"""What a benchmark ran on, and what else ran there."""

from __future__ import annotations

import platform
from pathlib import Path

import psutil


def machine() -> dict[str, str | int | float]:
    """Processor, memory, load before the start and Python."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
        models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        name = models[0] if models else name
    return {
        "cpu": name,
        "cores": psutil.cpu_count() or 1,
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "load_before": round(psutil.getloadavg()[0], 1),
        "python": platform.python_version(),
    }
