"""Which class is a kind of which, and which classes can be mistaken for one another."""

from __future__ import annotations


def _set(names: str) -> frozenset[str]:
    return frozenset(names.split())


_KINDS = {
    "building": "building house block warehouse shed hangar greenhouse",
    "anyroad": "road motorway dirt_road roundabout",
    "vehicle": "car truck bus",
    "trees": "tree forest orchard",
    "water": "river lake pond sea waterbody",
    "sports": "pitch court track",
}
_PLAIN = _set(
    "bridge railway path runway apron parking pier ship plane tank container pool panel "
    "grass field bare sand"
)

IS_A: dict[str, frozenset[str]] = {cls: frozenset({cls}) for cls in _PLAIN} | {
    cls: frozenset({cls, parent}) for parent, names in _KINDS.items() for cls in names.split()
}
"""Each class with the wider class that it belongs to."""

COLOURED = _set(
    "building house block warehouse shed hangar greenhouse car truck bus ship plane tank "
    "container court"
)
"""Classes of which people name the colour."""

LINES = _set("road motorway dirt_road river railway runway")
"""Long things with two sides."""

COUNTED = _set(
    "building house block warehouse hangar shed greenhouse vehicle car truck bus ship plane tank "
    "container pool court pitch tree parking pond lake waterbody panel bridge pier field"
)
"""Classes whose members people count and choose among."""

CONFUSED: tuple[frozenset[str], ...] = (
    _set("building house warehouse shed hangar block greenhouse container"),
    _set("road anyroad motorway dirt_road path runway apron parking bridge railway pier"),
    _set("vehicle car truck bus container"),
    _set("water river lake pond sea pool waterbody"),
    _set("tree trees forest orchard"),
    _set("grass field pitch court track sports bare sand"),
    _set("tank pool roundabout"),
    _set("panel pool"),
)


def clashes(cls: str, present: frozenset[str]) -> bool:
    """Whether a class is present, or something that might be taken for it."""
    if cls in present:
        return True
    return any(cls in group and group & present for group in CONFUSED)
