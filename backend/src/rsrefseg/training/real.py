"""Labelled imagery as training input: crops, turns and flips that keep the phrases true."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from rsrefseg.data.augment import Axis, flip_phrase
from rsrefseg.data.cases import CaseRecord, read_cases, read_mask, read_rgb
from rsrefseg.errors import DataError
from rsrefseg.geo.windows import mirrored
from rsrefseg.training.batch import THINGS, Question

Pixels = NDArray[np.uint8]

# Phrases whose truth does not depend on where things are in the picture.
PLACELESS_KINDS = frozenset({"class", "colour", "material"})
_PLAIN_CHOICES = frozenset({"position", "superlative"})
# Sides of what is cut out, in shares of the image's shorter side. The windows of a scene show the
# ground coarser than most images of a training set, so some are seen from further away, mirrored
# all around; but not those that are shrunk to the tile as it is.
NEAR_SIDES, FAR_SIDES = (0.4, 1.0), (1.0, 2.5)
FAR_SHARE, FAR_TILES = 0.4, 3
_BLUR_SHARE = 0.25


class RealImages:
    """Draws augmented images with their phrases from cases files.

    Sources are drawn equally often, however many images each has.

    Args:
        paths: cases.jsonl files.
        tile_px: side of the images drawn.
    """

    def __init__(self, paths: tuple[str, ...], tile_px: int) -> None:
        self.tile_px = tile_px
        groups: dict[str, dict[Path, list[CaseRecord]]] = defaultdict(lambda: defaultdict(list))
        for path in paths:
            for record in read_cases(Path(path)):
                groups[record.source or "real"][record.image].append(record)
        if not groups:
            raise DataError("The cases files for training hold no cases; check real_cases.")
        self.sources = [list(by_image.values()) for _, by_image in sorted(groups.items())]

    def draw(
        self, rng: np.random.Generator, phrases: int, side: int
    ) -> tuple[Pixels, list[Question]]:
        """One augmented image, tile_px square, with up to `phrases` questions.

        Args:
            rng: all choices come from it.
            phrases: most questions.
            side: of the grid on which their things are given.
        """
        source = self.sources[rng.integers(len(self.sources))]
        records = source[rng.integers(len(source))]
        image = read_rgb(records[0].image)
        placeless = [r for r in records if r.kind in PLACELESS_KINDS]
        if placeless and rng.random() < 0.65:
            image, questions = self._crop(rng, image, placeless, side)
        else:
            image, questions = self._whole(rng, image, records, side)
        chosen = rng.permutation(len(questions))[:phrases]
        return _jitter(rng, image), [questions[i] for i in chosen]

    def _crop(
        self, rng: np.random.Generator, image: Pixels, records: list[CaseRecord], grid: int
    ) -> tuple[Pixels, list[Question]]:
        """A random square part, turned and mirrored at random; or more than all of it, mirrored."""
        least = min(image.shape[:2])
        far = rng.random() < FAR_SHARE and least < FAR_TILES * self.tile_px
        side = int(least * rng.uniform(*(FAR_SIDES if far else NEAR_SIDES)))
        side = min(side, max(least, FAR_TILES * self.tile_px))
        starts = [
            int(rng.integers(min(0, length - side), max(0, length - side) + 1))
            for length in image.shape[:2]
        ]
        rows, columns = map(mirrored, starts, (side, side), image.shape[:2])
        turns, mirror = int(rng.integers(4)), bool(rng.integers(2))

        def cut(array: Pixels, interpolation: int) -> Pixels:
            part = np.rot90(array[np.ix_(rows, columns)], turns)
            part = np.ascontiguousarray(part[:, ::-1] if mirror else part)
            size = (self.tile_px, self.tile_px)
            return np.asarray(cv2.resize(part, size, interpolation=interpolation), dtype=np.uint8)

        questions = [_question(r, lambda m: cut(m, cv2.INTER_NEAREST), grid) for r in records]
        return cut(image, cv2.INTER_AREA), questions

    def _whole(
        self, rng: np.random.Generator, image: Pixels, records: list[CaseRecord], grid: int
    ) -> tuple[Pixels, list[Question]]:
        """The whole image, padded as at inference, mirrored where the phrase allows."""
        axes: tuple[Axis | None, ...] = (None, "horizontal", "vertical")
        axis = axes[int(rng.integers(3))]
        if axis is not None:
            rewritten = [(r, flip_phrase(r, axis)) for r in records]
            records = [r for r, phrase in rewritten if phrase is not None]
            phrases = [phrase for _, phrase in rewritten if phrase is not None]
        else:
            phrases = [r.phrase for r in records]

        def fit(array: Pixels, interpolation: int) -> Pixels:
            turned = array if axis is None else np.flip(array, 1 if axis == "horizontal" else 0)
            scale = self.tile_px / max(turned.shape[:2])
            size = (round(turned.shape[1] * scale), round(turned.shape[0] * scale))
            small: Pixels = np.asarray(
                cv2.resize(np.ascontiguousarray(turned), size, interpolation=interpolation),
                np.uint8,
            )
            pad = [(0, self.tile_px - size[1]), (0, self.tile_px - size[0])]
            return np.pad(small, pad + [(0, 0)] * (small.ndim - 2))

        questions = [_question(r, lambda m: fit(m, cv2.INTER_NEAREST), grid) for r in records]
        for question, phrase in zip(questions, phrases, strict=True):
            question.phrase = phrase
        return fit(image, cv2.INTER_AREA), questions


def _question(record: CaseRecord, place: Callable[[Pixels], Pixels], grid: int) -> Question:
    mask = place(read_mask(record.mask)) > 0
    of_class = mask if record.class_mask is None else place(read_mask(record.class_mask)) > 0
    return Question(record.phrase, mask, of_class & ~mask, _things(record, mask, of_class, grid))


def _things(
    record: CaseRecord, mask: NDArray[np.bool_], of_class: NDArray[np.bool_], grid: int
) -> NDArray[np.float32] | None:
    """What the phrase chooses among, where its kind says; it names nothing to choose by."""
    if record.kind in PLACELESS_KINDS:
        among = mask
    elif record.kind in _PLAIN_CHOICES or not of_class.any():
        among = of_class
    else:
        return None
    things = np.zeros((THINGS, grid, grid), np.float32)
    things[0] = cv2.resize(among.astype(np.float32), (grid, grid), interpolation=cv2.INTER_AREA)
    return things


def _jitter(rng: np.random.Generator, image: Pixels) -> Pixels:
    """Changes light, contrast, colour and sharpness, as another sensor or hour would."""
    if rng.random() < _BLUR_SHARE:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.2)), np.uint8)
    gain = rng.uniform(0.75, 1.3) * rng.uniform(0.92, 1.08, 3)
    grey = image.mean(2, keepdims=True)
    coloured = grey + (image - grey) * rng.uniform(0.6, 1.4)
    middle = image.mean()
    changed = np.clip((coloured - middle) * gain + middle + rng.uniform(-22, 22), 0, 255)
    lit: Pixels = (255 * (changed / 255) ** rng.uniform(0.8, 1.25)).astype(np.uint8)
    return lit
