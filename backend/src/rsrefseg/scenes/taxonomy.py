"""Which class is a kind of which, and which classes can be mistaken for one another."""

from __future__ import annotations

IS_A: dict[str, frozenset[str]] = {
    cls: frozenset({cls, *more.split()})
    for cls, more in {
        "house": "building", "block": "building", "warehouse": "building", "shed": "building",
        "hangar": "building", "greenhouse": "building",
        "road": "anyroad", "motorway": "anyroad", "dirt_road": "anyroad", "roundabout": "anyroad",
        "bridge": "", "railway": "", "path": "", "runway": "", "apron": "",
        "parking": "", "pier": "",
        "car": "vehicle", "truck": "vehicle", "bus": "vehicle",
        "ship": "", "plane": "", "tank": "", "container": "", "pool": "", "panel": "",
        "tree": "trees", "forest": "trees", "orchard": "trees",
        "grass": "", "field": "", "bare": "", "sand": "",
        "river": "water", "lake": "water", "pond": "water", "sea": "water",
        "pitch": "ground", "court": "ground", "track": "ground",
    }.items()
}  # fmt: skip

COLOURED = frozenset(
    [
        "house",
        "block",
        "warehouse",
        "shed",
        "hangar",
        "greenhouse",
        "car",
        "truck",
        "bus",
        "ship",
        "plane",
        "tank",
        "container",
        "court",
    ]
)
"""Classes of which people name the colour."""

LINES = frozenset({"road", "motorway", "dirt_road", "river", "railway", "runway"})
"""Long things with two sides."""

COUNTED = frozenset(
    [
        "building",
        "house",
        "warehouse",
        "hangar",
        "vehicle",
        "car",
        "truck",
        "bus",
        "ship",
        "plane",
        "tank",
        "container",
        "pool",
        "court",
        "pitch",
        "tree",
        "parking",
        "pond",
        "lake",
        "panel",
        "bridge",
        "pier",
        "shed",
        "block",
        "greenhouse",
        "field",
    ]
)
"""Classes whose members people count and choose among."""

CONFUSED: tuple[frozenset[str], ...] = (
    frozenset(
        ["building", "house", "warehouse", "shed", "hangar", "block", "greenhouse", "container"]
    ),
    frozenset(
        [
            "road",
            "anyroad",
            "motorway",
            "dirt_road",
            "path",
            "runway",
            "apron",
            "parking",
            "bridge",
            "railway",
            "pier",
        ]
    ),
    frozenset(["vehicle", "car", "truck", "bus", "container"]),
    frozenset(["water", "river", "lake", "pond", "sea", "pool"]),
    frozenset(["tree", "trees", "forest", "orchard"]),
    frozenset(["grass", "field", "pitch", "court", "track", "ground", "bare", "sand"]),
    frozenset(["tank", "pool", "roundabout"]),
    frozenset(["panel", "pool"]),
)


def clashes(cls: str, present: frozenset[str]) -> bool:
    """Whether a class is present, or something that might be taken for it."""
    if cls in present:
        return True
    return any(cls in group and group & present for group in CONFUSED)
