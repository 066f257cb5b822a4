from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from rsrefseg.evaluation.generated import calibrated_presence, scene_answers


class Everything:
    """Answers every phrase with the whole image, the later ones with less confidence."""

    info = SimpleNamespace(tile_px=96)

    def __init__(self):
        self.sides = []

    def encode(self, image):
        self.sides.append(image.shape[:2])
        return np.ones(image.shape[:2], np.float32)

    def ask(self, encoded, phrases):
        return [
            SimpleNamespace(probability=encoded, presence=1 - i / len(phrases))
            for i in range(len(phrases))
        ]


@pytest.mark.parametrize(("sides", "drawn"), [((), [96, 96, 96]), ((64, 128), [64, 128, 64])])
def test_scenes_are_drawn_on_the_sides_asked_for_in_turn(sides, drawn):
    model = Everything()
    answers = scene_answers(model, range(650_000, 650_003), sides=sides, phrases=4)
    assert model.sides == [(side, side) for side in drawn]
    for answer in answers:
        assert answer.score.predicted in {side**2 for side in drawn}


def test_the_calibration_serves_both_shares_asked_for():
    seeds, sides = range(650_000, 650_004), (64, 128)
    answers = scene_answers(Everything(), seeds, sides=sides)
    present = [a.presence for a in answers if a.score.target]
    absent = [a.presence for a in answers if not a.score.target]
    few = calibrated_presence(Everything(), seeds, keep=0.75, silent=1.0, sides=sides)
    assert few in present
    assert np.mean([p >= few for p in present]) == pytest.approx(0.75, abs=1 / len(present) + 0.1)
    many = calibrated_presence(Everything(), seeds, keep=0.75, silent=0.1, sides=sides)
    assert many < few
    assert np.mean([p < many for p in absent]) >= 0.1
