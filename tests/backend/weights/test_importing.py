from __future__ import annotations

import dataclasses
import hashlib
import weakref

import pytest
import torch
from rsrefseg.errors import WeightsError
from rsrefseg.models.config import load_preset
from rsrefseg.weights import files, streaming
from rsrefseg.weights.files import load_model
from rsrefseg.weights.importing import import_checkpoint
from rsrefseg.weights.released import load_released
from rsrefseg.weights.verify import run_stages
from safetensors.torch import load_file


def convert(golden, out, **options):
    preset = load_preset(golden.with_suffix(".json"))
    return import_checkpoint(golden.with_suffix(".pth"), preset, out, **options)


def test_the_imported_file_gives_the_references_answer(golden, tmp_path):
    written = convert(golden, tmp_path / "x.safetensors")
    model, file = load_model(written.path)
    expected = load_file(golden.with_suffix(".expected.safetensors"))
    found = run_stages(model, expected["image"], expected["input_ids"])
    for stage, value in expected.items():
        if stage in found:
            error = (found[stage].squeeze() - value.squeeze()).abs().max() / value.abs().max()
            assert error < 1e-4, stage
    source = golden.with_suffix(".pth").read_bytes()
    assert file.metadata["source_sha256"] == hashlib.sha256(source).hexdigest()
    assert file.metadata["licence"]
    assert file.name == golden.stem


@pytest.mark.parametrize(("precision", "limit"), [("fp16", 1e-2), ("bf16", 1e-1)])
def test_half_precision_files(golden2, tmp_path, precision, limit):
    full = load_released(golden2.with_suffix(".pth"), load_preset(golden2.with_suffix(".json")))
    written = convert(golden2, tmp_path / "x.safetensors", precision=precision)
    again, _ = load_model(written.path)
    assert again.dtype == torch.float32
    for key, value in full.state_dict().items():
        if value.is_floating_point():
            error = (again.state_dict()[key] - value).abs().max()
            assert error <= limit * value.abs().max(), key
    small = convert(golden2, tmp_path / "full.safetensors").path.stat().st_size
    assert written.path.stat().st_size < 0.6 * small


def test_weights_are_made_one_at_a_time(golden2, tmp_path, monkeypatch):
    made = []

    def watch(path, entries, header):
        def watched(entry):
            def make():
                assert all(ref() is None for ref in made), "an earlier weight is still held"
                value = entry.make().clone()
                made.append(weakref.ref(value))
                return value

            return dataclasses.replace(entry, make=make)

        streaming.write_safetensors(path, [watched(e) for e in entries], header)

    monkeypatch.setattr(files, "write_safetensors", watch)
    convert(golden2, tmp_path / "x.safetensors")
    assert len(made) > 300


def test_a_tokenizer_is_copied_beside(golden2, tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    backend = tokenizers.Tokenizer(tokenizers.models.WordLevel({"<eos>": 0, "road": 1}, "<eos>"))
    backend.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    source = tmp_path / "given.json"
    backend.save(str(source))
    written = convert(golden2, tmp_path / "x.safetensors", tokenizer=source)
    model, _ = load_model(written.path)
    assert model.tokenizer.encode("road") == [1, 0]
    source.unlink()
    assert load_model(written.path)[0].tokenizer.encode("road") == [1, 0]


def test_without_a_tokenizer_phrases_are_refused(golden2, tmp_path):
    model, _ = load_model(convert(golden2, tmp_path / "x.safetensors").path)
    with pytest.raises(WeightsError, match=r"x\.tokenizer\.json"):
        model.tokenizer.batch(["road"])


def test_refusals_write_nothing(golden2, tmp_path):
    with pytest.raises(WeightsError, match="safetensors"):
        convert(golden2, tmp_path / "x.pth")
    with pytest.raises(WeightsError, match="precision"):
        convert(golden2, tmp_path / "x.safetensors", precision="int8")
    with pytest.raises(WeightsError, match="tokenizer"):
        convert(golden2, tmp_path / "x.safetensors", tokenizer=tmp_path / "none.json")
    other = load_preset("rsrefseg2-t")
    with pytest.raises(WeightsError):
        import_checkpoint(golden2.with_suffix(".pth"), other, tmp_path / "x.safetensors")
    assert list(tmp_path.iterdir()) == []
