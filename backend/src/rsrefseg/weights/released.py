"""Turns a checkpoint in the released layout into our weights: merges LoRA, maps every name."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from rsrefseg.errors import WeightsError
from rsrefseg.models.build import build_model
from rsrefseg.models.config import Preset
from rsrefseg.models.rsrefseg2 import RSRefSeg2
from rsrefseg.weights.checkpoint import read_checkpoint
from rsrefseg.weights.names import TWINS, UNUSED, NameMap

_LORA = re.compile(r"(.+)\.lora_([AB])\.[^.]+\.weight")


class ReleasedCheckpoint:
    """A released checkpoint, its tensors by plain name with LoRA merged when one is asked for.

    Args:
        state: the checkpoint's state dict.
        lora_alpha: numerator of the LoRA scale alpha / rank; the rank itself if None, as released.
    """

    def __init__(self, state: dict[str, Tensor], lora_alpha: float | None = None) -> None:
        self._keys: dict[str, str] = {}
        self._lora: dict[str, dict[str, str]] = {}
        self._state = state
        self._alpha = lora_alpha
        for key in state:
            plain = key.replace(".base_model.model.", ".").replace(".base_layer.", ".")
            low_rank = _LORA.fullmatch(plain)
            if low_rank:
                self._lora.setdefault(f"{low_rank[1]}.weight", {})[low_rank[2]] = key
            elif plain in self._keys:
                raise WeightsError(f"The checkpoint has '{self._keys[plain]}' and '{key}' as one.")
            else:
                self._keys[plain] = key

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of the tensor under a plain name."""
        return tuple(self._state[self._find(name)].shape)

    def tensor(self, name: str) -> Tensor:
        """The tensor under a plain name, LoRA merged, fp32 if it is a floating-point one."""
        key = self._find(name)
        value = self._state[key]
        if not value.is_floating_point():
            return value
        value = value.float()
        if name in self._lora:
            value = value + self._low_rank(name, tuple(value.shape))
        if not bool(torch.isfinite(value).all()):
            raise WeightsError(
                f"'{key}' in the checkpoint is not finite: the file is damaged, get it again."
            )
        return value

    def _find(self, name: str) -> str:
        if name not in self._keys:
            raise WeightsError(
                f"The checkpoint lacks '{name}': it does not fit this configuration; "
                "choose the preset or configuration that it was trained with."
            )
        return self._keys[name]

    def _low_rank(self, name: str, shape: tuple[int, ...]) -> Tensor:
        pair = self._lora[name]
        for part in "AB":
            if part not in pair:
                raise WeightsError(
                    f"The checkpoint lacks '{name.removesuffix('.weight')}.lora_{part}': "
                    "the LoRA of this layer is incomplete."
                )
        down, up = self._state[pair["A"]].float(), self._state[pair["B"]].float()
        rank = down.shape[0]
        # Linear: (O, r) @ (r, I). Convolution: (O, r, 1, 1) with (r, I, k, k).
        delta = up.flatten(1) @ down.flatten(1) if up.flatten(1).shape[1] == rank else None
        if delta is None or delta.numel() != torch.Size(shape).numel():
            raise WeightsError(f"The LoRA '{pair['A']}' does not fit the layer that it tunes.")
        return delta.view(shape) * ((self._alpha or rank) / rank)

    def leftovers(self, used: set[str]) -> list[str]:
        """Keys of the file that are neither in `used` (plain names) nor known to be unneeded."""
        free = (*UNUSED, *TWINS)
        left = [key for name, key in self._keys.items() if name not in used]
        tuned = [k for name, pair in self._lora.items() if name not in used for k in pair.values()]
        return sorted(
            key
            for key in (*left, *tuned)
            if not key.replace(".base_model.model.", ".").startswith(free)
        )

    def check_twins(self) -> None:
        """Weights that the layout stores twice must agree.

        Raises:
            WeightsError: two copies differ.
        """
        for twin, name in TWINS.items():
            if twin in self._keys and not torch.equal(
                self._state[self._keys[twin]], self._state[self._find(name)]
            ):
                raise WeightsError(
                    f"'{twin}' and '{name}' differ in the checkpoint: it is damaged."
                )


@dataclasses.dataclass(frozen=True)
class Conversion:
    """A checked plan: every weight of the model has its source, and no source is left over.

    Attributes:
        preset: the preset, with what only the checkpoint tells filled in.
        shapes: our names and the shapes that the model wants.
        make: gives one of our weights, fp32.
    """

    preset: Preset
    shapes: dict[str, tuple[int, ...]]
    make: Callable[[str], Tensor]

    def __iter__(self) -> Iterator[str]:
        return iter(self.shapes)


