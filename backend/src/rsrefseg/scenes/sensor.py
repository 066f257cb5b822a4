"""What happens between the ground and the file: optics, air, electronics, processing."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Sensor:
    """One camera and its processing.

    Attributes:
        blur_px: standard deviation of the optics' point spread.
        noise: grey levels.
        haze: share of air light.
        middle: grey level that the picture's middle brightness is brought to.
        hold: how far exposure is brought there, 0..1.
        contrast: slope around the middle.
        saturation: 1 leaves colours as they are.
        cast: gain of red, green and blue.
        sharpen: strength of unsharp masking.
        jpeg: quality, or None.
    """

    blur_px: float
    noise: float
    haze: float
    middle: float
    hold: float
    contrast: float
    saturation: float
    cast: tuple[float, float, float]
    sharpen: float
    jpeg: int | None


_COARSE_M = 0.45
"""Coarser pictures than this come from higher up: they are softer and hardly sharpened."""


def draw_sensor(rng: np.random.Generator, resolution_m: float = 0.3) -> Sensor:
    """A sensor at random: most are aerial cameras, some drones, some satellites."""
    warm, green = rng.normal() * 0.035 - 0.035, rng.normal() * 0.02
    sensor = Sensor(
        blur_px=float(rng.uniform(0.2, 0.62)),
        noise=float(rng.gamma(2.0, 0.9)),
        haze=float(max(0.0, rng.normal(0.02, 0.05))),
        middle=float(rng.uniform(88, 146)),
        hold=float(rng.uniform(0.3, 0.9)),
        contrast=float(rng.uniform(0.9, 1.35)),
        saturation=float(rng.uniform(0.55, 1.1)),
        cast=(float(1 + warm), float(1 + green), float(1 - warm)),
        sharpen=float(rng.uniform(0.3, 1.7)) if rng.random() < 0.65 else 0.0,
        jpeg=int(rng.integers(45, 96)) if rng.random() < 0.7 else None,
    )
    if resolution_m > _COARSE_M and rng.random() < 0.7:
        return replace(
            sensor,
            blur_px=float(rng.uniform(0.6, 1.1)), sharpen=0.3 * sensor.sharpen,
            contrast=min(sensor.contrast, 1.2),
        )  # fmt: skip
    if rng.random() < 0.15:
        return replace(
            sensor,
            blur_px=float(rng.uniform(0.5, 0.9)), sharpen=float(rng.uniform(0.8, 1.8)),
            contrast=float(rng.uniform(1.2, 1.6)), saturation=float(rng.uniform(0.45, 0.85)),
        )  # fmt: skip
    if rng.random() < 0.12:
        cold = (0.86 + 0.09 * rng.random(), 1.04, 0.94 + 0.1 * rng.random())
        return replace(sensor, cast=(float(cold[0]), cold[1], float(cold[2])))
    return sensor


def expose(rng: np.random.Generator, light: NDArray[np.float32], sensor: Sensor) -> Picture:
    """The picture as it is delivered: H,W,3 uint8."""
    out = cv2.GaussianBlur(light, (0, 0), sensor.blur_px)
    out = cv2.transform(out, _development(sensor, float(np.median(out[::4, ::4, 1]))))
    if sensor.sharpen:
        k = sensor.sharpen
        out = cv2.addWeighted(out, 1 + k, cv2.GaussianBlur(out, (0, 0), 0.9), -k, 0)
    if sensor.noise > 0.3:
        grain = rng.standard_normal(out.shape[:2], dtype=np.float32) * np.float32(sensor.noise)
        out += cv2.merge((grain, grain, grain))
    image = _toned(np.asarray(out, np.float32))
    if sensor.jpeg is not None:
        image = _compressed(image, sensor.jpeg)
    return image


def _development(sensor: Sensor, middle: float) -> NDArray[np.float64]:
    """All that is linear in colour at once, as a 3,4 matrix.

    These are saturation, cast, exposure, contrast around a pivot, and haze, in this order.

    Args:
        sensor: the camera and its processing.
        middle: brightness of the picture's middle.
    """
    gain = (sensor.middle / max(middle, 20.0)) ** sensor.hold
    vivid = sensor.saturation / max(sensor.contrast * gain, 0.5) ** 0.8
    mix = vivid * np.eye(3) + (1 - vivid) / 3
    clear = 1 - sensor.haze
    pivot = min(middle * gain, 130.0)
    slope = clear * sensor.contrast * gain * np.array(sensor.cast)
    level = clear * pivot * (1 - sensor.contrast) + 195 * sensor.haze
    return np.column_stack([slope[:, None] * mix, np.full(3, level)])


def _toned(light: NDArray[np.float32]) -> Picture:
    """Roll off highlights above 200 and shadows below 24, cut to 8 bits; changes `light`."""
    flat = light.reshape(-1)
    bright, dark = np.flatnonzero(flat > 200), np.flatnonzero(flat < 24)
    flat[bright] = 200 + 55 * np.tanh((flat[bright] - 200) / 70)
    flat[dark] = 24 * np.exp((np.maximum(flat[dark], -60) - 24) / 40)
    return light.astype(np.uint8)


def _compressed(image: Picture, quality: int) -> Picture:
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return image if decoded is None else np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB))


def seam(rng: np.random.Generator, image: Picture) -> Picture:
    """Two pictures joined along a line: one side a little brighter and of another colour."""
    rows, cols = image.shape[:2]
    angle, at = rng.uniform(0, np.pi), rng.uniform(-0.6, 0.6)
    yy, xx = np.mgrid[0:rows, 0:cols]
    side = (xx / cols - 0.5) * np.cos(angle) + (yy / rows - 0.5) * np.sin(angle) > 0.5 * at
    gain = 1 + rng.normal(size=3) * 0.04 + rng.normal() * 0.1
    other = np.clip(image * gain, 0, 255).astype(np.uint8)
    return np.where(side[..., None], other, image)


def missing(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """A corner or a strip of the picture that has no data."""
    rows, cols = shape
    angle, depth = rng.uniform(0, 2 * np.pi), rng.uniform(0.25, 0.45)
    yy, xx = np.mgrid[0:rows, 0:cols]
    away = (xx / cols - 0.5) * np.cos(angle) + (yy / rows - 0.5) * np.sin(angle)
    return np.asarray(away > depth)
