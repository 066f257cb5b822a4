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

    Images and coverage are bytes, a quarter of what they weigh as numbers, until they are `ready`:
    they come from other processes.

    Attributes:
        images: B x 3 x S x S.
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

    def ready(self, device: torch.device) -> Batch:
        """The same on a device, its bytes as fp32 of 0..1."""

        def placed(values: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            there = {name: value.to(device) for name, value in values.items()}
            return {n: v.float() / 255 if v.dtype == torch.uint8 else v for n, v in there.items()}

        own = {name: value for name, value in vars(self).items() if name != "targets"}
        return Batch(**placed(own), targets=Targets(**placed(vars(self.targets))))


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
    labels = torch.zeros(len(samples), len(LABELS), grids.sam, grids.sam, dtype=torch.uint8)
    for row, sample in zip(labels, samples, strict=True):
        if sample.labels is not None:
            row.copy_(torch.from_numpy(_levels(sample.labels)))
    labelled = torch.tensor([float(s.labels is not None) for s in samples])
    return Batch(images.contiguous(), labels, labelled, token_ids, lengths, targets)


def _things(question: Question, side: int) -> NDArray[np.uint8]:
    if question.things is None:
        return np.zeros((THINGS, side, side), np.uint8)
    return _levels(question.things)


def _coverage(mask: NDArray[np.bool_], side: int) -> NDArray[np.uint8]:
    """How far the mask covers each cell of a side x side grid, in levels."""
    levels = mask.astype(np.uint8) * 255
    return np.asarray(cv2.resize(levels, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def _levels(coverage: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Coverage of 0..1 as 0..255."""
    return np.rint(coverage * 255).astype(np.uint8)
