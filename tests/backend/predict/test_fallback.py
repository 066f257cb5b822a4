"""Out of memory, injected: smaller batches, then the CPU, with a sentence; and still right."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from rsrefseg.errors import OutOfMemoryError
from rsrefseg.predict import fallback
from rsrefseg.predict.segmenter import Segmenter

PICTURE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
PHRASES = [f"building {i}" for i in range(6)]


@pytest.fixture
def segmenter(tiny_weights):
    return Segmenter.from_file(tiny_weights, device="cpu", precision="fp32")


@pytest.fixture
def full(segmenter, monkeypatch):
    """Let the model fail as if memory ran out whenever more phrases than `limit` come."""

    class Memory:
        limit = 10**6
        encodings = 10**6

    model, memory = segmenter._model, Memory()
    ask, encode = model.ask, model.encode_image

    def limited_ask(features, *args, **kwargs):
        if len(features) > memory.limit:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")
        return ask(features, *args, **kwargs)

    def limited_encode(image):
        if memory.encodings <= 0:
            memory.encodings += 1
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
        return encode(image)

    monkeypatch.setattr(model, "ask", limited_ask)
    monkeypatch.setattr(model, "encode_image", limited_encode)
    return memory


def test_fewer_phrases_at_once(segmenter, full):
    encoded = segmenter.encode(PICTURE)
    whole = segmenter.ask(encoded, PHRASES)
    assert segmenter.notices == ()
    full.limit = 2
    parts = segmenter.ask(encoded, PHRASES)
    assert [p.phrase for p in parts] == PHRASES
    for one, other in zip(parts, whole, strict=True):
        assert one.probability == pytest.approx(other.probability, abs=1e-5)
    assert segmenter.notices == (fallback.SMALLER_BATCH,)


def test_no_memory_even_for_one_phrase_is_said(segmenter, full):
    encoded = segmenter.encode(PICTURE)
    full.limit = 0
    with pytest.raises(OutOfMemoryError, match="close other programs"):
        segmenter.ask(encoded, PHRASES)
    full.limit = 16
    assert len(segmenter.ask(encoded, PHRASES)) == 6


def test_images_are_forgotten_to_make_room(segmenter, full):
    segmenter.encode(PICTURE)
    full.encodings = 0
    other = PICTURE[::-1]
    assert segmenter.encode(other).cached is False
    assert segmenter.cache.images == 1
    full.encodings = -1
    with pytest.raises(OutOfMemoryError):
        for i in range(1, 4):
            full.encodings = -2
            segmenter.encode(np.roll(PICTURE, i))


def test_fewer_images_at_once(segmenter, monkeypatch):
    seen, encode = [], segmenter._model.encode_image

    def limited(batch):
        seen.append(len(batch))
        if len(batch) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")
        return encode(batch)

    monkeypatch.setattr(segmenter._model, "encode_image", limited)
    monkeypatch.setattr(segmenter, "_together", 3)
    images = [PICTURE, PICTURE[::-1], PICTURE[:, ::-1]]
    several = segmenter.encode_several(images, [(64, 64)] * 3)
    assert len(several) == 3
    assert seen == [3, 3, 1, 1, 1]
    assert segmenter.together == 1


def test_then_the_cpu(segmenter, monkeypatch):
    """A device that is none of ours stands for a GPU whose memory is full."""
    phrases = ["red roofs", "water"]
    wanted = [a.probability for a in segmenter.ask(segmenter.encode(PICTURE), phrases)]
    encoded = segmenter.encode(PICTURE)
    real, moved = segmenter._model, []

    class Full:
        """The model as long as it is on the full GPU."""

        device = torch.device("meta")
        preset, tokenizer = real.preset, real.tokenizer

        def ask(self, *args, **kwargs):
            raise torch.OutOfMemoryError("CUDA out of memory.")

        def encode_text(self, *args):
            raise torch.OutOfMemoryError("CUDA out of memory.")

        def to(self, device, dtype):
            moved.append((device, dtype))
            return real

    segmenter._model = Full()
    answers = segmenter.ask(encoded, phrases)
    for answer, probability in zip(answers, wanted, strict=True):
        assert answer.probability == pytest.approx(probability, abs=1e-6)
    assert moved == [("cpu", torch.float32)]
    assert segmenter.device.kind == "cpu"
    assert "memory did not suffice" in segmenter.device.why
    assert fallback.ON_CPU in segmenter.notices


def test_other_errors_are_not_swallowed(segmenter, monkeypatch):
    def fail(*_args, **_kwargs):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(segmenter._model, "ask", fail)
    with pytest.raises(RuntimeError, match="mat1"):
        segmenter.ask(segmenter.encode(PICTURE), ["red"])
    assert segmenter.notices == ()
