"""Scenes that several tests look at; made once."""

from __future__ import annotations

import pytest
from rsrefseg.scenes import Scene, generate


@pytest.fixture(scope="session")
def scenes() -> list[Scene]:
    """Sixty scenes of 16 phrases, without typing errors."""
    return [generate(seed, typos=0.0) for seed in range(60)]


@pytest.fixture(scope="session")
def village_scenes() -> list[Scene]:
    """Scenes with one road and houses on both sides, asked for relations only."""
    weights = {"relation": 1.0}
    return [
        generate(seed, layout="roadside", resolution_m=0.4, kind_weights=weights, typos=0.0)
        for seed in range(25)
    ]
