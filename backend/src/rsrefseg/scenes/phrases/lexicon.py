"""The words: what things, colours, sizes and places are called."""

from __future__ import annotations

from rsrefseg.scenes.taxonomy import names

NOUNS: dict[str, tuple[tuple[str, str], ...]] = {
    "building": (("building", "buildings"),) * 4 + (("structure", "structures"),),
    "house": (("house", "houses"),) * 3 + (("home", "homes"),),
    "block": (("apartment block", "apartment blocks"), ("block of flats", "blocks of flats")),
    "warehouse": (("warehouse", "warehouses"), ("industrial building", "industrial buildings")),
    "hangar": (("hangar", "hangars"),),
    "shed": (("shed", "sheds"), ("hut", "huts")),
    "greenhouse": (("greenhouse", "greenhouses"), ("glasshouse", "glasshouses")),
    "road": (("road", "roads"),) * 3 + (("street", "streets"),),
    "anyroad": (("road", "roads"),) * 3 + (("street", "streets"),),
    "motorway": (("motorway", "motorways"), ("highway", "highways"), ("freeway", "freeways")),
    "dirt_road": (
        ("dirt road", "dirt roads"),
        ("unpaved road", "unpaved roads"),
        ("dirt track", "dirt tracks"),
    ),
    "path": (("path", "paths"), ("footpath", "footpaths")),
    "bridge": (("bridge", "bridges"),),
    "roundabout": (("roundabout", "roundabouts"), ("traffic circle", "traffic circles")),
    "railway": (
        ("railway", "railways"),
        ("railway line", "railway lines"),
        ("railroad", "railroads"),
    ),
    "parking": (("parking lot", "parking lots"), ("car park", "car parks")),
    "runway": (("runway", "runways"),),
    "apron": (("apron", "aprons"),),
    "pier": (("pier", "piers"), ("jetty", "jetties")),
    "vehicle": (("vehicle", "vehicles"),),
    "car": (("car", "cars"),),
    "truck": (("truck", "trucks"), ("lorry", "lorries")),
    "bus": (("bus", "buses"),),
    "ship": (("ship", "ships"), ("boat", "boats"), ("vessel", "vessels")),
    "plane": (
        ("plane", "planes"),
        ("airplane", "airplanes"),
        ("aeroplane", "aeroplanes"),
        ("aircraft", "aircraft"),
    ),
    "tank": (("tank", "tanks"), ("storage tank", "storage tanks"), ("oil tank", "oil tanks")),
    "container": (("container", "containers"), ("shipping container", "shipping containers")),
    "pool": (("pool", "pools"), ("swimming pool", "swimming pools")),
    "panel": (("solar panel", "solar panels"), ("solar array", "solar arrays")),
    "tree": (("tree", "trees"),),
    "trees": (("tree", "trees"),),
    "forest": (("forest", "forests"), ("wood", "woods"), ("woodland", "woodlands")),
    "orchard": (("orchard", "orchards"),),
    "grass": (("lawn", "lawns"), ("grass", "grass")),
    "bare": (
        ("bare ground", "bare ground"),
        ("bare soil", "bare soil"),
        ("unpaved land", "unpaved land"),
    ),
    "vegetation": (("vegetation", "vegetation"),) * 2 + (("greenery", "greenery"),),
    "sand": (("beach", "beaches"), ("sand", "sand")),
    "field": (("field", "fields"), ("farm field", "farm fields"), ("crop field", "crop fields")),
    "water": (("water", "water"),),
    "river": (("river", "rivers"), ("stream", "streams")),
    "lake": (("lake", "lakes"),),
    "pond": (("pond", "ponds"),),
    "waterbody": (("water body", "water bodies"), ("body of water", "bodies of water")),
    "sea": (("sea", "sea"), ("ocean", "ocean")),
    "pitch": (
        ("football pitch", "football pitches"),
        ("soccer field", "soccer fields"),
        ("football field", "football fields"),
    ),
    "court": (("sports court", "sports courts"), ("tennis court", "tennis courts")),
    "track": (("running track", "running tracks"),),
}

MASS = frozenset({"water", "sea", "grass", "bare", "sand", "vegetation"})
"""Classes that are spoken of without counting."""

