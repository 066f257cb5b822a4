"""A predictor whose model runs in the device's queue, on one job's account."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from rsrefseg.predict.types import (
    CacheInfo,
    DeviceInfo,
    EncodedImage,
    ModelInfo,
    PhraseAnswer,
    Predictor,
    Prompts,
)
from rsrefseg.server.device import DeviceQueue
from rsrefseg.server.jobs import Job

Outcome = TypeVar("Outcome")


class QueuedPredictor:
    """What needs the device waits for its turn; what is in a cache is given at once."""

    def __init__(self, predictor: Predictor, queue: DeviceQueue, job: Job) -> None:
        """Stand before a predictor.

        Args:
            predictor: the model.
            queue: the device's.
            job: pays for the steps, and withdraws them when it is cancelled.
        """
        self._predictor = predictor
        self._queue = queue
        self._job = job

    @property
    def info(self) -> ModelInfo:
        """The model."""
        return self._predictor.info

    @property
    def device(self) -> DeviceInfo:
        """Where it runs."""
        return self._predictor.device

    @property
    def cache(self) -> CacheInfo:
        """How full its cache is."""
        return self._predictor.cache

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences about what it had to do without."""
        return self._predictor.notices

    def check_phrases(self, phrases: Sequence[str]) -> list[str]:
        """Tidy the phrases; raise PhraseError for one that cannot be used."""
        return self._predictor.check_phrases(phrases)

    def phrase_warnings(self, phrase: str) -> list[str]:
        """Sentences about a phrase that the model may misread."""
        return self._predictor.phrase_warnings(phrase)

    def unknown_words(self, phrase: str) -> tuple[str, ...]:
        """Words of a phrase that the model never learnt."""
        return self._predictor.unknown_words(phrase)

    def find(
        self,
        image: NDArray[np.uint8],
        content_px: tuple[int, int] | None = None,
        *,
        digest: bytes | None = None,
    ) -> EncodedImage | None:
        """An image that was encoded before."""
        return self._predictor.find(image, content_px, digest=digest)

    def encode(
        self,
        image: NDArray[np.uint8],
        content_px: tuple[int, int] | None = None,
        *,
        keep: bool = True,
        digest: bytes | None = None,
    ) -> EncodedImage:
        """Encode an image, or find it in the cache without waiting."""
        found = self.find(image, content_px, digest=digest)
        if found is not None:
            return found
        return self._run(
            lambda: self._predictor.encode(image, content_px, keep=keep, digest=digest)
        )

    @property
    def together(self) -> int:
        """How many images it is best given at once."""
        return self._predictor.together

    def encode_several(
        self,
        images: Sequence[NDArray[np.uint8]],
        content_px: Sequence[tuple[int, int]],
        *,
        keep: bool = True,
    ) -> list[EncodedImage]:
        """Encode images, on a GPU all at once, as one step of the queue."""
        return self._run(lambda: self._predictor.encode_several(images, content_px, keep=keep))

    def ask(
        self, encoded: EncodedImage, phrases: Sequence[str], prompts: Prompts | None = None
    ) -> list[PhraseAnswer]:
        """Answer phrases about an encoded image."""
        return self._run(lambda: self._predictor.ask(encoded, phrases, prompts))

    def _run(self, step: Callable[[], Outcome]) -> Outcome:
        job = self._job
        return self._queue.run(
            step, client=job.client, priority=job.priority, cancelled=job.cancelled
        )
