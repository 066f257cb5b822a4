"""Kind none: phrases that nothing in the picture answers."""

from __future__ import annotations

from rsrefseg.scenes.colours import COLOURS
from rsrefseg.scenes.phrases.anchors import anchors
from rsrefseg.scenes.phrases.having import PARTS
from rsrefseg.scenes.phrases.lexicon import CORNERS, MASS, NOUNS, RELATIONS
from rsrefseg.scenes.phrases.place import corner
from rsrefseg.scenes.phrases.spatial import side_of_line, side_of_thing
from rsrefseg.scenes.phrases.speaker import NO, Attr, Draft, Group, Speaker, colour
from rsrefseg.scenes.phrases.wording import all_of, noun_phrase, the
from rsrefseg.scenes.taxonomy import COLOURED, IS_A, LINES, clashes, names

_ANYWHERE = sorted(
    names(
        "building car truck bus ship plane tank container pool parking bridge river lake road "
        "water warehouse court pitch panel runway railway roundabout vehicle trees greenhouse"
    )
)


def absent_class(sp: Speaker, plain: bool = False) -> Draft | None:
    """Something that is not there, nor anything like it."""
    present = sp.present | {c for k in sp.present for c in IS_A[k]}
    options = [c for c in _ANYWHERE if c in NOUNS and not clashes(c, frozenset(present))]
    if not options:
        return None
    cls = sp.pick(options)
    group = Group(cls, (), (), (), ())
    if not plain and (cls in COLOURED or cls == "building") and sp.chance(0.35):
        group = Group(cls, (colour(sp.pick(COLOURS)),), (), (), ())
    return Draft(_say(sp, group), "none", (), ())


def _say(sp: Speaker, group: Group) -> str:
    if group.cls in MASS:
        return all_of(sp, noun_phrase(sp, group, False), True)
    if sp.chance(0.5):
        return the(sp, noun_phrase(sp, group, False))
    return all_of(sp, noun_phrase(sp, group, True))


def wrong_colour(sp: Speaker) -> Draft | None:
    """A class that is there, in a colour that none of it has."""
    classes = [c for c in sp.classes() if c in COLOURED or c in ("building", "vehicle")]
    if not classes:
        return None
    group = sp.group(sp.pick(classes, sp.weigh(classes)))
    options = [
        c for c in COLOURS if all(colour(c).test(s) == NO for s in group.all if s.pixels >= 12)
    ]
    if not options or any(s.pixels < 12 for s in group.all):
        return None
    wrong = Group(group.cls, (colour(sp.pick(options)),), (), (), group.all)
    return Draft(_say(sp, wrong), "none", (), group.blind())


def wrong_place(sp: Speaker) -> Draft | None:
    """A class that is there, in a corner where it is not."""
    group = sp.some_group(least=1)
    if group is None:
        return None
    vertical, horizontal = sp.pick(("top", "bottom")), sp.pick(("left", "right"))
    test = corner(sp, vertical, horizontal).test
    every = (*group.yes, *group.maybe)
    if any(test(s) != NO for s in every):
        return None
    x = 0 if horizontal == "left" else sp.cols / 2
    y = 0 if vertical == "top" else sp.rows / 2
    if any(
        s.x0 < x + sp.cols / 2 and s.x1 > x and s.y0 < y + sp.rows / 2 and s.y1 > y for s in every
    ):
        return None
    word = sp.pick(CORNERS[vertical, horizontal])
    text = f"{_say(sp, Group(group.cls, group.attrs, (), (), ()))} in the {word} corner"
    return Draft(text, "none", (), group.blind(), group.ids())


def wrong_relation(sp: Speaker) -> Draft | None:
    """A class that is there, on a side of something where it is not."""
    group = sp.some_group(least=1, attr_chance=0.5)
    if group is None:
        return None
    anchor = anchors(sp, group.cls)
    if anchor is None:
        return None
    text, thing = anchor
    side = sp.pick(("left", "right", "above", "below"))
    line = thing.entity.cls in LINES
    test = side_of_line(sp, thing, side) if line else side_of_thing(sp, thing, side)
    if test is None:
        return None
    inner = sp.narrow(group, Attr("relation", side, test))
    if any(s.id != thing.id for s in (*inner.yes, *inner.maybe)):
        return None
    words = sp.pick(RELATIONS[side])
    text = f"{_say(sp, group)} {words} {text}"
    return Draft(text, "none", (), group.blind(), group.ids(), ((thing.id,),))


def nothing_has(sp: Speaker) -> Draft | None:
    """A house with a pool, or with solar panels, where there are none of these."""
    parts = [p for p in PARTS if not clashes(p, sp.present)]
    group = sp.group("house")
    if not parts or not group.yes or any(p in s.entity.has for s in group.all for p in parts):
        return None
    part = sp.pick(parts)
    text = f"{_say(sp, group)} with {sp.pick(PARTS[part])}"
    return Draft(text, "none", (), group.blind(), group.ids())


def absent_phrase(sp: Speaker) -> Draft | None:
    """Kind none."""
    form = sp.rng.random()
    first = (
        wrong_relation if form < 0.3 else wrong_colour if form < 0.55
        else wrong_place if form < 0.72 else nothing_has if form < 0.75 else absent_class
    )  # fmt: skip
    return first(sp) or wrong_colour(sp) or absent_class(sp)
