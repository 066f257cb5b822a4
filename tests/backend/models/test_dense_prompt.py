from __future__ import annotations

import pytest
import torch
from rsrefseg.models.dense_prompt import DensePrompt, interpolated_square_norm
from torch.nn import functional


@pytest.mark.parametrize("grid", [(4, 4), (5, 3), (1, 6), (1, 1)])
@pytest.mark.parametrize("size", [(16, 16), (7, 9), (4, 4), (1, 1)])
def test_norm_of_resized_features_without_resizing(grid, size):
    torch.manual_seed(0)
    features = torch.randn(2, 12, *grid)
    resized = functional.interpolate(features, size=size, mode="bilinear", align_corners=True)
    found = interpolated_square_norm(features, (features**2).sum(1), size)
    torch.testing.assert_close(found, (resized**2).sum(1), rtol=1e-4, atol=1e-4)


def test_mask_grid_is_the_released_way():
    torch.manual_seed(0)
    module = DensePrompt(16, 8, "batch", "mask", 2.3, -1.5).eval()
    refined, pooled = torch.randn(3, 16, 4, 4), torch.randn(3, 16)
    dense, tokens = module(refined, pooled, (16, 16))

    features = module.conv(refined)
    fine = functional.interpolate(features, size=(16, 16), mode="bilinear", align_corners=True)
    phrase = functional.normalize(pooled, dim=1)
    scale, bias = module.logit_scale.exp(), module.logit_bias
    for found, image in ((dense[:, 0], fine), (tokens, features)):
        cosine = torch.einsum("pchw,pc->phw", functional.normalize(image, dim=1), phrase)
        torch.testing.assert_close(found, cosine * scale + bias, rtol=1e-4, atol=1e-4)


def test_token_grid_resizes_the_logits():
    module = DensePrompt(16, 8, "group", "tokens", 2.3, -1.5)
    dense, tokens = module(torch.randn(2, 16, 4, 4), torch.randn(2, 16), (16, 16))
    expected = functional.interpolate(
        tokens[:, None], size=(16, 16), mode="bilinear", align_corners=True
    )
    torch.testing.assert_close(dense, expected)
