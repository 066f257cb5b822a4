from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from rsrefseg.predict.closer import answer_image


@pytest.fixture
def image():
    """Wider than two tiles of 64; red falls from left to right."""
    pixels = np.zeros((150, 170, 3), np.uint8)
    pixels[..., 0] = np.linspace(255, 0, 170).astype(np.uint8)
    return pixels


def test_an_image_that_nearly_fits_is_asked_as_a_whole(stand_in, image):
    small = image[:100, :128]
    [(probability, presence)] = answer_image(stand_in, small, ["red roofs"])
    assert stand_in.encoded == [(100, 128)]
    assert np.array_equal(probability, small[..., 0] / np.float32(255))
    assert presence is None


def test_a_large_image_is_looked_at_in_windows_that_leave_no_seam(stand_in, image):
    [(probability, _)] = answer_image(stand_in, image, ["red roofs"])
    assert len(stand_in.encoded) > 6 and set(stand_in.encoded) == {(64, 64)}
    np.testing.assert_allclose(probability, image[..., 0] / 255, atol=1e-5)


def test_phrases_that_compare_everything_see_everything(stand_in, image):
    phrases = ["red roofs", "the largest red roof", "blue roofs"]
    answers = answer_image(stand_in, image, phrases)
    assert stand_in.asked[0] == ("the largest red roof",)
    assert set(stand_in.asked[1:]) == {("red roofs", "blue roofs")}
    assert answers[1][0].shape == image.shape[:2]
    assert not answers[2][0].any()


def test_a_window_where_nothing_matches_adds_nothing(stand_in, image):
    stand_in.info = dataclasses.replace(stand_in.info, presence_threshold=0.5)
    stand_in.presence = 0.4
    [(probability, presence)] = answer_image(stand_in, image, ["red roofs"])
    assert not probability.any()
    assert presence == pytest.approx(0.4)


def test_outlines_are_compared_over_all_windows(stand_in, image):
    image[:] = 0
    image[10:30, 20:50, 0] = image[100:140, 130:150, 0] = 255
    image[60:64, 100:104, 0] = 200
    plain = answer_image(stand_in, image, ["the leftmost red roof"])
    stand_in.info = dataclasses.replace(stand_in.info, compares_outlines=True)
    phrases = ["the leftmost red roof", "the largest red roof", "red roofs"]
    leftmost, largest, both = (p > 0.5 for p, _ in answer_image(stand_in, image, phrases))
    assert np.count_nonzero(plain[0][0] > 0.5) == np.count_nonzero(both)
    assert np.argwhere(leftmost)[[0, -1]].tolist() == [[10, 20], [29, 49]]
    assert np.argwhere(largest)[[0, -1]].tolist() == [[100, 130], [139, 149]]
    assert any("all red roofs" in asked for asked in stand_in.asked)
