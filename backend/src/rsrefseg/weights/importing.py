"""Brings a released checkpoint in: one safetensors file with everything that it needs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Literal

import torch

from rsrefseg._version import __version__
from rsrefseg.errors import WeightsError
from rsrefseg.models.config import Preset
from rsrefseg.models.subword import FileTokenizer
from rsrefseg.weights.files import ModelFile, file_sha256, stored_entry, write_model
from rsrefseg.weights.released import plan_conversion

Precision = Literal["fp32", "bf16", "fp16"]
DTYPES: dict[str, torch.dtype] = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}


def import_checkpoint(
    checkpoint: Path,
    preset: Preset,
    out: Path,
    precision: Precision = "fp32",
    tokenizer: Path | None = None,
    name: str | None = None,
) -> ModelFile:
    """Converts a checkpoint in the released layout, one weight at a time.

    Args:
        checkpoint: the `.pth` file.
        preset: what it was trained with.
        out: the safetensors file to write; complete or absent.
        precision: of the stored weights.
        tokenizer: the text tower's `tokenizer.json` or `tokenizer.model`; it is copied beside
            `out`, where `load_model` looks for it.
        name: what to call the model; the checkpoint's own name if not given.

    Raises:
        WeightsError: something does not fit; the message names it, and nothing is written.
    """
    if out.suffix != ".safetensors":
        raise WeightsError(f"The output '{out}' must end in .safetensors: rename it.")
    if out.exists() and checkpoint.exists() and out.samefile(checkpoint):
        raise WeightsError("The output would overwrite the checkpoint: choose another name.")
    if precision not in DTYPES:
        raise WeightsError(f"The precision '{precision}' is none of {', '.join(DTYPES)}.")
    if tokenizer is not None:  # checked before the long work
        FileTokenizer.from_file(tokenizer, preset.clip.vocab_size, preset.clip.context_length)
    plan = plan_conversion(checkpoint, preset)
    entries = [
        stored_entry(
            key,
            plan.shapes[key],
            not key.endswith("num_batches_tracked"),
            DTYPES[precision],
            plan.make,
        )
        for key in plan
    ]
    metadata = {
        "name": name or checkpoint.stem,
        "source_file": checkpoint.name,
        "source_sha256": file_sha256(checkpoint),
        "licence": plan.preset.licence or "unknown: ask the checkpoint's authors",
        "source": plan.preset.source,
        "precision": precision,
        "imported_with": f"rsrefseg {__version__}",
    }
    written = write_model(entries, out, plan.preset, metadata, None)
    if tokenizer is not None:
        _copy_tokenizer(tokenizer, out)
    return written


def _copy_tokenizer(tokenizer: Path, out: Path) -> None:
    target = out.with_suffix(f".tokenizer{tokenizer.suffix}")
    try:
        if not (target.exists() and target.samefile(tokenizer)):
            shutil.copyfile(tokenizer, target)
    except OSError as error:
        raise WeightsError(
            f"The tokenizer cannot be copied to '{target}' ({error.strerror}): copy it there."
        ) from error
