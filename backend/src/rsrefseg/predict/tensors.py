"""Between arrays and the model's tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

from rsrefseg.errors import InputError
from rsrefseg.models.features import AskOutput, ImageFeatures, TextFeatures
from rsrefseg.models.tokenizer import Tokenizer, WordTokenizer
from rsrefseg.predict.phrases import names_nothing
from rsrefseg.predict.types import EncodedImage, PhraseAnswer, Prompts

Item = TypeVar("Item")


@dataclass(frozen=True)
class Answer:
    """What the polygons and heat-maps of P phrases are made of; see `AskOutput`.

    Attributes:
        low_res_logits: (P, 1, h, w) mask logits on the padded tile.
        dense_token_logits: (P, rows, columns).
        presence_logit: (P,), or None where the preset has no such head.
    """

    low_res_logits: Tensor
    dense_token_logits: Tensor
    presence_logit: Tensor | None

    @classmethod
    def of(cls, out: AskOutput) -> Answer:
        """What is needed of a model's output."""
        return cls(out.low_res_logits, out.dense_token_logits, out.presence_logit)


def fit_into_tile(shape: tuple[int, int], tile_px: int) -> tuple[int, int]:
    """Height and width of an image whose long side fills the tile."""
    scale = tile_px / max(shape)
    height, width = (min(tile_px, max(1, round(side * scale))) for side in shape)
    return height, width


def padded_tile(
    image: NDArray[np.uint8], content: tuple[int, int], side: int, device: torch.device
) -> Tensor:
    """An image as the padded tile that the model reads: 3 x S x S, 0 to 1.

    Raises:
        InputError: it would not fit.
    """
    if max(content) > side or min(content) < 1:
        raise InputError(f"The image must take up 1 to {side} pixels of the tile.")
    plain = np.ascontiguousarray(image)
    cpu = torch.from_numpy(plain if plain.flags.writeable else plain.copy())
    if device.type == "cuda":
        cpu = cpu.pin_memory()
    pixels = cpu.to(device, non_blocking=True).permute(2, 0, 1)[None].float()
    if content != tuple(image.shape[:2]):
        pixels = F.interpolate(
            pixels, content, mode="bilinear", align_corners=False, antialias=True
        )
    padded = F.pad(pixels / 255.0, (0, side - content[1], 0, side - content[0]))
    return padded[0]


def prompt_tensors(
    encoded: EncodedImage, prompts: Prompts | None, count: int, side: int, device: torch.device
) -> dict[str, Tensor]:
    """Prompts in the padded tile's own coordinates (0 to 1), once for each of `count` phrases."""
    if prompts is None:
        return {}
    share = (encoded.content_px[1] / side, encoded.content_px[0] / side)
    tensors: dict[str, Tensor] = {}
    if len(prompts.points):
        scale = torch.tensor(share, device=device)
        points = torch.from_numpy(prompts.points).to(device) * scale
        labels = torch.from_numpy(prompts.labels).to(device)
        tensors["points"] = points.expand(count, -1, -1)
        tensors["point_labels"] = labels.expand(count, -1)
    if prompts.box is not None:
        box = torch.tensor(prompts.box, device=device) * torch.tensor(share * 2, device=device)
        tensors["boxes"] = box.expand(count, -1)
    return tensors


def stack_text(features: Sequence[TextFeatures]) -> TextFeatures:
    """One batch of several phrases, padded with zeros to the longest."""
    length = max(one.tokens.shape[1] for one in features)
    return TextFeatures(
        torch.cat([F.pad(f.tokens, (0, 0, 0, length - f.tokens.shape[1])) for f in features]),
        torch.cat([f.pooled for f in features]),
        torch.cat([F.pad(f.mask, (0, length - f.mask.shape[1])) for f in features]),
    )


def join_features(parts: Sequence[ImageFeatures]) -> ImageFeatures:
    """One batch of several."""
    if len(parts) == 1:
        return parts[0]
    grounds = [part.ground for part in parts if part.ground is not None]
    return ImageFeatures(
        torch.cat([part.clip_tokens for part in parts]),
        parts[0].clip_grid,
        torch.cat([part.sam_embed for part in parts]),
        tuple(torch.cat(maps) for maps in zip(*(part.high_res for part in parts), strict=True)),
        torch.cat(grounds) if grounds else None,
    )


def parts_of(items: Sequence[Item], size: int) -> list[Sequence[Item]]:
    """A sequence in parts of at most a size."""
    return [items[first : first + size] for first in range(0, len(items), size)]


def heats_of(
    logits: Tensor, encoded: EncodedImage, side: int
) -> tuple[NDArray[np.float32], tuple[float, float]]:
    """Where the model looked, without the tile's padding.

    Args:
        logits: (P, rows, columns) over the whole tile.
        encoded: the image in it.
        side: the tile's, in pixels.

    Returns:
        P x h x w, 0 to 1, and the height and width of a cell in pixels of the image.
    """
    heats = to_numpy(logits.float().sigmoid())
    per_cell = tuple(side / count for count in heats.shape[1:])
    rows, columns = (
        max(1, math.ceil(px / cell)) for px, cell in zip(encoded.content_px, per_cell, strict=True)
    )
    height, width = (
        cell * whole / px
        for cell, whole, px in zip(per_cell, encoded.shape, encoded.content_px, strict=True)
    )
    return heats[:, :rows, :columns], (height, width)


def phrase_answers(
    phrases: Sequence[str],
    tokenizer: Tokenizer,
    answer: Answer,
    logits: Tensor,
    encoded: EncodedImage,
    side: int,
) -> list[PhraseAnswer]:
    """The answers to P phrases.

    Args:
        phrases: P of them.
        tokenizer: the model's; of what it does not know nothing is there.
        answer: the model's.
        logits: (P, 1, H, W) its masks, brought to the image's pixels; overwritten.
        encoded: the image; where it shows nothing, nothing is found.
        side: the tile's, in pixels.
    """
    probabilities = to_numpy(logits[:, 0].sigmoid_())
    if encoded.valid is not None:
        probabilities[:, ~encoded.valid] = 0
    heats, cell_px = heats_of(answer.dense_token_logits, encoded, side)
    presence: list[float | None] = [None] * len(phrases)
    if answer.presence_logit is not None:
        presence = list(answer.presence_logit.float().sigmoid().flatten().tolist())
    if answer.presence_logit is not None and isinstance(tokenizer, WordTokenizer):
        strange = (names_nothing(phrase, tokenizer.words) for phrase in phrases)
        presence = [0.0 if s else p for s, p in zip(strange, presence, strict=True)]
    return [
        PhraseAnswer(
            phrase=phrase,
            probability=probability,
            heat=heat,
            presence=there,
            unknown_words=tuple(tokenizer.unknown_words(phrase)),
            heat_px=cell_px,
        )
        for phrase, probability, heat, there in zip(
            phrases, probabilities, heats, presence, strict=True
        )
    ]


def to_numpy(values: Tensor) -> NDArray[np.float32]:
    """Values as a float32 array."""
    array: NDArray[np.float32] = values.to("cpu", torch.float32).numpy()
    return array
