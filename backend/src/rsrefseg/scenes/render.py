"""From a world to a picture, and to the entity that each pixel shows."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from rsrefseg.scenes.canvas import Canvas
from rsrefseg.scenes.light import (
    Sun,
    draw_sun,
    grow_forest,
    leaf_relief,
    lit,
    shadows,
    textured,
)  # fmt: skip
from rsrefseg.scenes.painters import PAINTERS, paint_area, paint_decor, painting_order
from rsrefseg.scenes.sensor import Sensor, draw_sensor, expose, missing, seam
from rsrefseg.scenes.world import Decor, World

_SEAMS, _NODATA, _LEANING = 0.05, 0.03, 0.35

# Freed at once: from then on glibc keeps what is freed, up to this size, for the next scene,
# instead of handing each array back to the system and faulting its pages in again.
np.empty(16 << 20, np.uint8)


@dataclass(frozen=True)
class Picture:
    """A rendered world.

    Attributes:
        image: H,W,3 uint8 RGB.
        ids: H,W int32; the entity seen in each pixel, 0 for bare ground and for no data.
        texture: H,W uint8; the surface seen in each pixel, see `TEXTURE_INDEX`.
        valid: H,W bool; False where there is no data.
    """

    image: NDArray[np.uint8]
    ids: NDArray[np.int32]
    texture: NDArray[np.uint8]
    valid: NDArray[np.bool_]


@dataclass(frozen=True)
class Conditions:
    """How a world is lit and photographed.

    Attributes:
        sun: where the sun stands.
        lean: metres that a point moves in the picture per metre of height.
        ambient: share of the light that shadows keep.
        sky: how blue shadows are.
        sensor: the camera.
        flaws: whether seams and missing data may occur.
    """

    sun: Sun
    lean: tuple[float, float]
    ambient: float
    sky: float
    sensor: Sensor
    flaws: bool = True


def draw_conditions(rng: np.random.Generator, resolution_m: float) -> Conditions:
    """Conditions at random."""
    sun = draw_sun(rng)
    lean = (0.0, 0.0)
    if rng.random() < _LEANING:
        turn, amount = rng.uniform(0, 2 * np.pi), abs(rng.normal()) * 0.12
        lean = (float(np.cos(turn) * amount), float(np.sin(turn) * amount))
    ambient, sky = float(rng.uniform(0.26, 0.55)), float(rng.uniform(0.0, 0.14))
    return Conditions(sun, lean, ambient, sky, draw_sensor(rng, resolution_m))


def _paint(canvas: Canvas, world: World, sun: Sun) -> None:
    vector = sun.vector
    for thing in painting_order(world):
        if isinstance(thing, Decor):
            paint_decor(canvas, thing)
        else:
            PAINTERS.get(thing.cls, paint_area)(canvas, thing, vector)


def render(
    world: World,
    rng: np.random.Generator,
    shape: tuple[int, int],
    resolution_m: float,
    conditions: Conditions | None = None,
    supersample: int = 2,
) -> Picture:
    """Paint finely, then light and photograph at the picture's own resolution."""
    rows, cols = shape
    how = conditions or draw_conditions(rng, resolution_m)
    scale = supersample / resolution_m
    ground = world.ground
    canvas = Canvas.blank(rows * supersample, cols * supersample, scale, ground.rgb, ground.texture)
    canvas.lean = how.lean
    _paint(canvas, world, how.sun)
    pick = np.s_[supersample // 2 :: supersample, supersample // 2 :: supersample]
    ids = np.ascontiguousarray(canvas.ids[pick])
    height = np.ascontiguousarray(canvas.height[pick])
    index = np.ascontiguousarray(canvas.paint[..., 3][pick])
    small = cv2.resize(canvas.paint, (cols, rows), interpolation=cv2.INTER_AREA)
    bands = np.stack(cv2.split(small)[:3], dtype=np.float32)
    grow_forest(rng, bands, height, index, resolution_m)
    textured(rng, bands, index, resolution_m)
    relief = leaf_relief(height, index, how.sun, resolution_m)
    if relief is not None:
        bands *= relief
    light = lit(bands, shadows(height, how.sun, resolution_m), how.ambient, how.sky)
    image = expose(rng, light, how.sensor)
    valid = np.ones(shape, bool)
    if how.flaws and rng.random() < _SEAMS:
        image = seam(rng, image)
    if how.flaws and rng.random() < _NODATA:
        valid = ~missing(rng, shape)
        image[~valid] = 0 if rng.random() < 0.7 else 255
        ids[~valid] = 0
    return Picture(image, ids, index, valid)
