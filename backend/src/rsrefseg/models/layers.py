"""Building blocks shared by the towers and the prompter."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

# Most query-key pairs for which plain attention beats the fused kernel on a CPU, measured.
PLAIN_ATTENTION_LIMIT = 256 * 256
# So few that what counts is the number of calls, if no gradient is wanted.
TINY_ATTENTION = 32 * 32


class ConvStem(nn.Module):
    """Image to tokens through stride-2 3x3 convolutions instead of one patch projection.

    Learns much faster from scratch. Channel counts double towards the token width.
    """

    def __init__(self, patch_size: int, width: int) -> None:
        super().__init__()
        steps = patch_size.bit_length() - 1
        if 2**steps != patch_size:
            raise ValueError("a convolutional stem needs a patch size that is a power of 2")
        channels = [3, *(max(width >> (steps - 1 - i), 24) // 8 * 8 for i in range(steps))]
        layers: list[nn.Module] = []
        for before, after in zip(channels, channels[1:], strict=False):
            layers += [
                nn.Conv2d(before, after, kernel_size=3, stride=2, padding=1, bias=False),
                nn.GroupNorm(1, after),
                nn.GELU(),
            ]
        layers.append(nn.Conv2d(channels[-1], width, kernel_size=1))
        self.layers = nn.Sequential(*layers)
        self.channels = channels[1:]

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, S, S) -> (B, width, S / patch, S / patch)."""
        return self.tokens(image)[0]

    def tokens(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The tokens of an image, and what each halving of it led to, finest first."""
        halvings = []
        x = image
        for start in range(0, len(self.layers) - 1, 3):
            x = self.layers[start : start + 3](x)
            halvings.append(x)
        return self.layers[-1](x), halvings


class LocalMixing(nn.Module):
    """Adds to each token what lies around it, by a depth-wise convolution.

    A transformer that learns from few images has to be told that neighbours belong together; this
    is how conditional position encodings do it (arXiv 2102.10882). It begins as the identity.
    """

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, kernel, padding=kernel // 2, groups=width)
        nn.init.zeros_(self.conv.weight)
        nn.init.zeros_(self.conv.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """(B, h, w, C) -> (B, h, w, C)."""
        around: Tensor = self.conv(x.permute(0, 3, 1, 2))
        return x + around.permute(0, 2, 3, 1)


class Attention(nn.Module):
    """Multi-head attention with biased projections and an inner width of its own.

    Args:
        width: channels of the queries and of the result.
        inner: channels of all heads together.
        heads: number of heads.
        other_width: channels of the keys and values; `width` if not given.
    """

    def __init__(self, width: int, inner: int, heads: int, other_width: int | None = None) -> None:
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(width, inner)
        self.k = nn.Linear(other_width or width, inner)
        self.v = nn.Linear(other_width or width, inner)
        self.out = nn.Linear(inner, width)

    def forward(
        self, queries: Tensor, keys: Tensor, values: Tensor, key_mask: Tensor | None = None
    ) -> Tensor:
        """Attends from `queries` to `keys` and `values`; gives (B, N, C).

        With few keys (or few queries) against a long sequence on the other side, the projections
        of the long side are absorbed into the short one: the same sums, in another order, with a
        fraction of the multiplications.

        Args:
            queries: (B, N, C), position embeddings included.
            keys: (B, M, D), position embeddings included.
            values: (B, M, D).
            key_mask: (B, M) bool, False where a key is padding.
        """
        return multi_head(
            (self.q, self.k, self.v, self.out), self.heads, queries, keys, values, key_mask
        )


Projections = tuple[nn.Linear, nn.Linear, nn.Linear, nn.Linear]
"""Of the queries, keys, values and of the result."""


def multi_head(
    projections: Projections,
    heads: int,
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    key_mask: Tensor | None = None,
) -> Tensor:
    """`Attention` with projections that belong to somebody else."""
    q_of, k_of, v_of, out_of = projections
    inner = q_of.out_features
    n, m = queries.shape[1], keys.shape[1]
    if key_mask is None and heads * m < inner and n > m:
        return _few_keys(projections, heads, queries, keys, values)
    if key_mask is None and heads * n < inner and m > n:
        return _few_queries(projections, heads, queries, keys, values)
    q, k, v = (_split(x, heads) for x in (q_of(queries), k_of(keys), v_of(values)))
    mask = None if key_mask is None else key_mask[:, None, None, :]
    attended = attend(q, k, v, mask)
    out: Tensor = out_of(attended.transpose(1, 2).flatten(2))
    return out


def _split(x: Tensor, heads: int) -> Tensor:
    """(B, N, H * D) -> (B, H, N, D)."""
    return x.view(*x.shape[:2], heads, -1).transpose(1, 2)


def _few_keys(
    projections: Projections, heads: int, queries: Tensor, keys: Tensor, values: Tensor
) -> Tensor:
    q_of, k_of, v_of, out_of = projections
    batch, m = keys.shape[:2]
    d = q_of.out_features // heads
    k = _split(k_of(keys), heads) * d**-0.5  # (B, H, M, D)
    q_weight = q_of.weight.view(heads, d, -1).to(k.dtype)  # (H, D, C)
    q_bias = q_of.bias.view(heads, d, 1).to(k.dtype)
    absorbed = (k @ q_weight).flatten(1, 2)  # (B, H * M, C)
    offset = (k @ q_bias).flatten(1, 2)  # (B, H * M, 1)
    # The long side last: a softmax over few and close numbers does not vectorise.
    logits = torch.baddbmm(offset, absorbed, queries.transpose(1, 2))  # (B, H * M, N)
    weights = logits.view(batch, heads, m, -1).softmax(dim=2).flatten(1, 2).to(k.dtype)
    v = _split(v_of(values), heads)  # (B, H, M, D)
    out_weight = out_of.weight.t().reshape(heads, d, -1).to(v.dtype)  # (H, D, C)
    # The weights of each head add up to 1: so does the bias, shared out among them.
    outputs = (v @ out_weight + out_of.bias.to(v.dtype) / heads).reshape(batch, heads * m, -1)
    return weights.transpose(1, 2) @ outputs  # (B, N, C)


def _few_queries(
    projections: Projections, heads: int, queries: Tensor, keys: Tensor, values: Tensor
) -> Tensor:
    q_of, k_of, v_of, out_of = projections
    batch, n = queries.shape[:2]
    d = q_of.out_features // heads
    q = _split(q_of(queries), heads) * d**-0.5  # (B, H, N, D)
    k_weight = k_of.weight.view(heads, d, -1).to(q.dtype)  # (H, D, C)
    absorbed = (q @ k_weight).flatten(1, 2)  # (B, H * N, C)
    # The key bias adds the same to all of a query's logits: the softmax does not see it.
    weights = (absorbed @ keys.transpose(1, 2)).softmax(dim=-1).to(values.dtype)
    pooled = (weights @ values).view(batch, heads, n, -1)  # (B, H, N, C)
    v_weight = v_of.weight.view(heads, d, -1).transpose(1, 2)  # (H, C, D)
    v_bias = v_of.bias.view(heads, 1, d).to(pooled.dtype)
    gathered = pooled @ v_weight.to(pooled.dtype) + v_bias  # (B, H, N, D)
    out: Tensor = out_of(gathered.transpose(1, 2).flatten(2))
    return out


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    """Softmax attention of (B, H, N, D) to (B, H, M, D), `mask` False where not to look.

    On a CPU the fused kernel only pays for long sequences: at 64 tokens it takes 5 times as long
    as the plain sums in a training step, at 256 still a third longer. A handful of tokens takes it
    two thirds of the time when nothing is learnt.
    """
    pairs = q.shape[2] * k.shape[2]
    tiny = pairs <= TINY_ATTENTION and not torch.is_grad_enabled()
    if q.device.type != "cpu" or pairs > PLAIN_ATTENTION_LIMIT or tiny:
        return functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    logits = (q * q.shape[-1] ** -0.5) @ k.transpose(2, 3)
    if mask is not None:
        logits = logits.masked_fill(~mask, float("-inf"))
    out: Tensor = logits.softmax(dim=-1).to(v.dtype) @ v
    return out


class AttentionStep(nn.Module):
    """Residual attention with a LayerNorm after it."""

    def __init__(self, width: int, inner: int, heads: int, other_width: int | None = None) -> None:
        super().__init__()
        self.attention = Attention(width, inner, heads, other_width)
        self.norm = nn.LayerNorm(width)

    def forward(
        self,
        x: Tensor,
        x_position: Tensor | None,
        other: Tensor,
        other_position: Tensor | None,
        key_mask: Tensor | None = None,
    ) -> Tensor:
        """`x` (B, N, C) attends to `other` (B, M, C); positions go to queries and keys only."""
        queries = x if x_position is None else x + x_position
        keys = other if other_position is None else other + other_position
        out: Tensor = self.norm(x + self.attention(queries, keys, other, key_mask))
        return out


class MlpStep(nn.Module):
    """Residual two-layer MLP with a LayerNorm after it."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.first = nn.Linear(width, hidden)
        self.second = nn.Linear(hidden, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, C) -> (B, N, C)."""
        out: Tensor = self.norm(x + self.second(functional.gelu(self.first(x))))
        return out


def resize_like(x: Tensor, size: tuple[int, int], mode: str, align_corners: bool) -> Tensor:
    """Interpolates (B, C, H, W) to `size`; does nothing at the same size."""
    if tuple(x.shape[-2:]) == tuple(size):
        return x
    return functional.interpolate(x, size=size, mode=mode, align_corners=align_corners)


def zero_rows(x: Tensor, mask: Tensor) -> Tensor:
    """Zeroes the rows of (P, L, C) that `mask` (P, L) marks False."""
    return torch.where(mask[..., None], x, torch.zeros((), dtype=x.dtype, device=x.device))
