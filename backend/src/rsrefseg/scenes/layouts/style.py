"""What the things of one scene have in common: region, season, roofs, ground, trees."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from rsrefseg.scenes.crowns import BARE, BROADLEAF, CONIFER, PALM
from rsrefseg.scenes.materials import ACCENTS, ROOF_BY_NAME, ROOF_STYLES, ROOFS, RoofPaint, jitter
from rsrefseg.scenes.world import Ground, Rgb, World

Rng = np.random.Generator

_GREENS: tuple[Rgb, ...] = (
    (52, 70, 42), (60, 76, 48), (46, 60, 40), (70, 82, 50), (40, 56, 42), (56, 66, 38),
)  # fmt: skip
_GRASS: tuple[Rgb, ...] = (
    (92, 108, 64), (104, 116, 74), (84, 102, 62), (122, 122, 84), (112, 110, 78), (78, 104, 56),
)  # fmt: skip
_WEEDS: tuple[Rgb, ...] = ((92, 112, 52), (78, 98, 50), (124, 120, 70), (142, 130, 86))
_DIRTS: tuple[Rgb, ...] = (
    (156, 138, 112), (170, 152, 124), (142, 122, 98), (178, 166, 146), (160, 126, 100),
)  # fmt: skip
_SANDS: tuple[Rgb, ...] = ((232, 230, 228), (214, 202, 182), (226, 218, 206), (198, 178, 148))
_WATERS: tuple[Rgb, ...] = (
    (34, 50, 56),
    (50, 68, 62),
    (26, 38, 42),
    (58, 84, 88),
    (72, 78, 60),
    (18, 24, 26),
    (44, 58, 44),
)

REGIONS: dict[str, float] = {
    "european": 0.22,
    "american": 0.28,
    "himalayan": 0.2,
    "northern": 0.1,
    "tin": 0.1,
    "desert": 0.1,
}


def chance(rng: Rng, p: float) -> bool:
    """True with probability p."""
    return bool(rng.random() < p)


def uniform(rng: Rng, low: float, high: float) -> float:
    """A number between two others."""
    return low + (high - low) * float(rng.random())


def one_of(rng: Rng, options: tuple[Rgb, ...]) -> Rgb:
    """One colour of several, a little varied."""
    return jitter(rng, options[int(rng.integers(len(options)))])


@dataclass(frozen=True)
class Style:
    """What one scene's things have in common; densities are relative to the usual."""

    region: str
    roofs: tuple[str, ...]
    flat: float
    accent: tuple[str, ...]
    accent_share: float
    grass: Rgb
    weeds: Rgb
    dirt: Rgb
    paving: Rgb
    asphalt: Rgb
    green: Rgb
    trees: float
    tree_kinds: tuple[int, ...]
    house_m: float
    plot_m: tuple[float, float]
    lawns: float
    walks: bool
    pools: float
    panels: float
    extras: dict[str, float] = field(default_factory=dict)


