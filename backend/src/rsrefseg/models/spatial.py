"""Which of its like a phrase means: where its things are, and how they lie to each other.

An addition of ours to the prompter of RSRefSeg 2 (arXiv 2507.06231), for presets with
`spatial_maps`; released checkpoints do without. The phrase names a few things ("the red-roofed
building", "the road"): each gets a map on SAM's grid. Sixteen kernels tell for every place how
much of a thing lies left of it, near it, around it, and a small network that the phrase steers
chooses from that. Nothing here looks at the phrase before the image is encoded.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from rsrefseg.models.features import TextFeatures
from rsrefseg.models.layers import AttentionStep, resize_like

# Radii of the kernels that look around a place, in cells.
_DISCS = (0.7, 1.4, 3.0, 6.0)
KERNELS = 12 + len(_DISCS)
# What the sigmoid of this says of a place before anything is learnt.
_RARE, _LIKELY = -2.0, 3.0
# Names of one thing that must all hold: "red" and "building".
_PARTS = 2
_FINE_EXTRA = 7


@dataclass(frozen=True)
class Places:
    """What a phrase's things and its choice look like for P phrases.

    Attributes:
        things: (P, K, h, w) logits on SAM's grid: the things that the phrase chooses among, then
            those that it names to choose by.
        choice: (P, h, w) logits on SAM's grid: what it means.
        states: (P, N, K + W + 1) the same and what led to it, on CLIP's grid.
        summary: (P, K + 1) how strong each map is where it is strongest.
    """

    things: Tensor
    choice: Tensor
    states: Tensor
    summary: Tensor


class SpatialReasoning(nn.Module):
    """Finds the things that a phrase names and chooses among them by where they are.

    Args:
        width: of CLIP's tokens and of the phrase.
        sam_width: channels of SAM's embedding.
        maps: K, things that a phrase may name.
        hidden: width of what each place shows; the reasoning has W, half of it.
        inner: of the attention to the phrase.
        heads: of the attention to the phrase.
    """

    def __init__(
        self, width: int, sam_width: int, maps: int, hidden: int, inner: int, heads: int
    ) -> None:
        super().__init__()
        self.maps = maps
        self.from_clip = nn.Linear(width, hidden)
        self.from_sam = nn.Linear(sam_width, hidden)
        self.ground_norm = nn.LayerNorm(hidden)
        self.queries = nn.Parameter(torch.empty(maps + 1, width))
        self.read = AttentionStep(width, inner, heads)
        self.name_first = nn.Linear(width, hidden)
        self.name_second = nn.Linear(hidden, _PARTS * hidden)
        self.name_bias = nn.Parameter(torch.empty(maps, _PARTS))
        self._sums: dict[tuple[int, int], Tensor] = {}
        half = hidden // 2
        self.coarse = nn.Linear(3 * maps * KERNELS, half)
        self.fine = nn.Linear(maps + _FINE_EXTRA, half)
        self.content = nn.Linear(hidden, half)
        self.first_norm = nn.LayerNorm(half)
        self.steer_first = nn.Linear(2 * width, hidden)
        self.steer_second = nn.Linear(hidden, 4 * half)
        self.second = nn.Linear(half, half)
        self.choose = nn.Linear(half, 1)
        self.trust = nn.Parameter(torch.ones(()))

    @property
    def state_width(self) -> int:
        """Channels of `Places.states`."""
        return self.maps + self.second.out_features + 1

    def forward(self, seen_ground: Tensor, grid: tuple[int, int], text: TextFeatures) -> Places:
        """Reads P phrases about their images.

        Args:
            seen_ground: (P, 3 * W, h, w) of `ground`.
            grid: rows and columns of CLIP's tokens.
            text: the phrases.
        """
        count, size = len(text), (seen_ground.shape[-2], seen_ground.shape[-1])
        if seen_ground.stride(0) == 0:
            seen_ground = seen_ground[:1]  # one image repeated for its phrases
        half = self.second.out_features
        everywhere = _tokens(seen_ground)  # (P or 1, h * w, 3 * W)
        ground, before = everywhere[..., : 2 * half], everywhere[..., 2 * half :]
        read = self.read(self.queries.expand(count, -1, -1), None, text.tokens, None, text.mask)
        things = self._things(ground, read[:, : self.maps], size)  # (P, K, h, w)
        seen = things.sigmoid()
        coarse_maps = functional.adaptive_avg_pool2d(seen, grid)  # (P, K, rows, columns)
        relations = _as_map(self.coarse(self._relations(coarse_maps)), grid)  # (P, W, ...)
        wide = _tokens(resize_like(relations, size, "bilinear", align_corners=False))
        own = torch.cat([seen, torch.tanh(things[:, :1] / 4)], dim=1).flatten(2).transpose(1, 2)
        x = wide + before + own @ self.fine.weight[:, : self.maps + 1].t()  # (P, h * w, W)
        steer = functional.gelu(self.steer_first(torch.cat([read[:, -1], text.pooled], dim=1)))
        scale1, shift1, scale2, shift2 = self.steer_second(steer)[:, None].chunk(4, dim=-1)
        x = functional.gelu(torch.addcmul(shift1, self.first_norm(x), 1 + scale1))
        x = functional.gelu(torch.addcmul(shift2, self.second(x), 1 + scale2))
        choice = self.choose(x).view(count, *size) + self.trust * things[:, 0]
        led_to = functional.adaptive_avg_pool2d(_as_map(x, size), grid)
        chosen = functional.adaptive_avg_pool2d(choice.sigmoid()[:, None], grid)
        states = torch.cat([_tokens(part) for part in (coarse_maps, led_to, chosen)], dim=2)
        summary = torch.cat([things.amax((2, 3)), choice.amax((1, 2))[:, None]], dim=1)
        return Places(things, choice, states, summary)

    def ground(self, tokens: Tensor, grid: tuple[int, int], sam_embed: Tensor) -> Tensor:
        """What each place shows, whatever the phrase, and what the choice makes of that.

        Args:
            tokens: (B, N, C) CLIP's.
            grid: rows and columns of the tokens.
            sam_embed: (B, D, h, w).

        Returns:
            (B, 3 * W, h, w), channels last: the one in 2 * W channels, the other in W.
        """
        coarse = _as_map(self.from_clip(tokens), grid)
        size = (sam_embed.shape[-2], sam_embed.shape[-1])
        clip = resize_like(coarse, size, "bilinear", align_corners=False)
        shown: Tensor = self.ground_norm(_tokens(clip) + self.from_sam(_tokens(sam_embed)))
        where = functional.linear(
            _places(size, shown), self.fine.weight[:, self.maps + 1 :], self.fine.bias
        )
        return _as_map(torch.cat([shown, self.content(shown) + where], dim=2), size)

    def _things(self, ground: Tensor, read: Tensor, size: tuple[int, int]) -> Tensor:
        names = self.name_second(functional.gelu(self.name_first(read)))  # (P, K, parts * W)
        count = len(read)
        names = names.view(count, self.maps * _PARTS, -1)  # (P, K * parts, W)
        agree = names @ ground.transpose(1, 2) * ground.shape[-1] ** -0.5
        agree = agree.view(count, self.maps, _PARTS, -1) + self.name_bias[..., None]
        # The logit of the product of probabilities: all parts of a name must hold.
        a, b = agree[:, :, 0].float(), agree[:, :, 1].float()
        both = -torch.logaddexp(torch.logaddexp(-a, -b), -a - b)  # (P, K, h * w)
        return both.to(ground.dtype).view(count, self.maps, *size)

    def _relations(self, maps: Tensor) -> Tensor:
        """How the things lie to each place: (P, K, rows, columns) -> (P, N, 3 * K * kernels).

        As shares of each thing, as amounts, and against the best of those chosen among.
        """
        count, things, rows, columns = maps.shape
        flat = maps.flatten(2)  # (P, K, N)
        sums = self._sums_over((rows, columns)).to(maps)  # (N, kernels * N)
        amounts = (flat @ sums).view(count, things, KERNELS, rows * columns)
        whole = flat.sum(2)[..., None, None]  # (P, K, 1, 1)
        best = (amounts * flat[:, :1, None]).amax(3, keepdim=True)
        parts = (
            amounts / (whole + 0.1),
            amounts / (1 + amounts),
            amounts / (best + 0.05),
        )
        return torch.stack(parts, dim=1).clamp(max=4).flatten(1, 3).transpose(1, 2)

    def _sums_over(self, grid: tuple[int, int]) -> Tensor:
        """The kernels as one matrix for a grid, N x (kernels * N); made once for each grid."""
        if grid not in self._sums:
            self._sums[grid] = kernel_sums(grid)
        return self._sums[grid]


def _as_map(tokens: Tensor, size: tuple[int, int]) -> Tensor:
    """(P, h * w, C) -> (P, C, h, w), channels last: nothing moves."""
    return tokens.view(-1, *size, tokens.shape[2]).permute(0, 3, 1, 2)


def _tokens(image: Tensor) -> Tensor:
    """(P, C, h, w) -> (P, h * w, C)."""
    return image.flatten(2).transpose(1, 2)


def _places(size: tuple[int, int], like: Tensor) -> Tensor:
    """Where each place lies, in its row, its column and across: (h * w, 6)."""
    y, x = (torch.linspace(-1, 1, side, device=like.device, dtype=like.dtype) for side in size)
    y, x = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([x, y, x * x, y * y, x + y, x - y], dim=-1).flatten(0, 1)


@torch.inference_mode(False)  # what is kept has to serve training too
def kernel_sums(grid: tuple[int, int]) -> Tensor:
    """What weighs the cells of a map for every place: on a side of it, level with it, or near it.

    Args:
        grid: rows and columns.

    Returns:
        (N, KERNELS * N): a map times this gives, kernel by kernel, how much of it lies to the
        right of each place (how far the place is left of it), and so on: four cones, four
        half-planes, four bands, four discs.
    """
    rows, columns = torch.meshgrid(torch.arange(grid[0]), torch.arange(grid[1]), indexing="ij")
    y = (rows.flatten()[:, None] - rows.flatten()[None]).float()  # (N there, N here)
    x = (columns.flatten()[:, None] - columns.flatten()[None]).float()
    cones, halves, bands = [], [], []
    for ahead, aside in ((x, y), (-x, y), (y, x), (-y, x)):
        side = (2 * (ahead - 0.5)).sigmoid()
        cones.append((2 * (ahead - aside.abs())).sigmoid() * side)
        halves.append(side)
        bands.append((-((aside / 1.2) ** 2)).exp() * side)
    discs = [(-(x * x + y * y) / (2 * s * s)).exp() for s in _DISCS]
    return torch.stack([*cones, *halves, *bands, *discs], 1).flatten(1)


@torch.no_grad()
def initialise_spatial(reasoning: SpatialReasoning) -> None:
    """Draws starting weights; the choice begins as the map of the things chosen among."""
    for module in (reasoning.name_first, reasoning.coarse, reasoning.fine, reasoning.content):
        nn.init.xavier_uniform_(module.weight)
    nn.init.normal_(reasoning.queries, std=0.5)
    names = reasoning.name_second
    nn.init.trunc_normal_(names.weight, std=1 / math.sqrt(names.out_features))
    reasoning.name_bias[:, 0], reasoning.name_bias[:, 1] = _RARE, _LIKELY
    nn.init.zeros_(reasoning.choose.bias)
