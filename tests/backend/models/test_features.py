from __future__ import annotations

import pytest
import torch
from rsrefseg.models.features import ImageFeatures, TextFeatures


@pytest.fixture
def features():
    ground = torch.randn(3, 2, 5, 5).contiguous(memory_format=torch.channels_last)
    high_res = (torch.randn(3, 25, 16, 1),)
    return ImageFeatures(torch.randn(3, 16, 8), (4, 4), torch.randn(3, 8, 5, 5), high_res, ground)


def test_select_is_a_batch_of_one(features):
    one = features.select(2)
    assert len(one) == 1
    assert torch.equal(one.sam_embed[0], features.sam_embed[2])
    assert torch.equal(one.high_res[0][0], features.high_res[0][2])


@pytest.mark.parametrize("index", [[0, 0, 1, 1, 2, 2], [2, 0, 1], [0, 1, 2], [1, 1, 1, 1]])
def test_expand_repeats_by_index(features, index):
    index = torch.tensor(index)
    more = features.expand(index)
    for before, after in (
        (features.clip_tokens, more.clip_tokens),
        (features.sam_embed, more.sam_embed),
        (features.high_res[0], more.high_res[0]),
        (features.ground, more.ground),
    ):
        assert torch.equal(after, before[index])


def test_expand_of_one_image_copies_nothing(features):
    one = features.select(0)
    many = one.expand(torch.zeros(50, dtype=torch.long))
    assert len(many) == 50
    assert many.clip_tokens.data_ptr() == one.clip_tokens.data_ptr()


def test_expand_has_a_gradient(features):
    tokens = features.clip_tokens.requires_grad_()
    for index in ([0, 0, 1, 1, 2, 2], [0, 2, 2, 1, 1, 0]):
        tokens.grad = None
        features.expand(torch.tensor(index)).clip_tokens.sum().backward()
        assert torch.equal(tokens.grad, torch.full_like(tokens, 2.0))


def test_bytes_and_moving(features):
    assert features.nbytes == 4 * (3 * 16 * 8 + 3 * 8 * 25 + 3 * 400 + 3 * 2 * 25)
    half = features.to(dtype=torch.bfloat16)
    assert half.nbytes * 2 == features.nbytes
    assert half.high_res[0].dtype == torch.bfloat16


def test_text_expands_too():
    text = TextFeatures(torch.randn(2, 5, 8), torch.randn(2, 8), torch.ones(2, 5, dtype=torch.bool))
    more = text.expand(torch.tensor([1, 0, 1]))
    assert torch.equal(more.pooled, text.pooled[[1, 0, 1]])
    assert more.to(dtype=torch.bfloat16).mask.dtype == torch.bool
