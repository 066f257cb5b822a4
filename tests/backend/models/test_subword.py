from __future__ import annotations

import io

import pytest
from rsrefseg.errors import WeightsError
from rsrefseg.models.subword import FileTokenizer, MissingTokenizer, tokenizer_beside

tokenizers = pytest.importorskip("tokenizers")
CORPUS = ["the red building left of the road", "a large ship in the harbour", "two white cars"] * 9


def write_json(path, end="<eos>", size=120):
    backend = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="<unk>"))
    backend.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    special = ["<pad>", "<unk>", *([end] if end else [])]
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=size, special_tokens=special)
    backend.train_from_iterator(CORPUS, trainer)
    backend.enable_padding(length=64)
    backend.enable_truncation(4)
    backend.save(str(path))
    return path


def write_model(path):
    sentencepiece = pytest.importorskip("sentencepiece")
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS), model_writer=model, vocab_size=28, minloglevel=2
    )
    path.write_bytes(model.getvalue())
    return path


@pytest.mark.parametrize("write", [write_json, write_model])
def test_a_phrase_has_its_own_tokens_and_one_end(tmp_path, write):
    path = write(tmp_path / ("x.json" if write is write_json else "x.model"))
    tokenizer = FileTokenizer.from_file(path, vocab_size=200, context_length=64)
    short, long = tokenizer.encode("the road"), tokenizer.encode("the red building by the road")
    assert short[-1] == long[-1]
    assert short.count(short[-1]) == 1
    assert len(short) < len(long)
    assert tokenizer.count("the road") == len(short)
    ids, lengths = tokenizer.batch(["the road", "the red building by the road"])
    assert ids[0, : lengths[0]].tolist() == short
    assert tokenizer.unknown_words("zebra") == []


def test_a_long_phrase_keeps_its_end(tmp_path):
    path = write_json(tmp_path / "x.json")
    tokenizer = FileTokenizer.from_file(path, vocab_size=200, context_length=8)
    ids = tokenizer.encode("the red building left of the road " * 4)
    assert len(ids) == 8
    assert ids[-1] == tokenizer.encode("road")[-1]


def test_refusals(tmp_path):
    with pytest.raises(WeightsError, match="check the path"):
        FileTokenizer.from_file(tmp_path / "none.json", 200, 64)
    broken = tmp_path / "broken.json"
    broken.write_text("{}", encoding="utf-8")
    with pytest.raises(WeightsError, match="no tokenizer that can be read"):
        FileTokenizer.from_file(broken, 200, 64)
    noise = tmp_path / "noise.model"
    noise.write_bytes(b"\xff\x00 noise")
    with pytest.raises(WeightsError, match="no tokenizer that can be read"):
        FileTokenizer.from_file(noise, 200, 64)
    (tmp_path / "x.txt").write_text("x", encoding="utf-8")
    with pytest.raises(WeightsError, match=r"tokenizer\.json"):
        FileTokenizer.from_file(tmp_path / "x.txt", 200, 64)
    with pytest.raises(WeightsError, match="model knows 50"):
        FileTokenizer.from_file(write_json(tmp_path / "big.json"), 50, 64)
    with pytest.raises(WeightsError, match="no end token"):
        FileTokenizer.from_file(write_json(tmp_path / "endless.json", end=None), 200, 64)


def test_it_is_found_beside_the_weights(tmp_path):
    weights = tmp_path / "model.safetensors"
    assert tokenizer_beside(weights, 200, 64) is None
    write_json(tmp_path / "tokenizer.json")
    assert tokenizer_beside(weights, 200, 64).path.name == "tokenizer.json"
    write_json(tmp_path / "model.tokenizer.json")
    assert tokenizer_beside(weights, 200, 64).path.name == "model.tokenizer.json"


def test_a_missing_one_says_so_when_asked(tmp_path):
    missing = MissingTokenizer(64, tmp_path / "model.safetensors")
    for ask in (missing.encode, missing.count, missing.unknown_words):
        with pytest.raises(WeightsError, match=r"model\.tokenizer\.json"):
            ask("the road")
    with pytest.raises(WeightsError, match="missing"):
        missing.batch(["the road"])
