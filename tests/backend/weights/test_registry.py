from __future__ import annotations

import json

import pytest
from rsrefseg.errors import WeightsError
from rsrefseg.models.config import load_preset
from rsrefseg.weights.registry import find_model, read_registry, weights_dir


def test_the_built_in_one_is_sound():
    models = read_registry()
    assert {"rsrefseg2-l-rrsisd", "rsrefseg2-l-refsegrs"} <= set(models)
    for model in models.values():
        assert load_preset(model.preset).name == model.preset
        assert model.licence
        assert model.citation
        assert model.file("checkpoint") or model.file("weights")
        assert all(f.url.startswith("https://") for f in model.files)


def test_an_unknown_name_lists_the_known():
    with pytest.raises(WeightsError, match="rsrefseg2-l-rrsisd"):
        find_model("rsrefseg2-xl")


FILE = {"role": "checkpoint", "name": "x.pth", "url": "https://example.org/x.pth"}
MODEL = {
    "name": "x",
    "preset": "rsrefseg2-l",
    "layout": "released",
    "trained_on": "",
    "licence": "",
    "citation": "",
}


@pytest.mark.parametrize(
    ("model", "file"),
    [
        ({}, {"name": "../x.pth"}),
        ({}, {"name": ".hidden"}),
        ({}, {"url": "file:///etc/passwd"}),
        ({}, {"sha256": "abc"}),
        ({}, {"surprise": 1}),
        ({"name": "a/b"}, {}),
        ({"surprise": 1}, {}),
    ],
)
def test_wrong_entries_are_refused(tmp_path, model, file):
    path = tmp_path / "registry.json"
    content = {"models": [{**MODEL, "files": [{**FILE, **file}], **model}]}
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(WeightsError):
        read_registry(path)


def test_broken_files_are_said(tmp_path):
    path = tmp_path / "registry.json"
    with pytest.raises(WeightsError, match="cannot be read"):
        read_registry(path)
    path.write_text("[]", encoding="utf-8")
    with pytest.raises(WeightsError, match="not as expected"):
        read_registry(path)


def test_the_folder_can_be_chosen(monkeypatch, tmp_path):
    monkeypatch.setenv("RSREFSEG_WEIGHTS_DIR", str(tmp_path))
    assert weights_dir() == tmp_path
    monkeypatch.delenv("RSREFSEG_WEIGHTS_DIR")
    assert weights_dir().parts[-2:] == ("rsrefseg", "weights")
