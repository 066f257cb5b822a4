"""SAM 1 through segment-anything, with a decoder that answers many phrases in one batch."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from rsrefseg.models.clip import mlp_ratio
from rsrefseg.models.config import Sam1Config
from rsrefseg.models.layers import ConvStem, LocalMixing, multi_head, resize_like
from rsrefseg.models.mask_head import beside, draw_masks, read_masks
from rsrefseg.models.torchvision_compat import ensure_torchvision

# The released SAM 1 models were trained through Hugging Face's implementation, which has this eps
# everywhere but in the norm after the decoder's last attention; segment-anything leaves torch's
# 1e-5 in the whole mask decoder.
NORM_EPS = 1e-6


class _StemEmbed(ConvStem):
    """The convolutional stem with the layout of segment-anything's patch embedding."""

    def tokens(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(B, 3, S, S) -> (B, h, w, width), and (B, C, H, W) for each halving."""
        tokens, halvings = super().tokens(image)
        return tokens.permute(0, 2, 3, 1), halvings


class _FusedAttention(nn.Module):
    """segment-anything's attention without relative positions, in one kernel: a sixth faster."""

    def __init__(self, heads: int, qkv: nn.Module, proj: nn.Module) -> None:
        super().__init__()
        self.heads, self.qkv, self.proj = heads, qkv, proj

    def forward(self, x: Tensor) -> Tensor:
        """(B, h, w, C) -> (B, h, w, C)."""
        qkv = self.qkv(x.flatten(1, 2))  # (B, h * w, 3 * C)
        q, k, v = qkv.view(*qkv.shape[:2], 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        attended = functional.scaled_dot_product_attention(q, k, v)  # (B, heads, h * w, D)
        out: Tensor = self.proj(attended.transpose(1, 2).reshape(x.shape))
        return out


class Sam1Encoder(nn.Module):
    """segment-anything's ViT, for tiles of any size.

    Two options of ours help where it learns from few images: convolutions between its blocks, and
    SAM 2's finer maps for the decoder, taken from the convolutional stem.
    """

    def __init__(self, config: Sam1Config) -> None:
        super().__init__()
        ensure_torchvision()
        from segment_anything.modeling import ImageEncoderViT

        self.vit = ImageEncoderViT(
            img_size=config.image_size,
            patch_size=config.patch_size,
            embed_dim=config.embed_dim,
            depth=config.depth,
            num_heads=config.num_heads,
            mlp_ratio=mlp_ratio(config.mlp_dim, config.embed_dim),
            out_chans=config.d_model,
            norm_layer=partial(nn.LayerNorm, eps=NORM_EPS),
            use_rel_pos=config.use_rel_pos,
            window_size=config.window_size,
            global_attn_indexes=config.global_attn_indexes,
        )
        if not config.use_rel_pos:
            for block in self.vit.blocks:
                block.attn = _FusedAttention(config.num_heads, block.attn.qkv, block.attn.proj)
        if config.stem == "conv":
            self.vit.patch_embed = _StemEmbed(config.patch_size, config.embed_dim)
        self.local = nn.ModuleList()
        if config.local_kernel:
            self.local.extend(
                LocalMixing(config.embed_dim, config.local_kernel) for _ in self.vit.blocks
            )
        self.project = nn.ModuleList()
        if config.finer_maps:
            d = config.d_model
            fine, middle = self.vit.patch_embed.channels[-3:-1]
            self.project.extend((nn.Conv2d(fine, d // 8, 1), nn.Conv2d(middle, d // 4, 1)))

    def forward(self, image: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Encodes a normalised tile (B, 3, S, S).

        Returns:
            Embedding (B, D, h, w), and where the configuration has them the finer maps beside its
            cells, (B, h * w, 16, D / 8) and (B, h * w, 4, D / 4).
        """
        x, finer = self._embed(image.to(self.vit.pos_embed.dtype))  # (B, h, w, C)
        x = x + stretched(self.vit.pos_embed, (x.shape[1], x.shape[2])).to(x.dtype)
        for i, block in enumerate(self.vit.blocks):
            x = block(self.local[i](x) if self.local else x)
        embedding: Tensor = self.vit.neck(x.permute(0, 3, 1, 2))
        return embedding.contiguous(memory_format=torch.channels_last), finer

    def _embed(self, image: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        if not self.project:
            return self.vit.patch_embed(image), ()
        x, halvings = self.vit.patch_embed.tokens(image)
        fine, middle = (
            project(halving) for project, halving in zip(self.project, halvings[-3:-1], strict=True)
        )
        return x, (beside(fine, levels=2), beside(middle, levels=1))


def stretched(positions: Tensor, size: tuple[int, int]) -> Tensor:
    """Learnt position embeddings (1, h, w, C) for a grid of another size."""
    moved = positions.permute(0, 3, 1, 2)
    return resize_like(moved, size, "bicubic", align_corners=False).permute(0, 2, 3, 1)


class PromptEmbedding(nn.Module):
    """SAM's prompt encoder, batched: a dense prompt always, points and boxes if given."""

    def __init__(self, d_model: int, mask_in_chans: int) -> None:
        super().__init__()
        ensure_torchvision()
        from segment_anything.modeling import PromptEncoder

        # The sizes only serve the encoder's own forward pass, which is not used.
        self.encoder = PromptEncoder(d_model, (1, 1), (1, 1), mask_in_chans)
        self._positions: dict[tuple[object, ...], Tensor] = {}
        self.register_load_state_dict_post_hook(  # type: ignore[no-untyped-call]
            lambda module, _: module._positions.clear()
        )

    def dense(self, logits: Tensor) -> Tensor:
        """Mask-input logits (P, 1, 4h, 4w) -> (P, D, h, w), channels last in memory."""
        size = (logits.shape[2] // 4, logits.shape[3] // 4)
        tokens = read_masks(self.encoder.mask_downscaling, logits)
        return tokens.view(-1, *size, tokens.shape[2]).permute(0, 3, 1, 2)

    def positions(self, size: tuple[int, int], dtype: torch.dtype) -> Tensor:
        """Position encoding of an embedding grid, (1, D, h, w); made once for each grid."""
        frequencies = self.encoder.pe_layer.positional_encoding_gaussian_matrix
        key = (size, dtype, frequencies.dtype, frequencies.device)
        if key not in self._positions:
            self._positions[key] = self._grid_positions(size, dtype, frequencies.device)
        return self._positions[key]

    @torch.inference_mode(False)  # what is kept has to serve training too
    def _grid_positions(
        self, size: tuple[int, int], dtype: torch.dtype, device: torch.device
    ) -> Tensor:
        rows = (torch.arange(size[0], device=device, dtype=torch.float32) + 0.5) / size[0]
        columns = (torch.arange(size[1], device=device, dtype=torch.float32) + 0.5) / size[1]
        y, x = torch.meshgrid(rows, columns, indexing="ij")
        return self._encode(torch.stack([x, y], dim=-1), dtype).permute(2, 0, 1)[None]

    def sparse(
        self, points: Tensor | None, labels: Tensor | None, boxes: Tensor | None, dtype: torch.dtype
    ) -> list[Tensor]:
        """Embeds clicks and boxes as prompt tokens.

        Args:
            points: (P, N, 2) x, y in 0..1 of the padded tile.
            labels: (P, N): 1 inside the target, 0 outside it, -1 no point.
            boxes: (P, 4) x0, y0, x1, y1 in 0..1 of the padded tile.
            dtype: of the result.
        """
        if points is None and boxes is None:
            return []
        tokens = []
        kinds = torch.cat([e.weight for e in self.encoder.point_embeddings])  # (4, D)
        if points is not None and labels is not None:
            nothing = self.encoder.not_a_point_embed.weight[0]
            known = (labels >= 0)[..., None]
            embedded = self._encode(points, dtype) + kinds[labels.clamp(min=0).long()]
            tokens.append(torch.where(known, embedded, nothing))
        if boxes is not None:
            corners = self._encode(boxes.reshape(-1, 2, 2), dtype) + kinds[2:]
            tokens.append(corners)
        return [t.to(dtype) for t in tokens]

    def _encode(self, coordinates: Tensor, dtype: torch.dtype) -> Tensor:
        # In fp32 whatever the weights are: the frequencies multiply up the rounding.
        frequencies = self.encoder.pe_layer.positional_encoding_gaussian_matrix.float()
        angles = 2 * math.pi * ((2 * coordinates.float() - 1) @ frequencies)
        return torch.cat([angles.sin(), angles.cos()], dim=-1).to(dtype)


def two_way(
    transformer: Any, image: Tensor, position: Tensor, tokens: Tensor, wanted: slice
) -> tuple[Tensor, Tensor]:
    """SAM's two-way transformer, where few tokens and many places attend by the shorter way.

    Args:
        transformer: segment-anything's or sam2's, whose weights it takes.
        image: (P, D, h, w).
        position: (1, D, h, w).
        tokens: (P, K, D), which are their own positions.
        wanted: the tokens that are read afterwards; the others' last look at the image is left out.

    Returns:
        The wanted tokens (P, W, D) and image tokens (P, h * w, D).
    """
    where = position.flatten(2).transpose(1, 2)
    keys = image.flatten(2).transpose(1, 2)
    placed = keys + where
    queries = tokens
    for layer in transformer.layers:
        if layer.skip_first_layer_pe:
            attended = _attended(layer.self_attn, queries, queries, queries)
        else:
            asking = queries + tokens
            attended = queries + _attended(layer.self_attn, asking, asking, queries)
        queries = layer.norm1(attended)
        to_image = layer.cross_attn_token_to_image
        queries = layer.norm2(queries + _attended(to_image, queries + tokens, placed, keys))
        queries = layer.norm3(queries + layer.mlp(queries))
        to_tokens = layer.cross_attn_image_to_token
        keys = layer.norm4(keys + _attended(to_tokens, placed, queries + tokens, queries))
        placed = keys + where
    final = transformer.final_attn_token_to_image
    queries, tokens = queries[:, wanted], tokens[:, wanted]
    queries = queries + _attended(final, queries + tokens, placed, keys)
    return transformer.norm_final_attn(queries), keys


def _attended(theirs: Any, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    projections = (theirs.q_proj, theirs.k_proj, theirs.v_proj, theirs.out_proj)
    return multi_head(projections, theirs.num_heads, queries, keys, values)


class Sam1Decoder(nn.Module):
    """segment-anything's mask decoder, one image and one prompt set for each row of a batch."""

    def __init__(self, config: Sam1Config) -> None:
        super().__init__()
        ensure_torchvision()
        from segment_anything.modeling import MaskDecoder, TwoWayTransformer

        self.prompts = PromptEmbedding(config.d_model, config.mask_in_chans)
        self.masks = MaskDecoder(
            transformer_dim=config.d_model,
            transformer=TwoWayTransformer(
                depth=config.decoder_depth,
                embedding_dim=config.d_model,
                num_heads=config.decoder_heads,
                mlp_dim=config.decoder_mlp,
            ),
            num_multimask_outputs=config.multimask_outputs,
            iou_head_depth=config.iou_head_depth,
            iou_head_hidden_dim=config.iou_head_hidden,
        )
        for module in self.masks.transformer.layers.modules():
            if isinstance(module, nn.LayerNorm):
                module.eps = NORM_EPS

    def forward(
        self,
        image: Tensor,
        high_res: tuple[Tensor, ...],
        sparse: Tensor,
        dense: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Draws one mask for each row.

        Args:
            image: (P, D, h, w) image embedding.
            high_res: the two finer maps of an encoder that has them, beside its cells; else
                nothing.
            sparse: (P, K, D) prompt tokens.
            dense: (P, 1, 4h, 4w) mask-input logits.

        Returns:
            Logits (P, 1, 4h, 4w) and the estimated IoU (P, 1).
        """
        decoder = self.masks
        own = torch.cat([decoder.iou_token.weight, decoder.mask_tokens.weight])
        tokens = torch.cat([own.to(sparse.dtype).expand(len(sparse), -1, -1), sparse], dim=1)
        grid = (image.shape[-2], image.shape[-1])
        source = image + self.prompts.dense(dense)
        position = self.prompts.positions(grid, source.dtype)
        # A single mask is asked for: the others' tokens and hypernetworks need not run to the end.
        states, keys = two_way(decoder.transformer, source, position, tokens, slice(2))
        kernel = decoder.output_hypernetworks_mlps[0](states[:, 1])[:, None]  # (P, 1, D / 8)
        masks = draw_masks(decoder.output_upscaling, keys, grid, kernel, high_res)
        iou = decoder.iou_prediction_head(states[:, 0])[:, :1]
        return masks, iou
