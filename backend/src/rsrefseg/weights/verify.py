"""Compares every stage of a released checkpoint with what the reference gives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from rsrefseg.errors import WeightsError
from rsrefseg.models.config import Preset
from rsrefseg.models.rsrefseg2 import RSRefSeg2
from rsrefseg.weights.released import load_released

TOLERANCE = 1e-4
STAGES = (
    "clip_visual",
    "clip_text",
    "clip_text_pooled",
    "text_queries1",
    "text_queries2",
    "refined_img_feat_map",
    "sparse_prompts",
    "dense_prompts",
    "image_embed",
    "low_res_logits",
    "iou_pred",
    "logits",
)


@dataclass(frozen=True)
class StageError:
    """How far one stage is from the reference.

    Attributes:
        stage: its name.
        shape: its shape.
        error: largest difference relative to the reference's largest magnitude.
    """

    stage: str
    shape: tuple[int, ...]
    error: float

    @property
    def passed(self) -> bool:
        """Whether the stage agrees."""
        return self.error <= TOLERANCE


def verify(checkpoint: Path, preset: Preset, expected: Path) -> list[StageError]:
    """Runs a checkpoint in fp32 on the CPU and compares every stage that `expected` holds.

    Raises:
        WeightsError: a file cannot be used, or a stage has another shape than the reference's.
    """
    reference = _read_expected(expected)
    model = load_released(checkpoint, preset)
    found = run_stages(model, reference["image"], reference["input_ids"])
    results = []
    for stage in STAGES:
        if stage not in reference:
            continue
        wanted, got = reference[stage].float(), found[stage].float()
        # Hugging Face's SAM has one more axis of length 1 (prompts for each image).
        if wanted.squeeze().shape != got.squeeze().shape:
            raise WeightsError(
                f"The stage '{stage}' has the shape {tuple(got.shape)}, the reference "
                f"{tuple(wanted.shape)}: the configuration is not the checkpoint's."
            )
        largest = max(float(wanted.abs().max()), torch.finfo(torch.float32).tiny)
        error = float((wanted.squeeze() - got.squeeze()).abs().max()) / largest
        results.append(StageError(stage, tuple(wanted.shape), error))
    if not results:
        raise WeightsError(f"'{expected}' holds none of the known stages: use a fixture's file.")
    return results


@torch.inference_mode()
def run_stages(model: RSRefSeg2, image: Tensor, input_ids: Tensor) -> dict[str, Tensor]:
    """Every stage's result for one batch.

    Args:
        model: the model, fp32.
        image: (B, 3, S, S) padded tiles, 0..1.
        input_ids: (B, L) token ids without padding.
    """
    features = model.encode_image(image.float())
    lengths = torch.full((len(input_ids),), input_ids.shape[1])
    text = model.encode_text(input_ids, lengths)
    if len(features) != len(text):
        features = features.expand(torch.zeros(len(text), dtype=torch.long))
    answer = model.ask(features, text)
    size = (image.shape[-2], image.shape[-1])
    return {
        "clip_visual": features.clip_tokens,
        "clip_text": text.tokens,
        "clip_text_pooled": text.pooled,
        "text_queries1": answer.text_queries1,
        "text_queries2": answer.text_queries2,
        "refined_img_feat_map": answer.refined_img_feat_map,
        "sparse_prompts": answer.sparse_prompts,
        "dense_prompts": answer.dense_prompts,
        "image_embed": features.sam_embed,
        "low_res_logits": answer.low_res_logits,
        "iou_pred": answer.iou,
        "logits": model.upsample(answer.low_res_logits, size, size, size),
    }


def _read_expected(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise WeightsError(f"There is no file of expected results '{path}': check the path.")
    try:
        reference = load_file(path)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"'{path}' is no readable safetensors file: {error}.") from error
    for needed in ("image", "input_ids"):
        if needed not in reference:
            raise WeightsError(f"'{path}' lacks '{needed}': use a fixture's file.")
    return reference
