"""Labelled imagery as training input: what is drawn still shows what its masks say."""

from __future__ import annotations

import numpy as np
import pytest
from rsrefseg.data.cases import CaseRecord, write_cases, write_mask
from rsrefseg.training.real import RealImages

TILE_PX = 96


@pytest.fixture
def images(tmp_path, make_raster):
    """Red blocks on grey, some of them masked by phrase; the image is not square."""

    def make(height, width):
        rng = np.random.default_rng(4)
        side = max(10, height // 20)
        blocks = rng.random((height // side + 1, width // side + 1)) < 0.3
        mask = np.kron(blocks, np.ones((side, side)))[:height, :width] > 0
        bands = np.full((3, height, width), 100, np.uint8)
        bands[:, mask] = np.array([[250], [20], [20]], np.uint8)
        image = make_raster(bands)
        write_mask(tmp_path / "mask.png", mask)
        record = CaseRecord(image, "red blocks", tmp_path / "mask.png", "class", source="here")
        write_cases(tmp_path / "cases.jsonl", [record])
        return RealImages((str(tmp_path / "cases.jsonl"),), TILE_PX)

    return make


def red(image):
    return image[..., 0].astype(int) - image[..., 1] > 90


@pytest.mark.parametrize("size", [(80, 120), (240, 200), (900, 700)])
def test_masks_stay_on_their_things_near_and_far(images, size):
    real = images(*size)
    rng = np.random.default_rng(1)
    shares = []
    for _ in range(60):
        image, (question,) = real.draw(rng, 4, 24)
        assert image.shape == (TILE_PX, TILE_PX, 3)
        wrong = question.mask != red(image)
        # Where pixels are averaged and masks are not, only edges differ.
        shares.append(wrong.mean() / max(question.mask.mean(), 0.05))
    assert np.median(shares) < 0.25


def test_small_images_are_also_seen_from_further_away(images):
    real, rng = images(100, 100), np.random.default_rng(2)

    def blocks(image):
        """Edges of blocks on a row: there are more the further away it is seen from."""
        return np.abs(np.diff(red(image).astype(int), axis=1)).sum() / TILE_PX

    counts = [blocks(real.draw(rng, 4, 24)[0]) for _ in range(80)]
    whole = 2 * 0.3 * 0.7 * 9
    assert np.mean(np.array(counts) > 1.25 * whole) > 0.1
    assert np.mean(np.array(counts) < 0.8 * whole) > 0.1
