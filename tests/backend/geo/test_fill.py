"""Where a raster has no data, a model is shown what lies beside, mirrored."""

from __future__ import annotations

import numpy as np
import pytest
from rsrefseg.geo.fill import fill_mirrored


def picture(height, width):
    rng = np.random.default_rng(height)
    return rng.integers(1, 255, (height, width, 3)).astype(np.uint8)


def black_outside(image, valid):
    return np.where(valid[..., None], image, 0).astype(np.uint8)


def test_data_stays_and_a_frame_is_padded_as_numpy_does():
    image = picture(30, 40)
    padded = np.pad(image, ((12, 25), (8, 35), (0, 0)), mode="symmetric")
    valid = np.zeros(padded.shape[:2], dtype=bool)
    valid[12:42, 8:48] = True
    filled = fill_mirrored(black_outside(padded, valid), valid)
    assert np.array_equal(filled[12:42], padded[12:42])
    assert np.array_equal(filled[:, 8:48], padded[:, 8:48])
    assert np.array_equal(filled[valid], padded[valid])
    corner = filled[:12, :8]
    assert np.array_equal(corner, padded[:12, :8])


def test_further_than_the_data_is_wide_it_is_mirrored_again():
    image = picture(1, 20)
    valid = np.zeros((1, 20), dtype=bool)
    valid[0, 10:13] = True
    filled = fill_mirrored(image.copy(), valid)
    order = [12, 12, 11, 10, 10, 11, 12, 12, 11, 10]
    assert np.array_equal(filled[0, :10], image[0, order])


def test_holes_take_the_nearer_side():
    image = picture(9, 9)
    valid = np.ones((9, 9), dtype=bool)
    valid[:, 3:6] = False
    filled = fill_mirrored(black_outside(image, valid), valid)
    assert np.array_equal(filled[:, 3], image[:, 2])
    assert np.array_equal(filled[:, 5], image[:, 6])
    assert filled[:, 4].all()
    valid[:] = True
    valid[4, 2:7] = False
    filled = fill_mirrored(black_outside(image, valid), valid)
    assert np.array_equal(filled[4, 4], image[3, 4])


@pytest.mark.parametrize("seed", range(6))
def test_any_shape_is_filled_with_colours_that_are_there(seed):
    rng = np.random.default_rng(seed)
    image = picture(25, 31)
    valid = rng.random((25, 31)) < (0.004, 0.02, 0.2, 0.6, 0.95, 0.3)[seed]
    valid[int(rng.integers(25)), int(rng.integers(31))] = True
    filled = fill_mirrored(black_outside(image, valid), valid)
    there = {tuple(colour) for colour in image[valid]}
    assert {tuple(colour) for colour in filled.reshape(-1, 3)} <= there
    assert np.array_equal(filled[valid], image[valid])


def test_without_data_or_with_all_of_it_nothing_is_made_up():
    image = picture(5, 6)
    assert not fill_mirrored(image.copy(), np.zeros((5, 6), dtype=bool)).any()
    assert np.array_equal(fill_mirrored(image.copy(), np.ones((5, 6), dtype=bool)), image)
