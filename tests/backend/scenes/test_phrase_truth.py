"""Phrases hold of their targets and of nothing else, checked another way than they were made."""

from __future__ import annotations

import re

import numpy as np
import pytest
from rsrefseg.scenes import Case, Scene, generate
from rsrefseg.scenes.colours import colour_words
from rsrefseg.scenes.view import Seen

ORDINALS = {"second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4}
NUMBERS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6} | {str(n): n for n in range(2, 7)}
SIDE = re.compile(
    r"^(?:all |the |all the )?(?P<noun>[\w -]+?) (?:to the |on the )?"
    r"(?P<side>left|right|west|east|north|south) of the (?:road|street|dirt road)$"
)
HOUSE = re.compile(r"\b(buildings?|structures?|houses?|homes?)$")


def seen(scene: Scene, ids: tuple[int, ...]) -> list[Seen]:
    return [scene.view.seen[i] for i in ids]


def of_kind(scenes: list[Scene], kind: str) -> list[tuple[Scene, Case]]:
    return [(s, c) for s in scenes for c in s.cases if c.kind == kind]


def blind(scene: Scene, case: Case) -> list[Seen]:
    """What of the named class the class mask shows; not what its members merely stand on."""
    inside = np.bincount(scene.view.ids[case.class_mask])
    whole = np.bincount(scene.view.ids.ravel(), minlength=len(inside))
    ids = np.flatnonzero((inside > 0) & (inside == whole[: len(inside)]))
    return [scene.view.seen[int(i)] for i in ids if int(i) in scene.view.seen]


def test_left_and_right_of_the_road(village_scenes: list[Scene]) -> None:
    checked = 0
    for scene, case in of_kind(village_scenes, "relation"):
        found = SIDE.match(case.phrase)
        if found is None or "next" in case.phrase:
            continue
        roads = [e.id for e in scene.view.world.entities if e.cls in ("road", "dirt_road")]
        road = np.isin(scene.view.ids, roads)
        side = found["side"]
        upright = side in ("left", "right", "west", "east")
        if HOUSE.search(found["noun"]) is None:
            continue
        plain = not re.search(
            r"roof|red|blue|white|grey|gray|brown|green|black|large|small|big|orange|yellow|turquoise|tiled|metal|concrete|shaped|square|little|tin",
            case.phrase,
        )
        for s in blind(scene, case):
            at = int(s.cy if upright else s.cx)
            cells = np.flatnonzero(road[at] if upright else road[:, at])
            if not len(cells) or not s.clear:
                continue
            here = s.cx if upright else s.cy
            before = here < cells.min()
            holds = before if side in ("left", "west", "north") else here > cells.max()
            if s.id in case.target_ids:
                assert holds, (scene.seed, case.phrase)
                checked += 1
            elif plain:
                assert not holds, (scene.seed, case.phrase)
    assert checked > 60


def test_colours_are_what_the_picture_shows(scenes: list[Scene]) -> None:
    for scene, case in of_kind(scenes, "colour"):
        words = {"grey" if w == "gray" else w for w in re.split(r"[ -]", case.phrase)}
        for s in seen(scene, case.target_ids):
            assert words & s.sure, (scene.seed, case.phrase)
            pixels = scene.image[(scene.view.ids == s.id) | (scene.view.parts == s.id)]
            sure, maybe = colour_words(np.median(pixels, axis=0))
            assert words & (sure | maybe), (scene.seed, case.phrase)


def test_others_do_not_surely_have_the_colour(scenes: list[Scene]) -> None:
    for scene, case in of_kind(scenes, "colour"):
        word = next(
            w for w in re.split(r"[ -]", case.phrase.replace("gray", "grey"))
            if any(w in s.sure for s in seen(scene, case.target_ids))
        )  # fmt: skip
        for s in blind(scene, case):
            if s.id not in case.target_ids and s.clear:
                assert word not in s.sure, (scene.seed, case.phrase)


