from __future__ import annotations

import dataclasses

import pytest
import torch
from rsrefseg.models.build import build_model
from rsrefseg.models.features import TextFeatures
from rsrefseg.models.prompter import adaptive_pool
from torch.nn import functional


@pytest.mark.parametrize("bins", [1, 3, 5])
def test_pooling_ignores_padding(bins):
    tokens = torch.randn(4, 9, 6)
    lengths = [1, 2, 7, 9]
    mask = torch.arange(9) < torch.tensor(lengths)[:, None]
    pooled = adaptive_pool(tokens * mask[..., None], mask, bins)
    for row, length in enumerate(lengths):
        alone = functional.adaptive_avg_pool1d(tokens[row, :length].T[None], bins)[0].T
        torch.testing.assert_close(pooled[row], alone)


def test_position_map_of_another_grid_is_resized(reduced):
    preset = reduced("rsrefseg2-sam1-b", image_grid=(6, 6))
    prompter = build_model(preset).prompter
    assert prompter.image_pe.shape[-2:] == (6, 6)
    expected = functional.interpolate(
        prompter.image_pe, size=(4, 4), mode="bicubic", align_corners=True
    )
    found = prompter._image_positions((4, 4))
    torch.testing.assert_close(found, expected.flatten(2).transpose(1, 2))


def test_prompts_have_sams_width(reduced):
    preset = reduced("rsrefseg2-sam1-b")
    preset = dataclasses.replace(preset, sam=dataclasses.replace(preset.sam, d_model=48))
    prompter = build_model(preset).prompter
    text = TextFeatures(torch.randn(2, 5, 32), torch.randn(2, 32), torch.ones(2, 5).bool())
    prompts = prompter(torch.randn(2, 16, 32), (4, 4), text, (32, 32))
    assert prompts.sparse.shape == (2, 9, 48)
    assert prompts.dense.shape == (2, 1, 32, 32)
    assert prompts.presence_logit is None


def test_presence_is_optional(reduced):
    prompter = build_model(reduced("rsrefseg2-tiny")).prompter
    text = TextFeatures(torch.randn(2, 5, 32), torch.randn(2, 32), torch.ones(2, 5).bool())
    prompts = prompter(torch.randn(2, 16, 32), (4, 4), text, (32, 32))
    assert prompts.presence_logit.shape == (2,)
