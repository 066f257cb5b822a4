from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from rsrefseg.errors import ConfigError
from rsrefseg.scenes import KINDS, Scene, generate, vocabulary
from rsrefseg.scenes.layouts import LAYOUTS, make_world
from rsrefseg.scenes.phrases.lexicon import split_words
from rsrefseg.scenes.render import render


def test_same_seed_same_scene() -> None:
    a, b = generate(17), generate(17)
    assert np.array_equal(a.image, b.image)
    assert a.resolution_m == b.resolution_m
    assert [c.phrase for c in a.cases] == [c.phrase for c in b.cases]
    for one, two in zip(a.cases, b.cases, strict=True):
        assert np.array_equal(one.mask, two.mask)
        assert np.array_equal(one.class_mask, two.class_mask)


def test_other_seed_other_scene() -> None:
    assert not np.array_equal(generate(17).image, generate(18).image)


def test_scene_does_not_depend_on_the_scenes_before() -> None:
    first = generate(23, 96)
    for seed in range(3):
        generate(seed, 64)
    again = generate(23, 96)
    assert np.array_equal(first.image, again.image)
    assert [c.phrase for c in first.cases] == [c.phrase for c in again.cases]


def test_no_other_random_source_is_used() -> None:
    np.random.seed(1)
    a = generate(5, 64)
    np.random.seed(2)
    assert np.array_equal(a.image, generate(5, 64).image)


@pytest.mark.parametrize("size", [64, (96, 160)])
def test_size_and_count(size: int | tuple[int, int]) -> None:
    scene = generate(3, size, phrases=7)
    shape = (size, size) if isinstance(size, int) else size
    assert scene.image.shape == (*shape, 3)
    assert scene.image.dtype == np.uint8
    assert len(scene.cases) == 7
    for case in scene.cases:
        assert case.mask.shape == shape
        assert case.mask.dtype == bool


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("resolution", [0.1, 2.0])
def test_every_layout_at_both_ends_of_resolution(layout: str, resolution: float) -> None:
    scene = generate(1, 64, resolution, phrases=4, layout=layout)
    assert scene.image.std() > 3


def test_masks_fit_their_kind(scenes: list[Scene]) -> None:
    for scene in scenes:
        for case in scene.cases:
            if case.kind == "none":
                assert not case.mask.any()
                assert not case.target_ids
            else:
                assert case.mask.any(), case.phrase
                assert not (case.mask & ~case.class_mask).any(), case.phrase


def test_masks_are_the_pixels_of_the_targets(scenes: list[Scene]) -> None:
    for scene in scenes[:15]:
        entities = scene.view.world.entities
        for case in scene.cases:
            targets = set(case.target_ids)
            if any(t > len(entities) for t in targets):
                continue
            family = {e.id for e in entities if e.id in targets or e.part_of in targets}
            assert np.array_equal(case.mask, np.isin(scene.view.parts, sorted(family))), case.phrase


def test_no_data_is_never_a_target() -> None:
    world = make_world(np.random.default_rng(0), 30.0, 30.0)
    for seed in range(300):
        picture = render(world, np.random.default_rng(seed), (48, 48), 0.625, supersample=1)
        if not picture.valid.all():
            assert (picture.ids[~picture.valid] == 0).all()
            assert set(np.unique(picture.image[~picture.valid])) <= {0, 255}
            return
    pytest.fail("no picture with missing data in 300")


def test_all_kinds_occur(scenes: list[Scene]) -> None:
    kinds = Counter(c.kind for s in scenes for c in s.cases)
    assert set(kinds) == set(KINDS)


def test_share_without_target(scenes: list[Scene]) -> None:
    kinds = Counter(c.kind for s in scenes for c in s.cases)
    assert 0.10 <= kinds["none"] / kinds.total() <= 0.15


def test_words_are_in_the_vocabulary(scenes: list[Scene]) -> None:
    known = set(vocabulary())
    used = {w for s in scenes for c in s.cases for w in split_words(c.phrase)}
    assert used <= known
    assert {"gray", "grey", "center", "centre", "lorry", "truck", "2", "2nd"} <= known


def test_phrases_are_lower_case_and_tidy(scenes: list[Scene]) -> None:
    for scene in scenes:
        for case in scene.cases:
            assert case.phrase == " ".join(case.phrase.lower().split())
            assert "the the" not in case.phrase
            assert "all all" not in case.phrase


def test_kind_weights_choose() -> None:
    cases = [
        c for s in range(10) for c in generate(s, phrases=4, kind_weights={"colour": 1.0}).cases
    ]
    kinds = Counter(c.kind for c in cases)
    assert kinds["colour"] > 0.5 * len(cases)
    assert set(kinds) <= {"colour", "class", "none"}


def test_typing_errors_can_be_asked_for() -> None:
    clean = generate(9, typos=0.0)
    known = set(vocabulary())
    odd = [w for c in generate(9, typos=1.0).cases for w in split_words(c.phrase) if w not in known]
    assert odd
    assert all(w in known for c in clean.cases for w in split_words(c.phrase))


@pytest.mark.parametrize(
    "arguments",
    [
        {"size_px": 8},
        {"resolution_m": 0.01},
        {"layout": "moon"},
        {"kind_weights": {"mood": 1.0}},
        {"kind_weights": {"class": -1.0}},
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        generate(0, **arguments)  # type: ignore[arg-type]
