"""The stream of batches: every batch is a function of the configuration and its step number.

So a resumed run sees exactly what an unbroken one would have seen, and several processes share
the work by taking different images of the same step.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from multiprocessing.context import BaseContext

import cv2
import numpy as np
from torch.utils.data import DataLoader, Dataset, Sampler

from rsrefseg.errors import ConfigError
from rsrefseg.models.tokenizer import Tokenizer
from rsrefseg.scenes import Case, generate
from rsrefseg.training.batch import THINGS, Batch, Grids, Question, Sample, collate
from rsrefseg.training.config import VALIDATION_SEED, TrainConfig
from rsrefseg.training.real import RealImages
from rsrefseg.training.surfaces import group_coverage, label_coverage

# Phrases of an image in the steps that train the encoders alone.
_ENCODER_PHRASES = 4


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
        self.sides = config.scene_px or (grids.tile_px,)
        if any(side < 1 or side % grids.sam for side in self.sides):
            raise ConfigError(f"Each of scene_px must be a multiple of {grids.sam}, SAM's grid.")
        self.real = RealImages(config.real_cases, grids.tile_px) if config.real_share else None

    def __len__(self) -> int:
        return self.config.steps

    def __getitem__(self, step: int) -> Batch:
        cv2.setNumThreads(1)
        config = self.config
        of_step = config.images_at(step)
        most = max(config.images_per_step, config.encoder_images)
        first = (step * self.world + self.rank) * most
        samples = [self._one(step, first + i) for i in range(of_step)]
        return collate(samples, self.tokenizer, self.grids)

    def _one(self, step: int, number: int) -> Sample:
        config = self.config
        phrases = (
            min(config.phrases_per_image, _ENCODER_PHRASES)
            if config.encodes_only(step)
            else config.phrases_per_image
        )
        rng = np.random.default_rng([config.seed, number])
        if self.real is not None and rng.random() < config.real_share:
            return Sample(*self.real.draw(rng, phrases, self.grids.sam))
        if config.repeat_scenes is not None:
            number %= config.repeat_scenes
        scene = generate(
            (config.scene_seed + number) % VALIDATION_SEED,
            size_px=self.sides[rng.integers(len(self.sides))],
            phrases=phrases,
            kind_weights=config.kind_weights(step),
        )
        groups = [g for c in scene.cases for g in _named(c)]
        things = group_coverage(scene.view, groups, self.grids.sam)
        questions = [
            Question(c.phrase, c.mask, c.class_mask & ~c.mask, things[i : i + THINGS])
            for i, c in zip(range(0, len(things), THINGS), scene.cases, strict=True)
        ]
        tile = (self.grids.tile_px, self.grids.tile_px)
        image = cv2.resize(scene.image, tile, interpolation=cv2.INTER_LINEAR)
        labels = label_coverage(scene.view, self.grids.sam)
        return Sample(np.asarray(image, np.uint8), questions, labels)


def _named(case: Case) -> list[tuple[int, ...]]:
    """The entities of each thing that a phrase names; nothing for those that it does not."""
    anchors = [*case.anchor_ids, (), ()]
    return [case.among_ids, *anchors[: THINGS - 1]]


def batches(stream: BatchStream, first_step: int) -> Iterator[Batch]:
    """The batches from `first_step` to the end of the run, prepared ahead by worker processes."""
    workers = stream.config.loader_workers
    loader = DataLoader(
        stream,
        batch_size=None,
        sampler=Steps(first_step, stream.config.steps),
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        multiprocessing_context=_processes() if workers else None,
    )
    return iter(loader)


def _processes() -> BaseContext:
    """How workers start: off one process that has imported all this, where the system can fork.

    A fork of the training process itself would not survive CUDA.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context
