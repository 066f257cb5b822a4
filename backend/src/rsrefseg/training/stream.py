"""The stream of batches: every batch is a function of the configuration and its step number.

So a resumed run sees exactly what an unbroken one would have seen, and several processes share
the work by taking different images of the same step.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, Sampler

from rsrefseg.models.tokenizer import Tokenizer
from rsrefseg.scenes import generate
from rsrefseg.training.batch import Batch, Grids, Question, collate
from rsrefseg.training.config import VALIDATION_SEED, TrainConfig
from rsrefseg.training.real import RealImages


class Steps(Sampler[int]):
    """The step numbers from `first` on."""

    def __init__(self, first: int, end: int) -> None:
        self.first, self.end = first, end

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.first, self.end))

    def __len__(self) -> int:
        return max(0, self.end - self.first)


class BatchStream(Dataset[Batch]):
    """Renders and loads the images of a step; item `s` is the batch of step `s`."""

    def __init__(
        self,
        config: TrainConfig,
        tokenizer: Tokenizer,
        grids: Grids,
        *,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.config, self.tokenizer, self.grids = config, tokenizer, grids
        self.rank, self.world = rank, world
        self.real = RealImages(config.real_cases, grids.tile_px) if config.real_share else None

    def __len__(self) -> int:
        return self.config.steps

    def __getitem__(self, step: int) -> Batch:
        cv2.setNumThreads(1)
        images, asked = [], []
        for i in range(self.config.images_per_step):
            number = (step * self.world + self.rank) * self.config.images_per_step + i
            image, questions = self._one(step, number)
            images.append(image)
            asked.append(questions)
        return collate(images, asked, self.tokenizer, self.grids)

    def _one(self, step: int, number: int) -> tuple[NDArray[np.uint8], list[Question]]:
        config = self.config
        rng = np.random.default_rng([config.seed, number])
        if self.real is not None and rng.random() < config.real_share:
            return self.real.draw(rng, config.phrases_per_image)
        if config.repeat_scenes is not None:
            number %= config.repeat_scenes
        scene = generate(
            (config.scene_seed + number) % VALIDATION_SEED,
            size_px=self.grids.tile_px,
            phrases=config.phrases_per_image,
            kind_weights=config.kind_weights(step),
        )
        questions = [Question(c.phrase, c.mask, c.class_mask & ~c.mask) for c in scene.cases]
        return scene.image, questions


def batches(stream: BatchStream, first_step: int) -> Iterator[Batch]:
    """The batches from `first_step` to the end of the run, prepared ahead by worker processes."""
    workers = stream.config.loader_workers
    loader = DataLoader(
        stream,
        batch_size=None,
        sampler=Steps(first_step, stream.config.steps),
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        multiprocessing_context="spawn" if workers else None,
    )
    return iter(loader)
