from __future__ import annotations

import pytest
from rsrefseg.errors import PhraseError
from rsrefseg.predict.phrases import names_nothing, needs_whole_scene, tidy_phrases


def test_phrases_are_tidied_and_kept_once():
    typed = ["  the  red\troofs ", "the red roofs", "здание", "cafe\u0301", "屋顶"]
    assert tidy_phrases(typed, 100) == ["the red roofs", "здание", "caf\u00e9", "屋顶"]


@pytest.mark.parametrize(
    "phrases", [[], [""], ["  \n"], ["?!"], ["\u200b"], ["x" * 101], ["x" * 1_000_000]]
)
def test_phrases_without_sense_are_refused(phrases):
    with pytest.raises(PhraseError, match=r":.*\."):
        tidy_phrases(phrases, 100)


def test_too_many_phrases_are_refused():
    with pytest.raises(PhraseError, match="256"):
        tidy_phrases([f"phrase {i}" for i in range(257)], 100)


@pytest.mark.parametrize(
    "phrase",
    [
        "the largest building",
        "the second ship from the left",
        "the leftmost car",
        "the building in the top left corner",
        "the house on the left",
        "the only pool",
        "the 3rd tree from the right",
        "the building closest to the river",
        "northwest buildings",
    ],
)
def test_phrases_about_everything_in_view(phrase):
    assert needs_whole_scene(phrase)


@pytest.mark.parametrize(
    "phrase",
    [
        "all buildings",
        "the red-roofed building left of the road",
        "cars on the road",
        "the pool at the left side of the house",
        "forest",
        "water on the ground",
        "all cars except the red ones",
    ],
)
def test_phrases_about_what_is_near(phrase):
    assert not needs_whole_scene(phrase)


VOCABULARY = ("the", "red", "left", "of", "all", "house", "houses", "building", "road")


@pytest.mark.parametrize(
    "phrase", ["zebra", "the red zebra", "all zebras", "the second zebra from the left", "красная"]
)
def test_what_names_nothing_known(phrase):
    assert names_nothing(phrase, VOCABULARY)


@pytest.mark.parametrize(
    "phrase",
    ["the red house", "houses left of the zebra", "the zebra left of the road", "the red biulding",
     "all huoses", "the red ones"],
)  # fmt: skip
def test_what_names_something_known_or_nearly_so(phrase):
    assert not names_nothing(phrase, VOCABULARY)
