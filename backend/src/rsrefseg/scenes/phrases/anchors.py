"""Things that words single out, and what a relation to one of them leaves of a group."""

from __future__ import annotations

import numpy as np

from rsrefseg.scenes.phrases.lexicon import RELATIONS
from rsrefseg.scenes.phrases.spatial import (
    Test,
    gap_px,
    next_to,
    next_to_line,
    side_of_line,
    side_of_thing,
)  # fmt: skip
from rsrefseg.scenes.phrases.speaker import Attr, Group, Speaker, colour
from rsrefseg.scenes.phrases.wording import noun_phrase
from rsrefseg.scenes.taxonomy import COLOURED, LINES, names
from rsrefseg.scenes.view import Seen


def sole_lines(sp: Speaker) -> list[Seen]:
    """Long things that "the road" or "the river" can only mean one of."""
    return sp.view.once("sole lines", lambda: _sole_lines(sp))


def _sole_lines(sp: Speaker) -> list[Seen]:
    found = []
    for cls in sorted(LINES):
        group = sp.group(cls)
        kin = sp.group("anyroad") if cls == "road" else group
        if group.sole is not None and len(kin.all) == 1:
            found.append(group.sole)
    return found


_VAGUE = names("grass bare sand apron field forest shed path vegetation")
"""Classes of which people do not say where something else lies."""


def _singled_out(sp: Speaker) -> list[tuple[str, Group]]:
    """All groups of one that a class, or a class and a colour, makes; roads count more often."""
    options: list[tuple[str, Group]] = []
    for cls in sorted(sp.present | {"building", "anyroad"}):
        if cls in _VAGUE:
            continue
        if cls == "house" or (cls == "road" and sp.present & {"motorway", "dirt_road"}):
            continue
        group = sp.group(cls)
        if not group.yes:
            continue
        if group.sole is not None and len(group.all) == 1:
            options += [(cls, group)] * (6 if cls in LINES else 2)
        elif cls in COLOURED or cls == "building":
            words = {w for s in group.yes for w in s.sure}
            narrowed = [sp.narrow(group, colour(w)) for w in sorted(words)]
            options += [(cls, g) for g in narrowed if g.sole is not None]
    return options


def anchors(
    sp: Speaker, avoid: str, depth: int = 1, compact: bool = False
) -> tuple[str, Seen] | None:
    """Something that words single out: the only one of its class, or of its colour.

    Args:
        sp: the speaker.
        avoid: class that the anchor is not to share unless it has a colour of its own.
        depth: 2 where the anchor may itself be found by a relation.
        compact: leaves out roads and other long things.
    """
    options = sp.view.once("anchors", lambda: _singled_out(sp))
    options = [o for o in options if not (o[0] == avoid and not o[1].attrs)]
    lines = [o for o in options if o[1].yes[0].entity.cls in LINES]
    if compact:
        options, lines = [o for o in options if o not in lines], []
    if lines and sp.chance(0.45):
        options = lines
    if not options:
        return None
    cls, group = sp.pick(options)
    if cls == "anyroad":
        line = group.yes[0].entity.cls
        group = sp.group(line)
    sole = group.sole
    if sole is None:
        return None
    text = "the " + noun_phrase(sp, group, False)
    if depth > 1 and cls not in LINES and sp.chance(0.8):
        return _nested(sp, cls, avoid) or (text, sole)
    return text, sole


def _nested(sp: Speaker, cls: str, avoid: str) -> tuple[str, Seen] | None:
    """An anchor that is itself found by a relation."""
    for other in (cls, "building"):
        group = sp.group(other)
        base = anchors(sp, other)
        if base is None or len(group.yes) < 2:
            continue
        found = relate(sp, group, *base)
        if found is None:
            continue
        words, inner = found
        if inner.sole is not None and inner.sole.id != base[1].id:
            plain = Group(group.cls, group.attrs, inner.yes, inner.maybe, inner.all)
            return f"the {noun_phrase(sp, plain, False)} {words}", inner.sole
    return None


def relate(sp: Speaker, group: Group, text: str, anchor: Seen) -> tuple[str, Group] | None:
    """A relation to an anchor, in words, and the members for which it holds."""
    if anchor.entity.cls in LINES:
        name = ("left", "right", "above", "below")[int(sp.rng.integers(4))]
        if sp.chance(0.12):
            name = "next"
    else:
        name = sp.pick(("left", "right", "above", "below", "next", "next", "nearest"))
    test: Test | None
    if name == "nearest":
        return _nearest(sp, group, text, anchor)
    if name == "next":
        test = next_to_line(sp, anchor) if anchor.entity.cls in LINES else next_to(sp, anchor)
    elif anchor.entity.cls in LINES:
        test = side_of_line(sp, anchor, name)
        if test is None:
            name = {"left": "above", "right": "below", "above": "left", "below": "right"}[name]
            test = side_of_line(sp, anchor, name)
    else:
        test = side_of_thing(sp, anchor, name)
    if test is None:
        return None
    found = test
    own = (anchor.id, anchor.entity.part_of)
    without = Group(
        group.cls, group.attrs,
        tuple(s for s in group.yes if s.id not in own),
        tuple(s for s in group.maybe if s.id not in own), group.all,
    )  # fmt: skip
    inner = sp.narrow(without, Attr("relation", name, found))
    return f"{sp.pick(RELATIONS[name])} {text}", inner


def _nearest(sp: Speaker, group: Group, text: str, anchor: Seen) -> tuple[str, Group] | None:
    own = (anchor.id, anchor.entity.part_of)
    others = [s for s in (*group.yes, *group.maybe) if s.id not in own]
    if len(others) < 2:
        return None
    far = [
        (gap_px(s, anchor), float(np.hypot(s.cx - anchor.cx, s.cy - anchor.cy)), s) for s in others
    ]
    far.sort(key=lambda t: t[1])
    first, second = far[0], far[1]
    lead = 0.06 * max(sp.cols, sp.rows)
    if first[2] not in group.yes or second[1] < 1.35 * first[1] or second[1] - first[1] < lead:
        return None
    if any(gap < first[0] + 3 for gap, _, _ in far[1:]):
        return None
    inner = Group(group.cls, group.attrs, (first[2],), (), group.all)
    return f"{sp.pick(('nearest to', 'closest to', 'nearest'))} {text}", inner
