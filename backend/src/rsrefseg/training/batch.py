"""Images and the questions asked of them, as tensors."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from rsrefseg.models.tokenizer import Tokenizer
from rsrefseg.training.losses import Targets


@dataclass
class Question:
    """One phrase about one image; masks are bool H x W."""

    phrase: str
    mask: NDArray[np.bool_]
    likes: NDArray[np.bool_]


@dataclass
class Batch:
    """One step's input.

    Attributes:
        images: B x 3 x S x S uint8.
        token_ids: P x L.
        lengths: P.
        targets: see `Targets`.
    """

    images: torch.Tensor
    token_ids: torch.Tensor
    lengths: torch.Tensor
    targets: Targets


@dataclass(frozen=True)
class Grids:
    """Sides of the model's grids: the tile in pixels, the mask and the image tokens."""

    tile_px: int
    mask: int
    tokens: int


def collate(
    images: list[NDArray[np.uint8]],
    asked: list[list[Question]],
    tokenizer: Tokenizer,
    grids: Grids,
) -> Batch:
    """Puts images and their questions into tensors."""
    flat = [q for questions in asked for q in questions]
    index = [i for i, questions in enumerate(asked) for _ in questions]
    token_ids, lengths = tokenizer.batch([q.phrase for q in flat])
    mask = np.stack([_coverage(q.mask, grids.mask) for q in flat])
    targets = Targets(
        mask=torch.from_numpy(mask),
        tokens=torch.from_numpy(np.stack([_coverage(q.mask, grids.tokens) for q in flat])),
        likes=torch.from_numpy(np.stack([_coverage(q.likes, grids.tokens) for q in flat])),
        present=torch.tensor([float(q.mask.any()) for q in flat]),
        image_index=torch.tensor(index),
    )
    stacked = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()
    return Batch(stacked, token_ids, lengths, targets)


def _coverage(mask: NDArray[np.bool_], side: int) -> NDArray[np.float32]:
    """Share of each cell of a side x side grid that the mask covers."""
    resized = cv2.resize(mask.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(resized, dtype=np.float32)
