from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from rsrefseg.geo.parts import find_parts
from rsrefseg.predict.choices import read_choice
from rsrefseg.predict.choosing import ask_and_choose, choose
from rsrefseg.predict.segmenter import Segmenter
from rsrefseg.predict.types import PhraseAnswer, Prompts

# Cars as rows, columns, height and width in a view of 40 x 60 pixels.
CARS = {
    "a": (2, 4, 3, 4),
    "b": (10, 20, 6, 8),
    "c": (22, 30, 4, 4),
    "d": (30, 50, 5, 6),
    "crumb": (38, 0, 1, 1),
}


def drawn(*names):
    mask = np.zeros((40, 60), dtype=bool)
    for name in names:
        row, column, height, width = CARS[name]
        mask[row : row + height, column : column + width] = True
    return mask


def cars_of(phrase, *by):
    things, *references = (
        np.where(drawn(*names), np.float32(0.9), np.float32(0.2)) for names in (CARS, *by)
    )
    answer = choose(read_choice(phrase), np.zeros_like(things), things, *references) > 0.5
    return "".join(name for name in CARS if (answer & drawn(name)).any())


@pytest.mark.parametrize(
    ("phrase", "meant"),
    [
        ("the second car from the left", "b"),
        ("The 3rd car from the right", "b"),
        ("first car from the bottom", "d"),
        ("the leftmost car", "a"),
        ("the easternmost car", "d"),
        ("the car furthest to the top", "a"),
        ("car farthest south", "d"),
        ("the largest car", "b"),
        ("the smallest car", "a"),
        ("the second largest car", "d"),
        ("the two biggest cars", "bd"),
        ("the 3 westernmost cars", "abc"),
        ("all the cars on the left side of the image", "ab"),
        ("cars in the south-eastern corner", "d"),
        ("northwest cars", "ab"),
        ("the car in the lower right corner", "d"),
        ("the central car", "c"),
        ("cars in the lower half", "cd"),
    ],
)
def test_the_rule_is_applied_to_what_was_found(phrase, meant):
    assert cars_of(phrase) == meant


@pytest.mark.parametrize(
    ("phrase", "by", "meant"),
    [
        ("the car nearest to the tree", "d", "c"),
        ("car closest to a bus", "a", "b"),
        ("the nearest car to the road", "c", "b"),
        ("the car farthest from the pond", "a", "d"),
        ("the car furthest away from the pond", "d", "a"),
        ("the car nearest the pond", "", ""),
    ],
)
def test_things_are_chosen_by_their_distance_to_something(phrase, by, meant):
    assert read_choice(phrase).by == (" ".join(phrase.split()[-2:]),)
    assert cars_of(phrase, by) == meant


@pytest.mark.parametrize(
    ("phrase", "by", "meant"),
    [
        ("the car left of the tree", "b", "a"),
        ("cars to the right of the tree", "b", "d"),
        ("the cars south of a tree", "b", "c"),
        ("car above the tree", "c", "ab"),
        ("the car next to the tree", "c", ""),
        ("the car beside the bus left of the tree", "b", ""),
    ],
)
def test_things_are_chosen_by_where_they_lie_from_something(phrase, by, meant):
    assert read_choice(phrase).by == (re.search("(the|a) (bus left of the )?tree", phrase)[0],)
    assert cars_of(phrase, by) == meant


def test_next_to_and_between():
    assert cars_of("the car near the tree", ["crumb"]) == ""
    beside = {**CARS, "tree": (26, 35, 2, 2)}
    mask = np.zeros((40, 60), np.float32)
    row, column, height, width = beside["tree"]
    mask[row : row + height, column : column + width] = 1
    things = drawn("a", "b", "c", "d").astype(np.float32)
    choice = read_choice("the car next to the tree")
    answer = choose(choice, np.zeros_like(things), things, mask)
    assert np.array_equal(answer > 0.5, drawn("c"))
    choice = read_choice("cars between the tree and the red house")
    assert choice.by == ("the tree", "the red house")
    assert cars_of("cars between the tree and the house", "a", "d") == "bc"
    assert cars_of("cars between the tree and the house", "a", "c") == "b"


