from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rsrefseg.errors import ConfigError, WeightsError
from rsrefseg.models.config import load_preset
from rsrefseg.models.tokenizer import (
    END_ID,
    WordTokenizer,
    build_vocabulary,
    main,
    tokenizer_from_json,
    word_tokenizer,
)

WORDS = ["the", "red", "roofed", "building", "-", "left", "of"]


@pytest.fixture
def tokenizer():
    return WordTokenizer(WORDS, vocab_size=300, context_length=12)


def test_known_words_take_one_token_each(tokenizer):
    assert tokenizer.encode("The RED-roofed  building") == [264, 265, 268, 266, 267, END_ID]


def test_full_width_letters_are_normalised(tokenizer):
    assert tokenizer.encode("\uff52\uff45\uff44") == tokenizer.encode("red")


def test_unknown_words_are_spelt_and_named(tokenizer):
    assert tokenizer.unknown_words("the gasometer, left of the gasometer!") == ["gasometer"]
    assert tokenizer.encode("ab") == [2, 8 + ord("a"), 8 + ord("b"), END_ID]
    assert tokenizer.encode("a b") != tokenizer.encode("ab")


def test_a_long_phrase_keeps_its_end(tokenizer):
    ids = tokenizer.encode("red " * 40)
    assert len(ids) == 12
    assert ids[-1] == END_ID
    assert tokenizer.count("red " * 40) == 41


def test_batches_are_padded(tokenizer):
    ids, lengths = tokenizer.batch(["red", "the red building"])
    assert ids.tolist() == [[265, END_ID, 0, 0], [264, 265, 267, END_ID]]
    assert lengths.tolist() == [2, 4]


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=60))
def test_any_text_can_be_encoded(text):
    tokenizer = WordTokenizer(WORDS, vocab_size=300, context_length=16)
    ids = tokenizer.encode(text)
    assert 1 <= len(ids) <= 16
    assert ids[-1] == END_ID
    assert all(0 <= i < 300 for i in ids)


def test_it_travels(tokenizer):
    again = tokenizer_from_json(json.loads(json.dumps(tokenizer.to_json())))
    assert again.encode("the red gasometer") == tokenizer.encode("the red gasometer")


def test_damaged_records_are_refused(tokenizer):
    with pytest.raises(WeightsError, match="damaged"):
        tokenizer_from_json({"type": "words"})
    with pytest.raises(WeightsError, match="unknown type"):
        tokenizer_from_json({**tokenizer.to_json(), "type": "letters"})


def test_a_list_must_fit_and_be_distinct():
    with pytest.raises(ConfigError, match="room for"):
        WordTokenizer([f"w{i}" for i in range(40)], vocab_size=300, context_length=8)
    with pytest.raises(ConfigError, match="twice"):
        WordTokenizer(["a", "a"], vocab_size=300, context_length=8)


def test_vocabulary_is_by_frequency_then_alphabet():
    assert build_vocabulary(["b a", "c b"], 300) == ["b", "a", "c"]
    assert build_vocabulary(["b a", "c b"], 265) == ["b"]


def test_the_command_appends_without_moving_ids(tmp_path):
    phrases, out = tmp_path / "phrases.txt", tmp_path / "vocab.json"
    phrases.write_text("red car\nred roof\n", encoding="utf-8")
    main([str(phrases), "-o", str(out)])
    assert json.loads(out.read_text()) == ["red", "car", "roof"]
    phrases.write_text("a a blue\n", encoding="utf-8")
    main([str(phrases), "-o", str(out), "--keep"])
    assert json.loads(out.read_text()) == ["red", "car", "roof", "a", "blue"]


def test_the_bundled_vocabulary_fits_its_model():
    tokenizer = word_tokenizer(load_preset("rsrefseg2-tiny"))
    assert tokenizer.unknown_words("the red building left of the road") == []
