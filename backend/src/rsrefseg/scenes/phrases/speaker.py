"""The state of one speaker: what is seen, a random generator, and how groups are resolved."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import TypeVar

import numpy as np

from rsrefseg.scenes.phrases.lexicon import MASS, MATERIALS, NOUNS, SHAPES
from rsrefseg.scenes.taxonomy import COLOURED, COUNTED
from rsrefseg.scenes.view import Seen, View

T = TypeVar("T")
Truth = int
"""1 surely, 0 perhaps, -1 surely not."""
YES, MAYBE, NO = 1, 0, -1


@dataclass(frozen=True)
class Draft:
    """A phrase and its answer, before the masks are made.

    Attributes:
        text: the phrase.
        kind: the hardest thing that it asks for.
        targets: what it means.
        blind: all of the named class.
        among: what it chooses among: the noun with its own qualities, without the rest.
        anchors: what it chooses by, thing by thing ("the road").
    """

    text: str
    kind: str
    targets: tuple[int, ...]
    blind: tuple[int, ...]
    among: tuple[int, ...] = ()
    anchors: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True)
class Attr:
    """A quality that a thing has or lacks."""

    kind: str
    word: str
    test: Callable[[Seen], Truth]


@dataclass(frozen=True)
class Group:
    """The members of a class that have some qualities, as far as one can tell."""

    cls: str
    attrs: tuple[Attr, ...]
    yes: tuple[Seen, ...]
    maybe: tuple[Seen, ...]
    all: tuple[Seen, ...]

    @property
    def sole(self) -> Seen | None:
        """The one member, if there is surely exactly one and it can be seen well."""
        if len(self.yes) == 1 and not self.maybe and self.yes[0].distinct:
            return self.yes[0]
        return None

    def ids(self) -> tuple[int, ...]:
        """Ids of the sure members."""
        return tuple(s.id for s in self.yes)

    def blind(self) -> tuple[int, ...]:
        """Ids of the whole class."""
        return tuple(s.id for s in self.all)


class Speaker:
    """Makes phrases about one view."""

    def __init__(
        self, view: View, rng: np.random.Generator, lead: float = 0.1, doubt: float = 0.04
    ) -> None:
        """Start speaking.

        Args:
            view: what is spoken about.
            rng: all choices come from it.
            lead: share of the picture's width by which the leftmost leads.
            doubt: how many pixels of doubtful members a mask of all may leave out, as a share.
        """
        self.lead = lead
        self.doubt = doubt
        self.view = view
        self.rng = rng
        self.rows, self.cols = view.ids.shape
        self.present = frozenset(s.entity.cls for s in view.seen.values())
        self._groups: dict[str, Group] = {}
        self._classes: dict[tuple[frozenset[str], int], tuple[str, ...]] = {}

    def pick(self, options: Sequence[T], weights: Iterable[float] | None = None) -> T:
        """One of the options."""
        if weights is None:
            return options[int(self.rng.random() * len(options))]
        cumulated = list(accumulate(weights))
        at = bisect_right(cumulated, self.rng.random() * cumulated[-1])
        return options[min(at, len(options) - 1)]

    def chance(self, p: float) -> bool:
        """True with probability p."""
        return bool(self.rng.random() < p)

    def group(self, cls: str) -> Group:
        """All of a class; those that are barely visible stay doubtful."""
        found = self._groups.get(cls)
        if found is None:
            members = tuple(self.view.members(cls))
            clear = tuple(s for s in members if s.clear)
            dim = tuple(s for s in members if not s.clear)
            found = self._groups[cls] = Group(cls, (), clear, dim, members)
        return found

    def firm(self, group: Group) -> bool:
        """Whether the doubtful members are too small to matter to a mask of all."""
        sure = sum(s.pixels for s in group.yes)
        return bool(group.yes) and sum(s.pixels for s in group.maybe) <= self.doubt * sure

    def narrow(self, group: Group, attr: Attr) -> Group:
        """The members that also have a quality."""
        return self._found(group, attr, lambda: self._narrow(group, attr))

    def _found(self, group: Group, of: Hashable, find: Callable[[], T]) -> T:
        """What is found out about a group: once about a whole class."""
        whole = group is self._groups.get(group.cls)
        return self.view.once((group.cls, of), find) if whole else find()

    def _narrow(self, group: Group, attr: Attr) -> Group:
        tests = [(s, attr.test(s)) for s in group.yes]
        yes = tuple(s for s, t in tests if t == YES)
        maybe = tuple(s for s, t in tests if t == MAYBE)
        maybe += tuple(s for s in group.maybe if attr.test(s) != NO)
        return Group(group.cls, (*group.attrs, attr), yes, maybe, group.all)

    def classes(self, among: frozenset[str] = COUNTED, least: int = 1) -> tuple[str, ...]:
        """Classes of which at least some number can be seen well."""
        if (among, least) not in self._classes:
            found = (c for c in sorted(among) if len(self.group(c).yes) >= least)
            self._classes[among, least] = tuple(c for c in found if not self._too_fine(c))
        return self._classes[among, least]

    def _too_fine(self, cls: str) -> bool:
        """A house is only called so where no other kind of building is about."""
        if cls == "tree":
            return bool(self.present & {"forest", "orchard"})
        return False

    def weigh(self, classes: Sequence[str]) -> list[float]:
        """How much each class is worth talking about."""

        def weights() -> list[float]:
            many = {c: min(len(self.group(c).yes), 6) for c in classes}
            return [_INTEREST.get(c, 1.0) * math.sqrt(n) for c, n in many.items()]

        return self.view.once(("weights", *classes), weights)

    def some_group(self, least: int = 2, attr_chance: float = 0.25) -> Group | None:
        """A class with several members, perhaps narrowed by a quality that some have."""
        classes = self.classes(least=least)
        if not classes:
            return None
        group = self.group(self.pick(classes, self.weigh(classes)))
        if self.chance(attr_chance):
            attr = self.some_attr(group)
            if attr is not None:
                narrowed = self.narrow(group, attr)
                if len(narrowed.yes) >= least:
                    return narrowed
        return group

    def some_attr(self, group: Group, kinds: Sequence[str] = ("colour",)) -> Attr | None:
        """A quality that at least one member surely has."""
        options = self._found(group, tuple(kinds), lambda: self._attrs(group, kinds))
        return self.pick(options) if options else None

    def _attrs(self, group: Group, kinds: Sequence[str]) -> list[Attr]:
        options: list[Attr] = []
        if "colour" in kinds and group.yes and group.yes[0].entity.cls in COLOURED:
            words = sorted({w for s in group.yes for w in s.sure})
            options += [colour(w) for w in words]
        if "shape" in kinds:
            shapes = sorted({s.entity.shape for s in group.yes if s.entity.shape in SHAPES})
            options += [shape(w) for w in shapes]
        if "material" in kinds and self.view.resolution_m < 0.55:
            stuff = sorted({s.entity.material for s in group.yes if s.entity.material in MATERIALS})
            options += [material(w) for w in stuff]
        if "size" in kinds and group.cls not in MASS:
            options += [size(group, w) for w in ("large", "small")]
        return [a for a in options if any(a.test(s) == YES for s in group.yes)]

    def noun(self, cls: str) -> tuple[str, str]:
        """A name of a class, singular and plural."""
        return self.pick(NOUNS[cls])


@lru_cache
def colour(word: str) -> Attr:
    """Has a colour."""
    return Attr(
        "colour", word, lambda s: YES if word in s.sure else MAYBE if word in s.maybe else NO
    )


@lru_cache
def shape(word: str) -> Attr:
    """Has a ground plan; whether that can still be told of what is cut or covered is in doubt."""

    def test(s: Seen) -> Truth:
        if s.entity.shape != word:
            return NO
        return MAYBE if s.cut or s.shown < 0.75 or s.pixels < 60 else YES

    return Attr("shape", word, test)


@lru_cache
def material(word: str) -> Attr:
    """Has a roof of a material; an unknown one stays in doubt."""

    def test(s: Seen) -> Truth:
        if s.entity.material is None or s.pixels < 80:
            return MAYBE
        return YES if s.entity.material == word else NO

    return Attr("material", word, test)


def size(group: Group, word: str) -> Attr:
    """Is clearly larger or smaller than the middle of its class."""
    sizes = sorted(s.size for s in group.yes)
    middle = sizes[len(sizes) // 2] if sizes else 1.0

    def test(s: Seen) -> Truth:
        ratio = s.size / middle
        if word == "small":
            ratio = 1 / max(ratio, 1e-6)
            if s.cut:
                return MAYBE if ratio > 1.3 else NO
        if ratio > 1.6:
            return YES
        return MAYBE if ratio > 1.3 or (s.cut and word == "large") else NO

    return Attr("size", word, test)


_INTEREST: dict[str, float] = {
    "building": 5.0, "house": 1.6, "car": 2.0, "vehicle": 0.8, "tree": 1.2, "warehouse": 1.0,
    "ship": 2.0, "plane": 2.0, "tank": 2.0, "pool": 1.5, "truck": 1.0, "container": 1.0,
    "panel": 0.8, "field": 0.7, "court": 1.0,
}  # fmt: skip
