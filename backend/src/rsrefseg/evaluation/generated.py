"""Scores of a model on rendered scenes, for validation while it trains and for calibration."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import cycle

from rsrefseg.evaluation.metrics import CaseScore, score_case
from rsrefseg.evaluation.run import choose_presence_threshold
from rsrefseg.predict.segmenter import Segmenter
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


def scene_answers(
    segmenter: Segmenter, seeds: Iterable[int], *, sides: Sequence[int] = (), phrases: int = 16
) -> list[SceneAnswer]:
    """Asks a model about scenes.

    Args:
        segmenter: the model.
        seeds: of the scenes.
        sides: of the scenes in pixels, in turn; the tile's when there are none.
        phrases: asked of each scene.
    """
    answers: list[SceneAnswer] = []
    for seed, side in zip(seeds, cycle(sides or (segmenter.info.tile_px,)), strict=False):
        scene = generate(seed, size_px=side, phrases=phrases)
        found = segmenter.ask(segmenter.encode(scene.image), [c.phrase for c in scene.cases])
        for case, answer in zip(scene.cases, found, strict=True):
            score = score_case(
                answer.probability > 0.5,
                case.mask,
                kind=case.kind,
                source="scenes",
                class_mask=case.class_mask,
            )
            answers.append(SceneAnswer(score, answer.presence))
    return answers


def scene_scores(
    segmenter: Segmenter, seeds: Iterable[int], *, sides: Sequence[int] = (), phrases: int = 16
) -> list[CaseScore]:
    """The scores alone; see `scene_answers`."""
    return [a.score for a in scene_answers(segmenter, seeds, sides=sides, phrases=phrases)]


def calibrated_presence(
    segmenter: Segmenter,
    seeds: Iterable[int],
    *,
    keep: float,
    silent: float,
    sides: Sequence[int] = (),
) -> float | None:
    """The presence threshold that suits some scenes; see `choose_presence_threshold`.

    Args:
        segmenter: the model.
        seeds: of scenes that are used for nothing else.
        keep: share of the present targets that must be answered.
        silent: share of the absent targets that should get no answer.
        sides: of the scenes; see `scene_answers`.
    """
    known = [
        (a.score.target > 0, a.presence)
        for a in scene_answers(segmenter, seeds, sides=sides)
        if a.presence is not None
    ]
    return choose_presence_threshold(known, keep=keep, silent=silent) if known else None
