"""Turns a checkpoint in the released layout into our weights: merges LoRA, maps every name."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from rsrefseg.errors import ConfigError, WeightsError
from rsrefseg.models.build import build_model
from rsrefseg.models.config import Preset
from rsrefseg.models.rsrefseg2 import RSRefSeg2
from rsrefseg.weights.checkpoint import read_checkpoint
from rsrefseg.weights.names import WRAPPED, NameMap, is_unused

# Far above any LoRA; a forged one must not ask for endless memory.
_MAX_RANK = 4096
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
                pair = self._lora.setdefault(f"{low_rank[1]}.weight", {})
                if low_rank[2] in pair:
                    raise WeightsError(
                        f"The checkpoint tunes one layer twice, by '{pair[low_rank[2]]}' and "
                        f"'{key}': use one with a single adapter."
                    )
                pair[low_rank[2]] = key
            elif plain in self._keys:
                raise WeightsError(
                    f"The checkpoint has both '{self._keys[plain]}' and '{key}': it is damaged."
                )
            else:
                self._keys[plain] = key
        self._check_pairs()

    def _check_pairs(self) -> None:
        """A tuned layer has its base and both halves of its LoRA."""
        tuned = {name for name, key in self._keys.items() if key.endswith(".base_layer.weight")}
        for name in sorted(tuned | set(self._lora)):
            pair = self._lora.get(name, {})
            base = self._keys.get(name)
            if base is None:
                raise _lacks(re.sub(r"\.lora_[AB]\.[^.]+\.", ".base_layer.", min(pair.values())))
            for half, other in ("AB", "BA"):
                if half in pair:
                    continue
                stem = base.removesuffix(".base_layer.weight").removesuffix(".weight")
                default = f"{stem}.lora_{half}.default.weight"
                there = pair.get(other, default)
                raise _lacks(there.replace(f".lora_{other}.", f".lora_{half}."))

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
            raise _lacks(self._in_layout(name))
        return self._keys[name]

    def _in_layout(self, name: str) -> str:
        """A missing weight's name as this checkpoint would spell it."""
        layer, _, last = name.rpartition(".")
        if f"{layer}.weight" in self._lora:
            name = f"{layer}.base_layer.{last}"
        for module in WRAPPED:
            wrapped = f"{module}.base_model.model."
            if name.startswith(f"{module}.") and any(k.startswith(wrapped) for k in self._state):
                return wrapped + name.removeprefix(f"{module}.")
        return name

    def _low_rank(self, name: str, shape: tuple[int, ...]) -> Tensor:
        """The change that LoRA makes to a weight.

        Linear: (O, r) @ (r, I). Convolution: (O, r, 1, 1) with (r, I, k, k).
        """
        down, up = (self._state[self._lora[name][half]] for half in "AB")
        rank = down.shape[0]
        inputs = torch.Size(shape[1:]).numel()
        fits = down.numel() == rank * inputs and up.numel() == shape[0] * rank
        if not fits or not 0 < rank <= _MAX_RANK:
            raise WeightsError(
                f"'{self._lora[name]['A']}' in the checkpoint does not fit the layer that it tunes."
            )
        delta = up.float().reshape(shape[0], rank) @ down.float().reshape(rank, inputs)
        return delta.view(shape) * ((self._alpha or rank) / rank)

    def leftovers(self, used: set[str]) -> list[str]:
        """Keys of the file that are neither in `used` (plain names) nor known to be unneeded."""
        left = [key for name, key in self._keys.items() if name not in used and not is_unused(name)]
        for name, pair in self._lora.items():
            if name not in used and not is_unused(name):
                left += pair.values()
        return sorted(left)

    def check_twins(self, names: tuple[str, ...]) -> None:
        """Weights that the layout stores more than once must be there and agree.

        Raises:
            WeightsError: one is missing, or two differ.
        """
        keys = [self._find(name) for name in names]
        for key in keys[1:]:
            if not torch.equal(self._state[keys[0]], self._state[key]):
                raise WeightsError(
                    f"'{keys[0]}' and '{key}' differ in the checkpoint: it is damaged."
                )


def _lacks(key: str) -> WeightsError:
    return WeightsError(
        f"The checkpoint lacks '{key}': it does not fit this configuration; choose the preset or "
        "configuration that it was trained with."
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
    checkpoint = ReleasedCheckpoint(read_checkpoint(path), _lora_alpha(preset))
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
    used = {source for group in sources.values() for source in group}
    left = checkpoint.leftovers(used | set(names.twins))
    if left:
        raise WeightsError(
            f"The checkpoint has '{left[0]}' ({len(left)} such in all), for which this "
            "configuration has no place; choose the one that it was trained with."
        )
    checkpoint.check_twins(names.twins)
    for name, shape in shapes.items():
        _check_shape(checkpoint, sources[name], shape)

    def make(name: str) -> Tensor:
        parts = [checkpoint.tensor(source) for source in sources[name]]
        value = parts[0] if len(parts) == 1 else torch.cat(parts)
        return fit_shape(sources[name][0], value, shapes[name])

    return Conversion(preset, shapes, make)


def _lora_alpha(preset: Preset) -> float | None:
    """What a configuration says beside its settings, for checkpoints tuned unlike the released."""
    alpha = preset.extra.get("lora_alpha")
    if alpha is None:
        return None
    if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not alpha > 0:
        raise ConfigError("'lora_alpha' must be a number greater than 0.")
    return float(alpha)


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
