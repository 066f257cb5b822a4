"""The Segmenter: encode an image once, ask it any number of phrases."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

from rsrefseg.errors import InputError
from rsrefseg.models.features import ImageFeatures, TextFeatures
from rsrefseg.models.rsrefseg2 import RSRefSeg2
from rsrefseg.models.tokenizer import Tokenizer
from rsrefseg.predict import device as devices
from rsrefseg.predict.cache import ByteBudgetCache, default_budget_bytes
from rsrefseg.predict.phrases import CHARS_PER_TOKEN, tidy_phrases
from rsrefseg.predict.types import (
    CacheInfo,
    DeviceInfo,
    DeviceKind,
    EncodedImage,
    ModelInfo,
    PhraseAnswer,
    Precision,
    Prompts,
)
from rsrefseg.weights.files import ModelFile, load_model

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
    ) -> None:
        """Wrap a model that is in its place already.

        Args:
            model: in evaluation mode, on its device, in its precision.
            file: where it came from.
            device: where it is.
            cache_budget_bytes: for encoded images; an eighth of the memory when None.
        """
        self._model = model
        self._file = file
        self._device = device
        budget = default_budget_bytes() if cache_budget_bytes is None else cache_budget_bytes
        self._images: ByteBudgetCache[ImageFeatures] = ByteBudgetCache(budget)
        self._phrases: ByteBudgetCache[TextFeatures] = ByteBudgetCache(PHRASE_CACHE_BYTES)

    @classmethod
    def from_file(
        cls,
        path: Path | str,
        *,
        device: str = "auto",
        precision: str = "auto",
        cache_budget_bytes: int | None = None,
    ) -> Segmenter:
        """Load a weights file onto a device.

        On a CPU that multiplies bf16 in hardware, a short trial decides between fp32 and bf16.

        Args:
            path: a weights file.
            device: auto, cpu, cuda or mps.
            precision: auto, fp32, bf16 or fp16.
            cache_budget_bytes: for encoded images; an eighth of the memory when None.

        Raises:
            WeightsError: the file cannot be used.
            DeviceError: the device or precision is not there.
        """
        kind, why = devices.choose_device(device)
        candidates = devices.candidate_precisions(kind, precision)
        if kind == "cpu":
            devices.use_all_cores()
        best = _load(path, kind, why, candidates[0], cache_budget_bytes)
        if len(candidates) == 1:
            return best
        seconds = best._trial_s()
        for candidate in candidates[1:]:
            other = _load(path, kind, why, candidate, cache_budget_bytes)
            other_seconds = other._trial_s()
            if other_seconds * devices.WORTHWHILE_GAIN < seconds:
                best, seconds = other, other_seconds
        return best

    @property
    def info(self) -> ModelInfo:
        """The model."""
        preset, metadata = self._model.preset, self._file.metadata
        threshold = metadata.get("presence_threshold")
        return ModelInfo(
            name=self._file.name,
            preset=self._file.preset_name,
            sha256=self._file.sha256,
            tile_px=preset.tile_px,
            min_resolution_m=preset.min_resolution_m,
            max_resolution_m=preset.max_resolution_m,
            default_resolution_m=preset.default_resolution_m,
            presence_threshold=None if threshold is None else float(threshold),
            vocabulary_examples=tuple(map(str, metadata.get("vocabulary_examples", ()))),
        )

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
        return replace(self._images.info(), phrases=self._phrases.info())

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

    @torch.inference_mode()
    def encode(
        self,
        image: NDArray[np.uint8],
        content_px: tuple[int, int] | None = None,
        *,
        keep: bool = True,
    ) -> EncodedImage:
        """Encode an image, or find it in the cache.

        Args:
            image: H x W x 3 uint8.
            content_px: height and width to scale it to within the tile; by default its long
                side fills the tile.
            keep: whether the cache takes it, for somebody who will come back to it.

        Raises:
            InputError: the image has another shape or type.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise InputError("An image must be an array of height x width x 3, uint8.")
        shape = (image.shape[0], image.shape[1])
        content = content_px or fit_into_tile(shape, self._model.preset.tile_px)
        image = np.ascontiguousarray(image)
        digest = hashlib.blake2b(image.data, digest_size=16).digest()
        key = (digest, shape, content)
        features = self._images.get(key)
        if features is not None:
            return EncodedImage(shape, content, features, cached=True)
        features = self._model.encode_image(self._tile(image, content)[None])
        if keep:
            self._images.put(key, features, features.nbytes)
        return EncodedImage(shape, content, features, cached=False)

    @torch.inference_mode()
    def ask(
        self, encoded: EncodedImage, phrases: Sequence[str], prompts: Prompts | None = None
    ) -> list[PhraseAnswer]:
        """Answer phrases about an encoded image.

        Args:
            encoded: what `encode` gave.
            phrases: tidy phrases (see `check_phrases`).
            prompts: clicks and a box that go to the decoder beside each phrase's own prompts.
        """
        answers: list[PhraseAnswer] = []
        for start in range(0, len(phrases), ASK_BATCH):
            answers += self._ask_batch(encoded, phrases[start : start + ASK_BATCH], prompts)
        return answers

    def _ask_batch(
        self, encoded: EncodedImage, phrases: Sequence[str], prompts: Prompts | None
    ) -> list[PhraseAnswer]:
        text = self._text(phrases)
        index = torch.zeros(len(phrases), dtype=torch.long, device=self._model.device)
        tile = self._model.preset.tile_px
        extra = self._extra(encoded, prompts, len(phrases))
        out = self._model.ask(encoded.features.expand(index), text, **extra)
        logits = self._model.upsample(out.low_res_logits, tile, encoded.content_px, encoded.shape)
        probabilities = _numpy(logits[:, 0].sigmoid_())
        heats = _numpy(out.dense_token_logits.float().sigmoid())
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

    def _extra(
        self, encoded: EncodedImage, prompts: Prompts | None, count: int
    ) -> dict[str, Tensor]:
        """Prompts in the padded tile's own coordinates, once for each phrase."""
        if prompts is None:
            return {}
        tile, device = self._model.preset.tile_px, self._model.device
        share = (encoded.content_px[1] / tile, encoded.content_px[0] / tile)
        extra: dict[str, Tensor] = {}
        if len(prompts.points):
            points = torch.from_numpy(prompts.points).to(device) * torch.tensor(
                share, device=device
            )
            labels = torch.from_numpy(prompts.labels).to(device)
            extra["points"] = points.expand(count, -1, -1)
            extra["point_labels"] = labels.expand(count, -1)
        if prompts.box is not None:
            box = torch.tensor(prompts.box, device=device) * torch.tensor(share * 2, device=device)
            extra["boxes"] = box.expand(count, -1)
        return extra

    def _tile(self, image: NDArray[np.uint8], content: tuple[int, int]) -> Tensor:
        """An image as the padded tile that the model reads: 3 x S x S, 0 to 1."""
        side = self._model.preset.tile_px
        if max(content) > side or min(content) < 1:
            raise InputError(f"The image must take up 1 to {side} pixels of the tile.")
        writable = image if image.flags.writeable else image.copy()
        pixels = torch.from_numpy(writable).to(self._model.device).permute(2, 0, 1)[None].float()
        if content != tuple(image.shape[:2]):
            pixels = F.interpolate(
                pixels, content, mode="bilinear", align_corners=False, antialias=True
            )
        padded = F.pad(pixels / 255.0, (0, side - content[1], 0, side - content[0]))
        return padded[0]

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
        return _stack([features for p in phrases if (features := known[p]) is not None])

    def _trial_s(self) -> float:
        """Seconds for one encoding and one phrase, the caches aside."""
        side = self._model.preset.tile_px
        noise = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)

        def step() -> None:
            self._images.clear()
            self._phrases.clear()
            self.ask(self.encode(noise), ["the red-roofed building left of the road"])

        seconds = devices.measure_s(step)
        self._images.clear()
        self._phrases.clear()
        return seconds


