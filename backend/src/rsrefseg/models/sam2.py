"""SAM 2.1 through the sam2 package: Hiera encoder, and its decoder for many phrases at once."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from rsrefseg.errors import ConfigError
from rsrefseg.models.config import Sam2Config
from rsrefseg.models.mask_head import beside, draw_masks, stacked_kernels
from rsrefseg.models.sam import PromptEmbedding, two_way
from rsrefseg.models.torchvision_compat import ensure_torchvision


def require_sam2() -> None:
    """Makes the sam2 package importable.

    Raises:
        ConfigError: it is not installed.
    """
    ensure_torchvision()
    try:
        import sam2.modeling  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            "This model draws with SAM 2.1, whose package is not installed: install it with "
            "`pip install rsrefseg[sam2]`."
        ) from error


class _NoPositions(nn.Module):
    """Stands in for the neck's sine positions, which only SAM 2's video memory reads."""

    def forward(self, x: Tensor) -> Tensor:
        """Any map -> nothing."""
        return x.new_zeros(())


class _LinspaceOnCpu(TorchFunctionMode):
    """Hiera reads its drop path rates from a tensor, which a meta device cannot give."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func is torch.linspace:
            kwargs["device"] = "cpu"
        return func(*args, **kwargs)


class Sam2Encoder(nn.Module):
    """Hiera trunk and FPN neck, with the decoder's projections of the two finer maps."""

    def __init__(self, config: Sam2Config) -> None:
        super().__init__()
        require_sam2()
        from sam2.modeling.backbones.hieradet import Hiera
        from sam2.modeling.backbones.image_encoder import FpnNeck

        with _LinspaceOnCpu():
            self.trunk = Hiera(
                embed_dim=config.embed_dim,
                num_heads=config.num_heads,
                q_pool=config.q_pool,
                stages=config.stages,
                window_pos_embed_bkg_spatial_size=config.window_pos_embed_bkg_spatial_size,
                window_spec=config.window_spec,
                global_att_blocks=config.global_att_blocks,
            )
        self.neck = FpnNeck(
            position_encoding=_NoPositions(),
            d_model=config.d_model,
            backbone_channel_list=self.trunk.channel_list,
            fpn_top_down_levels=list(config.fpn_top_down_levels),
            fpn_interp_model="nearest",
        )
        d = config.d_model
        self.no_memory = nn.Parameter(torch.zeros(1, 1, d))
        self.project_fine = nn.Conv2d(d, d // 8, kernel_size=1)
        self.project_middle = nn.Conv2d(d, d // 4, kernel_size=1)

    def forward(self, image: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Encodes a normalised tile (B, 3, S, S).

        Returns:
            Embedding (B, D, h, w) with h = w = S / 16, and the finer maps beside its cells,
            (B, h * w, 16, D / 8) and (B, h * w, 4, D / 4).
        """
        dtype = self.no_memory.dtype
        levels, _ = self.neck(self.trunk(image.to(dtype)))
        fine, middle, coarse, _ = levels  # strides 4, 8, 16, 32
        embedding = coarse.to(dtype) + self.no_memory.view(1, -1, 1, 1)
        finer = (
            beside(self.project_fine(fine), levels=2),
            beside(self.project_middle(middle), levels=1),
        )
        return embedding, finer


class Sam2Decoder(nn.Module):
    """SAM 2.1's mask decoder, one image and one prompt set for each row of a batch."""

    def __init__(self, config: Sam2Config) -> None:
        super().__init__()
        require_sam2()
        from sam2.modeling.sam.mask_decoder import MaskDecoder
        from sam2.modeling.sam.transformer import TwoWayTransformer

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
            iou_prediction_use_sigmoid=config.iou_sigmoid,
            pred_obj_scores=True,
            pred_obj_scores_mlp=True,
        )
        self.dynamic = config.dynamic_multimask and config.multimask_outputs > 0
        self.stability_delta = config.stability_delta
        self.stability_threshold = config.stability_threshold

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
            high_res: the two finer maps, beside its cells.
            sparse: (P, K, D) prompt tokens.
            dense: (P, 1, 4h, 4w) mask-input logits.

        Returns:
            Logits (P, 1, 4h, 4w) and the estimated IoU (P, 1).
        """
        decoder = self.masks
        own = torch.cat(
            [decoder.obj_score_token.weight, decoder.iou_token.weight, decoder.mask_tokens.weight]
        )
        tokens = torch.cat([own.to(sparse.dtype).expand(len(sparse), -1, -1), sparse], dim=1)
        grid = (image.shape[-2], image.shape[-1])
        source = image + self.prompts.dense(dense)
        position = self.prompts.positions(grid, source.dtype)
        choose = self.dynamic and not self.training
        count = decoder.num_mask_tokens if choose else 1
        wanted = slice(1, 2 + count)  # the IoU's and the masks'
        states, keys = two_way(decoder.transformer, source, position, tokens, wanted)
        kernels = stacked_kernels(decoder.output_hypernetworks_mlps[:count], states[:, 1:])
        masks = draw_masks(decoder.output_upscaling, keys, grid, kernels, high_res)
        iou = decoder.iou_prediction_head(states[:, 0])
        if not choose:
            return masks, iou[:, :1]
        return self._stable_or_best(masks, iou)

    def _stable_or_best(self, masks: Tensor, iou: Tensor) -> tuple[Tensor, Tensor]:
        """The single mask where it hardly changes with the threshold, else the best of the rest."""
        single = masks[:, :1]
        inner = (single > self.stability_delta).sum(dim=(2, 3))
        outer = (single > -self.stability_delta).sum(dim=(2, 3))
        stable = (outer == 0) | (inner >= self.stability_threshold * outer)  # (P, 1)
        best = 1 + iou[:, 1:].argmax(dim=1, keepdim=True)
        chosen = torch.where(stable, 0, best)  # (P, 1)
        rows = torch.arange(len(masks), device=masks.device)[:, None]
        return masks[rows, chosen], iou[rows, chosen]
