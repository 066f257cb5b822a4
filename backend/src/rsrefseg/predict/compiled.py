"""One phrase at a time by OpenVINO, where that is installed and turns out to be faster.

A small model spends half of the time that a phrase takes on calling some two thousand small
operations, not on their sums. OpenVINO makes one call of prompter and decoder. That takes seconds,
so it happens in the background, once a few phrases have been asked; then both ways answer the next
phrases, and the compiled one stays if it is faster and says the same.
"""

from __future__ import annotations

import logging
import statistics
import sys
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from rsrefseg.models.features import ImageFeatures, TextFeatures
from rsrefseg.models.rsrefseg2 import RSRefSeg2
from rsrefseg.predict.tensors import Answer
from rsrefseg.predict.types import COMPILING

# Phrases that torch answers before anything is compiled, and phrases that both ways answer.
FIRST, TRIALS = 3, 5
# A larger prompter and decoder spend their time on sums, and would be in the memory twice.
MOST_PARAMETERS = 10_000_000
WORTHWHILE_GAIN = 1.15
# Logits, which differ by some 1e-5 because sums are made in another order.
AGREEING = 0.01
# Threads go on spinning for some milliseconds after their last sum.
_AT_REST_S = 0.01

log = logging.getLogger("rsrefseg.predict")


class SinglePhrases:
    """Prompter and decoder for one phrase about one image, on a CPU in fp32."""

    def __init__(self, model: RSRefSeg2, threads: int, tell: Callable[[str], None]) -> None:
        """Start with torch.

        Args:
            model: in evaluation mode, on the CPU, in fp32.
            threads: OpenVINO's; unlike torch's they sleep when they have nothing to do.
            tell: is given a sentence on what was found to be faster.
        """
        self._model = model
        self._threads = threads
        self._tell = tell
        self._asked = 0
        self._trials: list[tuple[float, float]] = []
        self._compiled: CompiledAsk | None = None
        self.settled = False

    @property
    def compiled(self) -> bool:
        """Whether OpenVINO answers from now on."""
        return self.settled and self._compiled is not None

    def ask(self, image: ImageFeatures, text: TextFeatures) -> Answer:
        """Answer one phrase about one image."""
        compiled = self._compiled
        if compiled is None or not compiled.takes(image):
            return self._by_torch(image, text)
        try:
            if self.settled:
                return compiled(image, text)
            return self._try(compiled, image, text)
        except RuntimeError:
            log.exception("OpenVINO failed; torch goes on")
            self._settle(None)
            return self._by_torch(image, text)

    def _by_torch(self, image: ImageFeatures, text: TextFeatures) -> Answer:
        answer = Answer.of(self._model.ask(image, text))
        self._asked += 1
        if self._asked == FIRST:
            self._begin(image, text)
        return answer

    def _begin(self, image: ImageFeatures, text: TextFeatures) -> None:
        parts = (self._model.prompter, self._model.sam_decoder)
        if sum(p.numel() for part in parts for p in part.parameters()) > MOST_PARAMETERS:
            self._settle(None)
            return

        def work() -> None:
            try:
                self._compiled = compile_ask(self._model, image, text, self._threads)
            except ImportError:
                self._settle(None)
            except Exception:
                # A converter meets models that it cannot read in ways of its own; torch goes on.
                log.exception("OpenVINO could not compile the model")
                self._settle(None)

        threading.Thread(target=work, name=COMPILING, daemon=True).start()

    def _try(self, compiled: CompiledAsk, image: ImageFeatures, text: TextFeatures) -> Answer:
        seconds: list[float] = []
        answers: list[Answer] = []
        for way in (compiled, self._by_torch):
            time.sleep(_AT_REST_S)
            begun = time.perf_counter()
            answers.append(way(image, text))
            seconds.append(time.perf_counter() - begun)
        other, answer = answers
        self._trials.append((seconds[0], seconds[1]))
        if not agree(answer, other):
            log.warning("OpenVINO's answers differ from torch's; torch goes on")
            self._settle(None)
        elif len(self._trials) == TRIALS:
            ours, theirs = (statistics.median(times) for times in zip(*self._trials, strict=True))
            self._settle(compiled if ours * WORTHWHILE_GAIN < theirs else None, ours, theirs)
        return answer

    def _settle(
        self, compiled: CompiledAsk | None, ours_s: float = 0.0, torchs_s: float = 0.0
    ) -> None:
        self._compiled, self.settled = compiled, True
        way = "torch" if compiled is None else f"OpenVINO {compiled.version}"
        times = f", {ours_s * 1000:.0f} ms against torch's {torchs_s * 1000:.0f}" if ours_s else ""
        self._tell(f"single phrases: {way}{times}")


