"""Single phrases by OpenVINO: the same answers as torch's, and torch's whenever anything is odd."""

import sys
import time
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from rsrefseg.predict import compiled
from rsrefseg.predict.compiled import FIRST, TRIALS, SinglePhrases, compile_ask
from rsrefseg.predict.segmenter import Segmenter
from rsrefseg.predict.tensors import Answer
from rsrefseg.weights.files import load_model

# Not imported here: it must not find its telemetry.
openvino = pytest.mark.skipif(find_spec("openvino") is None, reason="OpenVINO is not installed")
PHRASES = (
    "trees",
    "the red-roofed building left of the road",
    "крыша",
    "the small house with a red roof next to the long road in the north, but not the white one",
)


@pytest.fixture(scope="module")
def model(tiny_weights):
    return load_model(tiny_weights)[0]


@pytest.fixture(scope="module")
def image(model):
    side = model.preset.tile_px
    with torch.inference_mode():
        noise = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(1))
        return model.encode_image(noise)


def text(model, phrase):
    with torch.inference_mode():
        return model.encode_text(*model.words.batch([phrase]))


def by_torch(model, image, phrase):
    with torch.inference_mode():
        return Answer.of(model.ask(image, text(model, phrase)))


def same(one, other):
    for name in ("low_res_logits", "dense_token_logits", "presence_logit"):
        torch.testing.assert_close(getattr(one, name), getattr(other, name), rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def asked(single, model, image, times, phrase=PHRASES[1]):
    return [single.ask(image, text(model, phrase)) for _ in range(times)]


@torch.inference_mode()
def settled(single, model, image, patience_s=60):
    """Ask until it is known which way is faster, every answer the right one."""
    right = by_torch(model, image, PHRASES[1])
    end = time.monotonic() + patience_s
    while not single.settled and time.monotonic() < end:
        same(*asked(single, model, image, 1), right)
        time.sleep(0.01)
    assert single.settled


@openvino
def test_phrases_of_any_length_get_torchs_answers(model, image):
    fast = compile_ask(model, image, text(model, PHRASES[0]), threads=1)
    assert fast.takes(image)
    for phrase in PHRASES:
        with torch.inference_mode():
            same(fast(image, text(model, phrase)), by_torch(model, image, phrase))
    assert sys.modules["openvino_telemetry"] is None


@openvino
def test_an_answer_outlives_the_next(model, image):
    fast = compile_ask(model, image, text(model, PHRASES[0]), threads=1)
    with torch.inference_mode():
        first = fast(image, text(model, PHRASES[0]))
        fast(image, text(model, PHRASES[1]))
    same(first, by_torch(model, image, PHRASES[0]))


@openvino
def test_it_tries_both_ways_and_settles_once(model, image):
    told = []
    single = SinglePhrases(model, 1, told.append)
    assert not single.compiled
    settled(single, model, image)
    assert len(told) == 1
    assert told[0].startswith(f"single phrases: {'OpenVINO' if single.compiled else 'torch'}")
    assert "against torch's" in told[0]
    same(*asked(single, model, image, 1), by_torch(model, image, PHRASES[1]))


class Fake:
    """Something compiled that says the same as torch, at once, or something else."""

    version = "0"

    def __init__(self, model, takes=True, add=0.0, error=None):
        self.model, self.add, self.error = model, add, error
        self.size_fits = takes
        self.calls = 0
        self.known = {}

    def takes(self, image):
        return self.size_fits

    def __call__(self, image, phrase):
        self.calls += 1
        if self.error is not None and self.calls > TRIALS:
            raise self.error
        if not self.known:
            self.known["answer"] = Answer.of(self.model.ask(image, phrase))
        answer = self.known["answer"]
        return Answer(
            answer.low_res_logits + self.add, answer.dense_token_logits, answer.presence_logit
        )


def compiles_to(monkeypatch, made):
    def compile_instead(*_):
        if isinstance(made, Exception):
            raise made
        return made

    monkeypatch.setattr(compiled, "compile_ask", compile_instead)


def begun(model, image, told):
    single = SinglePhrases(model, 1, told.append)
    asked(single, model, image, FIRST)
    end = time.monotonic() + 10
    while single._compiled is None and not single.settled and time.monotonic() < end:
        time.sleep(0.01)
    return single


def test_the_faster_way_stays(model, image, monkeypatch):
    fast, told = Fake(model), []
    compiles_to(monkeypatch, fast)
    single = begun(model, image, told)
    asked(single, model, image, TRIALS)
    assert single.compiled
    assert told[0].startswith("single phrases: OpenVINO 0, ")
    asked(single, model, image, 2)
    assert fast.calls == TRIALS + 2


def test_an_answer_that_differs_is_not_given(model, image, monkeypatch):
    told = []
    compiles_to(monkeypatch, Fake(model, add=0.5))
    single = begun(model, image, told)
    same(*asked(single, model, image, 1), by_torch(model, image, PHRASES[1]))
    assert (single.settled, single.compiled, told) == (True, False, ["single phrases: torch"])


def test_an_error_leaves_the_answer_to_torch(model, image, monkeypatch):
    told = []
    compiles_to(monkeypatch, Fake(model, error=RuntimeError("out of primitives")))
    single = begun(model, image, told)
    asked(single, model, image, TRIALS)
    assert single.compiled
    same(*asked(single, model, image, 1), by_torch(model, image, PHRASES[1]))
    assert not single.compiled
    assert told[-1] == "single phrases: torch"


@pytest.mark.parametrize("error", [ImportError("no openvino"), ValueError("unknown operation")])
def test_what_cannot_be_compiled_is_asked_by_torch(model, image, monkeypatch, error):
    told = []
    compiles_to(monkeypatch, error)
    single = begun(model, image, told)
    assert (single.settled, single.compiled, told) == (True, False, ["single phrases: torch"])
    same(*asked(single, model, image, 1), by_torch(model, image, PHRASES[1]))


def test_a_large_model_is_not_compiled(model, image, monkeypatch):
    fast, told = Fake(model), []
    compiles_to(monkeypatch, fast)
    monkeypatch.setattr(compiled, "MOST_PARAMETERS", 1_000_000)
    single = begun(model, image, told)
    assert (single.settled, single.compiled, fast.calls) == (True, False, 0)


def test_an_image_of_another_size_is_torchs(model, image, monkeypatch):
    fast, told = Fake(model, takes=False), []
    compiles_to(monkeypatch, fast)
    single = begun(model, image, told)
    same(*asked(single, model, image, 1), by_torch(model, image, PHRASES[1]))
    assert fast.calls == 0


@openvino
def test_a_segmenter_says_how_it_asks_and_answers_the_same(tiny_weights):
    segmenter = Segmenter.from_file(tiny_weights, device="cpu", precision="fp32")
    noise = np.random.default_rng(2).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    encoded = segmenter.encode(noise)
    (before,) = segmenter.ask(encoded, ["the road"])
    segmenter.ask_single_phrases_faster()
    end = time.monotonic() + 60
    while "single phrases: " not in segmenter.device.why and time.monotonic() < end:
        (after,) = segmenter.ask(encoded, ["the road"])
        time.sleep(0.01)
    assert "single phrases: " in segmenter.device.why
    (after,) = segmenter.ask(encoded, ["the road"])
    np.testing.assert_allclose(after.probability, before.probability, atol=1e-4)
    np.testing.assert_allclose(after.heat, before.heat, atol=1e-4)
    assert after.presence == pytest.approx(before.presence, abs=1e-4)
