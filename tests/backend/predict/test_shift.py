"""The same ground gives the same answer, wherever the scene around it was cut out."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from rsrefseg.geo.raster import open_raster
from rsrefseg.predict.drawing import Verdict, blended_bands
from rsrefseg.predict.look import look
from rsrefseg.predict.plan import plan_scene
from rsrefseg.predict.segmenter import Segmenter
from rsrefseg.predict.store import MemoryStore
from rsrefseg.predict.timings import Timings
from rsrefseg.scenes.scene import generate
from rsrefseg.weights.files import bundled_weights

SIDE, CUT = 760, 700


@pytest.fixture(scope="module")
def segmenter():
    return Segmenter.from_file(bundled_weights(), device="cpu", precision="fp32")


def probabilities(segmenter, path, phrase):
    """Levels of a whole scene, judged in windows at the raster's own resolution."""
    with open_raster(path) as raster:
        plan = plan_scene(raster, segmenter.info, None, 0.5)
        store = MemoryStore()
        look(segmenter, raster, plan, [phrase], store, Timings(), lambda *_: None, None)
    assert len(plan.windows) > 4
    return np.concatenate(list(blended_bands(store, plan, 0, None, Verdict())))


@pytest.mark.slow
def test_a_shifted_scene_is_judged_alike_where_both_are(segmenter, make_raster):
    """Windows lie on a lattice of the ground, so all that are not at a scene's rim are the same.

    At the rim, up to a window's width, one scene shows what the other one lacks.
    """
    rng = np.random.default_rng(3)
    right, down = (int(value) for value in rng.integers(1, SIDE - CUT, 2))
    image = generate(11, SIDE).image.transpose(2, 0, 1)
    place = Affine(0.5, 0, 350_000, 0, -0.5, 3_050_000)
    whole = make_raster(image, name="whole.tif", transform=place)
    shifted = make_raster(
        image[:, down : down + CUT, right : right + CUT],
        name="shifted.tif",
        transform=place @ Affine.translation(right, down),
    )
    first = probabilities(segmenter, whole, "all buildings")
    first = first[down : down + CUT, right : right + CUT]
    second = probabilities(segmenter, shifted, "all buildings")
    rim = segmenter.info.tile_px
    inner = np.s_[rim : CUT - rim, rim : CUT - rim]
    # Whatever the weights make of the scene, a fifth of it counts as found.
    level = np.percentile(first[inner], 80)
    one, other = first[inner] > level, second[inner] > level
    assert 0.05 < one.mean() < 0.5
    assert np.count_nonzero(one & other) / np.count_nonzero(one | other) >= 0.97
