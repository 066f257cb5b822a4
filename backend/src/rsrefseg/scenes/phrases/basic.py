"""Kinds class, colour, size, shape, material: which things, and by what quality."""

from __future__ import annotations

from rsrefseg.scenes.phrases.lexicon import MASS
from rsrefseg.scenes.phrases.speaker import Draft, Group, Speaker
from rsrefseg.scenes.phrases.wording import all_of, is_building, noun_phrase, refer, the
from rsrefseg.scenes.taxonomy import IS_A


def of_class(sp: Speaker) -> Draft | None:
    """All of a class, or its only member."""
    classes = sorted(
        {
            c
            for k in sp.present
            for c in IS_A[k]
            if c and c not in ("sports", "waterbody") and c != "road"
        }
    )
    weights = [_class_weight(sp, c) for c in classes]
    if not sum(weights):
        return None
    cls = sp.pick(classes, weights)
    members = tuple(sp.view.members(cls))
    pixels = sum(s.pixels for s in members)
    if pixels < 20:
        return None
    if cls == "water" and sum(s.pixels for s in sp.view.members("pool")) > 0.03 * pixels:
        return None
    group = Group(cls, (), members, (), members)
    if cls in MASS:
        text = all_of(sp, noun_phrase(sp, group, False), True)
    elif is_building(cls) and sp.chance(0.15):
        word = sp.pick(("roof", "rooftop"))
        sole = sp.group(cls).sole
        text = the(sp, word) if sole and len(members) == 1 else all_of(sp, word + "s")
    elif len(members) == 1:
        named = refer(sp, group)
        if named is None:
            return None
        text = named[0]
    else:
        text = all_of(sp, noun_phrase(sp, group, True))
    return Draft(text, "class", group.ids(), group.ids(), group.ids())


def _class_weight(sp: Speaker, cls: str) -> float:
    base = {
        "building": 6.0,
        "anyroad": 4.0,
        "trees": 2.5,
        "car": 2.0,
        "vehicle": 1.5,
        "water": 4.0,
        "vegetation": 2.0,
    }
    weight = base.get(cls, 1.0)
    if cls == "house" and (sp.present & {"shed", "block"}):
        return 0.0
    if cls == "tree":
        return 0.0
    return weight


def by_quality(sp: Speaker, kind: str) -> Draft | None:
    """Those of a class that have a quality; others of the class lack it."""
    classes = sp.classes(least=2)
    if not classes:
        return None
    for _ in range(6):
        group = sp.group(sp.pick(classes, sp.weigh(classes)))
        attr = sp.some_attr(group, (kind,))
        if attr is None:
            continue
        narrowed = sp.narrow(group, attr)
        if len(narrowed.yes) == len(group.all) and not sp.chance(0.1):
            continue
        named = refer(sp, narrowed)
        if named is not None:
            return Draft(named[0], kind, named[1], narrowed.blind(), named[1])
    return None


def colour_phrase(sp: Speaker) -> Draft | None:
    """Kind colour."""
    return by_quality(sp, "colour")


def size_phrase(sp: Speaker) -> Draft | None:
    """Kind size."""
    return by_quality(sp, "size")


def shape_phrase(sp: Speaker) -> Draft | None:
    """Kind shape."""
    return by_quality(sp, "shape")


def material_phrase(sp: Speaker) -> Draft | None:
    """Kind material."""
    return by_quality(sp, "material")
