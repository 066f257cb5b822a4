"""Scores of a model in memory on rendered scenes, for validation while it trains."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch

from rsrefseg.evaluation.metrics import CaseScore, score_case
from rsrefseg.evaluation.run import choose_presence_threshold
from rsrefseg.models.rsrefseg2 import RSRefSeg2
from rsrefseg.scenes import generate


@dataclass(frozen=True)
class SceneAnswer:
    """A phrase about a scene, answered.

    Attributes:
        score: of the mask at probability 0.5, presence ignored.
        presence: probability that the target exists; None where the model does not say.
    """

    score: CaseScore
    presence: float | None


@torch.inference_mode()
def scene_answers(
    model: RSRefSeg2, seeds: Iterable[int], *, phrases: int = 16
) -> list[SceneAnswer]:
    """Asks a model about scenes.

    Args:
        model: in evaluation mode.
        seeds: of the scenes.
        phrases: asked of each scene.
    """
    answers: list[SceneAnswer] = []
    side, words = model.preset.tile_px, model.words
    for seed in seeds:
        scene = generate(seed, size_px=side, phrases=phrases)
        image = torch.from_numpy(scene.image).permute(2, 0, 1)[None].float() / 255
        features = model.encode_image(image)
        text = model.encode_text(*words.batch([c.phrase for c in scene.cases]))
        out = model.ask(features.expand(torch.zeros(len(scene.cases), dtype=torch.long)), text)
        masks = model.upsample(out.low_res_logits, side, (side, side), (side, side)) > 0
        presence: list[float | None] = [None] * len(scene.cases)
        if out.presence_logit is not None:
            presence = list(out.presence_logit.flatten().sigmoid().tolist())
        answers += [
            SceneAnswer(
                score_case(m, c.mask, kind=c.kind, source="scenes", class_mask=c.class_mask), p
            )
            for m, c, p in zip(masks[:, 0].numpy(), scene.cases, presence, strict=True)
        ]
    return answers


def scene_scores(model: RSRefSeg2, seeds: Iterable[int], *, phrases: int = 16) -> list[CaseScore]:
    """The scores alone; see `scene_answers`."""
    return [a.score for a in scene_answers(model, seeds, phrases=phrases)]


def calibrated_presence(model: RSRefSeg2, seeds: Iterable[int], *, keep: float) -> float | None:
    """The presence threshold that answers a share of the present targets of some scenes.

    Args:
        model: in evaluation mode.
        seeds: of scenes that are used for nothing else.
        keep: share of the present targets.
    """
    known = [
        (a.score.target > 0, a.presence)
        for a in scene_answers(model, seeds)
        if a.presence is not None
    ]
    return choose_presence_threshold(known, keep=keep) if known else None
