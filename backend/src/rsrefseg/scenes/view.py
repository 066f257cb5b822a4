"""What can be seen of each entity: its pixels, place, size and colour in the picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from rsrefseg.scenes.colours import colour_words
from rsrefseg.scenes.geometry import area
from rsrefseg.scenes.materials import BARE, TEXTURES, VEGETATED
from rsrefseg.scenes.render import Picture
from rsrefseg.scenes.taxonomy import COLOURED, IS_A, LINES
from rsrefseg.scenes.world import Entity, World

MIN_PX = 12
"""Fewer pixels than this are too little to be counted."""
MIN_SINGLE_PX = 40
"""Fewer pixels than this are too little to be asked for by themselves."""
_MIN_COLOUR_PX = 4
T = TypeVar("T")

_MIN_COVER, _MAX_COVER = 0.04, 0.92
_IS_GREEN = np.array([name in VEGETATED for name in TEXTURES])
_IS_BARE = np.array([name in BARE for name in TEXTURES])


@dataclass(frozen=True, eq=False)
class Seen:
    """One entity as the picture shows it; lengths are in pixels unless named otherwise."""

    entity: Entity
    pixels: int
    cx: float
    cy: float
    x0: int
    y0: int
    x1: int
    y1: int
    cut: bool
    shown: float
    size: float
    sure: frozenset[str] = frozenset()
    maybe: frozenset[str] = frozenset()

    @property
    def id(self) -> int:
        """The entity's id."""
        return self.entity.id

    @property
    def clear(self) -> bool:
        """Whether enough of it can be seen for anyone to count it; long things run on outside."""
        return self.pixels >= MIN_PX and (self.shown > 0.5 or self.entity.cls in LINES)

    @property
    def distinct(self) -> bool:
        """Whether it can be seen well enough to be asked for by itself."""
        return self.clear and self.pixels >= MIN_SINGLE_PX


@dataclass
class View:
    """All entities that a picture shows.

    Attributes:
        ids: H,W int32; the entity of each pixel, parts counted as the thing they belong to.
        parts: H,W int32; the entity of each pixel itself.
        seen: by entity id.
        layers: land cover that is no entity, by an id above those of all entities.
    """

    world: World
    ids: NDArray[np.int32]
    parts: NDArray[np.int32]
    resolution_m: float
    seen: dict[int, Seen]
    layers: dict[int, NDArray[np.bool_]] = field(default_factory=dict)
    _known: dict[object, Any] = field(default_factory=dict)

    def once(self, key: object, make: Callable[[], T]) -> T:
        """What is costly to find out about the view and does not change, made once by its key."""
        if key not in self._known:
            self._known[key] = make()
        return cast(T, self._known[key])

    def members(self, cls: str) -> list[Seen]:
        """What the picture shows of a class, its kinds included."""
        return self.once("classes", self._classes).get(cls, [])

    def _classes(self) -> dict[str, list[Seen]]:
        members: dict[str, list[Seen]] = {}
        for s in self.seen.values():
            for cls in IS_A[s.entity.cls]:
                members.setdefault(cls, []).append(s)
        return members

    def mask(self, targets: tuple[int, ...]) -> NDArray[np.bool_]:
        """The pixels of some entities, their parts included: H,W bool."""
        known = len(self.world.entities)
        table = np.zeros(known + 1, bool)
        table[[t for t in targets if t <= known]] = True
        if self.parts is not self.ids:
            for e in self.world.entities:
                if e.part_of is not None and table[e.part_of]:
                    table[e.id] = True
        out: NDArray[np.bool_] = table.take(self.parts)
        for t in targets:
            if t > known:
                out |= self.layers[t]
        return out


def look(world: World, picture: Picture, resolution_m: float) -> View:
    """Measure what a picture shows."""
    parts = picture.ids
    owner = np.arange(len(world.entities) + 1, dtype=np.int32)
    for e in world.entities:
        if e.part_of is not None:
            owner[e.id] = e.part_of
    inner = {e.id for e in world.entities if e.part_of is not None}
    whole = owner.take(parts) if inner else parts
    view = View(world, whole, parts, resolution_m, {})
    _measure(view, picture, whole, None)
    if inner:
        _measure(view, picture, parts, inner)
    _land_cover(view, picture)
    return view


