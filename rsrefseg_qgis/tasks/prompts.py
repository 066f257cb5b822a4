"""Clicks and a box that point at what a phrase means."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rsrefseg_qgis.layers.grid import Extent


@dataclass(frozen=True)
class Click:
    """A place in the raster's CRS that belongs to what is looked for, or does not."""

    x: float
    y: float
    inside: bool


@dataclass(frozen=True)
class Prompts:
    """What the user pointed at, in the raster's CRS.

    Attributes:
        clicks: in order.
        box: around the target; None for none.
    """

    clicks: tuple[Click, ...] = ()
    box: Extent | None = None

    def __bool__(self) -> bool:
        return bool(self.clicks) or self.box is not None

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        """As the engine takes them."""
        return tuple((click.x, click.y) for click in self.clicks)

    @property
    def point_labels(self) -> tuple[int, ...]:
        """As the engine takes them: 1 inside, 0 outside."""
        return tuple(int(click.inside) for click in self.clicks)

    def clicked(self, x: float, y: float, inside: bool) -> Prompts:
        """With another click."""
        return replace(self, clicks=(*self.clicks, Click(x, y, inside)))

    def boxed(self, box: Extent) -> Prompts:
        """With a box, in place of an earlier one."""
        return replace(self, box=box)
