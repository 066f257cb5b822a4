"""Opens a torch checkpoint without trusting it."""

from __future__ import annotations

import pickle
import struct
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rsrefseg.errors import WeightsError

# What torch's reader was seen to raise on damaged files (some 3,000 random ones were tried).
_DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The state dict of a checkpoint, its tensors mapped from the file instead of read.

    Only tensors and plain containers are accepted (`weights_only`): a file that asks for any code
    to be run is refused before anything runs.

    Raises:
        WeightsError: the file is absent, damaged, asks for code, or holds no state dict.
    """
    if not path.is_file():
        raise WeightsError(f"There is no checkpoint '{path}': check the path.")
    content = _load(path)
    state = content.get("state_dict", content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not state:
        raise WeightsError(
            f"'{path}' holds no state dict: use a checkpoint that was saved with one."
        )
    for key, value in state.items():
        if not isinstance(key, str) or not _is_plain(value):
            raise WeightsError(
                f"'{path}' has something that is no plain tensor under '{key}': use a checkpoint "
                "in the released layout."
            )
    return state


def _is_plain(value: Any) -> bool:
    return (
        isinstance(value, Tensor)
        and value.layout == torch.strided
        and value.device.type == "cpu"
        and not value.is_quantized
        and not value.is_complex()
    )


def _load(path: Path) -> Any:
    # Only the zip format can be mapped; torch's older one is read into memory.
    mapped = zipfile.is_zipfile(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of oddities that it then refuses
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"'{path}' is refused: besides tensors it asks for code to be run, or it is damaged. "
            "Use a checkpoint from its authors' own page."
        ) from error
    except _DAMAGE as error:
        raise WeightsError(
            f"'{path}' is no readable torch checkpoint ({type(error).__name__}): get it again."
        ) from error
