"""From a world to a picture, and to the entity that each pixel shows."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from rsrefseg.scenes import noise
from rsrefseg.scenes.canvas import Canvas
from rsrefseg.scenes.light import Sun, leaf_relief, lit, shadows, textured
from rsrefseg.scenes.materials import TEXTURE_INDEX
from rsrefseg.scenes.painters import DECOR_LEVELS, LEVELS, PAINTERS, paint_area
from rsrefseg.scenes.sensor import draw_sensor, expose
from rsrefseg.scenes.world import Decor, Entity, World


@dataclass(frozen=True)
class Picture:
    """A rendered world.

    Attributes:
        image: H,W,3 uint8 RGB.
        ids: H,W int32; the entity seen in each pixel, 0 for bare ground.
    """

    image: NDArray[np.uint8]
    ids: NDArray[np.int32]


def draw_sun(rng: np.random.Generator) -> Sun:
    """A sun at random: never from straight above, mostly from one half of the sky."""
    azimuth = rng.uniform(0, 2 * np.pi)
    return Sun(float(np.cos(azimuth)), float(np.sin(azimuth)), float(rng.uniform(0.45, 1.15)))


def _order(world: World) -> list[Entity | Decor]:
    keyed: list[tuple[float, float, int, Entity | Decor]] = []
    for i, e in enumerate(world.entities):
        keyed.append((LEVELS[e.cls], e.height_m if e.cls != "tree" else 0.0, i, e))
    for i, d in enumerate(world.decor):
        keyed.append((DECOR_LEVELS[d.level], d.height_m, i, d))
    keyed.sort(key=lambda k: k[:3])
    return [k[3] for k in keyed]


def _paint(canvas: Canvas, world: World, sun: Sun) -> None:
    vector = sun.vector
    for thing in _order(world):
        if isinstance(thing, Decor):
            outline = thing.outline
            if thing.height_m:
                outline = outline + np.array(canvas.lean) * thing.height_m
            canvas.fill(outline, thing.rgb, thing.texture, thing.owner, thing.height_m or None)
        else:
            PAINTERS.get(thing.cls, paint_area)(canvas, thing, vector)


def render(
    world: World,
    rng: np.random.Generator,
    shape: tuple[int, int],
    resolution_m: float,
    supersample: int = 2,
) -> Picture:
    """Paint finely, then light and photograph at the picture's own resolution."""
    rows, cols = shape
    sun = draw_sun(rng)
    lean = (0.0, 0.0)
    if rng.random() < 0.35:
        turn, amount = rng.uniform(0, 2 * np.pi), abs(rng.normal()) * 0.12
        lean = (float(np.cos(turn) * amount), float(np.sin(turn) * amount))
    canvas = Canvas.blank(
        rows * supersample, cols * supersample, supersample / resolution_m,
        world.ground.rgb, world.ground.texture,
    )  # fmt: skip
    canvas.lean = lean
    _paint(canvas, world, sun)
    pick = supersample // 2
    ids = np.ascontiguousarray(canvas.ids[pick::supersample, pick::supersample])
    height = np.ascontiguousarray(canvas.height[pick::supersample, pick::supersample])
    index = np.ascontiguousarray(canvas.paint[pick::supersample, pick::supersample, 3])
    albedo = cv2.resize(
        canvas.paint[..., :3].copy(), (cols, rows), interpolation=cv2.INTER_AREA
    ).astype(np.float32)
    forest = index == TEXTURE_INDEX["forest"]
    if forest.any():
        crowns = noise.canopy(rng, shape, float(rng.uniform(4, 9)) / resolution_m)
        height += forest * crowns * np.float32(9.0)
        albedo *= np.where(forest, 0.62 + 0.45 * crowns, np.float32(1))[..., None]
    light = textured(rng, albedo, index, resolution_m)
    light *= leaf_relief(height, index, sun, resolution_m)[..., None]
    shade = shadows(height, sun, resolution_m)
    light = lit(light, shade, float(rng.uniform(0.32, 0.6)), float(rng.uniform(0.0, 0.12)))
    return Picture(expose(rng, light, draw_sensor(rng)), ids)