@pytest.mark.parametrize(
    ("phrase", "things"),
    [
        ("the third white car from the left", "all white cars"),
        ("the largest building with a red roof", "all buildings with a red roof"),
        ("the leftmost block of flats", "all blocks of flats"),
        ("the second vehicle that is white from the top", "all vehicles that are white"),
        ("the biggest building left of the road", "all buildings left of the road"),
        ("the northernmost body of water", "all bodies of water"),
        ("the smallest lorry", "all lorries"),
        ("the rightmost church", "all churches"),
        ("every structure at the bottom", "all structures"),
        ("buses in the north of the picture", "all buses"),
    ],
)
def test_the_things_are_asked_for_in_the_plural(phrase, things):
    assert read_choice(phrase).things == things


@pytest.mark.parametrize(
    "phrase",
    [
        "the red car",
        "the building left of the road",
        "the building on the left of the road",
        "the car next to the house in the north",
        "water in the north",
        "the left",
        "largest",
        "",
    ],
)
def test_other_phrases_are_left_to_the_model(phrase):
    assert read_choice(phrase) is None


def test_where_the_rule_finds_nothing_the_model_s_own_answer_stands():
    own = np.full((40, 60), 0.7, np.float32)
    things = drawn("a", "b").astype(np.float32)
    for phrase in ("the fourth car from the left", "cars in the south-east"):
        assert choose(read_choice(phrase), own, things) is own
    assert choose(read_choice("the largest car"), own, np.zeros_like(own)) is own


def test_a_lower_threshold_still_reaches_around_the_chosen_and_never_to_the_others():
    things = np.where(drawn("a", "b"), np.float32(0.9), np.float32(0.3))
    answer = choose(read_choice("the leftmost car"), np.zeros_like(things), things)
    assert (answer[drawn("a")] == np.float32(0.9)).all()
    assert answer[1, 3] == np.float32(0.3)
    assert not answer[drawn("b")].any()
    assert answer[39, 59] == 0


def test_parts_know_where_they_lie():
    parts, label = find_parts(drawn("a", "crumb", "d"))
    assert parts.area.tolist() == [12, 30]
    assert label[2, 4] == 0
    assert label[38, 0] == -1
    row, column, height, width = CARS["d"]
    right, bottom = (column + width) / 30 - 1, (row + height) / 20 - 1
    left, top = 1 - column / 30, 1 - row / 20
    assert parts.edge[1] == pytest.approx([left, right, top, bottom])
    x, y = (column + width / 2) / 30 - 1, (row + height / 2) / 20 - 1
    assert parts.centre[1] == pytest.approx([-x, x, -y, y])
    assert not len(find_parts(np.zeros((4, 4), dtype=bool))[0].area)


@pytest.mark.parametrize(
    ("phrase", "things", "plan", "count"),
    [
        ("the L-shaped house", "all houses", "l-shaped", 1),
        ("l shaped house", "all houses", "l-shaped", 1),
        ("all l-shaped buildings", "all buildings", "l-shaped", None),
        ("every t-shaped home", "all homes", "t-shaped", None),
        ("L-shaped structures", "all structures", "l-shaped", None),
        ("the two red u-shaped houses", "all red houses", "u-shaped", 2),
        ("the house shaped like an L", "all houses", "l-shaped", 1),
        ("houses that are u-shaped", "all houses", "u-shaped", None),
        ("the l-shaped house along the road", "all houses along the road", "l-shaped", 1),
    ],
)
def test_a_ground_plan_is_read(phrase, things, plan, count):
    choice = read_choice(phrase)
    assert (choice.things, choice.plan, choice.count) == (things, plan, count)
    assert not choice.by
    assert not choice.whole


@pytest.mark.parametrize(
    "phrase",
    [
        "all houses except the l-shaped ones", "the l-shaped one", "l-shaped road",
        "l-shaped and u-shaped houses", "house with the l-shaped roof", "the round tank",
        "houses that are not l-shaped", "the courtyard building",
    ],
)  # fmt: skip
def test_what_is_no_ground_plan_of_things_is_left_to_the_network(phrase):
    assert read_choice(phrase) is None


