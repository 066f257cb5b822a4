from __future__ import annotations

import pytest
import torch
from rsrefseg.models.build import build_model
from rsrefseg.models.config import list_presets, load_preset


@pytest.mark.parametrize("name", list_presets())
def test_the_preset_counts_its_parameters(name):
    preset = load_preset(name)
    with torch.device("meta"):
        model = build_model(preset, random_init=False)
    assert sum(p.numel() for p in model.parameters()) == preset.parameters


@pytest.mark.parametrize("name", list_presets())
def test_the_preset_runs_at_reduced_dimensions(name, reduced):
    torch.manual_seed(0)
    preset = reduced(name)
    model = build_model(preset)
    side = preset.tile_px
    ids, lengths = torch.randint(0, 299, (3, 6)), torch.tensor([6, 2, 4])
    with torch.inference_mode():
        image = model.encode_image(torch.rand(2, 3, side, side))
        answer = model.ask(image.expand(torch.tensor([0, 0, 1])), model.encode_text(ids, lengths))
        full = model.upsample(answer.low_res_logits, side, (side, side - 9), (40, 30))
    assert answer.low_res_logits.shape == answer.dense_prompts.shape
    assert answer.low_res_logits.shape[:2] == (3, 1)
    assert answer.iou.shape == (3, 1)
    assert answer.sparse_prompts.shape == (3, 9, preset.sam.d_model)
    assert answer.text_queries1.shape == (3, 3, preset.clip.width)
    assert answer.dense_token_logits.shape == (3, 4, 4)
    assert full.shape == (3, 1, 40, 30)
    assert full.isfinite().all()


def test_the_bundled_model_stays_small():
    assert load_preset("rsrefseg2-tiny").parameters < 10_000_000
