"""What to do when a device's memory does not suffice, and how to say so."""

from __future__ import annotations

import gc

import torch

from rsrefseg.errors import OutOfMemoryError

# Libraries below torch raise plain RuntimeErrors.
_SIGNS = ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed")

SMALLER_BATCH = (
    "The memory did not suffice for so many phrases at once, so they were asked in smaller "
    "batches: the answers are the same, but take longer."
)
ON_CPU = (
    "The GPU's memory did not suffice, so the model runs on the CPU now, which is slower: close "
    "other programs that use the GPU and restart the engine, or choose a smaller model."
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that a device's memory did not suffice."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _SIGNS)


def free_memory(device: torch.device) -> None:
    """Give unused memory of a device back to it."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def no_way_left() -> OutOfMemoryError:
    """The error when even the CPU's memory does not suffice."""
    return OutOfMemoryError(
        "This machine's memory does not suffice for the model: close other programs, or choose a "
        "smaller model."
    )
