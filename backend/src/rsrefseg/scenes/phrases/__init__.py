"""Phrases about a view: each is a small program over the scene graph, run to get its answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from rsrefseg.errors import ConfigError
from rsrefseg.scenes.phrases import absent, basic, place, rank, relate
from rsrefseg.scenes.phrases.lexicon import vocabulary
from rsrefseg.scenes.phrases.speaker import Draft, Speaker
from rsrefseg.scenes.phrases.wording import mistyped
from rsrefseg.scenes.view import View

KINDS: dict[str, tuple[float, Callable[[Speaker], Draft | None]]] = {
    "class": (0.14, basic.of_class),
    "colour": (0.2, basic.colour_phrase),
    "size": (0.12, basic.size_phrase),
    "shape": (0.06, basic.shape_phrase),
    "material": (0.035, basic.material_phrase),
    "position": (0.16, place.position_phrase),
    "relation": (0.15, relate.relation_phrase),
    "superlative": (0.11, rank.superlative_phrase),
    "ordinal": (0.055, rank.ordinal_phrase),
    "group": (0.06, rank.group_phrase),
    "exclusion": (0.025, rank.exclusion_phrase),
    "none": (0.155, absent.absent_phrase),
}
"""How often each kind is drawn, and what makes it. Pictures often cannot serve size, shape,
superlative and ordinal, so these are drawn more often than they are meant to come about."""
NONE_SHARE = 0.125
_TRIES = 4


def speak(
    view: View,
    rng: np.random.Generator,
    count: int,
    kind_weights: Mapping[str, float] | None = None,
    typos: float = 0.02,
) -> list[Draft]:
    """Exactly `count` phrases about a view, of kinds drawn by weight.

    A kind that the view cannot serve gives way to another, but the share of phrases without a
    target stays as it is weighted.
    """
    weights = _weights(kind_weights)
    sp = Speaker(view, rng)
    drafts: list[Draft] = []
    texts: set[str] = set()
    present = [k for k in weights if k != "none" and weights[k] > 0]
    none = weights.get("none", 0.0) / sum(weights.values())
    for _ in range(count):
        draft = _one(sp, present, weights, none, texts)
        texts.add(draft.text)
        if typos and sp.chance(typos):
            draft = replace(draft, text=mistyped(rng, draft.text))
        drafts.append(draft)
    return drafts


def _weights(kind_weights: Mapping[str, float] | None) -> dict[str, float]:
    if kind_weights is None:
        return {k: w for k, (w, _) in KINDS.items()}
    unknown = sorted(set(kind_weights) - set(KINDS))
    if unknown:
        raise ConfigError(
            f"There is no phrase kind '{unknown[0]}'; choose from {', '.join(KINDS)}."
        )
    if not sum(kind_weights.values()) > 0 or min(kind_weights.values()) < 0:
        raise ConfigError("Kind weights must not be negative, and one at least must be above 0.")
    return dict(kind_weights)


def _one(
    sp: Speaker, kinds: list[str], weights: dict[str, float], none: float, texts: set[str]
) -> Draft:
    if sp.chance(none) or not kinds:
        for _ in range(_TRIES):
            draft = absent.absent_phrase(sp)
            if draft is not None and draft.text not in texts:
                return draft
    left = list(kinds)
    while left:
        kind = sp.pick(left, (weights[k] for k in left))
        for _ in range(_TRIES):
            draft = KINDS[kind][1](sp)
            if draft is not None and draft.text not in texts:
                return draft
        # The plain class is always to be had: it comes in again only when nothing else is.
        left = [k for k in left if k not in (kind, "class")] or [k for k in left if k != kind]
    for _ in range(_TRIES):
        draft = basic.of_class(sp)
        if draft is not None:
            return draft
    draft = absent.absent_class(sp, plain=True)
    return draft or Draft("roundabout", "none", (), ())


__all__ = ["KINDS", "NONE_SHARE", "Draft", "speak", "vocabulary"]