def agree(one: Answer, other: Answer) -> bool:
    """Whether the same polygons follow from both answers, but for rounding."""
    pairs = [(one.low_res_logits, other.low_res_logits)]
    if one.presence_logit is not None and other.presence_logit is not None:
        pairs.append((one.presence_logit, other.presence_logit))
    return all(bool(((a - b).abs() <= AGREEING).all()) for a, b in pairs)


class CompiledAsk:
    """`RSRefSeg2.ask` for one phrase about one image of the size that it was compiled for."""

    def __init__(self, compiled: Any, like: ImageFeatures, tokens: int, version: str) -> None:
        self._request = compiled.create_infer_request()
        self._tokens = tokens
        self._grid = like.clip_grid
        self._shapes = [tensor.shape for tensor in _flat(like)]
        self.version = version

    def takes(self, image: ImageFeatures) -> bool:
        """Whether an image has the size."""
        return image.clip_grid == self._grid and self._shapes == [t.shape for t in _flat(image)]

    def __call__(self, image: ImageFeatures, text: TextFeatures) -> Answer:
        """Answer the phrase.

        Raises:
            RuntimeError: of OpenVINO's.
        """
        import openvino

        inputs = (*_flat(image), *_padded(text, self._tokens))
        # Kept until the end of the call: OpenVINO reads their memory and does not own it.
        arrays = [x.contiguous().numpy() for x in inputs]
        tensors = [openvino.Tensor(array, shared_memory=True) for array in arrays]
        self._request.infer(tensors, share_outputs=True)
        # The request's own memory holds them: until the next phrase.
        found = [torch.from_numpy(out.data).clone() for out in self._request.output_tensors]
        return Answer(found[0], found[1], found[2] if len(found) > 2 else None)


class _Ask(nn.Module):
    """`RSRefSeg2.ask` with tensors only, for a tracer."""

    def __init__(self, model: RSRefSeg2, like: ImageFeatures) -> None:
        super().__init__()
        self.model = model
        self._like = like

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        *image, tokens, pooled, mask = tensors
        out = self.model.ask(_unflat(self._like, image), TextFeatures(tokens, pooled, mask))
        presence = () if out.presence_logit is None else (out.presence_logit,)
        return (out.low_res_logits, out.dense_token_logits, *presence)


def _flat(image: ImageFeatures) -> list[Tensor]:
    """An image's tensors, those that lie channels last in the order that they lie in."""
    ground = [] if image.ground is None else [image.ground.permute(0, 2, 3, 1)]
    return [image.clip_tokens, image.sam_embed.permute(0, 2, 3, 1), *image.high_res, *ground]


def _unflat(like: ImageFeatures, tensors: list[Tensor]) -> ImageFeatures:
    finer = 2 + len(like.high_res)
    ground = None if like.ground is None else tensors[finer].permute(0, 3, 1, 2)
    return ImageFeatures(
        tensors[0],
        like.clip_grid,
        tensors[1].permute(0, 3, 1, 2),
        tuple(tensors[2:finer]),
        ground,
    )


def _padded(text: TextFeatures, tokens: int) -> list[Tensor]:
    """A phrase's tensors at one length, for which alone kernels have to be made."""
    more = tokens - text.tokens.shape[1]
    return [
        functional.pad(text.tokens, (0, 0, 0, more)),
        text.pooled,
        functional.pad(text.mask, (0, more)),
    ]


def compile_ask(
    model: RSRefSeg2, image: ImageFeatures, text: TextFeatures, threads: int
) -> CompiledAsk:
    """Compile prompter and decoder for one phrase about an image of this size.

    Args:
        model: in evaluation mode, on the CPU, in fp32.
        image: features of one image.
        text: features of one phrase; the compiled ones take any length.
        threads: to run on.

    Raises:
        ImportError: OpenVINO is not installed.
    """
    # Without this package OpenVINO has nothing to report conversions to its makers with.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    tokens = model.preset.clip.context_length
    inputs = tuple(x.contiguous() for x in (*_flat(image), *_padded(text, tokens)))
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a tracer warns of each length that is plain Python
        decoder = TorchScriptPythonDecoder(_Ask(model, image).eval(), example_input=inputs)
    frontend = FrontEndManager().load_by_framework("pytorch")
    graph = frontend.convert(frontend.load(decoder))
    shapes = {i: openvino.PartialShape(list(x.shape)) for i, x in enumerate(inputs)}
    graph.reshape(shapes)
    options = {
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
    }
    compiled = openvino.Core().compile_model(graph, "CPU", options)
    return CompiledAsk(compiled, image, tokens, openvino.__version__.split("-")[0])
