"""What happens between the ground and the file: optics, air, electronics, processing."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Sensor:
    """One camera and its processing, the same over a picture."""

    blur_px: float
    noise: float
    haze: float
    gain: float
    gamma: float
    saturation: float
    cast: tuple[float, float, float]
    sharpen: float
    jpeg: int | None


def draw_sensor(rng: np.random.Generator) -> Sensor:
    """A sensor at random, mostly a decent one."""
    return Sensor(
        blur_px=float(rng.uniform(0.25, 0.95)),
        noise=float(rng.gamma(2.0, 1.1)),
        haze=float(max(0.0, rng.normal(0.02, 0.05))),
        gain=float(rng.uniform(0.78, 1.18)),
        gamma=float(rng.uniform(0.85, 1.2)),
        saturation=float(rng.uniform(0.6, 1.1)),
        cast=(
            float(1 + rng.normal() * 0.03),
            float(1 + rng.normal() * 0.02),
            float(1 + rng.normal() * 0.04),
        ),
        sharpen=float(rng.uniform(0.2, 0.9)) if rng.random() < 0.3 else 0.0,
        jpeg=int(rng.integers(45, 96)) if rng.random() < 0.7 else None,
    )


def expose(
    rng: np.random.Generator, light: NDArray[np.float32], sensor: Sensor
) -> NDArray[np.uint8]:
    """The picture as it is delivered: H,W,3 uint8."""
    out = cv2.GaussianBlur(light, (0, 0), sensor.blur_px) if sensor.blur_px > 0.2 else light
    grey = out.mean(axis=2, keepdims=True)
    out = grey + (out - grey) * np.float32(sensor.saturation)
    out = out * (np.array(sensor.cast, np.float32) * np.float32(sensor.gain))
    out = out * np.float32(1 - sensor.haze) + np.float32(200 * sensor.haze)
    out = 255 * np.power(np.clip(out, 0, 255) / 255, np.float32(sensor.gamma), dtype=np.float32)
    if sensor.sharpen:
        out += (out - cv2.GaussianBlur(out, (0, 0), 1.2)) * np.float32(sensor.sharpen)
    if sensor.noise > 0.3:
        grain = rng.standard_normal(out.shape[:2], dtype=np.float32)[..., None]
        out = out + grain * np.float32(sensor.noise)
    image = np.clip(out, 0, 255).astype(np.uint8)
    if sensor.jpeg is not None:
        quality = [cv2.IMWRITE_JPEG_QUALITY, sensor.jpeg]
        _, data = cv2.imencode(".jpg", image[..., ::-1], quality)
        image = np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])
    return np.asarray(image, np.uint8)
