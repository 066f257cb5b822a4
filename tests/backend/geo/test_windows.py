from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rsrefseg.geo.windows import (
    BandBlender,
    Span,
    WorkingGrid,
    blend_weights,
    mirrored,
    plan_windows,
    window_starts,
)


def grid(width, height):
    return WorkingGrid((0.0, 0.0), (1.0, 1.0), width, height)


@given(
    length=st.integers(1, 300),
    window=st.integers(4, 64),
    overlap_share=st.floats(0, 0.5),
    phase=st.integers(0, 1000),
    data=st.data(),
)
@settings(deadline=None)
def test_windows_cover_what_is_asked(length, window, overlap_share, phase, data):
    overlap = int(window * overlap_share)
    first = data.draw(st.integers(0, length - 1))
    last = data.draw(st.integers(first + 1, length))
    stride = window - overlap
    starts = window_starts(length, window, overlap, first, last, phase % stride)
    side = min(window, length)
    covered = {cell for start in starts for cell in range(start, start + side)}
    assert set(range(first, last)) <= covered
    assert all(b - a == stride for a, b in zip(starts, starts[1:], strict=False))
    if length <= window:
        assert starts == [0]
        return
    assert {(start + phase) % stride for start in starts} == {0}
    assert set(starts) <= set(window_starts(length, window, overlap, 0, length, phase % stride))
    # What lies beyond the raster is never more than there is to mirror, and no window is asked
    # whose part of the raster its neighbour has too.
    assert all(overlap - window < start < length - overlap for start in starts)


def test_the_last_cell_alone_is_seen_by_the_window_that_sees_it_with_all_others():
    every = window_starts(100, 32, 16, 0, 100, 10)
    assert window_starts(100, 32, 16, 99, 100, 10) == every[-1:]


def test_another_extent_meets_the_same_windows():
    large = window_starts(10_000, 256, 64, 0, 10_000, 17)
    small = window_starts(10_000, 256, 64, 3_000, 4_000, 17)
    assert set(small) <= set(large)


def test_a_shifted_raster_meets_the_same_ground():
    # The second raster starts 100 cells further along the same ground.
    one = window_starts(5_000, 256, 64, 0, 5_000, 30)
    other = window_starts(4_900, 256, 64, 0, 4_900, (30 + 100) % 192)
    assert {start + 100 for start in other} <= set(one)


def test_beyond_its_ends_a_grid_is_mirrored():
    assert mirrored(-2, 5, 9).tolist() == [1, 0, 0, 1, 2]
    assert mirrored(6, 5, 9).tolist() == [6, 7, 8, 8, 7]
    assert mirrored(3, 4, 9).tolist() == [3, 4, 5, 6]
    assert mirrored(-4, 11, 3).tolist() == [2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0]


def test_a_small_raster_is_one_window():
    assert plan_windows(grid(30, 20), Span(0, 0, 30, 20), (64, 64), (16, 16)) == [
        Span(0, 0, 30, 20)
    ]


def test_weights_rise_stay_and_fall():
    weights = blend_weights(16, 4)
    assert weights.tolist()[:4] == [0.125, 0.375, 0.625, 0.875]
    assert (weights[4:12] == 1).all()
    assert np.array_equal(weights, weights[::-1])
    assert (blend_weights(3, 100) > 0).all()


@given(
    width=st.integers(5, 60),
    height=st.integers(5, 60),
    window=st.tuples(st.integers(4, 20), st.integers(4, 20)),
    shares=st.tuples(st.floats(0, 0.5), st.floats(0, 0.5)),
    seed=st.integers(0, 100),
)
@settings(deadline=None)
def test_blending_windows_of_one_picture_gives_the_picture(width, height, window, shares, seed):
    picture = np.random.default_rng(seed).random((height, width)).astype(np.float32)
    overlap = (int(window[0] * shares[0]), int(window[1] * shares[1]))
    region = Span(width // 4, height // 5, width // 2, height // 2)
    spans = plan_windows(grid(width, height), region, window, overlap)
    blender = BandBlender(region, overlap)
    bands = []
    for i, span in enumerate(spans):
        rows = mirrored(span.row, span.height, height)
        cols = mirrored(span.col, span.width, width)
        blender.add(span, picture[np.ix_(rows, cols)])
        below = spans[i + 1].row if i + 1 < len(spans) else height
        bands.append(blender.take(below))
    whole = np.concatenate(bands)
    expected = picture[
        region.row : region.row + region.height, region.col : region.col + region.width
    ]
    assert whole == pytest.approx(expected, abs=1e-6)


def test_pixels_without_data_neither_count_nor_bleed():
    blender = BandBlender(Span(0, 0, 6, 4), (2, 0))
    valid = np.ones((4, 4), bool)
    valid[:, 3] = False
    blender.add(Span(0, 0, 4, 4), np.full((4, 4), 0.8, np.float32), valid)
    blender.add(Span(2, 0, 4, 4), np.full((4, 4), 0.2, np.float32))
    assert blender.take(4)[0, 3:].tolist() == pytest.approx([0.2, 0.2, 0.2])


def test_what_no_window_saw_is_empty_and_empty_windows_weigh_in():
    blender = BandBlender(Span(0, 0, 6, 2), (2, 0))
    blender.add(Span(0, 0, 4, 2), np.full((2, 4), 0.8, np.float32))
    blender.add(Span(2, 0, 2, 2), None)
    row = blender.take(2)[0]
    assert row.tolist()[4:] == [0, 0]
    assert 0 < row[2] < 0.8


def test_a_coarser_grid_lies_over_the_raster():
    from affine import Affine

    coarse = WorkingGrid((10.0, 20.0), (2.0, 3.0), 5, 5)
    raster = Affine(0.5, 0, 100, 0, -0.5, 200)
    assert coarse.pixels(Span(1, 2, 3, 4)).col == 12
    assert coarse.pixels(Span(1, 2, 3, 4)).height == 12
    assert coarse.transform(raster) @ (0, 0) == (105, 190)
    assert coarse.transform(raster, 1, 1) @ (0, 0) == (106, 188.5)
