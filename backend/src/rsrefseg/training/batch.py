"""Images and the questions asked of them, as tensors."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from rsrefseg.models.tokenizer import Tokenizer
from rsrefseg.training.losses import Targets
from rsrefseg.training.surfaces import LABELS

THINGS = 3
"""Things that a phrase names: what it chooses among, and two that it chooses by."""


@dataclass
class Question:
    """One phrase about one image.

    Attributes:
        phrase: the phrase.
        mask: bool H x W, the target.
        likes: bool H x W, others of its class.
        things: THINGS x s x s, coverage of SAM's grid by each thing that it names, or None.
    """

    phrase: str
    mask: NDArray[np.bool_]
    likes: NDArray[np.bool_]
    things: NDArray[np.float32] | None = None


@dataclass
class Sample:
    """One image with its questions.

    Attributes:
        image: S x S x 3.
        questions: what is asked of it.
        labels: L x s x s, what its places show (see `label_coverage`), or None if unknown.
    """

    image: NDArray[np.uint8]
    questions: list[Question]
    labels: NDArray[np.float32] | None = None


@dataclass
class Batch:
    """One step's input.

    Attributes:
        images: B x 3 x S x S uint8.
        labels: B x L x s x s, coverage of SAM's grid by each label; 0 where unknown.
        labelled: B, 1 where the labels are known.
        token_ids: P x L.
        lengths: P.
        targets: see `Targets`.
    """

    images: torch.Tensor
    labels: torch.Tensor
    labelled: torch.Tensor
    token_ids: torch.Tensor
    lengths: torch.Tensor
    targets: Targets


@dataclass(frozen=True)
class Grids:
    """Sides of the model's grids: the tile in pixels, the mask, CLIP's and SAM's image tokens."""

    tile_px: int
    mask: int
    tokens: int
    sam: int


def collate(samples: list[Sample], tokenizer: Tokenizer, grids: Grids) -> Batch:
    """Puts images and their questions into tensors."""
    flat = [q for sample in samples for q in sample.questions]
    index = [i for i, sample in enumerate(samples) for _ in sample.questions]
    token_ids, lengths = tokenizer.batch([q.phrase for q in flat])
    mask = np.stack([_coverage(q.mask, grids.mask) for q in flat])
    targets = Targets(
        mask=torch.from_numpy(mask),
        tokens=torch.from_numpy(np.stack([_coverage(q.mask, grids.tokens) for q in flat])),
        likes=torch.from_numpy(np.stack([_coverage(q.likes, grids.tokens) for q in flat])),
        fine=torch.from_numpy(np.stack([_coverage(q.mask, grids.sam) for q in flat])),
        fine_likes=torch.from_numpy(np.stack([_coverage(q.likes, grids.sam) for q in flat])),
        things=torch.from_numpy(np.stack([_things(q, grids.sam) for q in flat])),
        things_known=torch.tensor([float(q.things is not None) for q in flat]),
        present=torch.tensor([float(q.mask.any()) for q in flat]),
        image_index=torch.tensor(index),
    )
    images = torch.from_numpy(np.stack([s.image for s in samples])).permute(0, 3, 1, 2)
    labels = torch.zeros(len(samples), len(LABELS), grids.sam, grids.sam)
    for row, sample in zip(labels, samples, strict=True):
        if sample.labels is not None:
            row.copy_(torch.from_numpy(sample.labels))
    labelled = torch.tensor([float(s.labels is not None) for s in samples])
    return Batch(images.contiguous(), labels, labelled, token_ids, lengths, targets)


def _things(question: Question, side: int) -> NDArray[np.float32]:
    if question.things is None:
        return np.zeros((THINGS, side, side), np.float32)
    return question.things


def _coverage(mask: NDArray[np.bool_], side: int) -> NDArray[np.float32]:
    """Share of each cell of a side x side grid that the mask covers."""
    resized = cv2.resize(mask.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(resized, dtype=np.float32)
