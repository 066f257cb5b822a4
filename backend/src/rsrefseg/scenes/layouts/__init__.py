"""Layouts: what kind of place a scene shows. Each makes a `World` from a random generator."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rsrefseg.errors import ConfigError
from rsrefseg.scenes.layouts import open_land, settlement, transport, works
from rsrefseg.scenes.layouts.common import litter
from rsrefseg.scenes.taxonomy import COUNTED
from rsrefseg.scenes.world import World

Layout = Callable[[np.random.Generator, float, float], World]

LAYOUTS: dict[str, tuple[float, Layout]] = {
    "village": (0.22, settlement.village),
    "roadside": (0.10, transport.roadside),
    "suburb": (0.12, settlement.suburb),
    "old_town": (0.10, settlement.old_town),
    "city": (0.05, settlement.city),
    "retail": (0.08, works.retail),
    "industry": (0.06, works.industry),
    "park": (0.05, works.park),
    "harbour": (0.05, works.harbour),
    "airport": (0.04, transport.airport),
    "motorway": (0.03, transport.motorway),
    "junction": (0.03, transport.junction),
    "railway": (0.03, transport.railway),
    "farmland": (0.04, open_land.farmland),
    "nature": (0.05, open_land.nature),
    "woods": (0.02, open_land.woods),
    "desert": (0.04, open_land.desert),
    "coast": (0.03, open_land.coast),
}
"""Name of each kind of place, how often it is drawn, and what makes it."""

_LEAST_THINGS, _ATTEMPTS = 6, 3


def make_world(
    rng: np.random.Generator, width_m: float, height_m: float, layout: str | None = None
) -> World:
    """A world of a given layout, or of one at random, with something in it to choose among.

    Raises:
        ConfigError: there is no such layout.
    """
    if layout is None:
        weights = np.array([w for w, _ in LAYOUTS.values()])
        layout = list(LAYOUTS)[int(rng.choice(len(weights), p=weights / weights.sum()))]
    if layout not in LAYOUTS:
        raise ConfigError(f"There is no scene layout '{layout}': choose from {', '.join(LAYOUTS)}.")
    for _ in range(_ATTEMPTS):
        world = LAYOUTS[layout][1](rng, width_m, height_m)
        things = (
            e
            for e in world.entities
            if e.cls in COUNTED and e.cls != "tree" and world.in_view(*e.centre)
        )
        if sum(1 for _ in things) >= _LEAST_THINGS:
            break
    litter(world, rng, float(rng.uniform(4, 16)))
    return world
