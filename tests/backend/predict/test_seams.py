"""No seams: whatever the windows, the polygons are those of the whole mask."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rsrefseg.geo.polygons import PolygonOptions, mask_to_polygons
from rsrefseg.geo.windows import Span, WorkingGrid, mirrored, plan_windows
from rsrefseg.predict.drawing import Verdict, draw_phrase
from rsrefseg.predict.plan import ScenePlan
from rsrefseg.predict.store import MemoryStore, WindowAnswer

TRANSFORM = Affine(0.5, 0, 350_000, 0, -0.5, 3_050_000)


@pytest.fixture(scope="module")
def truth():
    """Blobs, thin lines and a frame that cross any window's border."""
    rng = np.random.default_rng(11)
    mask = np.kron(rng.random((30, 40)) < 0.35, np.ones((5, 5))) > 0
    mask[70:73, :] = True
    mask[:, 101] = True
    mask[10:140:3, 60] ^= True
    for i in range(140):
        mask[i, min(199, i + 20)] = True
    mask[2:148, 2:198] &= rng.random((146, 196)) > 0.03
    return mask


def polygons_through_windows(truth, region, window, overlap, phase):
    height, width = truth.shape
    grid = WorkingGrid((0.0, 0.0), (1.0, 1.0), width, height)
    spans = tuple(plan_windows(grid, region, window, overlap, phase))
    plan = ScenePlan(grid, region, spans, overlap, (0.5, 0.5), 0.5, max(window))
    store = MemoryStore()
    for i, span in enumerate(spans):
        rows = mirrored(span.row, span.height, height)
        part = truth[np.ix_(rows, mirrored(span.col, span.width, width))]
        store.put(i, WindowAnswer(part.shape, (part * np.uint8(204))[None], None, (None,)))
    verdict = Verdict()
    bands = draw_phrase(store, plan, 0, TRANSFORM, None, PolygonOptions(), None, verdict)
    return [feature for band in bands for feature in band], verdict, len(spans)


@given(
    window=st.tuples(st.integers(16, 90), st.integers(16, 90)),
    share=st.floats(0, 0.5),
    phase=st.tuples(st.integers(0, 500), st.integers(0, 500)),
    left=st.integers(0, 60),
    top=st.integers(0, 40),
    width=st.integers(60, 140),
    height=st.integers(50, 110),
)
@settings(max_examples=50, deadline=None)
def test_polygons_are_those_of_the_unsplit_mask(
    truth, window, share, phase, left, top, width, height
):
    region = Span(left, top, width, height)
    overlap = (int(window[0] * share), int(window[1] * share))
    found, verdict, windows = polygons_through_windows(truth, region, window, overlap, phase)
    assume(windows > 1)
    inside = truth[top : top + height, left : left + width]
    expected = mask_to_polygons(
        inside * np.float32(0.8),
        np.ones(inside.shape, np.bool_),
        TRANSFORM @ Affine.translation(left, top),
        None,
    )
    assert [shapely.to_wkb(f.geometry) for f in found] == [
        shapely.to_wkb(f.geometry) for f in expected
    ]
    assert [f.score for f in found] == [f.score for f in expected]
    assert verdict.size == np.count_nonzero(inside)
    assert verdict.score == pytest.approx(0.8)


def test_an_object_across_many_windows_is_one_polygon(truth):
    line = np.zeros((150, 200), np.bool_)
    line[70:73] = True
    found, _, windows = polygons_through_windows(
        line, Span(0, 0, 200, 150), (32, 32), (8, 8), (3, 5)
    )
    assert windows > 40
    assert len(found) == 1
