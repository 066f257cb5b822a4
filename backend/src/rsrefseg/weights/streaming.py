"""Writes a safetensors file one tensor at a time, so that memory does not grow with the model.

The format (https://huggingface.co/docs/safetensors): 8 bytes with the header's length, the header
as JSON, then the tensors' bytes in the header's order.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import torch

from rsrefseg.errors import WeightsError

_NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
_ALIGNMENT = 8


@dataclass(frozen=True)
class Entry:
    """One tensor to write: its name, shape, dtype, and how to get it when its turn comes."""

    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype
    make: Callable[[], torch.Tensor]

    @property
    def nbytes(self) -> int:
        """Bytes that the tensor takes in the file."""
        return int(torch.Size(self.shape).numel()) * self.dtype.itemsize


def write_safetensors(path: Path, entries: Iterable[Entry], header: dict[str, str]) -> None:
    """Writes the file; it is complete or absent.

    Args:
        path: where to.
        entries: the tensors; each `make` is called once, in turn, and its result dropped.
        header: free-form texts for the header.

    Raises:
        WeightsError: it cannot be written there.
    """
    ordered = sorted(entries, key=lambda e: (-e.dtype.itemsize, e.name))
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("wb") as file:
                _write(file, ordered, header)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise WeightsError(
            f"The weights cannot be written to '{path}': {error.strerror or error}; choose "
            "another place or free some space."
        ) from error


def _write(file: BinaryIO, entries: list[Entry], header: dict[str, str]) -> None:
    table: dict[str, object] = {"__metadata__": header}
    offset = 0
    for entry in entries:
        end = offset + entry.nbytes
        table[entry.name] = {
            "dtype": _NAMES[entry.dtype],
            "shape": list(entry.shape),
            "data_offsets": [offset, end],
        }
        offset = end
    text = json.dumps(table, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    file.write(len(text).to_bytes(8, "little"))
    file.write(text)
    for entry in entries:
        _write_tensor(file, entry)


def _write_tensor(file: BinaryIO, entry: Entry) -> None:
    tensor = entry.make()
    if tuple(tensor.shape) != entry.shape or tensor.dtype != entry.dtype:
        raise ValueError(f"{entry.name} is not as announced")
    file.write(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
