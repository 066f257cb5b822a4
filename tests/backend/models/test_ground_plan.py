"""The network that tells ground plans: what it sees of an outline, and what it says of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from rsrefseg.geo.parts import boxes_of, find_parts
from rsrefseg.models.ground_plan import CROP_PX, PLANS, load_ground_plan_net, outline_crops

# Wings as rows, columns, height and width; lengths as houses have them.
WINGS = {
    "other": [(0, 0, 14, 24)],
    "l-shaped": [(0, 0, 12, 30), (12, 0, 14, 10)],
    "u-shaped": [(0, 0, 12, 34), (12, 0, 14, 10), (12, 24, 14, 10)],
    "t-shaped": [(0, 0, 11, 34), (11, 12, 16, 10)],
}


def drawn(*plans, quarter=0):
    """Probabilities of buildings side by side, all turned alike."""
    view = np.full((40, 50 * len(plans)), 0.05, dtype=np.float32)
    for i, plan in enumerate(plans):
        for row, col, height, width in WINGS[plan]:
            view[6 + row : 6 + row + height, 50 * i + 6 + col : 50 * i + 6 + col + width] = 0.95
    return np.ascontiguousarray(np.rot90(view, quarter))


def crops_of(probability):
    parts, label = find_parts(probability > 0.5)
    return outline_crops(probability, label, boxes_of(parts))


def test_each_outline_is_seen_by_itself_and_whole_wherever_it_lies():
    both = crops_of(drawn("l-shaped", "t-shaped"))
    assert both.shape == (2, 1, CROP_PX, CROP_PX)
    alone = drawn("l-shaped")
    torch.testing.assert_close(both[0], crops_of(alone)[0])
    # In a corner of the view there is less around it, and nothing else changes.
    corner = crops_of(np.ascontiguousarray(alone[6:, 6:]))[0]
    assert (corner > 0.5).sum() == (both[0] > 0.5).sum()
    # Next to another outline, of which nothing is to be seen.
    close = alone.copy()
    close[6:12, 38:50] = 0.95
    torch.testing.assert_close(crops_of(close)[0, 0, :, :20], both[0, 0, :, :20])
    assert (crops_of(close)[0] > 0.5).sum() == (both[0] > 0.5).sum()


def test_size_in_pixels_does_not_matter():
    view = drawn("u-shaped")
    small, large = crops_of(view)[0], crops_of(view.repeat(3, 0).repeat(3, 1))[0]
    assert (small - large).abs().mean() < 0.02


@pytest.mark.parametrize("quarter", range(4))
def test_plain_outlines_are_told_apart_turned_or_not(quarter):
    names = list(WINGS)
    likely = load_ground_plan_net().plans(crops_of(drawn(*names, quarter=quarter)))
    assert likely.shape == (len(names), len(PLANS))
    np.testing.assert_allclose(likely.sum(1), 1, atol=1e-5)
    told = [PLANS[i] for i in likely.argmax(1)]
    # Parts are numbered by rows: turned ones come in another order.
    assert sorted(told) == sorted(names)


def test_no_outline_has_no_plan():
    assert load_ground_plan_net().plans(torch.zeros(0, 1, CROP_PX, CROP_PX)).shape == (0, 4)