def fit_into_tile(shape: tuple[int, int], tile_px: int) -> tuple[int, int]:
    """Height and width of an image whose long side fills the tile."""
    scale = tile_px / max(shape)
    height, width = (min(tile_px, max(1, round(side * scale))) for side in shape)
    return height, width


def overall_score(probability: NDArray[np.float32]) -> float:
    """Mean probability of the pixels above 0.5; the highest probability if there is none."""
    inside = probability[probability > 0.5]
    return float(inside.mean() if inside.size else probability.max(initial=0.0))


def _load(
    path: Path | str,
    kind: DeviceKind,
    why: str,
    precision: Precision,
    cache_budget_bytes: int | None,
) -> Segmenter:
    model, file = load_model(Path(path), device=kind, dtype=devices.DTYPES[precision])
    described = devices.describe(kind, why, precision)
    return Segmenter(model, file, described, cache_budget_bytes=cache_budget_bytes)


def _stack(features: Sequence[TextFeatures]) -> TextFeatures:
    """One batch of several phrases, padded with zeros to the longest."""
    length = max(one.tokens.shape[1] for one in features)
    return TextFeatures(
        torch.cat([F.pad(f.tokens, (0, 0, 0, length - f.tokens.shape[1])) for f in features]),
        torch.cat([f.pooled for f in features]),
        torch.cat([F.pad(f.mask, (0, length - f.mask.shape[1])) for f in features]),
    )


def _numpy(values: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = values.to("cpu", torch.float32).numpy()
    return array


def _short(phrase: str) -> str:
    return phrase if len(phrase) <= 60 else phrase[:57] + "..."
