"""Scores of a model in memory on rendered scenes, for validation while it trains."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from rsrefseg.evaluation.metrics import CaseScore, score_case
from rsrefseg.models.rsrefseg2 import RSRefSeg2
from rsrefseg.scenes import generate


@torch.inference_mode()
def scene_scores(model: RSRefSeg2, seeds: Iterable[int], *, phrases: int = 16) -> list[CaseScore]:
    """Scores at threshold 0.5, presence ignored.

    Args:
        model: in evaluation mode.
        seeds: of the scenes.
        phrases: asked of each scene.
    """
    scores: list[CaseScore] = []
    side, words = model.preset.tile_px, model.words
    for seed in seeds:
        scene = generate(seed, size_px=side, phrases=phrases)
        image = torch.from_numpy(scene.image).permute(2, 0, 1)[None].float() / 255
        features = model.encode_image(image)
        text = model.encode_text(*words.batch([c.phrase for c in scene.cases]))
        out = model.ask(features.expand(torch.zeros(len(scene.cases), dtype=torch.long)), text)
        masks = model.upsample(out.low_res_logits, side, (side, side), (side, side)) > 0
        scores += [
            score_case(m, c.mask, kind=c.kind, source="scenes", class_mask=c.class_mask)
            for m, c in zip(masks[:, 0].numpy(), scene.cases, strict=True)
        ]
    return scores
