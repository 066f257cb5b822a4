"""Weights files: one safetensors file that carries its preset, metadata and tokenizer."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from rsrefseg.errors import ConfigError, WeightsError
from rsrefseg.models.build import build_model
from rsrefseg.models.config import Preset
from rsrefseg.models.rsrefseg2 import RSRefSeg2
from rsrefseg.models.subword import MissingTokenizer, tokenizer_beside
from rsrefseg.models.tokenizer import Tokenizer, tokenizer_from_json
from rsrefseg.weights.streaming import Entry, write_safetensors

FORMAT_VERSION = 1
BUNDLED_NAME = "rsrefseg2-tiny.safetensors"
# Few numbers that half precision would round to no good: fp32 whatever the rest is.
_FP32_IN_USE = ("positional_encoding_gaussian_matrix", "logit_scale", "logit_bias")
_FP32_ON_DISK = (*_FP32_IN_USE, "running_mean", "running_var")


@dataclass(frozen=True)
class ModelFile:
    """What a weights file says about itself.

    Attributes:
        name: the model's name, e.g. `rsrefseg2-tiny`.
        preset_name: name of the preset that it was built from.
        sha256: hash of the whole file.
        metadata: free-form facts: source, licence, training, source hash.
        path: the file.
    """

    name: str
    preset_name: str
    sha256: str
    metadata: dict[str, Any] = field(default_factory=dict)
    path: Path = Path()


def save_model(
    model: RSRefSeg2,
    path: Path | str,
    metadata: dict[str, Any] | None = None,
    dtype: torch.dtype = torch.float32,
) -> ModelFile:
    """Writes the model to one safetensors file; the file is complete or absent.

    Args:
        model: what to save.
        path: where to.
        metadata: JSON-able facts to carry along; `name` names the model.
        dtype: precision to store floating-point weights in.

    Raises:
        WeightsError: it cannot be written, or a weight does not fit the precision.
    """
    state = model.state_dict()
    entries = [
        stored_entry(name, value.shape, value.is_floating_point(), dtype, state.__getitem__)
        for name, value in state.items()
    ]
    tokenizer = model.tokenizer.to_json()
    return write_model(entries, Path(path), model.preset, metadata or {}, tokenizer)


def write_model(
    entries: list[Entry],
    path: Path,
    preset: Preset,
    metadata: dict[str, Any],
    tokenizer: dict[str, Any] | None,
) -> ModelFile:
    """Writes weights with the header that `load_model` reads; the file is complete or absent."""
    header = {
        "format": "rsrefseg",
        "format_version": str(FORMAT_VERSION),
        "preset": json.dumps(preset.to_json()),
        "metadata": json.dumps(metadata),
        "tokenizer": json.dumps(tokenizer),
    }
    write_safetensors(path, entries, header)
    name = str(metadata.get("name", preset.name))
    return ModelFile(name, preset.name, file_sha256(path), metadata, path)


def stored_entry(
    name: str,
    shape: torch.Size | tuple[int, ...],
    floating: bool,
    dtype: torch.dtype,
    get: Callable[[str], torch.Tensor],
) -> Entry:
    """How one weight is stored: half precision only where it does no harm.

    Args:
        name: the weight's name.
        shape: its shape.
        floating: whether it is a floating-point one.
        dtype: the precision asked for.
        get: gives the weight by its name.
    """
    wanted = (
        torch.int64 if not floating else torch.float32 if name.endswith(_FP32_ON_DISK) else dtype
    )

    def make() -> torch.Tensor:
        value = get(name).detach().cpu().to(wanted)
        if floating and not bool(torch.isfinite(value).all()):
            raise WeightsError(
                f"The weight '{name}' is not finite in {str(wanted).removeprefix('torch.')}: "
                "store the model in bf16 or fp32."
            )
        return value

    return Entry(name, tuple(shape), wanted, make)


def load_model(
    path: Path | str, device: torch.device | str = "cpu", dtype: torch.dtype | None = None
) -> tuple[RSRefSeg2, ModelFile]:
    """Reads a weights file and builds its model, in evaluation mode.

    Args:
        path: a file that `save_model` or `rsrefseg models import` wrote.
        device: where to put the weights.
        dtype: precision to run in; fp32 by default, whatever the file stores.

    Raises:
        WeightsError: the file is absent, damaged or not of this kind.
    """
    path = Path(path)
    preset, metadata, tokenizer = read_header(path)
    with torch.device("meta"):
        model = build_model(
            preset, tokenizer=_tokenizer(path, preset, tokenizer), random_init=False
        )
    wanted = dtype or torch.float32
    state = {}
    expected = model.state_dict()
    with _open(path) as file:
        _check_keys(path, set(file.keys()), set(expected))
        for key in file.keys():  # noqa: SIM118 - not a mapping
            value = file.get_tensor(key)
            if value.shape != expected[key].shape:
                raise WeightsError(
                    f"'{path}' has '{key}' in the shape {tuple(value.shape)} where its preset "
                    f"needs {tuple(expected[key].shape)}: the file is damaged, get it again."
                )
            if value.is_floating_point():
                value = value.to(torch.float32 if key.endswith(_FP32_IN_USE) else wanted)
            state[key] = value.to(device)
    model.load_state_dict(state, assign=True)
    name = str(metadata.get("name", preset.name))
    return model.eval(), ModelFile(name, preset.name, file_sha256(path), metadata, path)


def _tokenizer(path: Path, preset: Preset, record: dict[str, Any] | None) -> Tokenizer:
    if record is not None:
        return tokenizer_from_json(record)
    clip = preset.clip
    beside = tokenizer_beside(path, clip.vocab_size, clip.context_length)
    return beside or MissingTokenizer(clip.context_length, path)


def read_header(path: Path) -> tuple[Preset, dict[str, Any], dict[str, Any] | None]:
    """The preset, metadata and tokenizer record of a weights file, without its tensors.

    Raises:
        WeightsError: the file is absent, damaged or not of this kind.
    """
    with _open(path) as file:
        header = file.metadata() or {}
    if header.get("format") != "rsrefseg":
        raise WeightsError(
            f"'{path}' is no rsrefseg weights file: bring a released checkpoint in with "
            "`rsrefseg models import`."
        )
    if header.get("format_version") != str(FORMAT_VERSION):
        raise WeightsError(f"'{path}' was written by a newer rsrefseg: update this one.")
    try:
        preset = Preset.from_json(json.loads(header["preset"]))
        metadata = json.loads(header["metadata"])
        tokenizer = json.loads(header["tokenizer"])
    except (KeyError, json.JSONDecodeError, ConfigError) as error:
        raise WeightsError(f"The header of '{path}' is damaged ({error}): get it again.") from error
    return preset, metadata, tokenizer


def _open(path: Path) -> Any:
    if not path.is_file():
        raise WeightsError(f"There is no weights file '{path}': check the path.")
    try:
        return safe_open(str(path), framework="pt")
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"'{path}' is not a readable safetensors file ({error}): get it again."
        ) from error


def _check_keys(path: Path, found: set[str], expected: set[str]) -> None:
    for keys, what in ((expected - found, "lacks"), (found - expected, "has the unknown")):
        if keys:
            raise WeightsError(
                f"'{path}' {what} weights '{min(keys)}' ({len(keys)} in all) for its preset: "
                "the file does not fit this version."
            )


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def bundled_weights() -> Path:
    """The weights file to use when none is named.

    `RSREFSEG_WEIGHTS` if set, else the bundled tiny model (in the source tree's `resources/weights`
    or in the installed package).

    Raises:
        WeightsError: none is there.
    """
    chosen = os.environ.get("RSREFSEG_WEIGHTS")
    if chosen:
        if not Path(chosen).is_file():
            raise WeightsError(
                f"RSREFSEG_WEIGHTS names '{chosen}', which is no file: correct or unset it."
            )
        return Path(chosen)
    package = Path(__file__).resolve().parents[1]
    places = [package / "resources" / "weights" / BUNDLED_NAME]
    places += [p / "resources" / "weights" / BUNDLED_NAME for p in package.parents[:3]]
    for place in places:
        if place.is_file():
            return place
    raise WeightsError(
        "The bundled weights are not installed: name a weights file, or set RSREFSEG_WEIGHTS."
    )
