"""What a predictor takes and gives; the scene runner and the service know no more than this."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

DeviceKind = Literal["cpu", "cuda", "mps"]
Precision = Literal["fp32", "bf16", "fp16"]
# The thread that compiles a model, which no interpreter can end while it is at it.
COMPILING = "compiling"


@dataclass(frozen=True)
class ModelInfo:
    """What a user should know about a loaded model.

    Attributes:
        name: the model's name.
        preset: the preset that it was built from.
        sha256: hash of its weights file.
        tile_px: side of the square that it looks at, in pixels.
        min_resolution_m: finest ground resolution that it was trained on, metres per pixel.
        max_resolution_m: coarsest one.
        default_resolution_m: what large scenes are read at unless asked otherwise.
        presence_threshold: below this presence, nothing is taken to match; None: never.
        vocabulary_examples: phrases that it understands.
        compares_outlines: whether phrases that rank or place things are answered by comparing the
            outlines of the things (see `choosing`).
    """

    name: str
    preset: str
    sha256: str
    tile_px: int
    min_resolution_m: float
    max_resolution_m: float
    default_resolution_m: float
    presence_threshold: float | None = None
    vocabulary_examples: tuple[str, ...] = ()
    compares_outlines: bool = False


@dataclass(frozen=True)
class DeviceInfo:
    """Where a model runs, and why there.

    Attributes:
        kind: the kind of device.
        name: the device's own name.
        why: one sentence.
        precision: the numbers that it computes in.
    """

    kind: DeviceKind
    name: str
    why: str
    precision: Precision


@dataclass(frozen=True)
class CacheInfo:
    """How full a cache of encoded images is.

    Attributes:
        images: how many it holds.
        bytes: memory that they take.
        budget_bytes: the most that they may take.
        hits: how often an image was found there.
        misses: how often it had to be encoded.
        phrases: the same about encoded phrases.
        disk: the same about images that were encoded earlier and are on the disk.
    """

    images: int
    bytes: int
    budget_bytes: int
    hits: int = 0
    misses: int = 0
    phrases: CacheInfo | None = None
    disk: CacheInfo | None = None


@dataclass(frozen=True)
class Prompts:
    """Clicks and a box that refine phrases on one image.

    Attributes:
        points: N x 2 float32, x and y, from 0 to 1 of the image's width and height.
        labels: N int64, 1 inside the target, 0 outside it.
        box: x0, y0, x1, y1, from 0 to 1 of the image's width and height, or None.
    """

    points: NDArray[np.float32]
    labels: NDArray[np.int64]
    box: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class EncodedImage:
    """An image that can be asked about.

    Attributes:
        shape: height and width of the image as it was given.
        content_px: height and width that it takes up in the model's tile.
        features: the encoders' output.
        cached: whether no encoder had to run.
        valid: H x W, where there is data and things can be; None: everywhere.
    """

    shape: tuple[int, int]
    content_px: tuple[int, int]
    features: Any
    cached: bool
    valid: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class PhraseAnswer:
    """What one phrase means on one image.

    Attributes:
        phrase: the phrase.
        probability: H x W float32, 0 to 1, at the image's own size.
        heat: h x w float32, 0 to 1, where the model looked: the dense prompt at the token grid,
            covering the whole image.
        presence: probability that anything matches, 0 where the phrase names nothing that the
            model learnt; None if the model does not judge that.
        unknown_words: words that the model never learnt.
        heat_px: height and width of a cell of the heat, in pixels of the image; None when the
            cells divide the image evenly.
    """

    phrase: str
    probability: NDArray[np.float32]
    heat: NDArray[np.float32]
    presence: float | None
    unknown_words: tuple[str, ...] = ()
    heat_px: tuple[float, float] | None = None

    @property
    def score(self) -> float:
        """Mean probability of the pixels above 0.5; the highest probability if there is none."""
        inside = self.probability[self.probability > 0.5]
        return float(inside.mean() if inside.size else self.probability.max(initial=0.0))


class ModelFacts(Protocol):
    """What is known about a model without asking it about an image."""

    @property
    def info(self) -> ModelInfo:
        """The model."""

    @property
    def device(self) -> DeviceInfo:
        """Where it runs."""

    def check_phrases(self, phrases: Sequence[str]) -> list[str]:
        """Tidy the phrases; raise PhraseError for one that cannot be used."""

    def phrase_warnings(self, phrase: str) -> list[str]:
        """Sentences about a phrase that the model may misread."""


class Predictor(ModelFacts, Protocol):
    """A model that answers phrases about images."""

    @property
    def cache(self) -> CacheInfo:
        """How full its cache is."""

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences about what it had to do without, such as a GPU's memory."""

    @property
    def together(self) -> int:
        """How many images it is best given at once."""

    def unknown_words(self, phrase: str) -> tuple[str, ...]:
        """Words of a phrase that the model never learnt."""

    def find(
        self,
        image: NDArray[np.uint8],
        content_px: tuple[int, int] | None = None,
        *,
        digest: bytes | None = None,
    ) -> EncodedImage | None:
        """An image that was encoded before; needs no device."""

    def encode(
        self,
        image: NDArray[np.uint8],
        content_px: tuple[int, int] | None = None,
        *,
        keep: bool = True,
        digest: bytes | None = None,
    ) -> EncodedImage:
        """Encode an image (H x W x 3), or find it in the cache; put it there if `keep`."""

    def encode_several(
        self,
        images: Sequence[NDArray[np.uint8]],
        content_px: Sequence[tuple[int, int]],
        *,
        keep: bool = True,
    ) -> list[EncodedImage]:
        """Encode images, on a GPU all at once."""

    def ask(
        self, encoded: EncodedImage, phrases: Sequence[str], prompts: Prompts | None = None
    ) -> list[PhraseAnswer]:
        """Answer phrases about an encoded image, refined by clicks and a box where given."""
