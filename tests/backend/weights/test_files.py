from __future__ import annotations

import json
import struct

import pytest
import torch
from rsrefseg.errors import WeightsError
from rsrefseg.models.build import build_model
from rsrefseg.weights.files import (
    BUNDLED_NAME,
    bundled_weights,
    file_sha256,
    load_model,
    read_header,
    save_model,
)
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from tests.support.small_models import reduced_preset


@pytest.fixture
def model():
    torch.manual_seed(0)
    return build_model(reduced_preset("rsrefseg2-tiny"))


def test_a_model_survives_the_file(model, tmp_path):
    written = save_model(model, tmp_path / "a" / "x.safetensors", {"name": "mine", "note": 7})
    again, file = load_model(written.path)
    assert (file.name, file.preset_name) == ("mine", "rsrefseg2-tiny")
    assert file.metadata["note"] == 7
    assert file.sha256 == written.sha256 == file_sha256(written.path)
    assert again.preset == model.preset
    assert again.tokenizer.encode("red zebra") == model.tokenizer.encode("red zebra")
    for key, value in model.state_dict().items():
        assert torch.equal(again.state_dict()[key], value), key
    assert not again.training


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_on_disk_and_in_use(model, tmp_path, dtype):
    path = save_model(model, tmp_path / "x.safetensors", dtype=dtype).path
    stored = load_file(path)
    assert stored["prompter.prompts"].dtype == dtype
    assert stored["prompter.dense.logit_scale"].dtype == torch.float32
    again, _ = load_model(path)
    assert again.dtype == torch.float32
    half, _ = load_model(path, dtype=dtype)
    assert half.dtype == dtype
    frequencies = half.sam_decoder.prompts.encoder.pe_layer.positional_encoding_gaussian_matrix
    assert frequencies.dtype == torch.float32
    with torch.inference_mode():
        half.encode_image(torch.rand(1, 3, 64, 64))


def test_the_file_is_safetensors(model, tmp_path):
    path = save_model(model, tmp_path / "x.safetensors").path
    with safe_open(path, "pt") as file:
        assert set(file.keys()) == set(model.state_dict())
        assert file.metadata()["format"] == "rsrefseg"
    (length,) = struct.unpack("<Q", path.read_bytes()[:8])
    assert length % 8 == 0


def test_a_weight_too_large_for_fp16_is_refused(model, tmp_path):
    with torch.no_grad():
        model.prompter.prompts[0, 0] = 1e30
    with pytest.raises(WeightsError, match=r"prompter\.prompts.*float16.*bf16"):
        save_model(model, tmp_path / "x.safetensors", dtype=torch.float16)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_what_was_there(model, tmp_path):
    path = save_model(model, tmp_path / "x.safetensors").path
    before = path.read_bytes()
    with torch.no_grad():
        model.prompter.prompts.fill_(float("nan"))
    with pytest.raises(WeightsError):
        save_model(model, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["x.safetensors"]


def test_an_unwritable_place_is_said(model, tmp_path):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(WeightsError, match="cannot be written"):
        save_model(model, tmp_path / "file" / "x.safetensors")


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "readable"), (b"hello world, I am no file", "readable")],
)
def test_noise_is_refused(tmp_path, content, said):
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=said):
        load_model(path)


def test_missing_and_foreign_files_are_said(tmp_path):
    with pytest.raises(WeightsError, match="check the path"):
        load_model(tmp_path / "none.safetensors")
    path = tmp_path / "foreign.safetensors"
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match="models import"):
        load_model(path)


def rewrite(path, tensors=None, **header):
    """The file again with changed tensors or header."""
    with safe_open(path, "pt") as file:
        metadata = {**file.metadata(), **header}
    save_file(tensors if tensors is not None else load_file(path), path, metadata=metadata)


def test_damaged_headers_and_tensors_are_said(model, tmp_path):
    path = save_model(model, tmp_path / "x.safetensors").path
    good = load_file(path)
    rewrite(path, format_version="99")
    with pytest.raises(WeightsError, match="newer rsrefseg"):
        load_model(path)
    rewrite(path, format_version="1", metadata="{")
    with pytest.raises(WeightsError, match="damaged"):
        load_model(path)
    rewrite(path, {k: v for k, v in good.items() if k != "prompter.prompts"}, metadata="{}")
    with pytest.raises(WeightsError, match=r"lacks.*prompter\.prompts"):
        load_model(path)
    rewrite(path, {**good, "more": torch.zeros(1)})
    with pytest.raises(WeightsError, match="'more'"):
        load_model(path)
    rewrite(path, {**good, "prompter.prompts": torch.zeros(2, 2)})
    with pytest.raises(WeightsError, match=r"prompter\.prompts.*\(2, 2\)"):
        load_model(path)
    rewrite(path, good, preset=json.dumps({"name": "x"}))
    with pytest.raises(WeightsError, match="damaged"):
        read_header(path)


def test_the_bundled_weights_can_be_chosen(tmp_path, monkeypatch):
    path = tmp_path / "mine.safetensors"
    monkeypatch.setenv("RSREFSEG_WEIGHTS", str(path))
    with pytest.raises(WeightsError, match="no file"):
        bundled_weights()
    path.write_bytes(b"x")
    assert bundled_weights() == path


def test_absent_bundled_weights_are_said(tmp_path, monkeypatch):
    from rsrefseg.weights import files

    monkeypatch.delenv("RSREFSEG_WEIGHTS", raising=False)
    package = tmp_path / "backend" / "src" / "rsrefseg" / "weights"
    monkeypatch.setattr(files, "__file__", str(package / "files.py"))
    with pytest.raises(WeightsError, match="not installed"):
        bundled_weights()
    place = tmp_path / "resources" / "weights" / BUNDLED_NAME
    place.parent.mkdir(parents=True)
    place.write_bytes(b"x")
    assert bundled_weights() == place