def test_largest_and_smallest_lead(scenes: list[Scene]) -> None:
    for scene, case in of_kind(scenes, "superlative"):
        (target,) = seen(scene, case.target_ids)
        assert not target.cut
        if len(case.phrase.replace("the ", "").split()) > 2 or "-" in case.phrase:
            continue
        others = [s for s in blind(scene, case) if s.id != target.id and s.clear]
        if "smallest" in case.phrase:
            assert all(s.pixels >= 1.35 * target.pixels for s in others), case.phrase
        else:
            assert all(target.pixels >= 1.35 * s.pixels for s in others), case.phrase


@pytest.mark.parametrize(
    ("words", "edge", "first"),
    [
        ("leftmost|westernmost", "x0", min), ("rightmost|easternmost", "x1", max),
        ("topmost|northernmost", "y0", min), ("bottommost|southernmost", "y1", max),
    ],
)  # fmt: skip
def test_outermost(scenes: list[Scene], words: str, edge: str, first: object) -> None:
    for scene, case in of_kind(scenes, "position"):
        if not re.match(rf"(the )?({words}) \w+$", case.phrase):
            continue
        (target,) = seen(scene, case.target_ids)
        edges = [getattr(s, edge) for s in blind(scene, case)]
        assert getattr(target, edge) == first(edges)  # type: ignore[operator]


def test_corners(scenes: list[Scene]) -> None:
    for scene, case in of_kind(scenes, "position"):
        rows, cols = scene.image.shape[:2]
        for s in seen(scene, case.target_ids):
            if re.search("(top|upper|north).?(left|west)", case.phrase):
                assert s.cx < cols / 2
                assert s.cy < rows / 2
            if re.search("(bottom|lower|south).?(right|east)", case.phrase):
                assert s.cx > cols / 2
                assert s.cy > rows / 2


def test_ordinals_count_from_the_side(scenes: list[Scene]) -> None:
    checked = 0
    for scene, case in of_kind(scenes, "ordinal"):
        found = re.match(r"(?:the )?(\w+) (\w+) from the (\w+)$", case.phrase)
        if found is None:
            continue
        key = {"left": lambda s: s.cx, "right": lambda s: -s.cx, "top": lambda s: s.cy,
               "bottom": lambda s: -s.cy}[found[3]]  # fmt: skip
        ranked = sorted(blind(scene, case), key=key)
        assert ranked[ORDINALS[found[1]] - 1].id == case.target_ids[0], case.phrase
        checked += 1
    assert checked > 5


def test_counted_groups_have_that_many(scenes: list[Scene]) -> None:
    for scene, case in of_kind(scenes, "group"):
        said = [NUMBERS[w] for w in case.phrase.split() if w in NUMBERS]
        many = said[0] if said else 2
        assert len(case.target_ids) == many, case.phrase
        assert len({int(i) for i in np.unique(scene.view.parts[case.mask])}) >= many


def test_singular_means_one(scenes: list[Scene]) -> None:
    for scene in scenes:
        for case in scene.cases:
            if case.kind == "class" and re.match(
                r"the (building|house|car|ship|tank|road)$", case.phrase
            ):
                assert len(case.target_ids) == 1, (scene.seed, case.phrase)


def test_exclusion_leaves_out(scenes: list[Scene]) -> None:
    for _, case in of_kind(scenes, "exclusion"):
        assert (case.class_mask & ~case.mask).any(), case.phrase


def test_absent_class_is_not_there() -> None:
    nouns = {"ship": "ship", "boat": "ship", "plane": "plane", "runway": "runway", "tank": "tank"}
    for seed in range(20):
        scene = generate(seed, 128, kind_weights={"none": 1.0}, typos=0.0)
        classes = {s.entity.cls for s in scene.view.seen.values()}
        for case in scene.cases:
            for word in case.phrase.split():
                plain = case.phrase in (word, f"the {word}", f"all {word}")
                if word in nouns and plain:
                    assert nouns[word] not in classes, case.phrase
