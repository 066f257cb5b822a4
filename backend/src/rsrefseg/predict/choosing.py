"""Answers phrases that count, rank, place or shape things by comparing the outlines of the things.

A small network finds cars far better than it counts them, so for "the third car from the left" it
is asked for all cars, and what the phrase says of them (`choices`) is applied to the outlines that
it draws. What cannot be read so is asked as it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rsrefseg.geo.parts import boxes_of, find_parts, find_reference
from rsrefseg.models.ground_plan import PLANS, load_ground_plan_net, outline_crops
from rsrefseg.predict.choices import Choice, read_choice
from rsrefseg.predict.types import PhraseAnswer

# A pixel is a thing's where its probability is above this.
IN = 0.5
# An outline surely, and perhaps, has a ground plan if the network says so with this probability.
PLAN_CLEAR, PLAN_POSSIBLE = 0.6, 0.2
# Pixels around a chosen part whose lower probabilities stay, for a lower threshold to reach.
MARGIN_PX = 3


def ask_and_choose(
    ask: Callable[[Sequence[str]], list[PhraseAnswer]], phrases: Sequence[str]
) -> list[PhraseAnswer]:
    """Answers to phrases, those that ask for a choice made by it.

    Presence and heat stay the model's own for the whole phrase; but where nothing has the ground
    plan that it names, presence is 0, which the model itself does not learn to say.

    Args:
        ask: gives the model's answers.
        phrases: tidy phrases.
    """
    choices = {p: choice for p, choice in read_choices(phrases).items() if choice.in_view}
    # "The L-shaped house in the north": L-shaped houses are a choice by themselves, made first.
    within = read_choices([asked for choice in choices.values() for asked in choice.asked])
    choices = {p: choice for p, choice in within.items() if choice.plan} | choices
    said = {answer.phrase: answer for answer in ask(asked_for(phrases, choices))}
    maps = chosen({phrase: answer.probability for phrase, answer in said.items()}, choices)
    absent = {p for p, choice in choices.items() if choice.plan and maps[p] is said[p].probability}

    def presence(phrase: str) -> float | None:
        asked = choices[phrase].asked if phrase in choices else ()
        return 0.0 if absent.intersection((phrase, *asked)) else said[phrase].presence

    return [replace(said[p], probability=maps[p], presence=presence(p)) for p in phrases]


def read_choices(phrases: Sequence[str]) -> dict[str, Choice]:
    """The choices that some of the phrases ask for."""
    return {phrase: choice for phrase in phrases if (choice := read_choice(phrase)) is not None}


def asked_for(phrases: Sequence[str], choices: Mapping[str, Choice]) -> list[str]:
    """All that the model is asked for: the phrases, and what their choices need beside them."""
    more = [asked for choice in choices.values() for asked in choice.asked]
    return list(dict.fromkeys([*phrases, *more]))


def chosen(
    maps: Mapping[str, NDArray[np.float32]], choices: Mapping[str, Choice]
) -> dict[str, NDArray[np.float32]]:
    """Probabilities of all that was asked for, those of the choices' phrases made by them."""
    made = dict(maps)
    for phrase, choice in choices.items():
        # What has a ground plan was chosen before; all else is what the model itself drew.
        drawn = (
            made[asked] if asked in choices and choices[asked].plan else maps[asked]
            for asked in choice.asked
        )
        made[phrase] = choose(choice, maps[phrase], *drawn)
    return made


def choose(
    choice: Choice,
    own: NDArray[np.float32],
    things: NDArray[np.float32],
    *by: NDArray[np.float32],
) -> NDArray[np.float32]:
    """The probabilities of what is meant.

    Args:
        choice: which of the things.
        own: H x W, of the phrase as the model itself reads it; taken where the choice finds
            nothing among the things.
        things: H x W, of all the things.
        by: H x W each, of what they are chosen by.
    """
    parts, label = find_parts(things > IN)
    if not len(parts.area):
        return own
    references = [find_reference(one > IN, label, len(parts.area)) for one in by]
    picked = choice.pick(parts, references)
    if choice.plan is not None:
        crops = outline_crops(things, label, boxes_of(parts))
        picked &= _of_plan(load_ground_plan_net().plans(crops), choice.plan, choice.count)
    meant = np.flatnonzero(picked)
    if not len(meant):
        return own
    inside = np.isin(label, meant)
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    kept = np.zeros_like(things)
    box = tuple(slice(max(0, at[0] - MARGIN_PX), at[-1] + 1 + MARGIN_PX) for at in (rows, columns))
    near = inside[box] | (label[box] < 0)
    kept[box] = np.where(near, things[box], 0)
    return kept


def _of_plan(told: NDArray[np.float32], plan: str, count: int | None) -> NDArray[np.bool_]:
    """Which parts have a ground plan, and of those so many as are meant, the likeliest.

    Args:
        told: N x len(PLANS), how likely each part has each plan.
        plan: one of `PLANS`.
        count: None means all.
    """
    likely = told[:, PLANS.index(plan)]
    meant: NDArray[np.bool_] = likely > PLAN_CLEAR
    if count is not None or not meant.any():
        best = np.argsort(-likely, kind="stable")[: count or 1]
        meant[:] = False
        meant[best] = likely[best] > PLAN_POSSIBLE
    return meant
