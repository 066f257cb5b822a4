"""The Segmenter: encode an image once, ask it any number of phrases."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rsrefseg.errors import InputError
from rsrefseg.models.features import ImageFeatures, TextFeatures
from rsrefseg.models.rsrefseg2 import RSRefSeg2
from rsrefseg.models.tokenizer import Tokenizer
from rsrefseg.predict import device as devices
from rsrefseg.predict.about import model_info
from rsrefseg.predict.cache import ByteBudgetCache, default_budget_bytes
from rsrefseg.predict.digest import image_digest
from rsrefseg.predict.diskcache import DiskOptions, FeatureDisk
from rsrefseg.predict.fallback import (
    ON_CPU,
    SMALLER_BATCH,
    free_memory,
    is_out_of_memory,
    no_way_left,
)
from rsrefseg.predict.phrases import CHARS_PER_TOKEN, tidy_phrases
from rsrefseg.predict.tensors import (
    fit_into_tile,
    overall_score,
    padded_tile,
    prompt_tensors,
    stack_text,
    to_numpy,
)
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
        self._notices: dict[str, None] = {}
        # Threads to encode and to ask with on a CPU; None leaves them as they are.
        self.threads: tuple[int, int] | None = None
        budget = cache_budget_bytes
        if budget is None:
            budget = default_budget_bytes(devices.memory_bytes(device.kind))
        self._images: ByteBudgetCache[ImageFeatures] = ByteBudgetCache(budget)
        self._phrases: ByteBudgetCache[TextFeatures] = ByteBudgetCache(PHRASE_CACHE_BYTES)
        self._disk: FeatureDisk | None = None
        if disk is not None and disk.budget_bytes > 0:
            named = f"{file.preset_name} {file.sha256} {device.precision}"
            self._disk = FeatureDisk(disk.folder, disk.budget_bytes, named)

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
    def presence_threshold(self) -> float | None:
        """Below this presence, nothing is taken to match; None: never."""
        return self.info.presence_threshold

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
        warnings = []
        unknown = self._tokenizer.unknown_words(phrase)
        if unknown:
            named = ", ".join(f"'{word}'" for word in unknown)
            warnings.append(
                f"The model never learnt {named}, so '{_short(phrase)}' may be misread: "
                "try other words."
            )
        needed, limit = self._tokenizer.count(phrase), self._tokenizer.context_length
        if needed > limit:
            warnings.append(
                f"The model reads only the beginning of '{_short(phrase)}' "
                f"({limit} of {needed} word pieces): shorten it."
            )
        return warnings

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
        shape, content, key = self._key(image, content_px, digest)
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
        found = self.find(image, content_px, digest=digest)
        if found is not None:
            return found
        shape, content, key = self._key(image, content_px, digest)
        features = self._encode(image, content)
        if keep:
            self._images.put(key, features, features.nbytes)
            if self._disk is not None:
                self._disk.put(key, features)
        return EncodedImage(shape, content, features, cached=False)

    def explain(self, why: str) -> None:
        """Say in other words why the model runs as it does."""
        self._device = replace(self._device, why=why)

    def forget(self) -> None:
        """Empty the caches in memory."""
        self._images.clear()
        self._phrases.clear()

    @torch.inference_mode()
    def _encode(self, image: NDArray[np.uint8], content: tuple[int, int]) -> ImageFeatures:
        self._use_threads(0)
        for remedy in (self._forget_images, self._move_to_cpu, None):
            try:
                return self._model.encode_image(self._tile(image, content))
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if remedy is None:
                    raise no_way_left() from error
            remedy()
        raise no_way_left()

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

        Args:
            encoded: what `encode` gave.
            phrases: tidy phrases (see `check_phrases`).
            prompts: clicks and a box that go to the decoder beside each phrase's own prompts.

        Raises:
            OutOfMemoryError: no device's memory suffices.
        """
        self._use_threads(1)
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
        if self.threads is not None and torch.get_num_threads() != self.threads[step]:
            torch.set_num_threads(self.threads[step])

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
        self._batch = ASK_BATCH
        self._device = devices.describe("cpu", ON_CPU, "fp32")
        self._notices[ON_CPU] = None
        free_memory(before)

    def _ask_batch(
        self, encoded: EncodedImage, phrases: Sequence[str], prompts: Prompts | None
    ) -> list[PhraseAnswer]:
        text = self._text(phrases)
        index = torch.zeros(len(phrases), dtype=torch.long, device=self._model.device)
        tile = self._model.preset.tile_px
        extra = prompt_tensors(encoded, prompts, len(phrases), tile, self._model.device)
        features: ImageFeatures = encoded.features
        if features.clip_tokens.device != self._model.device:  # encoded before the model moved
            features = features.to(self._model.device, torch.float32)
        out = self._model.ask(features.expand(index), text, **extra)
        logits = self._model.upsample(out.low_res_logits, tile, encoded.content_px, encoded.shape)
        probabilities = to_numpy(logits[:, 0].sigmoid_())
        heats = to_numpy(out.dense_token_logits.float().sigmoid())
        rows, cols = (
            max(1, math.ceil(side / tile * grid))
            for side, grid in zip(encoded.content_px, heats.shape[1:], strict=True)
        )
        cell_px = (
            tile / heats.shape[1] * encoded.shape[0] / encoded.content_px[0],
            tile / heats.shape[2] * encoded.shape[1] / encoded.content_px[1],
        )
        presence: list[float | None] = [None] * len(phrases)
        if out.presence_logit is not None:
            presence = list(out.presence_logit.float().sigmoid().flatten().tolist())
        return [
            PhraseAnswer(
                phrase=phrase,
                probability=probability,
                heat=heat[:rows, :cols],
                score=overall_score(probability),
                presence=there,
                unknown_words=tuple(self._tokenizer.unknown_words(phrase)),
                heat_px=cell_px,
            )
            for phrase, probability, heat, there in zip(
                phrases, probabilities, heats, presence, strict=True
            )
        ]

    def _tile(self, image: NDArray[np.uint8], content: tuple[int, int]) -> Tensor:
        return padded_tile(image, content, self._model.preset.tile_px, self._model.device)[None]

    def _text(self, phrases: Sequence[str]) -> TextFeatures:
        """Features of the phrases, from the cache as far as it goes."""
        known = {phrase: self._phrases.get(phrase) for phrase in phrases}
        fresh = [phrase for phrase, features in known.items() if features is None]
        if fresh:
            ids, lengths = self._tokenizer.batch(fresh)
            device = self._model.device
            encoded = self._model.encode_text(ids.to(device), lengths.to(device))
            for i, phrase in enumerate(fresh):
                length = int(lengths[i])
                one = TextFeatures(
                    encoded.tokens[i : i + 1, :length].clone(),
                    encoded.pooled[i : i + 1].clone(),
                    encoded.mask[i : i + 1, :length].clone(),
                )
                known[phrase] = one
                nbytes = one.tokens.nbytes + one.pooled.nbytes + one.mask.nbytes
                self._phrases.put(phrase, one, nbytes)
        return stack_text([features for p in phrases if (features := known[p]) is not None])


def _short(phrase: str) -> str:
    return phrase if len(phrase) <= 60 else phrase[:57] + "..."
