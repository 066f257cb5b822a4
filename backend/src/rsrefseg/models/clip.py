"""The two CLIP towers: timm's ViT for images, open_clip's transformer for text (SigLIP 2)."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from rsrefseg.models.config import ClipConfig
from rsrefseg.models.layers import (
    PLAIN_ATTENTION_LIMIT,
    ConvStem,
    LocalMixing,
    resize_like,
    zero_rows,
)
from rsrefseg.models.torchvision_compat import ensure_torchvision

# SigLIP's norms, both towers.
NORM_EPS = 1e-6


def mlp_ratio(hidden: int, width: int) -> float:
    """The ratio that gives exactly `hidden` when truncated after multiplying by `width`."""
    return (hidden + 0.5) / width


class _StemEmbed(ConvStem):
    """The convolutional stem with the interface of timm's patch embedding."""

    def __init__(
        self, img_size: int, patch_size: int, in_chans: int, embed_dim: int, **_: Any
    ) -> None:
        super().__init__(patch_size, embed_dim)
        side = img_size // patch_size
        self.grid_size = (side, side)
        self.num_patches = side * side

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, S, S) -> (B, N, width)."""
        return super().forward(image).flatten(2).transpose(1, 2)


class ClipImageTower(nn.Module):
    """SigLIP 2's image encoder without its pooling head."""

    def __init__(self, config: ClipConfig) -> None:
        super().__init__()
        ensure_torchvision()
        from timm.layers.attention import Attention
        from timm.layers.patch_embed import PatchEmbed
        from timm.models.vision_transformer import VisionTransformer

        self.image_size = config.image_size
        self.grid = config.grid
        self.trunk = VisionTransformer(
            img_size=config.image_size,
            patch_size=config.patch_size,
            num_classes=0,
            global_pool="",
            embed_dim=config.width,
            depth=config.vision_layers,
            num_heads=config.heads,
            mlp_ratio=mlp_ratio(config.vision_mlp, config.width),
            class_token=False,
            embed_layer=_StemEmbed if config.stem == "conv" else PatchEmbed,
            norm_layer=partial(nn.LayerNorm, eps=NORM_EPS),
            act_layer=partial(nn.GELU, approximate="tanh"),
        )
        self.local = nn.ModuleList()
        if config.local_kernel:
            self.local.extend(
                LocalMixing(config.width, config.local_kernel) for _ in self.trunk.blocks
            )
        if (self.grid[0] * self.grid[1]) ** 2 <= PLAIN_ATTENTION_LIMIT:
            for module in self.trunk.modules():
                if isinstance(module, Attention):
                    module.fused_attn = False  # type: ignore[misc]

    def forward(self, image: Tensor) -> Tensor:
        """Encodes the padded tile.

        Args:
            image: (B, 3, S, S), 0..1, any S; resized to the tower's own input size.

        Returns:
            (B, N, C) tokens after the last norm.
        """
        size = (self.image_size, self.image_size)
        pixels = resize_like(image * 2 - 1, size, mode="bilinear", align_corners=False)
        weights = next(self.trunk.parameters())
        pixels = pixels.to(weights.dtype)
        if not self.local:
            tokens: Tensor = self.trunk.forward_features(pixels)
            return tokens
        x = self.trunk.patch_embed(pixels) + self.trunk.pos_embed
        for local, block in zip(self.local, self.trunk.blocks, strict=True):
            x = block(local(x.unflatten(1, self.grid)).flatten(1, 2))
        normed: Tensor = self.trunk.norm(x)
        return normed


class ClipTextTower(nn.Module):
    """SigLIP 2's text encoder: no causal mask, the last token is the phrase."""

    def __init__(self, config: ClipConfig) -> None:
        super().__init__()
        ensure_torchvision()
        from open_clip.transformer import LayerNorm, TextTransformer

        self.heads = config.heads
        self.transformer = TextTransformer(
            context_length=config.context_length,
            vocab_size=config.vocab_size,
            width=config.width,
            heads=config.heads,
            layers=config.text_layers,
            mlp_ratio=mlp_ratio(config.text_mlp, config.width),
            output_dim=config.width,
            no_causal_mask=True,
            proj_bias=True,
            pool_type="last",
            act_layer=partial(nn.GELU, approximate="tanh"),
            norm_layer=partial(LayerNorm, eps=NORM_EPS),
        )

    def forward(self, token_ids: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Encodes padded phrases, each as if it were alone.

        Args:
            token_ids: (P, L) int64; what stands at padding does not matter.
            lengths: (P,) int64, tokens of each phrase, its end token included.

        Returns:
            Token states (P, L, C), zero at padding; pooled (P, C); mask (P, L) bool.
        """
        text = self.transformer
        length = token_ids.shape[1]
        position = torch.arange(length, device=token_ids.device)
        mask = position < lengths[:, None]  # (P, L)
        x = text.token_embedding(token_ids) + text.positional_embedding[:length]
        attention_mask = self._additive_mask(mask, x.dtype)
        states = text.ln_final(text.transformer(x, attn_mask=attention_mask))
        last = states[torch.arange(len(states), device=states.device), lengths - 1]  # (P, C)
        projection = text.text_projection
        pooled = functional.linear(last, projection.weight, projection.bias)
        return zero_rows(states, mask), pooled, mask

    def _additive_mask(self, mask: Tensor, dtype: torch.dtype) -> Tensor | None:
        if bool(mask.all()):
            return None
        count, length = mask.shape
        additive = torch.zeros(mask.shape, dtype=dtype, device=mask.device)
        additive = additive.masked_fill(~mask, float("-inf"))
        # (P, L) -> (P * heads, L, L), as torch's MultiheadAttention wants it
        rows = additive[:, None, None, :].expand(count, self.heads, length, length)
        return rows.reshape(count * self.heads, length, length)
