"""What a house has to it: with or without a pool, with or without solar panels."""

from __future__ import annotations

import numpy as np

from rsrefseg.scenes.phrases.spatial import Test
from rsrefseg.scenes.phrases.speaker import MAYBE, NO, YES, Attr, Draft, Group, Speaker, Truth
from rsrefseg.scenes.phrases.wording import all_of, noun_phrase, refer
from rsrefseg.scenes.view import Seen
from rsrefseg.scenes.world import Entity

PARTS: dict[str, tuple[str, ...]] = {
    "pool": ("a pool", "a swimming pool"),
    "panel": ("solar panels", "a solar panel"),
}
_NEAR_M, _MEANT_M, _LEAD = 7.0, 14.0, 1.6
"""How far its own pool lies from a house, how far one that might be its own, and how much
farther the next house must be."""


def has_panel(sp: Speaker) -> Test:
    """Carries solar panels that can be seen."""
    return sp.view.once("has panel", lambda: _has_panel(sp))


def _has_panel(sp: Speaker) -> Test:
    visible = {s.entity.part_of for s in sp.view.members("panel") if s.clear}

    def test(s: Seen) -> Truth:
        if "panel" in s.entity.has:
            return YES if s.id in visible else MAYBE
        return NO

    return test


def has_pool(sp: Speaker, houses: tuple[Seen, ...]) -> Test:
    """Has the one pool beside it that no other house is nearly as close to."""
    key = ("has pool", tuple(s.id for s in houses))
    return sp.view.once(key, lambda: _has_pool(sp, houses))


def _has_pool(sp: Speaker, houses: tuple[Seen, ...]) -> Test:
    owners: set[int] = set()
    doubtful: set[int] = set()
    for entity in sp.view.world.of("pool"):
        seen = sp.view.seen.get(entity.id)
        far = sorted(((gap_m(s.entity, entity), s.id) for s in houses), key=lambda t: t[0])
        if not far:
            continue
        first, owner = far[0]
        second = far[1][0] if len(far) > 1 else np.inf
        sure = seen is not None and seen.clear and first < _NEAR_M
        if sure and second > max(_LEAD * first, first + 3.0):
            owners.add(owner)
        else:
            doubtful |= {i for gap, i in far if gap < _MEANT_M}

    def test(s: Seen) -> Truth:
        if s.id in owners:
            return YES
        return MAYBE if s.id in doubtful else NO

    return test


def gap_m(house: Entity, other: Entity) -> float:
    """Metres from the walls of a house to the nearest corner of something."""
    least = np.inf
    for w in house.wings:
        c, s = np.cos(w.angle), np.sin(w.angle)
        d = other.outline - (w.cx, w.cy)
        u = np.abs(d @ (c, s)) - w.length / 2
        v = np.abs(d @ (-s, c)) - w.width / 2
        least = min(least, float(np.hypot(np.maximum(u, 0), np.maximum(v, 0)).min()))
    return least


def _split(sp: Speaker) -> tuple[str, Group, Test] | None:
    """Some houses, a part that one of them has and another lacks, and the test of it."""
    parts = [p for p in PARTS if sp.view.members(p)]
    if not parts:
        return None
    part = sp.pick(parts)
    classes = sp.classes(frozenset({"house"} if part == "pool" else {"house", "building"}), 2)
    if not classes:
        return None
    group = sp.group(sp.pick(classes))
    test = has_pool(sp, group.all) if part == "pool" else has_panel(sp)
    return part, group, test


def _narrowed(sp: Speaker, group: Group, test: Test, part: str) -> Group | None:
    inner = sp.narrow(group, Attr("relation", part, test))
    if not inner.yes or len(inner.yes) + len(inner.maybe) == len(group.all):
        return None
    return Group(group.cls, group.attrs, inner.yes, inner.maybe, inner.all)


def with_phrase(sp: Speaker) -> Draft | None:
    """Houses with a pool, or with solar panels, beside others without; kind relation."""
    found = _split(sp)
    if found is None:
        return None
    part, group, test = found
    inner = _narrowed(sp, group, test, part)
    named = inner and refer(sp, inner)
    if not named:
        return None
    text = f"{named[0]} with {sp.pick(PARTS[part])}"
    have = (tuple(s.id for s in sp.view.members(part)),)
    return Draft(text, "relation", named[1], group.blind(), group.ids(), have)


def without_phrase(sp: Speaker) -> Draft | None:
    """Houses that lack what another has; kind exclusion."""
    found = _split(sp)
    if found is None:
        return None
    part, group, test = found
    if not any(test(s) == YES for s in group.yes):
        return None
    inner = _narrowed(sp, group, lambda s: -test(s), part)
    if inner is None:
        return None
    if inner.sole is not None:
        text = f"the {noun_phrase(sp, inner, False)}"
    elif len(inner.yes) > 1 and sp.firm(inner):
        text = all_of(sp, noun_phrase(sp, inner, True))
    else:
        return None
    text = f"{text} without {sp.pick(PARTS[part])}"
    have = (tuple(s.id for s in sp.view.members(part)),)
    return Draft(text, "exclusion", inner.ids(), group.blind(), group.ids(), have)
