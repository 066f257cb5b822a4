"""Resumable training checkpoints: one file, replaced atomically."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from rsrefseg.errors import WeightsError


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Writes beside the final name and renames, so that a kill leaves the old or the new file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    torch.save(state, part)
    os.replace(part, path)  # noqa: PTH105  Path.replace is the same call; this one says atomic


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Reads a checkpoint; tensors and plain values only.

    Raises:
        WeightsError: when the file is not a checkpoint of ours.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise WeightsError(
            f"The training checkpoint {path} cannot be read ({type(error).__name__}); "
            "remove it to start the run again."
        ) from error
    if not isinstance(state, dict) or "step" not in state:
        raise WeightsError(f"{path} is not a training checkpoint; give another --out folder.")
    return state
