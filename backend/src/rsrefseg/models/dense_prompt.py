"""The dense prompt: how well each place agrees with the phrase, at the mask input's size."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from rsrefseg.models.layers import resize_like

# torch.nn.functional.normalize's own floor, squared.
_TINY = 1e-24


class DensePrompt(nn.Module):
    """Scaled cosine between refined image features and the phrase.

    The released model resizes the features to the mask input size (bilinear, aligned corners),
    normalises them there and takes the dot product. At 256 x 256 x 1152 that is 300 MB for each
    phrase. The same numbers follow from the token grid: the dot product commutes with the linear
    resize, and the squared norm of an interpolated feature is a quadratic form in the dot products
    of the four tokens around it. `grid="tokens"` takes the cosine at the tokens and resizes it.
    """

    def __init__(
        self,
        width: int,
        hidden: int,
        norm: str,
        grid: str,
        logit_scale: float,
        logit_bias: float,
    ) -> None:
        super().__init__()
        self.grid = grid
        self.conv = nn.Sequential(
            nn.Conv2d(width, hidden, kernel_size=3, padding=1),
            nn.BatchNorm2d(hidden) if norm == "batch" else nn.GroupNorm(8, hidden),
            nn.GELU(),
            nn.Conv2d(hidden, width, kernel_size=3, padding=1),
        )
        self.logit_scale = nn.Parameter(torch.tensor(logit_scale))
        self.logit_bias = nn.Parameter(torch.tensor(logit_bias))

    def forward(
        self, refined: Tensor, pooled: Tensor, mask_size: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        """Gives the dense prompt at two sizes.

        Args:
            refined: (P, C, h, w) image features.
            pooled: (P, C) the phrase.
            mask_size: rows and columns of SAM's mask input.

        Returns:
            Logits (P, 1, H, W) and, at the token grid, (P, h, w).
        """
        features = self.conv(refined).float()
        phrase = functional.normalize(pooled.float(), dim=1)
        dots = torch.einsum("pchw,pc->phw", features, phrase)
        squares = (features * features).sum(dim=1)  # (P, h, w)
        tokens = self._logits(dots * squares.clamp_min(_TINY).rsqrt())
        if self.grid == "tokens":
            dense = resize_like(tokens[:, None], mask_size, "bilinear", align_corners=True)
        else:
            fine_dots = resize_like(dots[:, None], mask_size, "bilinear", align_corners=True)
            fine_squares = interpolated_square_norm(features, squares, mask_size)[:, None]
            dense = self._logits(fine_dots * fine_squares.clamp_min(_TINY).rsqrt())
        return dense.to(refined.dtype), tokens

    def _logits(self, cosine: Tensor) -> Tensor:
        return cosine * self.logit_scale.float().exp() + self.logit_bias.float()


def interpolated_square_norm(features: Tensor, squares: Tensor, size: tuple[int, int]) -> Tensor:
    """Squared channel norm of bilinearly resized features, without resizing them.

    Args:
        features: (P, C, h, w).
        squares: (P, h, w) their squared norms.
        size: rows and columns to resize to, corners aligned.

    Returns:
        (P, H, W).
    """
    rows, below, row_part = _taps(features.shape[2], size[0], features.device)
    columns, right, column_part = _taps(features.shape[3], size[1], features.device)
    one = _shifted_dots(features, 0, 1)
    down = _shifted_dots(features, 1, 0)
    diagonal = _shifted_dots(features, 1, 1) + _crossed_dots(features)
    a, b = 1 - column_part, column_part  # (W,)
    within = (
        a * a * squares[..., columns] + b * b * squares[..., right] + 2 * a * b * one[..., columns]
    )
    between = a * a * down[..., columns] + b * b * down[..., right] + a * b * diagonal[..., columns]
    c, d = (1 - row_part)[:, None], row_part[:, None]  # (H, 1)
    return (
        c * c * within[:, rows] + d * d * within[:, below] + 2 * c * d * between[:, rows]
    )  # (P, H, W)


def _taps(before: int, after: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Lower tap, upper tap and the upper one's weight for each output position."""
    scale = (before - 1) / (after - 1) if after > 1 else 0.0
    place = torch.arange(after, device=device, dtype=torch.float32) * scale
    low = place.floor().long().clamp(max=before - 1)
    return low, (low + 1).clamp(max=before - 1), place - low


def _shifted_dots(features: Tensor, down: int, right: int) -> Tensor:
    """Dot product of each place with the one `down` and `right` of it, zero off the edge."""
    height, width = features.shape[2:]
    here = features[:, :, : height - down, : width - right]
    dots = (here * features[:, :, down:, right:]).sum(dim=1)
    return functional.pad(dots, (0, right, 0, down))


def _crossed_dots(features: Tensor) -> Tensor:
    """Dot product of each place's right neighbour with the one below it, zero off the edge."""
    dots = (features[:, :, :-1, 1:] * features[:, :, 1:, :-1]).sum(dim=1)
    return functional.pad(dots, (0, 1, 0, 1))
