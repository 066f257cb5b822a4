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

SIDE, CUT, RESOLUTION_M = 1_260, 1_200, 0.5
# What the issue of whole scenes asks for.
AGREEMENT = 0.97


@pytest.fixture(scope="module")
def segmenter():
    return Segmenter.from_file(bundled_weights(), device="cpu", precision="fp32")


def found_on(segmenter, path, phrase):
    """Where a phrase is found on a whole scene, judged in windows at the raster's resolution."""
    with open_raster(path) as raster:
        plan = plan_scene(raster, segmenter.info, None, RESOLUTION_M)
        store = MemoryStore()
        look(segmenter, raster, plan, [phrase], store, Timings(), lambda *_: None, None)
    assert len(plan.windows) >= 25
    return np.concatenate(list(blended_bands(store, plan, 0, None, Verdict()))) > 127


def overlap(one, other):
    """Intersection over union of two masks."""
    return np.count_nonzero(one & other) / np.count_nonzero(one | other)


@pytest.mark.slow
def test_a_shifted_scene_is_judged_alike(segmenter, make_raster):
    """Windows lie on a lattice of the ground, so those that are not at a scene's rim are the same.

    Those at its rim see, mirrored, something else there than in the scene that goes on. How much
    the model minds is up to its weights, and other scenes may agree less as a whole.
    """
    rng = np.random.default_rng(3)
    right, down = (int(value) for value in rng.integers(1, SIDE - CUT, 2))
    image = generate(1, SIDE, RESOLUTION_M, layout="suburb").image.transpose(2, 0, 1)
    place = Affine(RESOLUTION_M, 0, 350_000, 0, -RESOLUTION_M, 3_050_000)
    whole = make_raster(image, name="whole.tif", transform=place)
    shifted = make_raster(
        image[:, down : down + CUT, right : right + CUT],
        name="shifted.tif",
        transform=place @ Affine.translation(right, down),
    )
    first = found_on(segmenter, whole, "all buildings")[down : down + CUT, right : right + CUT]
    second = found_on(segmenter, shifted, "all buildings")
    rim = segmenter.info.tile_px
    inner = np.s_[rim : CUT - rim, rim : CUT - rim]
    assert 0.01 < first[inner].mean() < 0.5
    assert np.array_equal(first[inner], second[inner])
    assert overlap(first, second) >= AGREEMENT
