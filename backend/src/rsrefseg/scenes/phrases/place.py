"""Kind position: where in the picture; north is up."""

from __future__ import annotations

from rsrefseg.scenes.phrases.lexicon import CORNERS, SIDES
from rsrefseg.scenes.phrases.speaker import MAYBE, NO, YES, Attr, Draft, Group, Speaker, Truth
from rsrefseg.scenes.phrases.wording import noun_phrase, refer, the
from rsrefseg.scenes.view import Seen

_TAILS = {
    "left": (
        "on the left",
        "on the left side",
        "in the west",
        "at the left edge",
        "on the left-hand side",
    ),
    "right": (
        "on the right",
        "on the right side",
        "in the east",
        "at the right edge",
        "on the right-hand side",
    ),
    "top": (
        "at the top",
        "in the north",
        "in the top part",
        "at the top edge",
        "in the upper half",
    ),
    "bottom": (
        "at the bottom",
        "in the south",
        "in the bottom part",
        "at the bottom edge",
        "in the lower half",
    ),
}


def toward(sp: Speaker, s: Seen, side: str) -> float:
    """How far towards a side of the picture an object's centre lies, -1 to 1."""
    x, y = 2 * s.cx / sp.cols - 1, 2 * s.cy / sp.rows - 1
    return float({"left": -x, "right": x, "top": -y, "bottom": y}[side])


def beyond(side: str, sp: Speaker, sure: float, maybe: float) -> Attr:
    """Lies on one side of the picture."""

    def test(s: Seen) -> Truth:
        far = toward(sp, s, side)
        return YES if far > sure else MAYBE if far > maybe else NO

    return Attr("position", side, test)


def corner(sp: Speaker, vertical: str, horizontal: str) -> Attr:
    """Lies in a corner of the picture."""

    def test(s: Seen) -> Truth:
        a, b = toward(sp, s, vertical), toward(sp, s, horizontal)
        if a > 0.30 and b > 0.30:
            return YES
        return MAYBE if a > 0.05 and b > 0.05 else NO

    return Attr("position", f"{vertical} {horizontal}", test)


def middle(sp: Speaker) -> Attr:
    """Lies in the middle of the picture."""

    def test(s: Seen) -> Truth:
        far = max(abs(2 * s.cx / sp.cols - 1), abs(2 * s.cy / sp.rows - 1))
        return YES if far < 0.3 else MAYBE if far < 0.5 else NO

    return Attr("position", "middle", test)


def position_phrase(sp: Speaker) -> Draft | None:
    """Kind position."""
    group = sp.some_group(least=2)
    if group is None:
        return None
    form = sp.rng.random()
    if form < 0.34:
        return _extreme(sp, group)
    if form < 0.62:
        return _corner(sp, group)
    if form < 0.72:
        return _placed(
            sp, group, middle(sp), ("in the centre", "in the center", "in the middle"), "central"
        )
    return _side(sp, group)


def _placed(
    sp: Speaker, group: Group, attr: Attr, tails: tuple[str, ...], adjective: str
) -> Draft | None:
    inner = sp.narrow(group, attr)
    if len(inner.yes) == len(group.all):
        return None
    named = refer(sp, Group(group.cls, group.attrs, inner.yes, inner.maybe, inner.all))
    if named is None:
        return None
    text, targets = named
    if sp.chance(0.3) and not group.attrs:
        plain = Group(group.cls, (), inner.yes, inner.maybe, inner.all)
        noun = noun_phrase(sp, plain, len(targets) > 1)
        text = the(sp, f"{adjective} {noun}")
    else:
        where = sp.pick(tails)
        if sp.chance(0.2):
            where += sp.pick((" of the image", " of the picture", " of the scene"))
        text = f"{text} {where}"
    return Draft(text, "position", targets, group.blind(), group.ids())


def _side(sp: Speaker, group: Group) -> Draft | None:
    side = sp.pick(("left", "right", "top", "bottom"))
    sure, maybe = (0.22, -0.08)
    return _placed(
        sp, group, beyond(side, sp, sure, maybe), _TAILS[side], sp.pick(SIDES[side][1:3])
    )


def _corner(sp: Speaker, group: Group) -> Draft | None:
    vertical, horizontal = sp.pick(("top", "bottom")), sp.pick(("left", "right"))
    word = sp.pick(CORNERS[vertical, horizontal])
    tails = (f"in the {word}", f"in the {word} corner", f"in the {word}", f"at the {word}")
    return _placed(sp, group, corner(sp, vertical, horizontal), tails, word)


def lead(sp: Speaker, group: Group, side: str) -> Seen | None:
    """The member that leads towards a side by a margin of the picture's width."""
    ranked = sorted((*group.yes, *group.maybe), key=lambda s: -toward(sp, s, side))
    if len(ranked) < 2 or not ranked[0].distinct or ranked[0] not in group.yes:
        return None
    first, second = ranked[:2]
    if toward(sp, first, side) - toward(sp, second, side) < 2 * sp.lead:
        return None
    ahead = {
        "left": all(first.x0 < s.x0 for s in ranked[1:]),
        "right": all(first.x1 > s.x1 for s in ranked[1:]),
        "top": all(first.y0 < s.y0 for s in ranked[1:]),
        "bottom": all(first.y1 > s.y1 for s in ranked[1:]),
    }
    return first if ahead[side] else None


def _extreme(sp: Speaker, group: Group) -> Draft | None:
    side = sp.pick(("left", "right", "top", "bottom"))
    first = lead(sp, group, side)
    if first is None:
        return None
    word = sp.pick(SIDES[side][-2:] if side in ("left", "right") else SIDES[side][-3:-1])
    noun = noun_phrase(sp, group, False)
    if sp.chance(0.15):
        text = f"{noun} {sp.pick(('furthest', 'farthest'))} to the {SIDES[side][0]}"
        text = the(sp, text)
    else:
        text = the(sp, f"{word} {noun}")
    return Draft(text, "position", (first.id,), group.blind(), group.ids())