COLOUR_WORDS: dict[str, tuple[str, ...]] = {
    "red": ("red",), "orange": ("orange",), "brown": ("brown",), "yellow": ("yellow",),
    "green": ("green",), "turquoise": ("turquoise",), "blue": ("blue",), "white": ("white",),
    "grey": ("grey", "gray"), "black": ("black",),
}  # fmt: skip

BIG = ("large", "big")
SMALL = ("small", "little")
LARGEST = ("largest", "biggest")
SMALLEST = ("smallest",)
NUMBERS = {2: ("two", "2"), 3: ("three", "3"), 4: ("four", "4"), 5: ("five", "5"), 6: ("six", "6")}
ORDINALS = {2: ("second", "2nd"), 3: ("third", "3rd"), 4: ("fourth", "4th")}
SHAPES = {
    "l-shaped": ("l-shaped",), "u-shaped": ("u-shaped",), "round": ("round", "circular"),
    "t-shaped": ("t-shaped",), "courtyard": ("courtyard",),
}  # fmt: skip
MATERIALS = {"tile": ("tiled",), "metal": ("metal", "tin"), "concrete": ("concrete",)}

SIDES = {
    "left": ("left", "western", "west", "leftmost", "westernmost"),
    "right": ("right", "eastern", "east", "rightmost", "easternmost"),
    "top": ("top", "northern", "north", "topmost", "northernmost", "upper"),
    "bottom": ("bottom", "southern", "south", "bottommost", "southernmost", "lower"),
}
CORNERS = {
    ("top", "left"): ("top left", "upper left", "north-western", "north-west", "northwest"),
    ("top", "right"): ("top right", "upper right", "north-eastern", "north-east", "northeast"),
    ("bottom", "left"): ("bottom left", "lower left", "south-western", "south-west", "southwest"),
    ("bottom", "right"): (
        "bottom right",
        "lower right",
        "south-eastern",
        "south-east",
        "southeast",
    ),
}
RELATIONS = {
    "left": ("left of", "to the left of", "west of", "to the west of", "on the left of"),
    "right": ("right of", "to the right of", "east of", "to the east of", "on the right of"),
    "above": ("above", "north of", "to the north of"),
    "below": ("below", "south of", "to the south of"),
    "next": ("next to", "beside", "near", "by", "close to"),
    "nearest": ("nearest to", "closest to", "nearest", "nearest the", "closest to the"),
    "between": ("between",),
    "on": ("on", "driving on"),
    "in": ("in", "inside"),
    "along": ("along", "along", "lining", "alongside"),
    "far": ("far from", "away from", "farthest from", "furthest from"),
    "across": ("across from", "across from", "opposite"),
    "surrounded": ("surrounded by", "surrounded by", "enclosed by"),
}
FILLERS = names(
    "the a an all of every each both any that is are which with without and not no other than "
    "except for but besides roof roofs rooftop rooftops roofed side edge corner part area "
    "half image picture scene middle centre center central in on at to from its one ones only "
    "these those left-hand right-hand single whole parked biggest group pair wide narrow long "
    "short dark light bright made surface trees parking space along crowns bodies built up "
    "areas furthest farthest residential tin unpaved land soil across other "
)


def vocabulary() -> list[str]:
    """All words that the phrase programs can produce, sorted; typing errors aside."""
    texts: list[str] = sorted(FILLERS)
    for forms in NOUNS.values():
        texts += [w for pair in forms for w in pair]
    for table in (COLOUR_WORDS, NUMBERS, ORDINALS, SHAPES, MATERIALS, SIDES, CORNERS, RELATIONS):
        for words in table.values():
            texts += words
    texts += [*BIG, *SMALL, *LARGEST, *SMALLEST]
    for words in COLOUR_WORDS.values():
        texts += [f"{w}-roofed" for w in words]
    texts += [f"{m}-roofed" for words in MATERIALS.values() for m in words]
    return sorted({word for text in texts for word in split_words(text)})


def split_words(text: str) -> list[str]:
    """Words and digits of a phrase; hyphens separate."""
    return text.lower().replace("-", " ").replace(",", " ").split()
