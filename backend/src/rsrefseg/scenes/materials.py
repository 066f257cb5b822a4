"""Surfaces as they look from above: how rough they are, and how paints vary."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rsrefseg.scenes.world import Rgb


@dataclass(frozen=True)
class Texture:
    """Relative brightness noise at four grain sizes, and patches of a second colour.

    Attributes:
        fine: grain of 0.25 m, or of one pixel.
        small: of 0.8 m.
        middle: of 4 m.
        coarse: of 18 m.
        patch_rgb: what shows where the surface is worn, dry or wet.
        patch: how much of it at most.
        tint: variation of colour rather than brightness.
    """

    fine: float = 0.0
    small: float = 0.0
    middle: float = 0.0
    coarse: float = 0.0
    patch_rgb: Rgb | None = None
    patch: float = 0.0
    tint: float = 0.0


TEXTURES: dict[str, Texture] = {
    "plain": Texture(0.015),
    "roof": Texture(0.035, 0.035, 0.02, 0.0, (128, 122, 112), 0.12),
    "old_roof": Texture(0.06, 0.07, 0.04, 0.02, (108, 102, 94), 0.25, 0.012),
    "rust": Texture(0.055, 0.06, 0.04, 0.0, (116, 82, 62), 0.25, 0.015),
    "asphalt": Texture(0.03, 0.022, 0.02, 0.035, (136, 132, 124), 0.2),
    "concrete": Texture(0.032, 0.032, 0.025, 0.035, (138, 130, 118), 0.25),
    "dirt": Texture(0.06, 0.06, 0.045, 0.07, (122, 108, 88), 0.45, 0.012),
    "sand": Texture(0.03, 0.022, 0.03, 0.05, (200, 190, 172), 0.35, 0.006),
    "rubble": Texture(0.16, 0.17, 0.08, 0.05, (92, 86, 78), 0.6, 0.02),
    "grass": Texture(0.06, 0.06, 0.05, 0.06, (126, 120, 86), 0.4, 0.02),
    "meadow": Texture(0.085, 0.09, 0.07, 0.07, (134, 122, 88), 0.65, 0.025),
    "weeds": Texture(0.14, 0.17, 0.10, 0.06, (128, 116, 88), 0.8, 0.04),
    "crop": Texture(0.06, 0.05, 0.03, 0.05, (120, 112, 74), 0.25, 0.012),
    "leaves": Texture(0.13, 0.15, 0.06, 0.03, None, 0.0, 0.03),
    "forest": Texture(0.13, 0.15, 0.08, 0.08, (84, 90, 50), 0.3, 0.04),
    "water": Texture(0.012, 0.014, 0.01, 0.04, None, 0.0, 0.006),
    "pool": Texture(0.02, 0.035, 0.02),
    "rock": Texture(0.09, 0.10, 0.06, 0.06, (150, 140, 125), 0.3),
    "gravel": Texture(0.08, 0.06, 0.035, 0.04, (120, 114, 104), 0.25),
}
TEXTURE_INDEX = {name: i for i, name in enumerate(TEXTURES)}
VEGETATED = frozenset({"grass", "meadow", "weeds", "leaves", "forest"})
BARE = frozenset({"dirt", "sand", "rock", "rubble"})


@dataclass(frozen=True)
class Sheets:
    """The pieces that a roof is covered with: tiles, shingles, sheets of metal, strips.

    Attributes:
        along_m: their width along the ridge.
        across_m: their length down the slope.
        spread: standard deviation of their brightness.
        stain_rgb: what some of them have turned into.
        stain: how much of that they have taken on at most.
    """

    along_m: float
    across_m: float
    spread: float
    stain_rgb: Rgb = (120, 116, 108)
    stain: float = 0.0


_TILES = Sheets(0.5, 0.4, 0.05, (96, 88, 78), 0.18)
_OLD_TILES = Sheets(0.5, 0.4, 0.09, (84, 76, 68), 0.4)
_SHINGLES = Sheets(0.9, 0.3, 0.035)
_METAL = Sheets(0.9, 4.5, 0.03)
_OLD_METAL = Sheets(0.8, 3.2, 0.07, (172, 162, 150), 0.35)
_ZINC = Sheets(0.8, 2.6, 0.09, (142, 88, 64), 0.75)
_RUST = Sheets(0.8, 2.6, 0.10, (166, 150, 138), 0.6)
_STRIPS = Sheets(14.0, 1.1, 0.02)
_SLABS = Sheets(3.6, 4.2, 0.025, (118, 112, 104), 0.12)
_PANES = Sheets(1.2, 2.4, 0.06)


@dataclass(frozen=True)
class RoofPaint:
    """A roof covering: its albedo, texture, and the roofs that it is used on."""

    name: str
    rgb: Rgb
    texture: str
    material: str | None = None
    pitched: bool = True
    flat: bool = True
    sheets: Sheets | None = None


ROOFS: tuple[RoofPaint, ...] = (
    RoofPaint("terracotta", (160, 98, 76), "old_roof", "tile", flat=False, sheets=_OLD_TILES),
    RoofPaint("old_tile", (132, 100, 86), "old_roof", "tile", flat=False, sheets=_OLD_TILES),
    RoofPaint("red_tile", (152, 74, 60), "roof", "tile", flat=False, sheets=_TILES),
    RoofPaint("orange_tile", (178, 122, 88), "roof", "tile", flat=False, sheets=_TILES),
    RoofPaint("pale_tile", (186, 152, 128), "roof", "tile", flat=False, sheets=_TILES),
    RoofPaint("brown_tile", (108, 88, 74), "roof", "tile", flat=False, sheets=_TILES),
    RoofPaint("slate", (82, 86, 92), "roof", "slate", flat=False, sheets=_SHINGLES),
    RoofPaint("dark_shingle", (72, 68, 66), "roof", "shingle", flat=False, sheets=_SHINGLES),
    RoofPaint("grey_shingle", (126, 123, 120), "roof", "shingle", flat=False, sheets=_SHINGLES),
    RoofPaint("brown_shingle", (112, 100, 90), "roof", "shingle", flat=False, sheets=_SHINGLES),
    RoofPaint("tan_shingle", (156, 142, 124), "roof", "shingle", flat=False, sheets=_SHINGLES),
    RoofPaint("light_shingle", (176, 172, 166), "roof", "shingle", flat=False, sheets=_SHINGLES),
    RoofPaint("rusty_tin", (134, 104, 86), "rust", "metal", sheets=_RUST),
    RoofPaint("dull_tin", (148, 148, 146), "rust", "metal", sheets=_ZINC),
    RoofPaint("red_metal", (150, 72, 62), "roof", "metal", sheets=_METAL),
    RoofPaint("faded_red_metal", (166, 106, 92), "old_roof", "metal", sheets=_OLD_METAL),
    RoofPaint("blue_metal", (80, 118, 164), "roof", "metal", sheets=_METAL),
    RoofPaint("green_metal", (92, 122, 100), "roof", "metal", sheets=_METAL),
    RoofPaint("grey_metal", (160, 165, 168), "roof", "metal", sheets=_METAL),
    RoofPaint("concrete", (160, 156, 148), "concrete", "concrete", False, sheets=_SLABS),
    RoofPaint("old_concrete", (134, 130, 122), "old_roof", "concrete", False, sheets=_SLABS),
    RoofPaint("dark_concrete", (104, 100, 96), "old_roof", "concrete", False, sheets=_SLABS),
    RoofPaint("sand_concrete", (196, 184, 160), "concrete", "concrete", False, sheets=_SLABS),
    RoofPaint("clay_floor", (172, 132, 106), "concrete", "concrete", False, sheets=_SLABS),
    RoofPaint("bitumen", (78, 78, 80), "concrete", "bitumen", pitched=False, sheets=_STRIPS),
    RoofPaint("gravel", (144, 141, 135), "gravel", "gravel", pitched=False),
    RoofPaint("membrane", (222, 222, 218), "plain", "membrane", False, sheets=_STRIPS),
    RoofPaint("grey_membrane", (182, 182, 180), "concrete", "membrane", False, sheets=_STRIPS),
    RoofPaint("glass", (150, 168, 166), "plain", "glass", flat=False, sheets=_PANES),
)
ROOF_BY_NAME = {r.name: r for r in ROOFS}

ROOF_STYLES: dict[str, tuple[str, ...]] = {
    "european": (
        "terracotta", "old_tile", "old_tile", "red_tile", "slate", "brown_tile", "brown_tile",
        "pale_tile", "bitumen", "gravel", "grey_membrane",
    ),
    "american": (
        "grey_shingle", "grey_shingle", "brown_shingle", "tan_shingle", "dark_shingle",
        "light_shingle", "orange_tile", "terracotta", "membrane", "gravel",
    ),
    "himalayan": (
        "concrete", "old_concrete", "old_concrete", "dark_concrete", "clay_floor", "rusty_tin",
        "dull_tin", "blue_metal", "red_metal", "faded_red_metal", "sand_concrete",
    ),
    "northern": ("slate", "red_tile", "grey_metal", "dark_shingle", "brown_tile", "bitumen"),
    "tin": (
        "rusty_tin", "rusty_tin", "dull_tin", "grey_metal", "blue_metal", "red_metal",
        "faded_red_metal", "green_metal", "old_concrete",
    ),
    "desert": ("sand_concrete", "sand_concrete", "membrane", "concrete", "pale_tile", "clay_floor"),
    "halls": (
        "membrane", "grey_membrane", "grey_metal", "dull_tin", "gravel", "bitumen", "blue_metal",
        "red_metal", "rusty_tin", "green_metal",
    ),
}  # fmt: skip
ACCENTS = {
    "red": ("red_tile", "red_metal"), "blue": ("blue_metal",), "green": ("green_metal",),
    "white": ("membrane", "light_shingle"), "brown": ("brown_tile", "clay_floor"),
}  # fmt: skip

CAR_PAINTS: tuple[tuple[Rgb, float], ...] = (
    ((232, 232, 230), 0.28),
    ((178, 180, 182), 0.16),
    ((112, 114, 118), 0.14),
    ((34, 35, 38), 0.19),
    ((150, 40, 38), 0.055),
    ((44, 70, 124), 0.06),
    ((196, 186, 160), 0.03),
    ((30, 92, 62), 0.015),
    ((226, 188, 40), 0.025),
)

_CAR_SHARES = np.array([w for _, w in CAR_PAINTS]) / sum(w for _, w in CAR_PAINTS)


def jitter(rng: np.random.Generator, rgb: Rgb, light: float = 0.08, hue: float = 0.015) -> Rgb:
    """The same paint a little lighter or darker, and a little off in colour."""
    draws: list[float] = rng.standard_normal(4).tolist()
    k = 1 + draws[0] * light
    return (
        min(max(rgb[0] * k * (1 + draws[1] * hue), 4.0), 250.0),
        min(max(rgb[1] * k * (1 + draws[2] * hue), 4.0), 250.0),
        min(max(rgb[2] * k * (1 + draws[3] * hue), 4.0), 250.0),
    )


def car_paint(rng: np.random.Generator) -> Rgb:
    """A car colour, as often as on the road."""
    return jitter(rng, CAR_PAINTS[int(rng.choice(len(CAR_PAINTS), p=_CAR_SHARES))][0])
