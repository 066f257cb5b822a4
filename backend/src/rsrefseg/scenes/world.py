"""The scene graph: what stands where, in metres, before anything is drawn."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from rsrefseg.scenes.geometry import Points, rectangle

Roof = Literal["flat", "gable", "hip", "shed", "dome"]
Rgb = tuple[float, float, float]
"""Albedo, 0..255."""


@dataclass(frozen=True)
class Wing:
    """One rectangular part of a building, with its own roof."""

    cx: float
    cy: float
    length: float
    width: float
    angle: float
    roof: Roof
    eave_m: float
    pitch: float = 0.5


@dataclass(eq=False)
class Entity:
    """One thing that a phrase can name, or a part of one (`part_of`)."""

    id: int
    cls: str
    outline: Points
    rgb: Rgb
    texture: str = "plain"
    height_m: float = 0.0
    wings: tuple[Wing, ...] = ()
    axis: Points | None = None
    width_m: float = 0.0
    length_m: float = 0.0
    angle: float = 0.0
    part_of: int | None = None
    shape: str | None = None
    material: str | None = None
    covering: str | None = None
    has: set[str] = field(default_factory=set)
    style: dict[str, float] = field(default_factory=dict)

    @cached_property
    def centre(self) -> tuple[float, float]:
        """The middle of the bounding box of the outline."""
        x, y = self.outline.T.tolist()
        return (min(x) + max(x)) / 2, (min(y) + max(y)) / 2


@dataclass(eq=False)
class Decor:
    """Paint without a name: markings, yards, clutter, roof details; a line if `line_m` is set."""

    outline: Points
    rgb: Rgb
    texture: str = "plain"
    level: str = "ground"
    owner: int | None = None
    height_m: float = 0.0
    line_m: float = 0.0


@dataclass(frozen=True)
class Ground:
    """The surface under everything else."""

    rgb: Rgb
    texture: str


class World:
    """All entities of a scene, and which ground is taken."""

    CELL_M = 0.5
    MARGIN_M = 12.0

    def __init__(self, width_m: float, height_m: float, ground: Ground) -> None:
        self.width_m = width_m
        self.height_m = height_m
        self.ground = ground
        self.entities: list[Entity] = []
        self.decor: list[Decor] = []
        cols = int((width_m + 2 * self.MARGIN_M) / self.CELL_M) + 2
        rows = int((height_m + 2 * self.MARGIN_M) / self.CELL_M) + 2
        self._taken: NDArray[np.uint8] = np.zeros((rows, cols), np.uint8)
        self._occupied: NDArray[np.uint8] = np.zeros((rows, cols), np.uint8)

    def add(self, cls: str, outline: Points, rgb: Rgb, **fields: Any) -> Entity:
        """Put a new entity into the world and return it."""
        entity = Entity(len(self.entities) + 1, cls, outline, rgb, **fields)
        self.entities.append(entity)
        return entity

    def paint(self, outline: Points, rgb: Rgb, **fields: Any) -> None:
        """Add paint that has no name."""
        self.decor.append(Decor(outline, rgb, **fields))

    def of(self, *classes: str) -> list[Entity]:
        """All entities of the given classes, oldest first."""
        return [e for e in self.entities if e.cls in classes]

    def free_at(self, x: float, y: float) -> bool:
        """Whether one point's ground is free."""
        col = int((x + self.MARGIN_M) / self.CELL_M)
        row = int((y + self.MARGIN_M) / self.CELL_M)
        rows, cols = self._taken.shape
        return 0 <= row < rows and 0 <= col < cols and not self._taken[row, col]

    def _cells(self, outline: Points) -> NDArray[np.int32]:
        return np.rint((outline + self.MARGIN_M) / self.CELL_M).astype(np.int32)

    def take(self, outline: Points) -> None:
        """Mark the ground under a polygon as taken."""
        cv2.fillPoly(self._taken, [self._cells(outline)], 1)

    def take_square(self, x: float, y: float, side_m: float) -> None:
        """Mark a square along the axes as taken; the same as `take` of its corners, but faster."""
        x0, x1, y0, y1 = (
            round((at + k * side_m + self.MARGIN_M) / self.CELL_M)
            for at in (x, y) for k in (-0.5, 0.5)
        )  # fmt: skip
        self._taken[max(y0, 0) : max(y1 + 1, 0), max(x0, 0) : max(x1 + 1, 0)] = 1

    def free(self, outline: Points, share: float = 0.0) -> bool:
        """Whether at most `share` of the ground under a polygon is taken."""
        return self._open(self._taken, outline, share)

    def occupy(self, outline: Points) -> bool:
        """Stand on ground that may be taken, such as a road, but where nothing stands yet."""
        if not self._open(self._occupied, outline, 0.0):
            return False
        cv2.fillPoly(self._occupied, [self._cells(outline)], 1)
        return True

    def _open(self, grid: NDArray[np.uint8], outline: Points, share: float) -> bool:
        cells = self._cells(outline)
        rows, cols = grid.shape
        left, top, width, height = cv2.boundingRect(cells)
        x0, y0 = max(left, 0), max(top, 0)
        x1, y1 = min(left + width, cols), min(top + height, rows)
        if x0 >= x1 or y0 >= y1:
            return False
        window = grid[y0:y1, x0:x1]
        if not cv2.hasNonZero(window):
            return True
        mask = np.zeros(window.shape, np.uint8)
        cv2.fillPoly(mask, [cells], 1, offset=(-x0, -y0))
        taken = cv2.countNonZero(mask & window)
        return taken == 0 or taken <= share * cv2.countNonZero(mask)

    def in_view(self, x: float, y: float, margin_m: float = 0.0) -> bool:
        """Whether a point lies in the picture, or within a margin around it."""
        return (
            -margin_m <= x <= self.width_m + margin_m and -margin_m <= y <= self.height_m + margin_m
        )

    def claim(self, outline: Points) -> bool:
        """Take the ground under a polygon if all of it is free."""
        if not self.free(outline):
            return False
        self.take(outline)
        return True


def wing_outline(wing: Wing, grow_m: float = 0.0) -> Points:
    """The footprint of a wing."""
    return rectangle(
        wing.cx, wing.cy, wing.length + 2 * grow_m, wing.width + 2 * grow_m, wing.angle
    )
