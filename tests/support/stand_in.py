"""A predictor without a model: it answers colour words from the pixels themselves."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rsrefseg.predict.phrases import tidy_phrases
from rsrefseg.predict.types import (
    CacheInfo,
    DeviceInfo,
    EncodedImage,
    ModelInfo,
    PhraseAnswer,
    Prompts,
)

COLOURS = {"red": 0, "green": 1, "blue": 2}


class StandIn:
    """Sees red, green and blue: a pixel's probability is that channel's value.

    Attributes:
        encoded: the shape of every image that was encoded.
        asked: the phrases of every call.
        on_encode: called at every encoding, for tests that block or fail there.
    """

    def __init__(self, tile_px: int = 64, presence: float | None = None) -> None:
        self.info = ModelInfo(
            name="stand-in",
            preset="none",
            sha256="0" * 64,
            tile_px=tile_px,
            min_resolution_m=0.1,
            max_resolution_m=1.0,
            default_resolution_m=0.5,
            vocabulary_examples=("the red roofs",),
        )
        self.device = DeviceInfo("cpu", "stand-in", "There is no other.", "fp32")
        self.cache = CacheInfo(0, 0, 0)
        self.notices: tuple[str, ...] = ()
        self.presence = presence
        self.together = 1
        self.encoded: list[tuple[int, int]] = []
        self.asked: list[tuple[str, ...]] = []
        self.on_encode: Callable[[], None] = lambda: None

    def check_phrases(self, phrases: Sequence[str]) -> list[str]:
        return tidy_phrases(phrases, 512)

    def phrase_warnings(self, phrase: str) -> list[str]:
        unknown = self.unknown_words(phrase)
        return [f"The model never learnt '{word}'." for word in unknown]

    def unknown_words(self, phrase: str) -> tuple[str, ...]:
        return tuple(w for w in phrase.split() if not w.isascii())

    def find(
        self,
        image: np.ndarray,
        content_px: tuple[int, int] | None = None,
        *,
        digest: bytes | None = None,
    ) -> EncodedImage | None:
        return None

    def encode(
        self,
        image: np.ndarray,
        content_px: tuple[int, int] | None = None,
        *,
        keep: bool = True,
        digest: bytes | None = None,
    ) -> EncodedImage:
        self.on_encode()
        height, width = image.shape[:2]
        self.encoded.append((height, width))
        return EncodedImage((height, width), content_px or (height, width), image, cached=False)

    def encode_several(
        self,
        images: Sequence[np.ndarray],
        content_px: Sequence[tuple[int, int]],
        *,
        keep: bool = True,
    ) -> list[EncodedImage]:
        return [self.encode(i, c, keep=keep) for i, c in zip(images, content_px, strict=True)]

    def ask(
        self, encoded: EncodedImage, phrases: Sequence[str], prompts: Prompts | None = None
    ) -> list[PhraseAnswer]:
        self.asked.append(tuple(phrases))
        answers = [self._refined(self._answer(encoded.features, p), prompts) for p in phrases]
        if encoded.valid is not None:
            answers = [
                replace(a, probability=np.where(encoded.valid, a.probability, np.float32(0)))
                for a in answers
            ]
        return answers

    def _refined(self, answer: PhraseAnswer, prompts: Prompts | None) -> PhraseAnswer:
        """A click sets its own pixel, a box takes away what is outside it."""
        if prompts is None:
            return answer
        probability = answer.probability.copy()
        height, width = probability.shape
        if prompts.box is not None:
            x0, y0, x1, y1 = prompts.box
            inside = np.zeros_like(probability)
            inside[
                round(y0 * height) : round(y1 * height), round(x0 * width) : round(x1 * width)
            ] = 1
            probability *= inside
        for (x, y), label in zip(prompts.points, prompts.labels, strict=True):
            probability[int(y * height), int(x * width)] = float(label)
        return replace(answer, probability=probability)

    def _answer(self, image: np.ndarray, phrase: str) -> PhraseAnswer:
        channel = next((COLOURS[w] for w in phrase.split() if w in COLOURS), None)
        probability = np.zeros(image.shape[:2], np.float32)
        if channel is not None:
            probability = image[..., channel].astype(np.float32) / 255
        return PhraseAnswer(
            phrase, probability, probability, self.presence, self.unknown_words(phrase)
        )


@dataclass(frozen=True)
class StandInSource:
    """Gives a cluster's workers a stand-in.

    Attributes:
        loads: a file that gets a line with the process's number at each loading.
        slow_s: seconds that each encoding takes.
    """

    loads: str
    slow_s: float = 0.0

    def load(self) -> StandIn:
        with Path(self.loads).open("a") as file:
            file.write(f"{os.getpid()}\n")
        model = StandIn()
        model.on_encode = lambda: time.sleep(self.slow_s)
        return model

    def pinned(self, _model: ModelInfo, _device: DeviceInfo) -> StandInSource:
        return self
