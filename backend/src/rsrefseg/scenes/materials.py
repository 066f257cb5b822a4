"""Colours of surfaces as they look from above, and how rough they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rsrefseg.scenes.world import Rgb


@dataclass(frozen=True)
class Texture:
    """Relative brightness noise at four grain sizes, and patches of a second colour."""

    fine: float = 0.0  # one pixel
    small: float = 0.0  # 0.8 m
    middle: float = 0.0  # 4 m
    coarse: float = 0.0  # 18 m
    patch_rgb: Rgb | None = None
    patch: float = 0.0
    tint: float = 0.0  # colour (not brightness) variation


TEXTURES: dict[str, Texture] = {
    "plain": Texture(0.015),
    "roof": Texture(0.03, 0.05, 0.03),
    "old_roof": Texture(0.05, 0.10, 0.10, 0.0, (120, 112, 100), 0.25, 0.02),
    "rust": Texture(0.04, 0.10, 0.16, 0.0, (118, 74, 52), 0.55, 0.03),
    "asphalt": Texture(0.04, 0.03, 0.04, 0.05),
    "concrete": Texture(0.03, 0.04, 0.05, 0.05, (150, 142, 128), 0.15),
    "dirt": Texture(0.05, 0.08, 0.10, 0.08, (120, 100, 76), 0.35, 0.03),
    "sand": Texture(0.03, 0.03, 0.05, 0.06, (214, 200, 176), 0.3, 0.01),
    "grass": Texture(0.07, 0.10, 0.10, 0.10, (132, 122, 84), 0.35, 0.03),
    "meadow": Texture(0.07, 0.12, 0.14, 0.14, (126, 116, 76), 0.5, 0.04),
    "crop": Texture(0.05, 0.05, 0.05, 0.07, (120, 112, 70), 0.2, 0.02),
    "leaves": Texture(0.10, 0.22, 0.10, 0.04, None, 0.0, 0.05),
    "forest": Texture(0.10, 0.16, 0.14, 0.08, (88, 92, 48), 0.25, 0.05),
    "water": Texture(0.012, 0.015, 0.02, 0.05, None, 0.0, 0.01),
    "pool": Texture(0.03, 0.05, 0.02),
    "rock": Texture(0.08, 0.16, 0.14, 0.10, (150, 140, 125), 0.3),
}
TEXTURE_INDEX = {name: i for i, name in enumerate(TEXTURES)}


@dataclass(frozen=True)
class RoofPaint:
    """A roof covering: its albedo, texture, and how it likes to be used."""

    name: str
    rgb: Rgb
    texture: str
    material: str | None = None
    pitched: bool = True
    flat: bool = True
    stripe_m: float = 0.0


ROOFS: tuple[RoofPaint, ...] = (
    RoofPaint("terracotta", (166, 92, 70), "roof", "tile", flat=False, stripe_m=0.35),
    RoofPaint("old_tile", (140, 100, 84), "old_roof", "tile", flat=False, stripe_m=0.35),
    RoofPaint("red_tile", (164, 70, 58), "roof", "tile", flat=False, stripe_m=0.35),
    RoofPaint("orange_tile", (186, 118, 80), "roof", "tile", flat=False, stripe_m=0.35),
    RoofPaint("brown_tile", (112, 88, 72), "roof", "tile", flat=False, stripe_m=0.35),
    RoofPaint("slate", (84, 88, 94), "roof", "slate", flat=False),
    RoofPaint("dark_shingle", (70, 66, 64), "roof", None, flat=False),
    RoofPaint("grey_shingle", (128, 124, 120), "roof", None, flat=False),
    RoofPaint("tan_shingle", (158, 140, 120), "roof", None, flat=False),
    RoofPaint("rusty_tin", (132, 96, 76), "rust", "metal", stripe_m=0.8),
    RoofPaint("red_metal", (158, 62, 56), "roof", "metal", stripe_m=0.8),
    RoofPaint("blue_metal", (66, 112, 170), "roof", "metal", stripe_m=0.8),
    RoofPaint("green_metal", (84, 126, 96), "roof", "metal", stripe_m=0.8),
    RoofPaint("grey_metal", (156, 162, 166), "roof", "metal", stripe_m=0.8),
    RoofPaint("concrete", (158, 154, 146), "concrete", "concrete", pitched=False),
    RoofPaint("old_concrete", (132, 128, 120), "old_roof", "concrete", pitched=False),
    RoofPaint("sand_concrete", (190, 176, 150), "concrete", "concrete", pitched=False),
    RoofPaint("bitumen", (76, 76, 78), "concrete", "bitumen", pitched=False),
    RoofPaint("gravel", (142, 138, 132), "concrete", "gravel", pitched=False),
    RoofPaint("membrane", (218, 218, 214), "plain", None, pitched=False),
)
ROOF_BY_NAME = {r.name: r for r in ROOFS}

ROOF_STYLES: tuple[tuple[str, ...], ...] = (
    ("terracotta", "old_tile", "red_tile", "slate", "bitumen", "brown_tile"),
    ("grey_shingle", "tan_shingle", "dark_shingle", "brown_tile", "orange_tile", "membrane"),
    ("concrete", "old_concrete", "rusty_tin", "blue_metal", "red_metal", "sand_concrete"),
    ("slate", "red_tile", "grey_metal", "dark_shingle", "terracotta"),
    ("rusty_tin", "grey_metal", "blue_metal", "red_metal", "green_metal", "old_concrete"),
    ("membrane", "grey_metal", "bitumen", "gravel", "blue_metal", "red_metal"),
    ("sand_concrete", "membrane", "concrete", "red_tile", "brown_tile"),
)

CAR_PAINTS: tuple[tuple[Rgb, float], ...] = (
    ((232, 232, 230), 0.30),
    ((176, 178, 180), 0.14),
    ((110, 112, 116), 0.12),
    ((34, 35, 38), 0.18),
    ((176, 34, 34), 0.09),
    ((38, 72, 150), 0.09),
    ((196, 186, 160), 0.03),
    ((30, 96, 62), 0.02),
    ((226, 188, 40), 0.03),
)


def jitter(rng: np.random.Generator, rgb: Rgb, light: float = 0.08, hue: float = 0.03) -> Rgb:
    """The same paint a little lighter or darker, and a little off in colour."""
    draws = rng.standard_normal(4)
    k = 1 + float(draws[0]) * light
    r, g, b = (
        min(max(c * k * (1 + float(d) * hue), 4.0), 250.0)
        for c, d in zip(rgb, draws[1:], strict=True)
    )
    return r, g, b


def car_paint(rng: np.random.Generator) -> Rgb:
    """A car colour, as often as on the road."""
    weights = np.array([w for _, w in CAR_PAINTS])
    return jitter(rng, CAR_PAINTS[int(rng.choice(len(weights), p=weights / weights.sum()))][0])
