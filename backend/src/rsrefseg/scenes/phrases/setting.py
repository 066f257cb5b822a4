"""Kind relation, by what lies around: along, across from, surrounded by."""

from __future__ import annotations

from functools import partial

import numpy as np

from rsrefseg.scenes.phrases.anchors import anchors, sole_lines
from rsrefseg.scenes.phrases.lexicon import MASS, RELATIONS
from rsrefseg.scenes.phrases.spatial import (
    Test,
    across_line,
    along_line,
    remembering,
    surrounded_by,
)  # fmt: skip
from rsrefseg.scenes.phrases.speaker import YES, Attr, Draft, Group, Speaker
from rsrefseg.scenes.phrases.wording import noun_phrase, refer
from rsrefseg.scenes.taxonomy import IS_A, names

_TRIES = 3
_SPREAD = 0.3
"""Share of the picture that a row along something reaches at least."""
_COVERS = ("trees", "vegetation", "water", "bare", "parking")
_ENCLOSED = names("building house block warehouse shed greenhouse tank pool court pitch car plane")
"""Classes that something else may surround."""


def _held(sp: Speaker, group: Group, name: str, test: Test, own: tuple[int, ...]) -> Group | None:
    """The members for which a relation holds, if it leaves others out."""
    kept = Group(
        group.cls, group.attrs,
        tuple(s for s in group.yes if s.id not in own),
        tuple(s for s in group.maybe if s.id not in own), group.all,
    )  # fmt: skip
    if not any(test(s) == YES for s in kept.yes):
        return None
    inner = sp.narrow(kept, Attr("relation", name, test))
    if len(inner.yes) + len(inner.maybe) == len(kept.yes) + len(kept.maybe):
        return None
    return Group(group.cls, group.attrs, inner.yes, inner.maybe, inner.all)


def along_phrase(sp: Speaker) -> Draft | None:
    """A row of things beside a long one."""
    lines = sole_lines(sp)
    if not lines:
        return None
    for _ in range(_TRIES):
        group = sp.some_group(least=4, attr_chance=0.15)
        if group is None:
            return None
        line = sp.pick(lines)
        test = along_line(sp, line)
        inner = test and _held(sp, group, "along", test, (line.id,))
        if not inner or len(inner.yes) < 3:
            continue
        reach = max(np.ptp([s.cx for s in inner.yes]), np.ptp([s.cy for s in inner.yes]))
        named = refer(sp, inner)
        if named is None or reach < _SPREAD * max(sp.cols, sp.rows):
            continue
        name = noun_phrase(sp, sp.group(line.entity.cls), False)
        text = f"{named[0]} {sp.pick(RELATIONS['along'])} the {name}"
        return Draft(text, "relation", named[1], group.blind(), group.ids(), ((line.id,),))
    return None


def across_phrase(sp: Speaker) -> Draft | None:
    """The one on the other side of a line from something."""
    lines = sole_lines(sp)
    if not lines:
        return None
    for _ in range(3 * _TRIES):
        group = sp.some_group(least=2, attr_chance=0.3)
        if group is None:
            return None
        line, anchor = sp.pick(lines), anchors(sp, group.cls, compact=True)
        if anchor is None:
            continue
        test = across_line(sp, line, anchor[1])
        own = (line.id, anchor[1].id)
        inner = test and _held(sp, group, "across", test, own)
        if not inner or inner.sole is None:
            continue
        name = noun_phrase(sp, sp.group(line.entity.cls), False)
        forms = [f"across the {name} from", f"on the other side of the {name} from"]
        if len(lines) == 1:
            forms += RELATIONS["across"]
        named = refer(sp, inner)
        if named is None:
            continue
        text = f"{named[0]} {sp.pick(forms)} {anchor[0]}"
        by = ((anchor[1].id,), (line.id,))
        return Draft(text, "relation", named[1], group.blind(), group.ids(), by)
    return None


def _by_members(sp: Speaker, ids: tuple[int, ...]) -> Test:
    return remembering(surrounded_by(sp, sp.view.mask(ids)))


def surrounded_phrase(sp: Speaker) -> Draft | None:
    """What has trees, water or the like on all sides."""
    covers = [c for c in _COVERS if sp.view.members(c)]
    classes = sp.classes(_ENCLOSED, least=2)
    if not covers or not classes:
        return None
    for _ in range(_TRIES):
        group = sp.group(sp.pick(classes, sp.weigh(classes)))
        attr = sp.some_attr(group) if sp.chance(0.5) else None
        group = sp.narrow(group, attr) if attr else group
        cover = sp.pick(covers)
        if cover in IS_A[group.cls]:
            continue
        ids = tuple(s.id for s in sp.view.members(cover))
        test = sp.view.once(("surrounded by", cover), partial(_by_members, sp, ids))
        inner = _held(sp, group, "surrounded", test, ())
        named = inner and refer(sp, inner)
        if not named:
            continue
        one, many = sp.noun(cover)
        word = one if cover in MASS else many if len(ids) > 1 else f"a {one}"
        text = f"{named[0]} {sp.pick(RELATIONS['surrounded'])} {word}"
        return Draft(text, "relation", named[1], group.blind(), group.ids(), (ids,))
    return None
