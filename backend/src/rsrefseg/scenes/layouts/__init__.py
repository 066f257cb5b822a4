"""Layouts: what kind of place a scene shows. Each makes a `World` from a random generator."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rsrefseg.errors import ConfigError
from rsrefseg.scenes.layouts import places, settlement
from rsrefseg.scenes.world import World

LAYOUTS: dict[str, tuple[float, Callable[[np.random.Generator, float, float], World]]] = {
    "village": (0.34, settlement.village),
    "town": (0.14, settlement.town),
    "retail": (0.10, places.retail),
    "park": (0.06, places.park),
    "industry": (0.08, places.industry),
    "harbour": (0.07, places.harbour),
    "airport": (0.05, places.airport),
    "farmland": (0.06, places.farmland),
    "nature": (0.06, places.nature),
    "coast": (0.04, places.coast),
}


def make_world(
    rng: np.random.Generator, width_m: float, height_m: float, layout: str | None = None
) -> World:
    """A world of a given layout, or of one at random."""
    if layout is None:
        weights = np.array([w for w, _ in LAYOUTS.values()])
        layout = list(LAYOUTS)[int(rng.choice(len(weights), p=weights / weights.sum()))]
    if layout not in LAYOUTS:
        raise ConfigError(
            f"There is no scene layout '{layout}'; choose one of {', '.join(LAYOUTS)}."
        )
    return LAYOUTS[layout][1](rng, width_m, height_m)
