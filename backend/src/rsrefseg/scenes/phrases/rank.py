"""Kinds superlative, ordinal, group and exclusion: choosing by comparison or count."""

from __future__ import annotations

import itertools

from rsrefseg.scenes.phrases.having import without_phrase
from rsrefseg.scenes.phrases.lexicon import LARGEST, NUMBERS, ORDINALS, SMALLEST
from rsrefseg.scenes.phrases.place import toward
from rsrefseg.scenes.phrases.speaker import NO, YES, Draft, Group, Speaker
from rsrefseg.scenes.phrases.wording import noun_phrase, the
from rsrefseg.scenes.view import Seen

LEAD = 1.35
"""How much larger the largest is than the runner-up."""
_STEP = 0.09
"""Half a picture's width or height, times this, lies between two that are counted."""


def largest(group: Group) -> Seen | None:
    """The member that is surely the largest, by what is seen and by what it is."""
    everyone = (*group.yes, *group.maybe)
    if len(everyone) < 2:
        return None
    first = max(everyone, key=lambda s: max(s.size, s.pixels))
    if first not in group.yes or first.cut or not first.distinct:
        return None
    for s in everyone:
        bound = max(s.size * (2.0 if s.cut else 1.0), float(s.pixels))
        if s is not first and LEAD * bound > min(first.size, first.pixels):
            return None
    return first


def smallest(group: Group) -> Seen | None:
    """The member that is surely the smallest, by what is seen and by what it is."""
    everyone = (*group.yes, *group.maybe)
    if len(everyone) < 2:
        return None
    first = min(everyone, key=lambda s: min(s.size, s.pixels))
    if first not in group.yes or first.cut or not first.distinct or first.shown < 0.75:
        return None
    most = LEAD * max(first.size, first.pixels)
    if any(min(s.size, s.pixels) < most for s in everyone if s is not first):
        return None
    return first


def superlative_phrase(sp: Speaker) -> Draft | None:
    """Kind superlative."""
    for _ in range(6):
        group = sp.some_group(least=2, attr_chance=0.3)
        if group is None:
            return None
        big = sp.chance(0.6)
        found = largest(group) if big else smallest(group)
        if found is None:
            continue
        word = sp.pick(LARGEST if big else SMALLEST)
        text = the(sp, f"{word} {noun_phrase(sp, group, False)}")
        return Draft(text, "superlative", (found.id,), group.blind(), group.ids())
    return None


def ordinal_phrase(sp: Speaker) -> Draft | None:
    """Kind ordinal: counted from one side, every step clear enough."""
    for _ in range(3):
        group = sp.some_group(least=3, attr_chance=0.3)
        if group is None:
            return None
        if group.maybe:
            continue
        side = sp.pick(("left", "right", "top", "bottom"))
        ranked = sorted(group.yes, key=lambda s: -toward(sp, s, side))
        options = [n for n in _countable(sp, ranked, side) if ranked[n - 1].distinct]
        if not options:
            continue
        n = sp.pick(options)
        noun = noun_phrase(sp, group, False)
        text = the(sp, f"{sp.pick(ORDINALS[n])} {noun} from the {side}", 0.1)
        return Draft(text, "ordinal", (ranked[n - 1].id,), group.blind(), group.ids())
    return None


def _countable(sp: Speaker, ranked: list[Seen], side: str) -> list[int]:
    """Ordinals up to which every step from one to the next is clear, and the one after it."""
    found = []
    for n in ORDINALS:
        ahead = [toward(sp, s, side) for s in ranked[: n + 1]]
        if len(ranked) < n or min(a - b for a, b in itertools.pairwise(ahead)) < _STEP:
            break
        found.append(n)
    return found


def group_phrase(sp: Speaker) -> Draft | None:
    """Kind group: exactly so many."""
    for _ in range(4):
        group = sp.some_group(least=2, attr_chance=0.6)
        if group is None:
            return None
        n = len(group.yes)
        if group.maybe or n not in NUMBERS:
            continue
        noun = noun_phrase(sp, group, True)
        if n == 2 and sp.chance(0.35):
            text = sp.pick((f"both {noun}", f"the pair of {noun}"))
        else:
            word = sp.pick(NUMBERS[n])
            text = sp.pick(
                (
                    f"the {word} {noun}",
                    f"{word} {noun}",
                    f"all {word} {noun}",
                    f"the group of {word} {noun}",
                )
            )
        return Draft(text, "group", group.ids(), group.blind(), group.ids())
    return None


def exclusion_phrase(sp: Speaker) -> Draft | None:
    """Kind exclusion: all but some."""
    for _ in range(3):
        group = sp.some_group(least=2, attr_chance=0.0)
        if group is None:
            return None
        draft = (without_phrase(sp) if sp.chance(0.5) else None) or _except(sp, group)
        if draft is not None:
            return draft
    return None


def _except(sp: Speaker, group: Group) -> Draft | None:
    attr = sp.some_attr(group, ("colour",))
    if attr is None:
        return None
    tests = [(s, attr.test(s)) for s in group.yes]
    rest = tuple(s for s, t in tests if t == NO)
    doubt = tuple(s for s, t in tests if t not in (YES, NO)) + group.maybe
    out = Group(group.cls, (), rest, doubt, group.all)
    if not sp.firm(out) or len(rest) < 1:
        return None
    named = [s for s, t in tests if t == YES]
    noun = noun_phrase(sp, group, True)
    word = attr.word
    many = len(named) > 1
    forms = [
        f"all {noun} except the {word} one{'s' if many else ''}",
        f"{noun} other than the {word} one{'s' if many else ''}",
    ]
    if len(rest) > 1:
        forms += [
            f"{noun} that are not {word}",
            f"all {noun} but the {word} one{'s' if many else ''}",
        ]
    but = (tuple(s.id for s in named),)
    return Draft(sp.pick(forms), "exclusion", out.ids(), group.blind(), group.ids(), but)