# Wings as rows, columns, heights and widths: two L-shaped houses, a plain one and a T-shaped one.
HOUSES = {
    "plain": [(6, 6, 14, 24)],
    "left": [(6, 56, 12, 30), (18, 56, 14, 10)],
    "t": [(56, 6, 11, 34), (67, 18, 16, 10)],
    "right": [(56, 56, 12, 30), (68, 76, 14, 10)],
}


def houses(*names):
    view = np.full((92, 100), np.float32(0.05))
    for row, column, height, width in (wing for name in names for wing in HOUSES[name]):
        view[row : row + height, column : column + width] = 0.95
    return view


def shaped(phrase):
    """The answer of a network that marks all houses, knows no plan and is always sure."""

    def ask(phrases):
        drawings = [houses() if "shaped" in p else houses(*HOUSES) for p in phrases]
        return [PhraseAnswer(p, d, d, 0.9) for p, d in zip(phrases, drawings, strict=True)]

    return ask_and_choose(ask, [phrase])[0]


def answered(phrase):
    """Which houses are marked."""
    marked = shaped(phrase).probability > 0.5
    return {name for name in HOUSES if (marked & (houses(name) > 0.5)).any()}


@pytest.mark.parametrize(
    ("phrase", "meant"),
    [
        ("all l-shaped houses", {"left", "right"}),
        ("the two l-shaped houses", {"left", "right"}),
        ("the t-shaped house", {"t"}),
        ("the l-shaped house in the south", {"right"}),
        ("the northernmost l-shaped house", {"left"}),
        ("the u-shaped house", set()),
    ],
)
def test_houses_are_chosen_by_the_plan_that_their_outlines_show(phrase, meant):
    assert answered(phrase) == meant


@pytest.mark.parametrize(
    "phrase",
    ["the u-shaped house", "u-shaped houses", "the u-shaped house in the south"],
)
def test_where_nothing_has_the_plan_nothing_is_there(phrase):
    assert shaped(phrase).presence == 0
    assert shaped(phrase.replace("u-", "l-")).presence == 0.9


def test_one_of_a_plan_is_the_likeliest():
    assert len(answered("the l-shaped house")) == 1
    assert answered("the l-shaped house") < {"left", "right"}


@pytest.mark.parametrize(
    ("phrase", "asked"),
    [
        ("the largest car", ["the largest car"]),
        ("the smallest red car", ["the smallest red car"]),
        ("the second largest car", ["the second largest car", "all cars"]),
        ("the two smallest cars", ["the two smallest cars", "all cars"]),
        ("the leftmost car", ["the leftmost car", "all cars"]),
    ],
)
def test_in_one_view_the_network_tells_the_largest_and_the_smallest_itself(phrase, asked):
    said = []

    def ask(phrases):
        said.extend(phrases)
        square = np.eye(8, dtype=np.float32)
        return [PhraseAnswer(p, square, square, None) for p in phrases]

    [answer] = ask_and_choose(ask, [phrase])
    assert said == asked
    assert answer.phrase == phrase


def test_a_segmenter_chooses_if_its_preset_says_so(tiny_weights):
    segmenter = Segmenter.from_file(tiny_weights, device="cpu", precision="fp32")
    image = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    encoded = segmenter.encode(image)
    phrase, info = "the leftmost building", segmenter.info
    segmenter._info = replace(info, compares_outlines=False)
    own, road, things = segmenter.ask(encoded, [phrase, "the road", "all buildings"])
    segmenter._info = replace(info, compares_outlines=True)
    chosen, same = segmenter.ask(encoded, [phrase, "the road"])
    expected = choose(read_choice(phrase), own.probability, things.probability)
    np.testing.assert_allclose(chosen.probability, expected, atol=1e-5)
    assert chosen.phrase == phrase
    assert chosen.presence == pytest.approx(own.presence, abs=1e-5)
    np.testing.assert_allclose(same.probability, road.probability, atol=1e-5)
    clicked = segmenter.ask(
        encoded, [phrase], Prompts(np.array([[0.5, 0.5]], np.float32), np.array([1]))
    )
    segmenter._info = replace(info, compares_outlines=False)
    plain = segmenter.ask(
        encoded, [phrase], Prompts(np.array([[0.5, 0.5]], np.float32), np.array([1]))
    )
    np.testing.assert_allclose(clicked[0].probability, plain[0].probability, atol=1e-5)
