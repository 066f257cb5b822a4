"""Which class is a kind of which, and which classes can be mistaken for one another."""

from __future__ import annotations


def names(text: str) -> frozenset[str]:
    """The words of a text as a set."""
    return frozenset(text.split())


_KINDS = {
    "building": "building house block warehouse shed hangar greenhouse",
    "anyroad": "road motorway dirt_road roundabout bridge",
    "vehicle": "car truck bus",
    "trees": "tree forest orchard",
    "water": "river lake pond sea waterbody",
    "sports": "pitch court track",
}
_PLAIN = names(
    "railway path runway apron parking pier ship plane tank container pool panel "
    "grass field bare sand vegetation"
)

IS_A: dict[str, frozenset[str]] = {cls: frozenset({cls}) for cls in _PLAIN} | {
    cls: frozenset({cls, parent}) for parent, parts in _KINDS.items() for cls in parts.split()
}
"""Each class with the wider class that it belongs to."""

COLOURED = names(
    "building house block warehouse shed hangar greenhouse car truck bus ship plane tank "
    "container court"
)
"""Classes of which people name the colour."""

LINES = names("road motorway dirt_road river railway runway")
"""Long things with two sides."""

COUNTED = names(
    "building house block warehouse hangar shed greenhouse vehicle car truck bus ship plane tank "
    "container pool court pitch tree parking pond lake waterbody panel bridge pier field"
)
"""Classes whose members people count and choose among."""

CONFUSED: tuple[frozenset[str], ...] = (
    names("building house warehouse shed hangar block greenhouse container"),
    names("road anyroad motorway dirt_road path runway apron parking bridge railway pier"),
    names("vehicle car truck bus container"),
    names("water river lake pond sea pool waterbody"),
    names("tree trees forest orchard"),
    names("grass field pitch court track sports bare sand vegetation"),
    names("tank pool roundabout"),
    names("panel pool"),
)


def clashes(cls: str, present: frozenset[str]) -> bool:
    """Whether a class is present, or something that might be taken for it."""
    if cls in present:
        return True
    return any(cls in group and group & present for group in CONFUSED)