def draw_style(rng: Rng, region: str | None = None) -> Style:
    """A style at random."""
    if region is None:
        weights = np.array(list(REGIONS.values()))
        region = list(REGIONS)[int(rng.choice(len(weights), p=weights / weights.sum()))]
    winter = region in ("european", "northern") and chance(rng, 0.25)
    kinds = BARE + BARE + CONIFER + BROADLEAF[:3] if winter else BROADLEAF
    if region == "northern":
        kinds = kinds + CONIFER * 2
    if region == "desert" or (region == "american" and chance(rng, 0.3)):
        kinds = kinds + PALM * 3
    tone = uniform(rng, 84, 140)
    pale = uniform(rng, 150, 190)
    accent = list(ACCENTS.values())[int(rng.choice(len(ACCENTS), p=[0.46, 0.24, 0.1, 0.12, 0.08]))]
    return Style(
        region=region,
        roofs=ROOF_STYLES[region],
        flat={
            "european": 0.12,
            "american": 0.06,
            "himalayan": 0.82,
            "northern": 0.1,
            "tin": 0.35,
            "desert": 0.92,
        }[region],
        accent=accent,
        accent_share=float(rng.choice([0.0, 0.1, 0.24], p=[0.35, 0.4, 0.25])),
        grass=one_of(rng, _GRASS[3:5] if winter or region == "desert" else _GRASS),
        weeds=one_of(rng, _WEEDS),
        dirt=one_of(rng, _SANDS if region == "desert" else _DIRTS),
        paving=jitter(rng, (pale, pale * 0.97, pale * 0.92), 0.04),
        asphalt=jitter(rng, (tone, tone, tone * 1.01), 0.05, 0.012),
        green=jitter(rng, (108, 96, 80)) if winter and chance(rng, 0.6) else one_of(rng, _GREENS),
        trees=float(np.clip(rng.lognormal(0.1, 0.6), 0.15, 3.0))
        * (0.4 if region == "desert" else 1),
        tree_kinds=kinds,
        house_m=uniform(rng, 8, 13),
        plot_m=_plot_size(rng, region),
        lawns={
            "european": 0.9,
            "american": 0.85,
            "himalayan": 0.2,
            "northern": 0.95,
            "tin": 0.35,
            "desert": 0.12,
        }[region],
        walks=region in ("american", "european", "desert") and chance(rng, 0.7),
        pools={"american": 0.22, "european": 0.1, "desert": 0.2}.get(region, 0.0)
        * uniform(rng, 0, 2),
        panels=uniform(rng, 0, 0.22),
    )


def _plot_size(rng: Rng, region: str) -> tuple[float, float]:
    """Width along the street, and depth."""
    if region == "himalayan":
        return uniform(rng, 8, 15), uniform(rng, 12, 20)
    if region == "american":
        return uniform(rng, 13, 20), uniform(rng, 24, 36)
    return uniform(rng, 12, 22), uniform(rng, 20, 36)


def new_world(rng: Rng, style: Style, width_m: float, height_m: float) -> World:
    """An empty world on ground that suits the style."""
    if style.region == "desert":
        ground = Ground(style.dirt, "sand")
    elif chance(rng, style.lawns * 0.8):
        ground = Ground(style.grass, "meadow" if chance(rng, 0.5) else "grass")
    elif chance(rng, 0.75):
        ground = Ground(style.dirt, "dirt" if chance(rng, 0.7) else "rubble")
    else:
        ground = Ground(style.paving, "concrete")
    return World(width_m, height_m, ground)


def green_world(rng: Rng, style: Style, width_m: float, height_m: float) -> World:
    """An empty world on grass."""
    return World(width_m, height_m, Ground(style.grass, "grass" if chance(rng, 0.6) else "meadow"))


def paved_world(rng: Rng, style: Style, width_m: float, height_m: float) -> World:
    """An empty world on concrete or asphalt."""
    rgb = style.paving if chance(rng, 0.6) else style.asphalt
    return World(width_m, height_m, Ground(rgb, "concrete"))


def water_rgb(rng: Rng) -> Rgb:
    """The colour of a river, lake or sea."""
    return one_of(rng, _WATERS)


def pick_roof(rng: Rng, names: tuple[str, ...], flat: bool) -> RoofPaint:
    """A covering out of several that fits the roof's form, or any that fits."""
    fits = [ROOF_BY_NAME[n] for n in names]
    fits = [r for r in fits if (r.flat if flat else r.pitched)]
    if not fits:
        fits = [r for r in ROOFS if (r.flat if flat else r.pitched) and r.name != "glass"]
    return fits[int(rng.integers(len(fits)))]


def house_roof(rng: Rng, style: Style, flat: bool) -> RoofPaint:
    """A covering for a house: mostly the region's, sometimes the place's accent."""
    if chance(rng, style.accent_share):
        return pick_roof(rng, style.accent, flat)
    return pick_roof(rng, style.roofs, flat)
