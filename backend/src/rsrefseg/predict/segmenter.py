"""The Segmenter: encode an image once, ask it any number of phrases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from rsrefseg.errors import InputError
from rsrefseg.models.features import ImageFeatures, TextFeatures
from rsrefseg.models.rsrefseg2 import RSRefSeg2
from rsrefseg.models.tokenizer import Tokenizer
from rsrefseg.predict import device as devices
from rsrefseg.predict.about import model_info
from rsrefseg.predict.cache import ByteBudgetCache, default_budget_bytes
from rsrefseg.predict.choosing import ask_and_choose
from rsrefseg.predict.compiled import SinglePhrases
from rsrefseg.predict.digest import image_digest
from rsrefseg.predict.diskcache import DiskOptions
from rsrefseg.predict.fallback import (
    ON_CPU,
    SMALLER_BATCH,
    free_memory,
    is_out_of_memory,
    no_way_left,
)
from rsrefseg.predict.phrases import CHARS_PER_TOKEN, reading_warnings, tidy_phrases
from rsrefseg.predict.tensors import (
    Answer,
    fit_into_tile,
    join_features,
    padded_tile,
    parts_of,
    phrase_answers,
    prompt_tensors,
)
from rsrefseg.predict.textcache import text_features
from rsrefseg.predict.types import (
    CacheInfo,
    DeviceInfo,
    EncodedImage,
    ModelInfo,
    PhraseAnswer,
    Prompts,
)
from rsrefseg.weights.files import ModelFile

# Phrases that go through prompter and decoder together.
ASK_BATCH = 16
# Images that a GPU encodes together.
ENCODE_BATCH = 8
PHRASE_CACHE_BYTES = 64 * 1024**2


class Segmenter:
    """A loaded model with its caches. Meant for one thread at a time."""

    def __init__(
        self,
        model: RSRefSeg2,
        file: ModelFile,
        device: DeviceInfo,
        *,
        cache_budget_bytes: int | None = None,
        disk: DiskOptions | None = None,
    ) -> None:
        """Wrap a model that is in its place already.

        Args:
            model: in evaluation mode, on its device, in its precision.
            file: where it came from.
            device: where it is.
            cache_budget_bytes: for encoded images; an eighth of the device's memory when None.
            disk: where to keep encoded images beyond the process; nowhere when None.
        """
        self._model = model
        self._file = file
        self._device = device
        self._info = model_info(model, file)
        self._batch = ASK_BATCH
        self._together = 1 if device.kind == "cpu" else ENCODE_BATCH
        self._notices: dict[str, None] = {}
        # Threads to encode and to ask with on a CPU; None leaves them as they are.
        self.threads: tuple[int, int] | None = None
        self._alone: SinglePhrases | None = None
        if cache_budget_bytes is None:
            cache_budget_bytes = default_budget_bytes(devices.memory_bytes(device.kind))
        self._images: ByteBudgetCache[ImageFeatures] = ByteBudgetCache(cache_budget_bytes)
        self._phrases: ByteBudgetCache[TextFeatures] = ByteBudgetCache(PHRASE_CACHE_BYTES)
        named = f"{file.preset_name} {file.sha256} {device.precision}"
        self._disk = disk.opened(named) if disk is not None else None

    @classmethod
    def from_file(
        cls,
        path: Path | str,
        *,
        device: str = "auto",
        precision: str = "auto",
        cache_budget_bytes: int | None = None,
        disk: DiskOptions | None = None,
    ) -> Segmenter:
        """Load a weights file onto a device.

        On a CPU that multiplies bf16 in hardware, a short trial decides between fp32 and bf16.

        Args:
            path: a weights file.
            device: auto, cpu, cuda or mps.
            precision: auto, fp32, bf16 or fp16.
            cache_budget_bytes: for encoded images; an eighth of the device's memory when None.
            disk: where to keep encoded images beyond the process; nowhere when None.

        Raises:
            WeightsError: the file cannot be used.
            DeviceError: the device or precision is not there.
        """
        from rsrefseg.predict.loading import load_segmenter

        return load_segmenter(path, device, precision, cache_budget_bytes, disk)

    @property
    def info(self) -> ModelInfo:
        """The model."""
        return self._info

    @property
    def device(self) -> DeviceInfo:
        """Where it runs."""
        return self._device

    @property
    def cache(self) -> CacheInfo:
        """How full the caches are."""
        disk = None if self._disk is None else self._disk.info()
        return replace(self._images.info(), phrases=self._phrases.info(), disk=disk)

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences about what this model had to do without."""
        return tuple(self._notices)

    @property
    def together(self) -> int:
        """How many images it is best given at once: one on a CPU."""
        return self._together

    def check_phrases(self, phrases: Sequence[str]) -> list[str]:
        """Tidy phrases.

        Raises:
            PhraseError: there is none, or one is empty or too long for the model.
        """
        return tidy_phrases(phrases, CHARS_PER_TOKEN * self._tokenizer.context_length)

    def unknown_words(self, phrase: str) -> tuple[str, ...]:
        """Words of a phrase that the model never learnt."""
        return tuple(self._tokenizer.unknown_words(phrase))

    def phrase_warnings(self, phrase: str) -> list[str]:
        """Sentences about a phrase that the model may misread."""
        words = self._tokenizer
        return reading_warnings(
            phrase, words.unknown_words(phrase), words.count(phrase), words.context_length
        )

    @property
    def _tokenizer(self) -> Tokenizer:
        if self._model.tokenizer is None:
            raise InputError("The weights carry no tokenizer: choose another weights file.")
        return self._model.tokenizer

    def find(
        self,
        image: NDArray[np.uint8],
        content_px: tuple[int, int] | None = None,
        *,
        digest: bytes | None = None,
    ) -> EncodedImage | None:
        """An image that was encoded before, from memory or the disk; see `encode`."""
        return self._recall(*self._key(image, content_px, digest))

    def _recall(
        self, shape: tuple[int, int], content: tuple[int, int], key: tuple[object, ...]
    ) -> EncodedImage | None:
        features = self._images.get(key)
        if features is None and self._disk is not None:
            features = self._disk.get(key)
            if features is not None:
                features = features.to(self._model.device)
                self._images.put(key, features, features.nbytes)
        return None if features is None else EncodedImage(shape, content, features, cached=True)

    def encode(
        self,
        image: NDArray[np.uint8],
        content_px: tuple[int, int] | None = None,
        *,
        keep: bool = True,
        digest: bytes | None = None,
    ) -> EncodedImage:
        """Encode an image, or find it in the cache.

        Args:
            image: H x W x 3 uint8.
            content_px: height and width to scale it to within the tile; by default its long
                side fills the tile.
            keep: whether the caches take it, for somebody who will come back to it.
            digest: `image_digest` of the image, where it is known.

        Raises:
            InputError: the image has another shape or type.
            OutOfMemoryError: no device's memory suffices.
        """
        known = self._key(image, content_px, digest)
        found = self._recall(*known)
        return found or self._remember(*known, self._encode([(image, known[1])]), keep=keep)

    def encode_several(
        self,
        images: Sequence[NDArray[np.uint8]],
        content_px: Sequence[tuple[int, int]],
        *,
        keep: bool = True,
    ) -> list[EncodedImage]:
        """Encode images, on a GPU all at once; see `encode`."""
        known = [self._key(*piece, None) for piece in zip(images, content_px, strict=True)]
        encoded = [self._recall(*one) for one in known]
        fresh = [i for i, one in enumerate(encoded) if one is None]
        if fresh:
            features = self._encode([(images[i], content_px[i]) for i in fresh])
            for row, i in enumerate(fresh):
                encoded[i] = self._remember(*known[i], features.select(row), keep=keep)
        return [one for one in encoded if one is not None]

    def _remember(
        self,
        shape: tuple[int, int],
        content: tuple[int, int],
        key: tuple[object, ...],
        features: ImageFeatures,
        *,
        keep: bool,
    ) -> EncodedImage:
        if keep:
            self._images.put(key, features, features.nbytes)
            if self._disk is not None:
                self._disk.put(key, features)
        return EncodedImage(shape, content, features, cached=False)

    def ask_single_phrases_faster(self) -> SinglePhrases | None:
        """Let OpenVINO answer phrases that come one by one, where it is found to be faster."""
        if (self._device.kind, self._device.precision) == ("cpu", "fp32"):
            threads = torch.get_num_threads() if self.threads is None else self.threads[0]
            self._alone = SinglePhrases(self._model, threads, self._add_reason)
        return self._alone

    def explain(self, why: str) -> None:
        """Say in other words why the model runs as it does."""
        self._device = replace(self._device, why=why)

    def _add_reason(self, found: str) -> None:
        self.explain(f"{self._device.why.rstrip('.')}; {found}.")

    def forget(self) -> None:
        """Empty the caches in memory."""
        self._images.clear()
        self._phrases.clear()

    @torch.inference_mode()
    def _encode(self, pieces: Sequence[tuple[NDArray[np.uint8], tuple[int, int]]]) -> ImageFeatures:
        """Images with their size in the tile, as one batch if the memory suffices."""
        self._use_threads(0)
        tile = self._model.preset.tile_px
        fewer = [self._encode_fewer] if self._together > 1 else []
        for remedy in (self._forget_images, *fewer, self._move_to_cpu, None):
            try:
                batches = [
                    torch.stack([padded_tile(*piece, tile, self._model.device) for piece in part])
                    for part in parts_of(pieces, self._together)
                ]
                return join_features([self._model.encode_image(batch) for batch in batches])
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if remedy is None:
                    raise no_way_left() from error
            remedy()
        raise no_way_left()

    def _encode_fewer(self) -> None:
        self._together = 1

    def _key(
        self, image: NDArray[np.uint8], content_px: tuple[int, int] | None, digest: bytes | None
    ) -> tuple[tuple[int, int], tuple[int, int], tuple[object, ...]]:
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise InputError("An image must be an array of height x width x 3, uint8.")
        shape = (image.shape[0], image.shape[1])
        content = content_px or fit_into_tile(shape, self._model.preset.tile_px)
        return shape, content, (digest or image_digest(image), shape, content)

    @torch.inference_mode()
    def ask(
        self, encoded: EncodedImage, phrases: Sequence[str], prompts: Prompts | None = None
    ) -> list[PhraseAnswer]:
        """Answer phrases about an encoded image.

        A phrase that ranks or places things ("the third car from the left") is answered by
        choosing among the things, if the preset says so and no prompts are given.

        Args:
            encoded: what `encode` gave.
            phrases: tidy phrases (see `check_phrases`).
            prompts: clicks and a box that go to the decoder beside each phrase's own prompts.

        Raises:
            OutOfMemoryError: no device's memory suffices.
        """
        if self.info.compares_outlines and prompts is None:
            return ask_and_choose(partial(self._ask, encoded), phrases)
        return self._ask(encoded, phrases, prompts)

    def _ask(
        self, encoded: EncodedImage, phrases: Sequence[str], prompts: Prompts | None = None
    ) -> list[PhraseAnswer]:
        answers: list[PhraseAnswer] = []
        while len(answers) < len(phrases):
            batch = phrases[len(answers) : len(answers) + self._batch]
            try:
                answers += self._ask_batch(encoded, batch, prompts)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                self._shrink(len(batch), error)
        return answers

    def _use_threads(self, step: int) -> None:
        if self.threads is not None:
            # The third: beside OpenVINO's threads, torch's would spin for the cores.
            torch.set_num_threads((*self.threads, 1)[step])

    def _shrink(self, asked: int, error: BaseException) -> None:
        """Make do with less memory for asking: smaller batches, then the CPU."""
        free_memory(self._model.device)
        if asked > 1:
            self._batch = max(1, asked // 2)
            self._notices[SMALLER_BATCH] = None
        elif self._model.device.type == "cpu":
            raise no_way_left() from error
        else:
            self._move_to_cpu()

    def _forget_images(self) -> None:
        self._images.clear()
        free_memory(self._model.device)

    def _move_to_cpu(self) -> None:
        """Go on without a GPU; nothing happens on the CPU."""
        before = self._model.device
        if before.type == "cpu":
            return
        self._model = self._model.to(device="cpu", dtype=torch.float32)
        self._images.clear()
        self._phrases.clear()
        self._disk = None  # what is there was computed in another precision
        self._batch, self._together = ASK_BATCH, 1
        self._device = devices.describe("cpu", ON_CPU, "fp32")
        self._notices[ON_CPU] = None
        free_memory(before)

    def _ask_batch(
        self, encoded: EncodedImage, phrases: Sequence[str], prompts: Prompts | None
    ) -> list[PhraseAnswer]:
        tile = self._model.preset.tile_px
        extra = prompt_tensors(encoded, prompts, len(phrases), tile, self._model.device)
        alone = self._alone if len(phrases) == 1 and not extra else None
        self._use_threads(2 if alone is not None and alone.compiled else 1)
        text = text_features(self._model, self._phrases, phrases)
        features: ImageFeatures = encoded.features
        if features.clip_tokens.device != self._model.device:  # encoded before the model moved
            features = features.to(self._model.device, torch.float32)
        if alone is not None:
            answer = alone.ask(features, text)
        else:
            index = torch.zeros(len(phrases), dtype=torch.long, device=self._model.device)
            answer = Answer.of(self._model.ask(features.expand(index), text, **extra))
        logits = self._model.upsample(
            answer.low_res_logits, tile, encoded.content_px, encoded.shape
        )
        return phrase_answers(phrases, self._tokenizer, answer, logits, encoded, tile)
