"""Kind relation: where something lies with respect to something else."""

from __future__ import annotations

import numpy as np

from rsrefseg.scenes.phrases.anchors import anchors, relate
from rsrefseg.scenes.phrases.having import with_phrase
from rsrefseg.scenes.phrases.setting import across_phrase, along_phrase, surrounded_phrase
from rsrefseg.scenes.phrases.spatial import Test, distances_to_line
from rsrefseg.scenes.phrases.speaker import MAYBE, NO, YES, Attr, Draft, Group, Speaker, Truth
from rsrefseg.scenes.phrases.wording import refer
from rsrefseg.scenes.taxonomy import LINES
from rsrefseg.scenes.view import Seen


def _on_road(sp: Speaker) -> Draft | None:
    """Vehicles on a road, beside others that are not."""
    cls = sp.pick(("car", "vehicle", "truck"))
    group = sp.group(cls)
    roads = sp.view.members("anyroad")
    if len(group.yes) < 2 or not roads:
        return None
    test = sp.view.once(("on road", cls), lambda: _on_roads(group, roads))
    if test is None:
        return None
    inner = sp.narrow(group, Attr("relation", "on", test))
    named = refer(sp, Group(group.cls, group.attrs, inner.yes, inner.maybe, inner.all))
    if named is None or len(inner.yes) == len(group.all):
        return None
    road = (
        sp.pick(("the road", "the street")) if len(roads) == 1 else sp.pick(("the roads", "a road"))
    )
    on = tuple(r.id for r in roads)
    return Draft(f"{named[0]} on {road}", "relation", named[1], group.blind(), group.ids(), (on,))


def _on_roads(group: Group, roads: list[Seen]) -> Test | None:
    """How deep in a road each member's centre lies; None if a road has no axis."""
    centres = np.array([s.entity.centre for s in group.all])
    depths = []
    for road in roads:
        if road.entity.axis is None:
            return None
        depths.append(road.entity.width_m / 2 - distances_to_line(road.entity.axis, centres))
    depth = dict(zip(group.all, np.max(depths, axis=0).tolist(), strict=True))
    return lambda s: YES if depth[s] > 0.6 else NO if depth[s] < -2.5 else MAYBE


def _between(sp: Speaker) -> Draft | None:
    """Between two things that words single out."""
    for _ in range(4):
        group = sp.some_group(least=2, attr_chance=0.5)
        one, two = (group and anchors(sp, group.cls, compact=True) for _ in range(2))
        if not group or not one or not two or one[1].id == two[1].id:
            continue
        inner = _inside_span(sp, group, one[1], two[1])
        named = inner and refer(sp, inner)
        if named:
            text = f"{named[0]} between {one[0]} and {two[0]}"
            ends = ((one[1].id,), (two[1].id,))
            return Draft(text, "relation", named[1], group.blind(), group.ids(), ends)
    return None


def _inside_span(sp: Speaker, group: Group, a: Seen, b: Seen) -> Group | None:
    """The members that lie between two things."""
    span = float(np.hypot(b.cx - a.cx, b.cy - a.cy))
    if a.entity.cls in LINES or b.entity.cls in LINES or span < 0.2 * sp.cols:
        return None
    ux, uy = (b.cx - a.cx) / span, (b.cy - a.cy) / span

    def test(s: Seen) -> Truth:
        t = ((s.cx - a.cx) * ux + (s.cy - a.cy) * uy) / span
        off = abs((s.cx - a.cx) * uy - (s.cy - a.cy) * ux) / span
        if 0.15 < t < 0.85 and off < 0.2:
            return YES
        return MAYBE if 0 < t < 1 and off < 0.35 else NO

    ends = (a.id, b.id)
    kept = Group(
        group.cls, group.attrs,
        tuple(s for s in group.yes if s.id not in ends),
        tuple(s for s in group.maybe if s.id not in ends), group.all,
    )  # fmt: skip
    inner = sp.narrow(kept, Attr("relation", "between", test))
    return Group(group.cls, group.attrs, inner.yes, inner.maybe, inner.all)


def _coloured_buildings(sp: Speaker) -> Group | None:
    """Buildings of one colour among others."""
    group = sp.group("building")
    attr = sp.some_attr(group)
    return None if attr is None or len(group.yes) < 2 else sp.narrow(group, attr)


def relation_phrase(sp: Speaker) -> Draft | None:
    """Kind relation: a form that the picture cannot serve gives way to another."""
    forms = list(_FORMS)
    for _ in range(_TRIES):
        form = sp.pick(forms, (w for w, _ in forms))
        draft = form[1](sp)
        if draft is not None:
            return draft
        forms.remove(form)
    return None


def _to_anchor(sp: Speaker) -> Draft | None:
    """On a side of something, next to it or nearest to it."""
    coloured, depth = sp.chance(0.55), 2 if sp.chance(0.13) else 1
    for _ in range(3):
        group = _coloured_buildings(sp) if coloured else None
        group = group or sp.some_group(least=2, attr_chance=0.5)
        if group is None:
            return None
        anchor = anchors(sp, group.cls, depth)
        if anchor is None:
            continue
        found = relate(sp, group, *anchor)
        if found is None:
            continue
        words, inner = found
        rest = [s for s in group.yes if s not in inner.yes and s.id != anchor[1].id]
        if not inner.yes or (not rest and not sp.chance(0.1)):
            continue
        named = refer(sp, Group(group.cls, group.attrs, inner.yes, inner.maybe, inner.all))
        if named is not None and anchor[1].id not in inner.ids():
            by = ((anchor[1].id,),)
            text = f"{named[0]} {words}"
            return Draft(text, "relation", named[1], group.blind(), group.ids(), by)
    return None


_FORMS = (
    (0.40, _to_anchor),
    (0.10, _on_road),
    (0.10, _between),
    (0.12, along_phrase),
    (0.14, across_phrase),
    (0.12, surrounded_phrase),
    (0.08, with_phrase),
)
_TRIES = 3
