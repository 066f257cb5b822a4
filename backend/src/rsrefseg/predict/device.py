"""Choosing where and in what precision a model runs, and saying why."""

from __future__ import annotations

import os
import platform
from typing import Literal, get_args

import torch

from rsrefseg.errors import DeviceError
from rsrefseg.predict.types import DeviceInfo, DeviceKind, Precision

DeviceChoice = Literal["auto", "cpu", "cuda", "mps"]
PrecisionChoice = Literal["auto", "fp32", "bf16", "fp16"]

DTYPES: dict[Precision, torch.dtype] = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}


def choose_device(choice: str) -> tuple[DeviceKind, str]:
    """The device to use and the sentence that says why.

    Raises:
        DeviceError: the choice is unknown, or that device is not there.
    """
    if choice not in get_args(DeviceChoice):
        raise DeviceError(
            f"'{choice}' is not a device: choose one of {', '.join(get_args(DeviceChoice))}."
        )
    if choice == "auto":
        if torch.cuda.is_available():
            return "cuda", "An NVIDIA or AMD GPU is available to torch."
        if torch.backends.mps.is_available():
            return "mps", "Apple's GPU is available to torch."
        return "cpu", _why_no_gpu()
    if choice == "cuda" and not torch.cuda.is_available():
        raise DeviceError(f"CUDA was asked for, but {_lower(_why_no_gpu())} Choose auto or cpu.")
    if choice == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("MPS was asked for, but Apple's GPU is not there: choose auto or cpu.")
    kind: DeviceKind = "cuda" if choice == "cuda" else "mps" if choice == "mps" else "cpu"
    return kind, "It was asked for."


def _lower(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]


def _why_no_gpu() -> str:
    if torch.version.cuda is None and torch.version.hip is None:
        return "The installed torch is a build for the CPU, so no GPU is looked for."
    return "Torch finds no GPU: either there is none, or its driver does not fit this torch."


def device_name(kind: DeviceKind) -> str:
    """The device's own name."""
    if kind == "cuda":
        return torch.cuda.get_device_name(0)
    name = cpu_name()
    return f"Apple GPU ({name})" if kind == "mps" else name


def cpu_name() -> str:
    """The CPU's own name."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def cpu_has_bf16() -> bool:
    """Whether the CPU multiplies bf16 in hardware."""
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(bool(getattr(torch.cpu, check, lambda: False)()) for check in checks)


def memory_bytes(kind: DeviceKind) -> int | None:
    """A GPU's own memory; None where the machine's memory counts."""
    return torch.cuda.get_device_properties(0).total_memory if kind == "cuda" else None


def use_all_cores() -> int:
    """Let torch use the cores that this process may run on, unless the environment says less."""
    if os.environ.get("OMP_NUM_THREADS"):
        return torch.get_num_threads()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    import psutil

    physical = psutil.cpu_count(logical=False) or cores or 1
    threads = max(1, min(cores or 1, physical))
    torch.set_num_threads(threads)
    return threads


def candidate_precisions(kind: DeviceKind, choice: str) -> list[Precision]:
    """Precisions worth a try, the safest first.

    Raises:
        DeviceError: the choice is unknown, or the device cannot compute in it.
    """
    if choice == "auto":
        if kind == "cuda":
            return ["bf16"] if torch.cuda.is_bf16_supported() else ["fp16"]
        if kind == "mps":
            return ["fp16"]
        return ["fp32", "bf16"] if cpu_has_bf16() else ["fp32"]
    if choice == "fp32":
        return ["fp32"]
    if choice == "bf16":
        return ["bf16"]
    if choice == "fp16" and kind != "cpu":
        return ["fp16"]
    if choice == "fp16":
        raise DeviceError("The CPU does not compute in fp16: choose auto, fp32 or bf16.")
    raise DeviceError(
        f"'{choice}' is not a precision: choose one of {', '.join(get_args(PrecisionChoice))}."
    )


def describe(kind: DeviceKind, why: str, precision: Precision) -> DeviceInfo:
    """The device as reported to the user."""
    return DeviceInfo(kind, device_name(kind), why, precision)
