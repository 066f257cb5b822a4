"""RSRefSeg 2: encode an image once, then ask it any number of phrases."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from rsrefseg.errors import WeightsError
from rsrefseg.models.clip import ClipImageTower, ClipTextTower
from rsrefseg.models.config import Preset
from rsrefseg.models.features import AskOutput, ImageFeatures, TextFeatures
from rsrefseg.models.layers import resize_like
from rsrefseg.models.prompter import Prompter, Prompts
from rsrefseg.models.sam import Sam1Decoder, Sam1Encoder
from rsrefseg.models.sam2 import Sam2Decoder, Sam2Encoder
from rsrefseg.models.tokenizer import Tokenizer

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class RSRefSeg2(nn.Module):
    """The whole model. Both image encoders are independent of the phrase.

    Attributes:
        preset: the dimensions and options that it was built from.
        tokenizer: phrases to token ids.
    """

    def __init__(
        self,
        preset: Preset,
        image_tower: ClipImageTower,
        text_tower: ClipTextTower,
        prompter: Prompter,
        sam_encoder: Sam1Encoder | Sam2Encoder,
        sam_decoder: Sam1Decoder | Sam2Decoder,
        tokenizer: Tokenizer,
    ) -> None:
        super().__init__()
        self.preset = preset
        self.clip_image = image_tower
        self.clip_text = text_tower
        self.prompter = prompter
        self.sam_encoder = sam_encoder
        self.sam_decoder = sam_decoder
        self.tokenizer = tokenizer

    @property
    def words(self) -> Tokenizer:
        """The tokenizer.

        Raises:
            WeightsError: the weights came without one.
        """
        if self.tokenizer is None:
            raise WeightsError("This model has no tokenizer; import its weights with one.")
        return self.tokenizer

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the weights."""
        return self.prompter.prompts.dtype

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.prompter.prompts.device

    def encode_image(self, image: Tensor) -> ImageFeatures:
        """Encodes padded tiles with both image encoders.

        Args:
            image: (B, 3, S, S) RGB in 0..1, padded right and bottom with 0.
        """
        pixels = image.float()
        mean = torch.tensor(IMAGENET_MEAN, device=image.device).view(3, 1, 1)
        std = torch.tensor(IMAGENET_STD, device=image.device).view(3, 1, 1)
        clip_tokens = self.clip_image(pixels)
        sam_embed, high_res = self.sam_encoder((pixels - mean) / std)
        return self.see_ground(
            ImageFeatures(clip_tokens, self.clip_image.grid, sam_embed, high_res)
        )

    def see_ground(self, image: ImageFeatures) -> ImageFeatures:
        """The features with what spatial reasoning sees of each place, if the model has that."""
        spatial = self.prompter.spatial
        if spatial is None:
            return image
        ground = spatial.ground(image.clip_tokens, image.clip_grid, image.sam_embed)
        return replace(image, ground=ground)

    def encode_text(self, token_ids: Tensor, lengths: Tensor) -> TextFeatures:
        """Encodes phrases; each result is what the phrase gets alone.

        Args:
            token_ids: (P, L) int64, padded with anything.
            lengths: (P,) int64, own tokens of each phrase.
        """
        return TextFeatures(*self.clip_text(token_ids, lengths))

    def ask(
        self,
        image: ImageFeatures,
        text: TextFeatures,
        *,
        points: Tensor | None = None,
        point_labels: Tensor | None = None,
        boxes: Tensor | None = None,
    ) -> AskOutput:
        """Answers P phrases, each about its own row of `image` (see `ImageFeatures.expand`).

        Args:
            image: features with P rows.
            text: P encoded phrases.
            points: (P, N, 2) clicks as x, y in 0..1 of the padded tile.
            point_labels: (P, N): 1 inside the target, 0 outside it, -1 no point.
            boxes: (P, 4) x0, y0, x1, y1 in 0..1 of the padded tile.
        """
        prompts = self.prompt(image, text)
        extra = self.sam_decoder.prompts.sparse(points, point_labels, boxes, prompts.sparse.dtype)
        sparse = torch.cat([prompts.sparse, *extra], dim=1)
        masks, iou = self.sam_decoder(image.sam_embed, image.high_res, sparse, prompts.dense)
        return AskOutput(
            low_res_logits=masks,
            iou=iou,
            presence_logit=prompts.presence_logit,
            dense_prompts=prompts.dense,
            dense_token_logits=prompts.dense_tokens,
            sparse_prompts=prompts.sparse,
            text_queries1=prompts.text_queries1,
            text_queries2=prompts.text_queries2,
            refined_img_feat_map=prompts.refined_map,
            places=prompts.places,
        )

    def prompt(self, image: ImageFeatures, text: TextFeatures) -> Prompts:
        """Where P phrases point to, each in its own row of `image`: the first half of `ask`."""
        mask_size = self._mask_input_size(image)
        return self.prompter(  # type: ignore[no-any-return]
            image.clip_tokens, image.clip_grid, text, mask_size, image.ground
        )

    def _mask_input_size(self, image: ImageFeatures) -> tuple[int, int]:
        """The dense prompt's size: four times SAM's grid, and what a cut last cell adds."""
        side = self.preset.sam.mask_input_px
        rows, columns = image.sam_embed.shape[-2:]
        if (rows, columns) == (side // 4, side // 4):
            return side, side
        return 4 * rows, 4 * columns

    def upsample(
        self,
        low_res_logits: Tensor,
        padded_px: int | tuple[int, int],
        valid_hw: tuple[int, int],
        out_hw: tuple[int, int],
    ) -> Tensor:
        """Brings mask logits back to the image's own pixels.

        Args:
            low_res_logits: (P, 1, h, w).
            padded_px: side (or rows, columns) of the padded tile.
            valid_hw: rows and columns of the tile that are not padding.
            out_hw: rows and columns of the image before it was scaled to the tile.

        Returns:
            (P, 1, *out_hw) logits, fp32.
        """
        padded = (padded_px, padded_px) if isinstance(padded_px, int) else padded_px
        full = resize_like(low_res_logits.float(), padded, "bilinear", align_corners=False)
        valid = full[..., : valid_hw[0], : valid_hw[1]]
        return resize_like(valid, out_hw, "bilinear", align_corners=False)
