from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from rsrefseg.errors import DeviceError, InputError, PhraseError, WeightsError
from rsrefseg.predict.segmenter import Segmenter
from rsrefseg.predict.tensors import fit_into_tile
from rsrefseg.predict.types import PhraseAnswer


@pytest.fixture(scope="module")
def segmenter(tiny_weights):
    return Segmenter.from_file(tiny_weights, device="cpu", precision="fp32")


def picture(height=96, width=128, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_it_says_what_it_is(segmenter):
    info = segmenter.info
    assert (info.name, info.preset, info.tile_px) == ("random-tiny", "rsrefseg2-tiny", 384)
    assert len(info.sha256) == 64
    assert segmenter.device.kind == "cpu"
    assert segmenter.device.precision == "fp32"


def test_answers_have_the_image_s_own_size(segmenter):
    answers = segmenter.ask(segmenter.encode(picture()), ["red roofs", "water"])
    assert [a.phrase for a in answers] == ["red roofs", "water"]
    for answer in answers:
        assert answer.probability.shape == (96, 128)
        assert answer.probability.dtype == np.float32
        assert 0 <= answer.probability.min() <= answer.probability.max() <= 1
        assert answer.heat.ndim == 2
        assert answer.heat.shape[0] / answer.heat.shape[1] == pytest.approx(0.75, abs=0.1)
        assert 0 <= answer.presence <= 1
        assert 0 <= answer.score <= 1


def test_nothing_is_found_where_there_is_no_data(segmenter):
    encoded = segmenter.encode(picture())
    valid = np.ones((96, 128), dtype=bool)
    valid[:, :50] = False
    (whole,) = segmenter.ask(encoded, ["red roofs"])
    (part,) = segmenter.ask(replace(encoded, valid=valid), ["red roofs"])
    assert not part.probability[:, :50].any()
    assert np.array_equal(part.probability[:, 50:], whole.probability[:, 50:])


def test_an_image_is_encoded_once(segmenter):
    first = segmenter.encode(picture(seed=1))
    again = segmenter.encode(picture(seed=1).copy())
    assert (first.cached, again.cached) == (False, True)
    assert segmenter.encode(picture(seed=2)).cached is False
    assert segmenter.encode(picture(seed=1), (50, 60)).cached is False
    assert segmenter.cache.images >= 3


def test_images_encoded_together_are_as_those_encoded_alone(segmenter, monkeypatch):
    images = [picture(seed=11 + i) for i in range(3)]
    sizes = [(64, 64), (50, 60), (64, 64)]
    alone = [
        segmenter.ask(segmenter.encode(image, size, keep=False), ["red"])
        for image, size in zip(images, sizes, strict=True)
    ]
    segmenter.encode(images[1], sizes[1])
    monkeypatch.setattr(segmenter, "_together", 2)
    several = segmenter.encode_several(images, sizes)
    assert [one.cached for one in several] == [False, True, False]
    for (one,), image in zip(alone, several, strict=True):
        (other,) = segmenter.ask(image, ["red"])
        assert other.probability == pytest.approx(one.probability, abs=1e-5)


def test_a_phrase_gets_the_same_answer_alone_and_in_company(segmenter):
    encoded = segmenter.encode(picture())
    phrases = ["red", "the longest phrase of them all, with many words", "крыша"]
    phrases += [f"building {i}" for i in range(20)]
    together = segmenter.ask(encoded, phrases)
    for i in (0, 1, 2, 15, 22):
        (alone,) = segmenter.ask(encoded, [phrases[i]])
        assert together[i].phrase == phrases[i]
        assert together[i].probability == pytest.approx(alone.probability, abs=1e-4)


def test_nothing_to_ask_is_no_answer(segmenter):
    assert segmenter.ask(segmenter.encode(picture()), []) == []


def test_words_it_never_learnt_are_named(segmenter):
    (answer,) = segmenter.ask(segmenter.encode(picture()), ["the red крыша"])
    assert "крыша" in answer.unknown_words
    assert any("крыша" in sentence for sentence in segmenter.phrase_warnings("the red крыша"))
    assert segmenter.phrase_warnings("the red roofs") == []


def test_nothing_is_there_of_what_it_never_learnt(segmenter):
    encoded = segmenter.encode(picture())
    strange, half_known = segmenter.ask(encoded, ["the red крыша", "the крыша left of the road"])
    assert strange.presence == 0.0
    assert half_known.presence > 0.0
    assert strange.probability.max() > 0.0, "the best guess can still be shown"


def test_phrases_beyond_the_model_s_context(segmenter):
    with pytest.raises(PhraseError, match="512"):
        segmenter.check_phrases(["building " * 250])
    long = "zxqj " * 40
    assert any("beginning" in s for s in segmenter.phrase_warnings(long))


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_what_is_no_image_is_refused(segmenter, image):
    with pytest.raises(InputError):
        segmenter.encode(image)


def test_slices_and_read_only_arrays_are_images_too(segmenter):
    image = picture(200, 200)[::2, ::2]
    image.setflags(write=False)
    assert segmenter.encode(image).shape == (100, 100)


def test_half_precision_answers_alike(segmenter, tiny_weights):
    half = Segmenter.from_file(tiny_weights, device="cpu", precision="bf16")
    assert half.device.precision == "bf16"
    (exact,) = segmenter.ask(segmenter.encode(picture()), ["red roofs"])
    (rough,) = half.ask(half.encode(picture()), ["red roofs"])
    assert np.abs(exact.probability - rough.probability).mean() < 0.05


def test_weights_and_devices_that_are_not_there(tiny_weights, tmp_path):
    with pytest.raises(WeightsError):
        Segmenter.from_file(tmp_path / "absent.safetensors")
    with pytest.raises(DeviceError):
        Segmenter.from_file(tiny_weights, device="abacus")


def test_the_long_side_fills_the_tile():
    assert fit_into_tile((100, 200), 256) == (128, 256)
    assert fit_into_tile((2000, 10), 256) == (256, 1)


def test_the_score_is_the_mean_of_what_is_in_or_the_best_of_what_is_not():
    def score(*values):
        return PhraseAnswer("roofs", np.array([values], np.float32), np.zeros((1, 1)), None).score

    assert score(0.6, 0.8, 0.1) == pytest.approx(0.7)
    assert score(0.4, 0.1) == pytest.approx(0.4)
