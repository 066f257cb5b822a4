"""One scene: a picture and phrases about it with their masks, from a seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rsrefseg.errors import ConfigError
from rsrefseg.scenes.layouts import make_world
from rsrefseg.scenes.phrases import speak
from rsrefseg.scenes.render import render
from rsrefseg.scenes.view import View, look
from rsrefseg.scenes.world import World

MIN_RESOLUTION_M, MAX_RESOLUTION_M = 0.1, 2.0


@dataclass(frozen=True)
class Case:
    """One phrase and its answer.

    Attributes:
        phrase: lower case, no final stop.
        kind: the hardest thing that the phrase asks for; one of `KINDS`.
        mask: H,W bool; the pixels of the targets that can be seen. Empty for kind "none".
        class_mask: H,W bool; all of the named class, whatever the phrase says about it.
        target_ids: entities of the scene's world.
        among_ids: those that the phrase chooses among: its noun with the noun's own qualities.
        anchor_ids: those that it chooses by, thing by thing.
    """

    phrase: str
    kind: str
    mask: NDArray[np.bool_]
    class_mask: NDArray[np.bool_]
    target_ids: tuple[int, ...]
    among_ids: tuple[int, ...] = ()
    anchor_ids: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True)
class Scene:
    """A picture with phrases.

    Attributes:
        image: H,W,3 uint8 RGB, north up.
        resolution_m: ground metres per pixel.
        view: what can be seen of the underlying world.
    """

    seed: int
    image: NDArray[np.uint8]
    resolution_m: float
    cases: list[Case]
    view: View


def draw_resolution(rng: np.random.Generator) -> float:
    """Metres per pixel: mostly 0.14 to 0.5, as aerial imagery has; sometimes finer or coarser."""
    form = rng.random()
    low, high = (0.14, 0.5) if form < 0.86 else (0.1, 0.14) if form < 0.92 else (0.5, 1.2)
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def draw_world(
    rng: np.random.Generator,
    shape: tuple[int, int],
    resolution_m: float | None = None,
    layout: str | None = None,
) -> tuple[World, float]:
    """The world that a scene shows, not yet rendered, and its metres per pixel.

    Args:
        rng: fresh from the scene's seed; rendering goes on with it.
        shape: rows and columns of the picture.
        resolution_m: metres per pixel, 0.1 to 2; drawn at random if not given.
        layout: kind of place; drawn at random if not given.

    Raises:
        ConfigError: the resolution is out of range.
    """
    drawn = draw_resolution(rng)
    res = drawn if resolution_m is None else resolution_m
    if not MIN_RESOLUTION_M <= res <= MAX_RESOLUTION_M:
        raise ConfigError(f"A scene's resolution lies between 0.1 and 2 m per pixel, not at {res}.")
    rows, cols = shape
    return make_world(rng, cols * res, rows * res, layout), res


def generate(
    seed: int,
    size_px: int | tuple[int, int] = 256,
    resolution_m: float | None = None,
    phrases: int = 16,
    kind_weights: Mapping[str, float] | None = None,
    layout: str | None = None,
    typos: float = 0.02,
) -> Scene:
    """A scene; the same arguments give the same one.

    Args:
        seed: not negative.
        size_px: side of a square picture, or (rows, columns).
        resolution_m: metres per pixel, 0.1 to 2; drawn at random if not given.
        phrases: how many phrases, exactly.
        kind_weights: how often each kind of phrase is drawn; kinds left out do not occur.
        layout: kind of place; drawn at random if not given.
        typos: share of phrases with a typing error.

    Raises:
        ConfigError: an argument is out of range.
    """
    shape = (size_px, size_px) if isinstance(size_px, int) else size_px
    if min(shape) < 32:
        raise ConfigError("A scene has at least 32 pixels a side; choose a larger size.")
    rng = np.random.default_rng(seed)
    world, res = draw_world(rng, shape, resolution_m, layout)
    picture = render(world, rng, shape, res)
    view = look(world, picture, res)
    drafts = speak(view, rng, phrases, kind_weights, typos)
    masks: dict[tuple[int, ...], NDArray[np.bool_]] = {}
    for d in drafts:
        for ids in (d.targets, d.blind):
            if ids not in masks:
                masks[ids] = view.mask(ids)
    cases = [
        Case(d.text, d.kind, masks[d.targets], masks[d.blind], d.targets, d.among, d.anchors)
        for d in drafts
    ]
    return Scene(seed, picture.image, res, cases, view)
