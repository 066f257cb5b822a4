from __future__ import annotations

import pytest
import torch
from rsrefseg.errors import WeightsError
from rsrefseg.models.config import load_preset
from rsrefseg.weights.verify import verify
from safetensors.torch import load_file, save_file


def run(golden, expected):
    return verify(golden.with_suffix(".pth"), load_preset(golden.with_suffix(".json")), expected)


@pytest.fixture
def changed(golden2, tmp_path):
    def write(**stages):
        values = load_file(golden2.with_suffix(".expected.safetensors"))
        values.update(stages)
        path = tmp_path / "changed.safetensors"
        save_file({k: v for k, v in values.items() if v is not None}, path)
        return path

    return write


def test_one_wrong_stage_is_found(golden2, changed):
    values = load_file(golden2.with_suffix(".expected.safetensors"))
    logits = values["logits"].clone()
    logits[0, 0, 3, 4] += 2e-4 * logits.abs().max()
    failed = [s.stage for s in run(golden2, changed(logits=logits)) if not s.passed]
    assert failed == ["logits"]


def test_a_stage_that_is_not_there_is_left_out(golden2, changed):
    stages = [s.stage for s in run(golden2, changed(logits=None))]
    assert "logits" not in stages
    assert "iou_pred" in stages


def test_another_shape_is_said(golden2, changed):
    with pytest.raises(WeightsError, match="shape"):
        run(golden2, changed(logits=torch.zeros(1, 1, 64, 64)))


def test_unusable_files_are_said(golden2, changed, tmp_path):
    with pytest.raises(WeightsError, match="input_ids"):
        run(golden2, changed(input_ids=None))
    with pytest.raises(WeightsError, match="check the path"):
        run(golden2, tmp_path / "none")
    (tmp_path / "noise").write_bytes(b"noise")
    with pytest.raises(WeightsError, match="readable"):
        run(golden2, tmp_path / "noise")
