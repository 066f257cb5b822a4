"""Kind relation: where something lies with respect to something else."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rsrefseg.scenes.geometry import along
from rsrefseg.scenes.phrases.lexicon import RELATIONS
from rsrefseg.scenes.phrases.speaker import (
    MAYBE,
    NO,
    YES,
    Attr,
    Draft,
    Group,
    Speaker,
    Truth,
    colour,
)  # fmt: skip
from rsrefseg.scenes.phrases.wording import noun_phrase, refer
from rsrefseg.scenes.taxonomy import COLOURED, LINES
from rsrefseg.scenes.view import Seen

_MIRROR = {"left": "right", "right": "left", "above": "below", "below": "above"}


def side_of_line(sp: Speaker, line: Seen, side: str) -> Callable[[Seen], Truth] | None:
    """Left, right, above or below a long thing, judged at the object's own height or column.

    None if the line does not run across the picture the way that the word needs.
    """
    entity = line.entity
    if entity.axis is None:
        return None
    axis = entity.axis / sp.view.resolution_m
    across, run = (0, 1) if side in ("left", "right") else (1, 0)
    extent = (sp.cols, sp.rows)
    seen = axis[np.all((axis > -4) & (axis < np.array(extent) + 4), axis=1)]
    if len(axis) < 2:
        return None
    step = np.abs(np.diff(axis, axis=0)).sum(axis=0)
    if step[run] < 1.25 * step[across] or (not len(seen) and len(axis) > 8):
        return None
    order = np.argsort(axis[:, run])
    ts, xs = axis[order, run], axis[order, across]
    half = 0.5 * entity.width_m / sp.view.resolution_m
    sign = -1.0 if side in ("left", "above") else 1.0

    def test(s: Seen) -> Truth:
        where = s.cy if run == 1 else s.cx
        if not ts[0] <= where <= ts[-1]:
            return MAYBE
        at = float(np.interp(where, ts, xs))
        centre = s.cx if across == 0 else s.cy
        low, high = (s.x0, s.x1) if across == 0 else (s.y0, s.y1)
        gap = sign * (centre - at)
        near_edge = sign * ((low if sign > 0 else high) - at)
        if gap > half + 2 and near_edge > -0.25 * (high - low):
            return YES
        return NO if gap < -half else MAYBE

    return test


def side_of_thing(sp: Speaker, anchor: Seen, side: str) -> Callable[[Seen], Truth]:
    """Left, right, above or below a compact thing: within a cone on that side."""

    def test(s: Seen) -> Truth:
        dx, dy = s.cx - anchor.cx, s.cy - anchor.cy
        ahead, aside = {
            "left": (-dx, dy), "right": (dx, dy), "above": (-dy, dx), "below": (dy, dx),
        }[side]  # fmt: skip
        clear = {
            "left": s.x1 <= anchor.x0 + 3, "right": s.x0 >= anchor.x1 - 3,
            "above": s.y1 <= anchor.y0 + 3, "below": s.y0 >= anchor.y1 - 3,
        }[side]  # fmt: skip
        if ahead <= 0:
            return NO if ahead < -3 or abs(aside) > 3 else MAYBE
        if clear and abs(aside) < 0.9 * ahead:
            return YES
        return MAYBE if abs(aside) < 3.0 * ahead else NO

    return test


def gap_px(a: Seen, b: Seen) -> float:
    """Distance between two bounding boxes."""
    dx = max(a.x0 - b.x1, b.x0 - a.x1, 0)
    dy = max(a.y0 - b.y1, b.y0 - a.y1, 0)
    return float(np.hypot(dx, dy))


def next_to(sp: Speaker, anchor: Seen) -> Callable[[Seen], Truth]:
    """Close by, measured against the picture and the two sizes."""
    reach = 0.05 * max(sp.cols, sp.rows)

    def test(s: Seen) -> Truth:
        gap = gap_px(s, anchor)
        size = 0.5 * min(
            max(s.x1 - s.x0, s.y1 - s.y0), max(anchor.x1 - anchor.x0, anchor.y1 - anchor.y0)
        )
        near = min(reach, 2 + size)
        return YES if gap <= near else MAYBE if gap < 2.6 * near + 6 else NO

    return test


def anchors(sp: Speaker, avoid: str, depth: int = 1) -> tuple[str, Seen] | None:
    """Something that words single out: the only one of its class, or of its colour."""
    options: list[tuple[str, Group]] = []
    for cls in sorted(sp.present | {"building", "anyroad"}):
        if cls in (
            "grass",
            "bare",
            "sand",
            "apron",
            "field",
            "forest",
            "shed",
            "path",
            "vegetation",
        ):
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
    options = [o for o in options if not (o[0] == avoid and not o[1].attrs)]
    lines = [o for o in options if o[0] in LINES]
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
        found = _apply(sp, group, *base)
        if found is None:
            continue
        words, inner = found
        if inner.sole is not None and inner.sole.id != base[1].id:
            plain = Group(group.cls, group.attrs, inner.yes, inner.maybe, inner.all)
            return f"the {noun_phrase(sp, plain, False)} {words}", inner.sole
    return None


def _apply(sp: Speaker, group: Group, text: str, anchor: Seen) -> tuple[str, Group] | None:
    """A relation to an anchor, in words, and the members for which it holds."""
    if anchor.entity.cls in LINES:
        names = ["left", "right", "above", "below"]
        name = names[int(sp.rng.integers(4))]
        if sp.chance(0.12):
            name = "next"
    else:
        name = sp.pick(("left", "right", "above", "below", "next", "next", "nearest"))
    test: Callable[[Seen], Truth] | None
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


def next_to_line(sp: Speaker, line: Seen) -> Callable[[Seen], Truth] | None:
    """Close to a long thing's edge."""
    entity = line.entity
    if entity.axis is None:
        return None

    axis = along(entity.axis, max(sp.view.resolution_m * 4, 0.5))[:, :2] / sp.view.resolution_m
    half = 0.5 * entity.width_m / sp.view.resolution_m
    reach = 0.05 * max(sp.cols, sp.rows)

    def test(s: Seen) -> Truth:
        near = float(np.hypot(axis[:, 0] - s.cx, axis[:, 1] - s.cy).min()) - half
        size = 0.5 * min(s.x1 - s.x0, s.y1 - s.y0)
        gap = near - size
        if gap < -size:
            return NO
        return YES if gap < reach else MAYBE if gap < 2.2 * reach + 4 else NO

    return test


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


