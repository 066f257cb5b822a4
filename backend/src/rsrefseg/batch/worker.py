"""What a worker of a cluster does: answers windows, its model loaded once.

Everything here runs in the workers' processes; what comes and goes is small: places and numbers
there, packed answers back.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from rsrefseg import __version__
from rsrefseg.errors import ClusterError
from rsrefseg.geo.raster import ReadOptions, open_raster, place_of
from rsrefseg.geo.stretch import Stretch
from rsrefseg.geo.windows import Span
from rsrefseg.predict.look import ask_windows, window_answer
from rsrefseg.predict.plan import ScenePlan
from rsrefseg.predict.store import pack
from rsrefseg.predict.timings import Timings
from rsrefseg.predict.types import DeviceInfo, ModelInfo, PhraseAnswer, Predictor

Outcome = TypeVar("Outcome")


class ModelSource(Hashable, Protocol):
    """Where workers get their model from; equal ones are loaded once in a process."""

    def load(self) -> Predictor:
        """The model."""

    def pinned(self, model: ModelInfo, device: DeviceInfo) -> ModelSource:
        """The same, held to what one worker found, so that all answer alike."""


@dataclass(frozen=True)
class WeightsSource:
    """A weights file.

    Attributes:
        path: the file, as the workers see it; the one that came with each when None.
        device: auto, cpu, cuda or mps.
        precision: auto, fp32, bf16 or fp16.
        sha256: what the file must hash to; anything when None.
        engine_version: the engine that must be there; any when None.
    """

    path: str | None = None
    device: str = "auto"
    precision: str = "auto"
    sha256: str | None = None
    engine_version: str | None = None

    def load(self) -> Predictor:
        """The model.

        Raises:
            ClusterError: the worker has another engine or other weights than the first one.
            WeightsError: the file cannot be used.
            DeviceError: the device or precision is not there.
        """
        from rsrefseg.predict.segmenter import Segmenter
        from rsrefseg.weights.files import bundled_weights

        if self.engine_version not in (None, __version__):
            raise _unlike(f"engine {__version__} in place of {self.engine_version}")
        loaded = Segmenter.from_file(
            self.path or bundled_weights(), device=self.device, precision=self.precision
        )
        if self.sha256 not in (None, loaded.info.sha256):
            raise _unlike(f"the weights {loaded.info.name} of another content")
        return loaded

    def pinned(self, model: ModelInfo, device: DeviceInfo) -> WeightsSource:
        """The same, held to what one worker found."""
        return replace(
            self,
            device=device.kind,
            precision=device.precision,
            sha256=model.sha256,
            engine_version=__version__,
        )


@dataclass(frozen=True)
class Facts:
    """What a worker says about its model.

    Attributes:
        info: the model.
        device: where it runs.
        together: how many windows it is best given at once.
        phrases: the phrases asked about, tidied.
        warnings: for each of them, sentences about what may be misread.
    """

    info: ModelInfo
    device: DeviceInfo
    together: int
    phrases: tuple[str, ...]
    warnings: tuple[tuple[str, ...], ...]

    def check_phrases(self, _phrases: Sequence[str]) -> list[str]:
        """The phrases, as the worker tidied them."""
        return list(self.phrases)

    def phrase_warnings(self, phrase: str) -> list[str]:
        """Sentences about a phrase that the model may misread."""
        return list(self.warnings[self.phrases.index(phrase)])


@dataclass(frozen=True)
class SceneSource:
    """A raster and how it is read.

    Attributes:
        raster: its place, as the workers see it.
        read: how numbers become colours.
        stretch: limits that were computed once for all workers; None for pixels as they are.
        plan: how it is cut; without the windows, which come one by one.
    """

    raster: str
    read: ReadOptions
    stretch: Stretch | None
    plan: ScenePlan


class _Seat:
    """What a worker's process holds on to: a model, and the one thread that it runs in.

    Compute libraries keep a pool of threads for each thread that calls them, and two pools on the
    same cores are in each other's way.
    """

    def __init__(self) -> None:
        self.thread = ThreadPoolExecutor(1, "model")
        self.models: dict[ModelSource, Predictor] = {}

    def run(self, step: Callable[[], Outcome]) -> Outcome:
        """A step's outcome; the others wait for their turn."""
        return self.thread.submit(step).result()

    def model(self, source: ModelSource) -> Predictor:
        """The model, loaded on first use; only for the model's thread."""
        if source not in self.models:
            self.models.clear()
            self.models[source] = source.load()
        return self.models[source]


_seat = _Seat()


def describe(source: ModelSource, phrases: Sequence[str]) -> Facts:
    """Load the model and say what it is.

    Raises:
        PhraseError: a phrase cannot be used.
        RsRefSegError: the model cannot be loaded.
    """

    def loaded() -> Facts:
        model = _seat.model(source)
        _seat.models[source.pinned(model.info, model.device)] = model
        tidy = model.check_phrases(phrases)
        warnings = tuple(tuple(model.phrase_warnings(phrase)) for phrase in tidy)
        return Facts(model.info, model.device, model.together, tuple(tidy), warnings)

    return _seat.run(loaded)


def answer_windows(
    source: ModelSource,
    scene: SceneSource,
    windows: Sequence[tuple[int, Span]],
    phrases: Sequence[str],
) -> list[tuple[int, bytes]]:
    """What the model says about some windows of a scene.

    Two threads of a worker take turns: one reads and packs while the other has the model.

    Args:
        source: the model.
        scene: the raster.
        windows: numbers and places.
        phrases: tidy phrases.

    Returns:
        The windows' numbers and packed answers.

    Raises:
        RasterError: the pixels cannot be read.
        RsRefSegError: the model cannot be loaded, or its memory does not suffice.
    """
    spans = [span for _, span in windows]
    with open_raster(place_of(scene.raster), read=scene.read) as raster:
        tiles = [raster.read_span(scene.plan.grid, span, scene.stretch) for span in spans]

    def asked() -> list[list[PhraseAnswer] | None]:
        model = _seat.model(source)
        return ask_windows(model, tiles, spans, scene.plan, phrases, Timings(), keep=False)

    said = _seat.run(asked)
    return [
        (index, pack(window_answer(tile, answers, len(phrases))))
        for (index, _), tile, answers in zip(windows, tiles, said, strict=True)
    ]


def _unlike(what: str) -> ClusterError:
    return ClusterError(
        f"A worker has {what}, so its polygons could differ: give all workers the same."
    )