def _land_cover(view: View, picture: Picture) -> None:
    """Vegetation and bare ground as the surfaces show them, where no field blurs the two."""
    classes = {s.entity.cls for s in view.seen.values()}
    if "field" in classes:
        return
    bare = np.zeros(len(view.world.entities) + 1, bool)
    bare[[0, *(e.id for e in view.world.of("sand", "bare"))]] = True
    covers = {
        "vegetation": _IS_GREEN.take(picture.texture),
        "bare": _IS_BARE.take(picture.texture) & bare.take(picture.ids),
    }
    for cls, mask in covers.items():
        mask &= picture.valid
        pixels = int(mask.sum())
        if not _MIN_COVER * mask.size < pixels < _MAX_COVER * mask.size:
            continue
        ident = len(view.world.entities) + len(view.layers) + 1
        entity = Entity(ident, cls, np.zeros((1, 2)), (0, 0, 0))
        rows, cols = mask.shape
        view.layers[ident] = mask
        view.seen[ident] = Seen(
            entity, pixels, cols / 2, rows / 2, 0, 0, cols, rows, True, 1.0, float(pixels)
        )


def _measure(view: View, picture: Picture, ids: NDArray[np.int32], only: set[int] | None) -> None:
    rows, cols = ids.shape
    flat = ids.ravel()
    if only is None:
        short = np.uint16 if len(view.world.entities) < 1 << 16 else np.uint32
        order = np.argsort(flat.astype(short), kind="stable")
    else:
        wanted = np.zeros(len(view.world.entities) + 1, bool)
        wanted[list(only)] = True
        some = np.flatnonzero(wanted.take(flat))
        if not len(some):
            return
        order = some[np.argsort(flat[some], kind="stable")]
    keys = flat[order]
    starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
    order = order.astype(np.int32)
    ys = order // np.int32(cols)
    xs = order - ys * np.int32(cols)
    count = np.diff(starts, append=keys.size)
    cx = np.add.reduceat(xs, starts, dtype=np.int64) / count + 0.5
    cy = np.add.reduceat(ys, starts, dtype=np.int64) / count + 0.5
    x0, x1 = np.minimum.reduceat(xs, starts), np.maximum.reduceat(xs, starts) + 1
    y0, y1 = np.minimum.reduceat(ys, starts), np.maximum.reduceat(ys, starts) + 1
    pixels = picture.image.reshape(-1, 3)
    table = zip(
        keys[starts].tolist(), starts.tolist(), count.tolist(), cx.tolist(), cy.tolist(),
        x0.tolist(), y0.tolist(), x1.tolist(), y1.tolist(), strict=True,
    )  # fmt: skip
    for ident, start, n, mx, my, left, top, right, bottom in table:
        if ident == 0:
            continue
        entity = view.world.entities[ident - 1]
        sure: frozenset[str] = frozenset()
        maybe: frozenset[str] = frozenset()
        if entity.cls in COLOURED and n >= _MIN_COLOUR_PX:
            sample = pixels[order[start : start + n : max(n // 150, 1)]]
            half = len(sample) // 2
            sure, maybe = colour_words(np.partition(sample, half, axis=0)[half])
        cut = left == 0 or top == 0 or right == cols or bottom == rows
        full = _area_m2(entity) / view.resolution_m**2
        view.seen[ident] = Seen(
            entity, n, mx, my, left, top, right, bottom,
            cut=cut, shown=min(n / max(full, 1.0), 1.0),
            size=float(n) if cut else float(max(full, n)), sure=sure, maybe=maybe,
        )  # fmt: skip


def _area_m2(e: Entity) -> float:
    if e.wings:
        main = e.wings[0].length * e.wings[0].width
        return main + sum(w.width * max(w.length - e.wings[0].width / 2, 0) for w in e.wings[1:])
    if e.cls == "plane":
        return 0.24 * e.length_m * e.width_m
    if e.cls == "tree":
        return 0.6 * e.width_m**2
    return area(e.outline)
