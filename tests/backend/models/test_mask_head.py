from __future__ import annotations

import torch
from rsrefseg.models.mask_head import beside, draw_masks, read_masks
from rsrefseg.models.torchvision_compat import ensure_torchvision


def upscaling(width):
    ensure_torchvision()
    from segment_anything.modeling.common import LayerNorm2d

    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.ConvTranspose2d(width, width // 4, kernel_size=2, stride=2),
        LayerNorm2d(width // 4),
        torch.nn.GELU(),
        torch.nn.ConvTranspose2d(width // 4, width // 8, kernel_size=2, stride=2),
        torch.nn.GELU(),
    )


def test_it_is_transposed_convolution():
    module, grid = upscaling(32), (5, 3)
    tokens, kernels = torch.randn(2, 15, 32), torch.randn(2, 3, 4)
    image = module(tokens.transpose(1, 2).unflatten(2, grid))
    expected = torch.einsum("pmc,pchw->pmhw", kernels, image)
    torch.testing.assert_close(draw_masks(module, tokens, grid, kernels), expected)


def test_reading_masks_is_convolution():
    ensure_torchvision()
    from segment_anything.modeling import PromptEncoder

    torch.manual_seed(1)
    module = PromptEncoder(32, (1, 1), (1, 1), mask_in_chans=8).mask_downscaling
    logits = torch.randn(2, 1, 20, 12)
    expected = module(logits).flatten(2).transpose(1, 2)  # (P, N, D)
    torch.testing.assert_close(read_masks(module, logits), expected)


def test_finer_maps_are_added_where_they_belong():
    module, grid = upscaling(32), (5, 3)
    conv1, norm, act1, conv2, act2 = module
    tokens, kernels = torch.randn(2, 15, 32), torch.randn(2, 1, 4)
    fine, middle = torch.randn(1, 4, 20, 12), torch.randn(1, 8, 10, 6)
    image = act1(norm(conv1(tokens.transpose(1, 2).unflatten(2, grid)) + middle))
    image = act2(conv2(image) + fine)
    expected = torch.einsum("pmc,pchw->pmhw", kernels, image)
    placed = (beside(fine, levels=2), beside(middle, levels=1))
    repeated = tuple(x.expand(2, -1, -1, -1) for x in placed)
    copied = tuple(x.contiguous() for x in repeated)
    for finer in (repeated, copied):
        torch.testing.assert_close(draw_masks(module, tokens, grid, kernels, finer), expected)
