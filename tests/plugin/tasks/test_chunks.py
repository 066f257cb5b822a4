from __future__ import annotations

import random

import pytest

from rsrefseg_qgis.tasks.chunks import MARGIN_WINDOWS, SIDE_WINDOWS, chunks


@pytest.mark.parametrize("seed", range(30))
def test_cores_make_up_the_extent_and_margins_stay_in_it(seed: int) -> None:
    chance = random.Random(seed)
    x, y = chance.uniform(-1e6, 1e6), chance.uniform(-1e6, 1e6)
    extent = (x, y, x + chance.uniform(1, 5000), y + chance.uniform(1, 5000))
    window = (chance.uniform(50, 400), chance.uniform(50, 400))
    made = chunks(extent, window)
    area = sum((one.core[2] - one.core[0]) * (one.core[3] - one.core[1]) for one in made)
    assert area == pytest.approx((extent[2] - extent[0]) * (extent[3] - extent[1]))
    for one in made:
        for axis in (0, 1):
            assert one.core[axis + 2] - one.core[axis] <= SIDE_WINDOWS * window[axis] * 1.000001
            assert extent[axis] <= one.asked[axis] <= one.core[axis]
            assert one.core[axis + 2] <= one.asked[axis + 2] <= extent[axis + 2]
            inside = one.core[axis] > extent[axis] + 1e-6
            if inside:
                margin = one.core[axis] - one.asked[axis]
                assert margin == pytest.approx(MARGIN_WINDOWS * window[axis])
    # row by row from the upper left corner
    assert made[0].core[0] == extent[0]
    assert made[0].core[3] == extent[3]
    assert made[-1].core[1] == extent[1]


def test_small_extent_is_one_chunk() -> None:
    (one,) = chunks((0, 0, 100, 50), (100, 100))
    assert one.core == one.asked == (0, 0, 100, 50)
