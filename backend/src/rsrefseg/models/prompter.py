"""The cascaded second-order prompter: a phrase and an image become prompts for SAM.

RSRefSeg 2 (arXiv 2507.06231): the phrase is decomposed into two sets of queries. The first set
refines the image tokens; the second refines them again and, from that, fills the prompt queries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from rsrefseg.models.config import PrompterConfig
from rsrefseg.models.dense_prompt import DensePrompt
from rsrefseg.models.features import TextFeatures
from rsrefseg.models.layers import AttentionStep, MlpStep, resize_like
from rsrefseg.models.spatial import Places, SpatialReasoning

_PRESENCE_HIDDEN = 128


@dataclass(frozen=True)
class Prompts:
    """The prompter's result for P phrases; see `AskOutput` for the shapes."""

    sparse: Tensor
    dense: Tensor
    dense_tokens: Tensor
    presence_logit: Tensor | None
    text_queries1: Tensor
    text_queries2: Tensor
    refined_map: Tensor
    places: Places | None = None


class DecompositionLayer(nn.Module):
    """Two query sets look at the phrase and at each other."""

    def __init__(self, width: int, inner: int, heads: int, hidden: int) -> None:
        super().__init__()
        attention = (width, inner, heads)
        self.self1 = AttentionStep(*attention)
        self.self2 = AttentionStep(*attention)
        self.text1 = AttentionStep(*attention)
        self.text1_mlp = MlpStep(width, hidden)
        self.text2 = AttentionStep(*attention)
        self.text2_mlp = MlpStep(width, hidden)
        self.cross1 = AttentionStep(*attention)
        self.cross1_mlp = MlpStep(width, hidden)
        self.cross2 = AttentionStep(*attention)
        self.cross2_mlp = MlpStep(width, hidden)

    def forward(
        self, set1: Tensor, set2: Tensor, pe1: Tensor, pe2: Tensor, text: TextFeatures
    ) -> tuple[Tensor, Tensor]:
        """Both sets are (P, Q, C), their positions (Q, C)."""
        set1 = self.self1(set1, pe1, set1, pe1)
        set2 = self.self2(set2, pe2, set2, pe2)
        set1 = self.text1_mlp(self.text1(set1, pe1, text.tokens, None, text.mask))
        set2 = self.text2_mlp(self.text2(set2, pe2, text.tokens, None, text.mask))
        set1 = self.cross1_mlp(self.cross1(set1, pe1, set2, pe2))
        set2 = self.cross2_mlp(self.cross2(set2, pe2, set1, pe1))
        return set1, set2


