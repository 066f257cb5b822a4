"""SAM's mask up- and downscaling without moving pixels: the same sums, less memory traffic.

SAM upscales its image tokens by two stride-2 transposed convolutions with 2x2 kernels and contracts
the result with one kernel for each mask. No two output pixels of such a convolution share a window,
so everything between the tokens and the logits works on each token alone. The four times four
sub-pixels of a token therefore stay beside each other, channels last, and only the finished logits
are put in their places.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


def draw_masks(
    upscaling: nn.Sequential,
    tokens: Tensor,
    grid: tuple[int, int],
    kernels: Tensor,
    high_res: tuple[Tensor, ...] = (),
) -> Tensor:
    """Upscales image tokens and contracts them with the masks' kernels.

    Args:
        upscaling: SAM's `output_upscaling`: transposed conv, norm, activation, transposed conv,
            activation.
        tokens: (P, h * w, D) image tokens after the two-way transformer.
        grid: h, w.
        kernels: (P, M, D / 8), one for each mask.
        high_res: SAM 2's finer maps beside the tokens (see `beside`): (P, h * w, 16, D / 8) and
            (P, h * w, 4, D / 4).

    Returns:
        (P, M, 4h, 4w) logits.
    """
    parts: list[Any] = list(upscaling)
    first, norm, activation, second, last_activation = parts
    x: Tensor = _transposed_conv(first, tokens)  # (P, N, 4, D / 4)
    if high_res:
        x = x + high_res[1]
    x = functional.layer_norm(x, x.shape[-1:], norm.weight, norm.bias, norm.eps)
    x = _transposed_conv(second, activation(x)).flatten(2, 3)  # (P, N, 16, D / 8)
    if high_res:
        x = x + high_res[0]
    x = last_activation(x).flatten(1, 2)  # (P, N * 16, D / 8)
    logits = x @ kernels.transpose(1, 2)  # (P, N * 16, M)
    return _in_place(logits, grid)


def read_masks(downscaling: nn.Sequential, logits: Tensor) -> Tensor:
    """Downscales mask logits to image tokens, the way back of `draw_masks`.

    Args:
        downscaling: SAM's `mask_downscaling`: conv, norm and activation twice, and a 1x1 conv.
        logits: (P, 1, 4h, 4w).

    Returns:
        (P, h * w, D).
    """
    *parts, last = list[Any](downscaling)
    x = beside(logits, levels=2)  # (P, N, 16, 1): four times the four pixels of a kernel
    x = _conv_of_four(parts[:3], x.view(*x.shape[:2], 4, 4))
    x = _conv_of_four(parts[3:], x.flatten(2))
    return functional.linear(x, last.weight.flatten(1), last.bias)


def _conv_of_four(parts: list[Any], x: Tensor) -> Tensor:
    """A stride-2 2x2 convolution, norm and activation: (..., 4 * C) -> (..., O)."""
    conv, norm, activation = parts
    kernel = conv.weight.permute(0, 2, 3, 1).flatten(1)  # (O, C, 2, 2) -> (O, 4 * C)
    x = functional.linear(x, kernel, conv.bias)
    out: Tensor = activation(
        functional.layer_norm(x, x.shape[-1:], norm.weight, norm.bias, norm.eps)
    )
    return out


def _transposed_conv(conv: nn.ConvTranspose2d, x: Tensor) -> Tensor:
    """(..., C) -> (..., 4, O): the four pixels that each input becomes, row by row."""
    weight = conv.weight.permute(2, 3, 1, 0).flatten(0, 2)  # (C, O, 2, 2) -> (4 * O, C)
    bias = None if conv.bias is None else conv.bias.repeat(4)
    out = functional.linear(x.flatten(0, -2), weight, bias)
    return out.view(*x.shape[:-1], 4, conv.out_channels)


def beside(image: Tensor, levels: int) -> Tensor:
    """A map `levels` times twice as fine as the tokens, its cells beside the token they lie in.

    (B, C, f * h, f * w), f = 2 ** levels -> (B, h * w, f * f, C), in the tokens' order. The image
    encoders do it once, so that no phrase has to.
    """
    h, w = image.shape[-2] >> levels, image.shape[-1] >> levels
    split = [image.shape[0], image.shape[1], h, *[2] * levels, w, *[2] * levels]
    x = image.reshape(split)
    rows = [3 + level for level in range(levels)]
    columns = [4 + levels + level for level in range(levels)]
    pairs = [axis for pair in zip(rows, columns, strict=True) for axis in pair]
    x = x.permute(0, 2, 3 + levels, *pairs, 1)
    return x.reshape(image.shape[0], h * w, 4**levels, image.shape[1])


def _in_place(logits: Tensor, grid: tuple[int, int]) -> Tensor:
    """(P, h * w * 16, M) -> (P, M, 4h, 4w)."""
    h, w = grid
    x = logits.view(-1, h, w, 2, 2, 2, 2, logits.shape[-1])
    # rows: h, first row, second row; columns: w, first column, second column
    return x.permute(0, 7, 1, 3, 5, 2, 4, 6).reshape(-1, logits.shape[-1], 4 * h, 4 * w)


def stacked_kernels(mlps: nn.ModuleList, tokens: Tensor) -> Tensor:
    """Each mask token through its own hypernetwork: (P, M, D) -> (P, M, D / 8)."""
    return torch.stack([mlp(tokens[:, i]) for i, mlp in enumerate(mlps)], dim=1)
