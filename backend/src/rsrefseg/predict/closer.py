"""An image without a place on the ground, looked at as a scene is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rsrefseg.geo.windows import BandBlender, Span, WorkingGrid, mirrored, plan_windows
from rsrefseg.predict.choices import Choice
from rsrefseg.predict.choosing import asked_for, chosen, read_choices
from rsrefseg.predict.phrases import needs_whole_scene
from rsrefseg.predict.plan import OVERLAP_SHARE
from rsrefseg.predict.types import Predictor

# An image wider than so many tiles is looked at in windows of its own pixels.
WHOLE_TILES = 2

Answer = tuple[NDArray[np.float32], float | None]
"""Probability H x W, and the presence of the target (None: the model does not say)."""


def answer_image(
    predictor: Predictor, image: NDArray[np.uint8], phrases: Sequence[str]
) -> list[Answer]:
    """Answers phrases about an image of any size.

    An image much larger than the model's tile is looked at in overlapping windows of its own
    pixels, as a scene is, where the phrase can be judged there; a phrase that compares everything
    in view ("the largest building") is asked of the whole image, scaled down, or chosen among
    what the windows show, if the model compares outlines.

    Args:
        predictor: the model.
        image: H x W x 3.
        phrases: what to look for.
    """
    tile_px = predictor.info.tile_px
    large = max(image.shape[:2]) > WHOLE_TILES * tile_px
    choices: dict[str, Choice] = {}
    if large and predictor.info.compares_outlines:
        choices = {p: choice for p, choice in read_choices(phrases).items() if choice.whole}
    asked = asked_for(phrases, choices)
    found: dict[str, Answer] = {}
    whole = [p for p in asked if not large or needs_whole_scene(p)]
    if whole:
        answers = predictor.ask(predictor.encode(image), whole)
        found |= {p: (a.probability, a.presence) for p, a in zip(whole, answers, strict=True)}
    near = [p for p in asked if p not in found]
    if near:
        found |= dict(zip(near, _in_windows(predictor, image, near, tile_px), strict=True))
    maps = chosen({p: probability for p, (probability, _) in found.items()}, choices)
    return [(maps[p], found[p][1]) for p in phrases]


def _in_windows(
    predictor: Predictor, image: NDArray[np.uint8], phrases: Sequence[str], tile_px: int
) -> list[Answer]:
    rows, columns = image.shape[:2]
    region, shared = Span(0, 0, columns, rows), round(tile_px * OVERLAP_SHARE)
    grid = WorkingGrid((0.0, 0.0), (1.0, 1.0), columns, rows)
    blenders = [BandBlender(region, (shared, shared)) for _ in phrases]
    presence: list[list[float]] = [[] for _ in phrases]
    for span in plan_windows(grid, region, (tile_px, tile_px), (shared, shared)):
        down = mirrored(span.row, span.height, rows)
        along = mirrored(span.col, span.width, columns)
        window = np.ascontiguousarray(image[np.ix_(down, along)])
        answers = predictor.ask(predictor.encode(window), phrases)
        for blender, seen, answer in zip(blenders, presence, answers, strict=True):
            absent = _is_absent(predictor, answer.presence)
            blender.add(span, None if absent else answer.probability)
            seen += [] if answer.presence is None else [answer.presence]
    return [
        (blender.take(rows), max(seen, default=None))
        for blender, seen in zip(blenders, presence, strict=True)
    ]


def _is_absent(predictor: Predictor, presence: float | None) -> bool:
    least = predictor.info.presence_threshold
    return presence is not None and least is not None and presence < least