def plan_conversion(path: Path, preset: Preset) -> Conversion:
    """Opens a released checkpoint and checks it against a preset, name by name.

    Raises:
        WeightsError: a key is missing or left over, or a shape does not fit; the message names it.
    """
    alpha = preset.extra.get("lora_alpha")
    checkpoint = ReleasedCheckpoint(read_checkpoint(path), alpha)
    preset = _with_image_grid(preset, checkpoint)
    with torch.device("meta"):
        model = build_model(preset, random_init=False)
    names = NameMap(preset)
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    sources: dict[str, tuple[str, ...]] = {}
    for name in shapes:
        sources[name] = names.sources(name)
        if not sources[name]:
            raise WeightsError(
                f"No released checkpoint has the weight '{name}': this preset's options are not "
                "those of the released architecture."
            )
        for source in sources[name]:
            checkpoint.shape(source)
    left = checkpoint.leftovers({s for group in sources.values() for s in group})
    if left:
        raise WeightsError(
            f"The checkpoint has '{left[0]}' ({len(left)} such in all), for which this "
            "configuration has no place; choose the one that it was trained with."
        )
    checkpoint.check_twins()
    for name, shape in shapes.items():
        _check_shape(checkpoint, sources[name], shape)

    def make(name: str) -> Tensor:
        parts = [checkpoint.tensor(source) for source in sources[name]]
        value = parts[0] if len(parts) == 1 else torch.cat(parts)
        return fit_shape(sources[name][0], value, shapes[name])

    return Conversion(preset, shapes, make)


def load_released(path: Path, preset: Preset) -> RSRefSeg2:
    """Builds the model of a released checkpoint in memory, fp32, in evaluation mode."""
    plan = plan_conversion(path, preset)
    with torch.device("meta"):
        model = build_model(plan.preset, random_init=False)
    model.load_state_dict({name: plan.make(name) for name in plan}, assign=True)
    return model.eval()


def _with_image_grid(preset: Preset, checkpoint: ReleasedCheckpoint) -> Preset:
    """The prompter's position map may have another grid than the tokens: it is resized to them."""
    shape = checkpoint.shape("prompter.img_pe")
    if len(shape) != 4 or preset.prompter.image_grid or shape[2:] == preset.clip.grid:
        return preset
    prompter = dataclasses.replace(preset.prompter, image_grid=shape[2:])
    return dataclasses.replace(preset, prompter=prompter)


def _check_shape(
    checkpoint: ReleasedCheckpoint, sources: tuple[str, ...], shape: tuple[int, ...]
) -> None:
    found = checkpoint.shape(sources[0])
    if len(sources) > 1:
        found = (sum(checkpoint.shape(source)[0] for source in sources), *found[1:])
    probe = torch.empty(found, device="meta")
    if tuple(fit_shape(sources[0], probe, shape).shape) != shape:
        raise WeightsError(f"'{sources[0]}' cannot be fitted to {shape}.")


def fit_shape(source: str, value: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Gives a weight the model's shape: axes of length 1, and position tables of another grid.

    Raises:
        WeightsError: it does not fit; the message names it and both shapes.
    """
    if [n for n in value.shape if n != 1] == [n for n in shape if n != 1]:
        return value.reshape(shape)
    resized = _resize_positions(source, value, shape)
    if resized is None:
        raise WeightsError(
            f"'{source}' has the shape {tuple(value.shape)} in the checkpoint where this "
            f"configuration needs {shape}; choose the one that it was trained with."
        )
    return resized


def _resize_positions(source: str, value: Tensor, shape: tuple[int, ...]) -> Tensor | None:
    """Resizes a position table as the reference does at run time; None if it is no such table."""
    if source.endswith("embeddings.position_embedding.weight") and len(shape) == 3:
        side, new_side = round(value.shape[0] ** 0.5), round(shape[1] ** 0.5)
        if side * side != value.shape[0] or value.shape[1] != shape[2]:
            return None
        grid = value.T.reshape(1, -1, side, side)
        return _interpolate(grid, (new_side, new_side), "bicubic").flatten(2).transpose(1, 2)
    if source.endswith("vision_encoder.pos_embed") and value.ndim == 4:
        if value.shape[3] != shape[3]:
            return None
        grid = _interpolate(value.permute(0, 3, 1, 2), shape[1:3], "bicubic")
        return grid.permute(0, 2, 3, 1)
    if re.search(r"\.rel_pos_[hw]$", source) and value.shape[1:] == shape[1:]:
        return _interpolate(value.T[None], shape[:1], "linear")[0].T
    return None


def _interpolate(value: Tensor, size: tuple[int, ...], mode: str) -> Tensor:
    return functional.interpolate(value, size=size, mode=mode, align_corners=False)
