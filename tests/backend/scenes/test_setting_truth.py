"""Along, across from, surrounded by, with and without: checked on the pictures' own pixels."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from rsrefseg.models.config import PRESET_DIR
from rsrefseg.models.tokenizer import split_words
from rsrefseg.scenes import Case, Scene, generate, vocabulary
from rsrefseg.scenes.geometry import along, rectangle
from rsrefseg.scenes.phrases.having import gap_m
from rsrefseg.scenes.phrases.spatial import onto_line, surrounded_by
from rsrefseg.scenes.phrases.speaker import MAYBE, NO, YES, Speaker
from rsrefseg.scenes.view import MIN_SINGLE_PX, Seen, View
from rsrefseg.scenes.world import Entity, Ground, Wing, World


@pytest.fixture(scope="module")
def related() -> list[Scene]:
    weights = {"relation": 0.85, "exclusion": 0.15}
    return [
        generate(seed, kind_weights=weights, phrases=24, typos=0.0, layout=layout)
        for seed in range(12)
        for layout in ("roadside", "suburb", "village")
    ]


def saying(scenes: list[Scene], words: str) -> Iterator[tuple[Scene, Case, re.Match[str]]]:
    for scene in scenes:
        for case in scene.cases:
            found = re.search(words, case.phrase)
            if found and case.kind in ("relation", "exclusion"):
                yield scene, case, found


def only_line(scene: Scene) -> Seen:
    (line,) = scene.view.members("anyroad") or scene.view.members("railway")
    return line


def pixels_of(scene: Scene, ident: int) -> np.ndarray:
    return scene.view.mask((ident,))


def test_along_keeps_close_to_the_road(related: list[Scene]) -> None:
    checked = 0
    for scene, case, _ in saying(related, r"(?:along|lining|alongside) the (?:road|street)"):
        road = pixels_of(scene, only_line(scene).id)
        away = cv2.distanceTransform((~road).astype(np.uint8), cv2.DIST_L2, 5)
        assert len(case.target_ids) >= 3
        for ident in case.target_ids:
            assert away[pixels_of(scene, ident)].min() < 0.2 * road.shape[0], case.phrase
            checked += 1
        spread = [scene.view.seen[i] for i in case.target_ids]
        assert max(np.ptp([s.cx for s in spread]), np.ptp([s.cy for s in spread])) > 60
    assert checked > 10


def test_across_from_lies_on_the_other_side(related: list[Scene]) -> None:
    checked = 0
    pattern = r"(?:(?:across|side of) the (?:road|street) from|across from|opposite) "
    for scene, case, _ in saying(related, pattern):
        if len(scene.view.members("anyroad")) != 1 or scene.view.members("railway"):
            continue
        line = only_line(scene).entity
        assert line.axis is not None
        axis = along(line.axis, 0.5)
        (target,) = case.target_ids
        s = scene.view.seen[target]
        res = scene.resolution_m
        _, off = onto_line(axis, s.cx * res, s.cy * res)
        assert abs(off) > line.width_m / 2, case.phrase
        # Something else stands over the road.
        beyond = [
            onto_line(axis, o.cx * res, o.cy * res)[1] * off < 0
            and np.hypot(o.cx - s.cx, o.cy - s.cy) < 0.75 * scene.image.shape[0]
            for o in scene.view.seen.values() if o.id != target and o.entity.axis is None
        ]  # fmt: skip
        assert any(beyond), case.phrase
        checked += 1
    assert checked > 3


def test_surrounded_has_it_all_round(related: list[Scene]) -> None:
    checked = 0
    for scene, case, found in saying(related, r"(?:surrounded|enclosed) by (\w+)"):
        cls = {"trees": "trees", "vegetation": "vegetation", "greenery": "vegetation"}.get(found[1])
        if cls is None:
            continue
        cover = scene.view.mask(tuple(s.id for s in scene.view.members(cls)))
        for ident in case.target_ids:
            own = pixels_of(scene, ident).astype(np.uint8)
            s = scene.view.seen[ident]
            reach = min(int(0.35 * max(s.x1 - s.x0, s.y1 - s.y0)), 20)
            ring = cv2.dilate(own, np.ones((2 * reach + 1,) * 2, np.uint8)) > own
            for side in (np.s_[: int(s.cy)], np.s_[int(s.cy) :], np.s_[:, : int(s.cx)]):
                assert cover[side][ring[side]].mean() > 0.3, (scene.seed, case.phrase)
            checked += 1
    assert checked > 2


def test_with_and_without_are_about_what_can_be_seen(related: list[Scene]) -> None:
    said: set[str] = set()
    for scene, case, found in saying(related, r"(with|without) (?:a )?(solar|pool|swimming)"):
        for ident in case.target_ids:
            entity = scene.view.world.entities[ident - 1]
            if found[2] == "solar":
                panels = [s for s in scene.view.members("panel") if s.entity.part_of == ident]
                assert bool(panels) == (found[1] == "with"), case.phrase
            else:
                near = min(gap_m(entity, s.entity) for s in scene.view.members("pool"))
                assert near < 7 or found[1] == "without", case.phrase
        said.add(f"{found[1]} {'panel' if found[2] == 'solar' else 'pool'}")
    assert {"with panel", "without panel", "with pool"} <= said


def test_surrounded_by_hand() -> None:
    world = World(50, 50, Ground((0, 0, 0), "plain"))
    ids = np.zeros((100, 100), np.int32)
    ids[40:60, 40:60] = 1
    outline = rectangle(25, 25, 10, 10, 0)
    world.add("house", outline, (0, 0, 0))
    entity = world.entities[0]
    seen = Seen(entity, 400, 50.0, 50.0, 40, 40, 60, 60, False, 1.0, 400.0)
    sp = Speaker(View(world, ids, ids, 0.5, {1: seen}), np.random.default_rng(0))
    everywhere = ids == 0
    assert surrounded_by(sp, everywhere)(seen) == YES
    open_side = everywhere.copy()
    open_side[:, 60:] = False
    assert surrounded_by(sp, open_side)(seen) == NO
    gaps = everywhere.copy()
    gaps[:, ::2] = False
    assert surrounded_by(sp, gaps)(seen) == MAYBE


def test_gap_is_measured_from_the_walls() -> None:
    wing = Wing(10, 10, 8, 4, 0.0, "flat", 3.0)
    box = rectangle(10, 10, 8, 4, 0.0)
    house = Entity(1, "house", box, (0, 0, 0), wings=(wing,))
    pool = Entity(2, "pool", rectangle(10, 16, 6, 4, 0.0), (0, 0, 0))
    assert gap_m(house, pool) == pytest.approx(2.0)


def test_one_thing_asked_for_is_large_enough_to_see(scenes: list[Scene]) -> None:
    kinds = ("position", "superlative", "ordinal", "relation")
    for scene in scenes:
        for case in scene.cases:
            if case.kind in kinds and len(case.target_ids) == 1:
                plural = re.match(r"(all|every|\w+s )", case.phrase)
                assert case.mask.sum() >= MIN_SINGLE_PX or plural, (scene.seed, case.phrase)


def test_bundled_vocabulary_knows_every_word() -> None:
    words = json.loads((PRESET_DIR / "rsrefseg2-tiny.vocab.json").read_text(encoding="utf-8"))
    needed = {piece for word in vocabulary() for piece in split_words(word)}
    assert needed <= set(words)
    assert words.index("-") == 0
    assert words.index("yellow") == 343, "words may only be appended: their order gives the ids"