class FirstOrderLayer(nn.Module):
    """Image tokens look at a query set; optionally also at each other.

    Args:
        image_self_attention: whether image tokens, already conditioned on the phrase, attend to
            each other: what relations between places ("left of the road") need.
    """

    def __init__(
        self, width: int, inner: int, heads: int, hidden: int, image_self_attention: bool
    ) -> None:
        super().__init__()
        self.text_self = AttentionStep(width, inner, heads)
        self.image_text = AttentionStep(width, inner, heads)
        self.image_self = AttentionStep(width, inner, heads) if image_self_attention else None
        self.image_mlp = MlpStep(width, hidden)

    def forward(
        self, queries: Tensor, query_pe: Tensor, image: Tensor, image_pe: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Queries (P, Q, C) and image tokens (P, N, C), both updated."""
        queries = self.text_self(queries, query_pe, queries, query_pe)
        image = self.image_text(image, image_pe, queries, query_pe)
        if self.image_self is not None:
            image = self.image_self(image, image_pe, image, image_pe)
        return queries, self.image_mlp(image)


class SecondOrderLayer(FirstOrderLayer):
    """A first-order layer, after which prompt queries gather from the phrase and the image."""

    def __init__(
        self,
        width: int,
        inner: int,
        heads: int,
        hidden: int,
        image_self_attention: bool,
        prompt_width: int,
    ) -> None:
        super().__init__(width, inner, heads, hidden, image_self_attention)
        self.prompt_self = AttentionStep(prompt_width, inner, heads)
        self.prompt_text = AttentionStep(prompt_width, inner, heads, width)
        self.prompt_text_mlp = MlpStep(prompt_width, hidden)
        self.prompt_image = AttentionStep(prompt_width, inner, heads, width)
        self.prompt_image_mlp = MlpStep(prompt_width, hidden)

    def gather(
        self,
        prompts: Tensor,
        prompt_pe: Tensor,
        queries: Tensor,
        query_pe: Tensor,
        image: Tensor,
        image_pe: Tensor,
    ) -> Tensor:
        """Prompt queries (P, K, D) after looking at themselves, the phrase and the image."""
        prompts = self.prompt_self(prompts, prompt_pe, prompts, prompt_pe)
        prompts = self.prompt_text_mlp(self.prompt_text(prompts, prompt_pe, queries, query_pe))
        prompts = self.prompt_image(prompts, prompt_pe, image, image_pe)
        out: Tensor = self.prompt_image_mlp(prompts)
        return out


class PresenceHead(nn.Module):
    """Whether anything in the image matches the phrase, as one logit."""

    def __init__(self, width: int, prompt_width: int, hidden: int) -> None:
        super().__init__()
        self.first = nn.Linear(prompt_width + 2 * width + 2, hidden)
        self.second = nn.Linear(hidden, 1)

    def forward(self, prompts: Tensor, set2: Tensor, pooled: Tensor, dense: Tensor) -> Tensor:
        """(P, K, D), (P, Q, C), (P, C) and logits (P, h, w) -> (P,)."""
        logits = dense.flatten(1).to(pooled.dtype)
        parts = (
            prompts.mean(dim=1),
            set2.mean(dim=1),
            pooled,
            logits.amax(dim=1, keepdim=True),
            logits.mean(dim=1, keepdim=True),
        )
        summary = torch.cat([p.to(pooled.dtype) for p in parts], dim=1)
        out: Tensor = self.second(functional.gelu(self.first(summary)))
        return out.squeeze(1)


class Prompter(nn.Module):
    """Decomposition, first order, second order, and the two kinds of prompts."""

    def __init__(
        self,
        config: PrompterConfig,
        width: int,
        prompt_width: int,
        image_grid: tuple[int, int],
        logit_scale: float,
        logit_bias: float,
    ) -> None:
        super().__init__()
        shared = (width, config.internal_dim, config.num_heads, config.mlp_dim)
        image_layer = (*shared, config.image_self_attention)
        self.query_pe1 = nn.Parameter(torch.empty(config.num_text_queries, width))
        self.query_pe2 = nn.Parameter(torch.empty(config.num_text_queries, width))
        self.image_pe = nn.Parameter(torch.empty(1, width, *(config.image_grid or image_grid)))
        self.prompts = nn.Parameter(torch.empty(config.num_prompts, prompt_width))
        self.prompt_pe = nn.Parameter(torch.empty(config.num_prompts, prompt_width))
        self.decomposition = nn.ModuleList(
            DecompositionLayer(*shared) for _ in range(config.decomposition_layers)
        )
        self.first_order = nn.ModuleList(
            FirstOrderLayer(*image_layer) for _ in range(config.first_order_layers)
        )
        self.second_order = nn.ModuleList(
            SecondOrderLayer(*image_layer, prompt_width) for _ in range(config.second_order_layers)
        )
        self.sparse_first = nn.Linear(prompt_width, config.mlp_dim)
        self.sparse_second = nn.Linear(config.mlp_dim, prompt_width)
        self.dense = DensePrompt(
            width,
            config.dense_hidden or width // 2,
            config.dense_norm,
            config.dense_prompt_grid,
            logit_scale,
            logit_bias,
        )
        self.presence = (
            PresenceHead(width, prompt_width, _PRESENCE_HIDDEN) if config.presence else None
        )
        self.spatial: SpatialReasoning | None = None
        if config.spatial_maps:
            self.spatial = SpatialReasoning(
                width, prompt_width, config.spatial_maps, config.spatial_width, *shared[1:3]
            )
            self.spatial_tokens = nn.Linear(self.spatial.state_width, width)
            self.spatial_presence = nn.Linear(config.spatial_maps + 1, 1)

    def forward(
        self,
        image_tokens: Tensor,
        grid: tuple[int, int],
        text: TextFeatures,
        mask_size: tuple[int, int],
        ground: Tensor | None = None,
    ) -> Prompts:
        """Turns P phrases and their images into prompts.

        Args:
            image_tokens: (P, N, C), row by row.
            grid: rows and columns of the tokens.
            text: the phrases.
            mask_size: rows and columns of the dense prompt.
            ground: (P, W, h, w); what spatial reasoning looks at.
        """
        places = None
        if self.spatial is not None and ground is not None:
            places = self.spatial(ground, grid, text)
        set1, set2 = self._decompose(text)
        image_pe = self._image_positions(grid)
        queries, image = set1, image_tokens
        for layer in self.first_order:
            queries, image = layer(queries, self.query_pe1, image, image_pe)
        if places is not None:
            image = image + self.spatial_tokens(places.states)
        queries, prompts = set2, self.prompts.expand(len(text), -1, -1)
        for layer in self.second_order:
            queries, image = layer(queries, self.query_pe2, image, image_pe)
            prompts = cast(SecondOrderLayer, layer).gather(
                prompts, self.prompt_pe, queries, self.query_pe2, image, image_pe
            )
        refined = image.transpose(1, 2).reshape(len(text), -1, *grid)  # (P, C, h, w)
        dense, dense_tokens = self.dense(refined, text.pooled, mask_size)
        if places is not None:
            wide = resize_like(places.choice[:, None], mask_size, "bilinear", align_corners=False)
            dense = dense + wide.to(dense.dtype)
            coarse = functional.adaptive_avg_pool2d(places.choice[:, None].float(), grid)
            dense_tokens = dense_tokens + coarse[:, 0]
        presence = None
        if self.presence is not None:
            presence = self.presence(prompts, set2, text.pooled, dense_tokens)
            if places is not None:
                presence = presence + self.spatial_presence(places.summary).squeeze(1)
        sparse = self.sparse_second(functional.gelu(self.sparse_first(prompts)))
        return Prompts(sparse, dense, dense_tokens, presence, set1, set2, refined, places)

    def _decompose(self, text: TextFeatures) -> tuple[Tensor, Tensor]:
        pooled = adaptive_pool(text.tokens, text.mask, len(self.query_pe1))  # (P, Q, C)
        set1 = set2 = pooled
        for layer in self.decomposition:
            set1, set2 = layer(set1, set2, self.query_pe1, self.query_pe2, text)
        return set1, set2

    def _image_positions(self, grid: tuple[int, int]) -> Tensor:
        resized = resize_like(self.image_pe.float(), grid, mode="bicubic", align_corners=True)
        return resized.to(self.image_pe.dtype).flatten(2).transpose(1, 2)  # (1, N, C)


def adaptive_pool(tokens: Tensor, mask: Tensor, bins: int) -> Tensor:
    """Adaptive average pool over each phrase's own tokens.

    Args:
        tokens: (P, L, C), zero at padding.
        mask: (P, L) bool.
        bins: number of positions to pool to.

    Returns:
        (P, bins, C): what `adaptive_avg_pool1d` gives for each phrase without its padding.
    """
    lengths = mask.sum(dim=1)[:, None]  # (P, 1)
    bin_index = torch.arange(bins, device=tokens.device)
    start = bin_index * lengths // bins  # (P, bins)
    end = ((bin_index + 1) * lengths + bins - 1) // bins
    position = torch.arange(tokens.shape[1], device=tokens.device)
    inside = (position >= start[..., None]) & (position < end[..., None])  # (P, bins, L)
    weights = inside.to(tokens.dtype) / (end - start)[..., None].to(tokens.dtype)
    return weights @ tokens