def _on_road(sp: Speaker) -> Draft | None:
    """Vehicles on a road, beside others that are not."""
    cls = sp.pick(("car", "vehicle", "truck"))
    group = sp.group(cls)
    roads = sp.view.members("anyroad")
    if len(group.yes) < 2 or not roads:
        return None
    lines = [r.entity.axis for r in roads]
    halves = [r.entity.width_m / 2 for r in roads]

    def test(s: Seen) -> Truth:
        x, y = s.entity.centre
        depth = max(
            half - _distance(axis, x, y)
            for axis, half in zip(lines, halves, strict=True) if axis is not None
        )  # fmt: skip
        return YES if depth > 0.6 else NO if depth < -2.5 else MAYBE

    if any(axis is None for axis in lines):
        return None
    inner = sp.narrow(group, Attr("relation", "on", test))
    named = refer(sp, Group(group.cls, group.attrs, inner.yes, inner.maybe, inner.all))
    if named is None or len(inner.yes) == len(group.all):
        return None
    road = (
        sp.pick(("the road", "the street")) if len(roads) == 1 else sp.pick(("the roads", "a road"))
    )
    return Draft(f"{named[0]} on {road}", "relation", named[1], group.blind())


def _distance(axis: np.ndarray, x: float, y: float) -> float:
    a, b = axis[:-1], axis[1:]
    d = b - a
    t = np.clip(
        ((x - a[:, 0]) * d[:, 0] + (y - a[:, 1]) * d[:, 1]) / np.maximum((d**2).sum(1), 1e-9), 0, 1
    )
    return float(np.hypot(a[:, 0] + t * d[:, 0] - x, a[:, 1] + t * d[:, 1] - y).min())


def _between(sp: Speaker, group: Group) -> Draft | None:
    """Between two things that words single out."""
    one, two = anchors(sp, group.cls), anchors(sp, group.cls)
    if one is None or two is None or one[1].id == two[1].id:
        return None
    a, b = one[1], two[1]
    if a.entity.cls in LINES or b.entity.cls in LINES:
        return None
    span = float(np.hypot(b.cx - a.cx, b.cy - a.cy))
    if span < 0.2 * sp.cols:
        return None
    ux, uy = (b.cx - a.cx) / span, (b.cy - a.cy) / span

    def test(s: Seen) -> Truth:
        t = ((s.cx - a.cx) * ux + (s.cy - a.cy) * uy) / span
        off = abs((s.cx - a.cx) * uy - (s.cy - a.cy) * ux) / span
        if 0.15 < t < 0.85 and off < 0.2:
            return YES
        return MAYBE if 0 < t < 1 and off < 0.5 else NO

    inner = sp.narrow(group, Attr("relation", "between", test))
    named = refer(sp, Group(group.cls, group.attrs, inner.yes, inner.maybe, inner.all))
    if named is None or any(s.id in (a.id, b.id) for s in inner.yes):
        return None
    return Draft(f"{named[0]} between {one[0]} and {two[0]}", "relation", named[1], group.blind())


def _coloured_buildings(sp: Speaker) -> Group | None:
    """Buildings of one colour among others."""
    group = sp.group("building")
    attr = sp.some_attr(group)
    return None if attr is None or len(group.yes) < 2 else sp.narrow(group, attr)


def relation_phrase(sp: Speaker) -> Draft | None:
    """Kind relation."""
    form = sp.rng.random()
    if form < 0.12:
        return _on_road(sp)
    for _ in range(3):
        group = _coloured_buildings(sp) if form > 0.5 else None
        group = group or sp.some_group(least=2, attr_chance=0.5)
        if group is None:
            return None
        if form < 0.18:
            return _between(sp, group)
        anchor = anchors(sp, group.cls, depth=2 if form > 0.88 else 1)
        if anchor is None:
            continue
        found = _apply(sp, group, *anchor)
        if found is None:
            continue
        words, inner = found
        rest = [s for s in group.yes if s not in inner.yes and s.id != anchor[1].id]
        if not inner.yes or (not rest and not sp.chance(0.1)):
            continue
        named = refer(sp, Group(group.cls, group.attrs, inner.yes, inner.maybe, inner.all))
        if named is not None and anchor[1].id not in inner.ids():
            return Draft(f"{named[0]} {words}", "relation", named[1], group.blind())
    return None
