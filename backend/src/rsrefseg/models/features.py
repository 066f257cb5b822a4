"""What the model's three steps hand to each other, as dataclasses of tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import LongTensor, Tensor

if TYPE_CHECKING:
    from rsrefseg.models.spatial import Places


@dataclass(frozen=True)
class ImageFeatures:
    """An encoded batch of B images; independent of any phrase.

    Attributes:
        clip_tokens: (B, N, C) image tokens of the CLIP tower, row by row.
        clip_grid: rows and columns of those tokens.
        sam_embed: (B, D, h, w) SAM's image embedding.
        high_res: SAM 2's two finer maps beside SAM's tokens (see `mask_head.beside`),
            (B, h * w, 16, D / 8) and (B, h * w, 4, D / 4); empty for a SAM 1 without them.
        ground: (B, W, h, w) what spatial reasoning sees of each place, channels last; None for a
            prompter without it.
    """

    clip_tokens: Tensor
    clip_grid: tuple[int, int]
    sam_embed: Tensor
    high_res: tuple[Tensor, ...] = ()
    ground: Tensor | None = None

    def __len__(self) -> int:
        return self.clip_tokens.shape[0]

    def _tensors(self) -> tuple[Tensor, ...]:
        ground = () if self.ground is None else (self.ground,)
        return (self.clip_tokens, self.sam_embed, *self.high_res, *ground)

    def _with(self, tensors: list[Tensor]) -> ImageFeatures:
        finer = len(self.high_res)
        ground = None if self.ground is None else tensors[-1]
        return ImageFeatures(
            tensors[0], self.clip_grid, tensors[1], tuple(tensors[2 : 2 + finer]), ground
        )

    def select(self, i: int) -> ImageFeatures:
        """The features of image `i`, as a batch of one."""
        return self._with([t[i : i + 1] for t in self._tensors()])

    def expand(self, index: LongTensor | Tensor) -> ImageFeatures:
        """Repeats images for their phrases: row p is image `index[p]`.

        A single image is repeated without a copy.
        """
        if len(self) == 1:
            return self._with([t.expand(len(index), *t.shape[1:]) for t in self._tensors()])
        repeats, rest = divmod(len(index), len(self))
        if not rest and bool((index == _in_turn(len(self), repeats, index.device)).all()):
            # The same rows; the gradient is a sum instead of a scatter.
            return self._with([_repeat_rows(t, repeats) for t in self._tensors()])
        return self._with([t.index_select(0, index) for t in self._tensors()])

    def rows(self, index: Tensor) -> ImageFeatures:
        """Some of the rows."""
        return self._with([t.index_select(0, index) for t in self._tensors()])

    def to(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> ImageFeatures:
        """The features on another device or in another precision."""
        return self._with([t.to(device=device, dtype=dtype) for t in self._tensors()])

    @property
    def nbytes(self) -> int:
        """Memory that the features take, in bytes."""
        return sum(t.numel() * t.element_size() for t in self._tensors())


def _in_turn(count: int, repeats: int, device: torch.device) -> Tensor:
    return torch.arange(count, device=device).repeat_interleave(repeats)


def _repeat_rows(x: Tensor, repeats: int) -> Tensor:
    """(B, ...) -> (B * repeats, ...), each row `repeats` times in turn, its layout kept."""
    if x.ndim == 4 and not x.is_contiguous():  # channels last
        last = x.permute(0, 2, 3, 1)[:, None].expand(-1, repeats, -1, -1, -1)
        return last.flatten(0, 1).permute(0, 3, 1, 2)
    return x[:, None].expand(-1, repeats, *x.shape[1:]).flatten(0, 1)


@dataclass(frozen=True)
class TextFeatures:
    """P encoded phrases; padding never reaches a result.

    Attributes:
        tokens: (P, L, C) token states, zero at padding.
        pooled: (P, C) the phrase as one vector.
        mask: (P, L) bool, True at the phrase's own tokens.
    """

    tokens: Tensor
    pooled: Tensor
    mask: Tensor

    def __len__(self) -> int:
        return self.tokens.shape[0]

    def expand(self, index: LongTensor | Tensor) -> TextFeatures:
        """Picks and repeats phrases: row p is phrase `index[p]`."""
        return TextFeatures(
            self.tokens.index_select(0, index),
            self.pooled.index_select(0, index),
            self.mask.index_select(0, index),
        )

    def to(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> TextFeatures:
        """The features on another device or in another precision."""
        return TextFeatures(
            self.tokens.to(device=device, dtype=dtype),
            self.pooled.to(device=device, dtype=dtype),
            self.mask.to(device=device),
        )


@dataclass(frozen=True)
class AskOutput:
    """The answer to P phrases, before up-sampling.

    Attributes:
        low_res_logits: (P, 1, h, w) mask logits on the padded tile.
        iou: (P, 1) the decoder's own estimate of the mask's IoU.
        presence_logit: (P,) whether anything matches; None where the preset has no such head.
        dense_prompts: (P, 1, H, W) where the phrase and the image agree, as logits.
        dense_token_logits: (P, rows, columns) the same at the CLIP token grid.
        sparse_prompts: (P, num_prompts, D) prompt tokens for the mask decoder.
        text_queries1: (P, num_text_queries, C) first set of queries.
        text_queries2: (P, num_text_queries, C) second set of queries.
        refined_img_feat_map: (P, C, rows, columns) CLIP image tokens after the prompter.
        places: what the phrase names and chooses; None where the preset has no spatial reasoning.
    """

    low_res_logits: Tensor
    iou: Tensor
    presence_logit: Tensor | None
    dense_prompts: Tensor
    dense_token_logits: Tensor
    sparse_prompts: Tensor
    text_queries1: Tensor
    text_queries2: Tensor
    refined_img_feat_map: Tensor
    places: Places | None = None
