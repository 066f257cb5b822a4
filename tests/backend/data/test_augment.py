from __future__ import annotations

import re

import numpy as np
import pytest
from rsrefseg.data.augment import Axis, PixelCase, flip, flip_phrase, flip_words
from rsrefseg.scenes import generate


@pytest.mark.parametrize(
    ("phrase", "axis", "flipped"),
    [
        ("the car left of the road", "horizontal", "the car right of the road"),
        ("the car left of the road", "vertical", "the car left of the road"),
        ("the second ship from the top", "vertical", "the second ship from the bottom"),
        ("the north-eastern building", "horizontal", "the north-western building"),
        ("the north-eastern building", "vertical", "the south-eastern building"),
        ("houses in the southwest", "vertical", "houses in the northwest"),
        ("houses in the southwest", "horizontal", "houses in the southeast"),
        ("Leftmost tree", "horizontal", "Rightmost tree"),
        ("the pool above the road", "vertical", "the pool below the road"),
        ("building on the left-hand side", "horizontal", "building on the right-hand side"),
        ("buildings", "horizontal", "buildings"),
        ("roads going clockwise", "vertical", None),
        ("the tanks left over", "horizontal", None),
    ],
)
def test_words(phrase: str, axis: Axis, flipped: str | None) -> None:
    assert flip_words(phrase, axis) == flipped


@pytest.mark.parametrize("axis", ["horizontal", "vertical"])
def test_twice_is_once_not(axis: Axis) -> None:
    for seed in range(6):
        for case in generate(seed, 64).cases:
            once = flip_words(case.phrase, axis)
            assert once is not None
            assert flip_words(once, axis) == case.phrase


def test_pixels_turn_with_the_phrase() -> None:
    image = np.zeros((4, 6, 3), np.uint8)
    image[1, 0] = 255
    mask = image[..., 0] > 0
    case = PixelCase(image, "the spot on the left", mask, mask)
    turned = flip(case, "horizontal")
    assert turned is not None
    assert turned.phrase == "the spot on the right"
    assert turned.mask[1, 5]
    assert turned.image[1, 5].tolist() == [255, 255, 255]
    assert turned.class_mask is not None
    assert turned.class_mask[1, 5]
    assert flip_phrase(case, "vertical") == "the spot on the left"
    assert flip(PixelCase(image, "clockwise", mask), "vertical") is None


def test_flipped_scene_is_still_true() -> None:
    checked = 0
    for seed in range(60):
        scene = generate(seed, 96, kind_weights={"position": 1.0}, typos=0.0)
        for case in scene.cases:
            turned = flip(PixelCase(scene.image, case.phrase, case.mask), "horizontal")
            if turned is None or not re.search("on the (left|right)", turned.phrase):
                continue
            columns = np.nonzero(turned.mask)[1]
            assert (columns.mean() < 48) == ("on the left" in turned.phrase)
            checked += 1
    assert checked > 3
