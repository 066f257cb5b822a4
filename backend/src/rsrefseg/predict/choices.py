"""Phrases that count, rank, place or shape things: what to ask a model for, and what is meant.

"The third car from the left" names cars and a rule: which things to ask for, and how to choose
among them by their centres, edges, areas, distances or ground plans (`choosing` does it).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rsrefseg.geo.parts import (
    Parts,
    Reference,
    between,
    centres_of,
    from_boxes,
    from_centres,
    not_among,
)

# Where a side of the view begins and its middle ends, 0 at the centre and 1 at the edge.
SIDE_BEGINS, MIDDLE_ENDS = 0.1, 0.3
# Next to: nearer than this share of the view's longer side.
NEAR_SHARE = 0.06
# Left of: this far aside at most for each step to the left.
SIDE_SPREAD = 1.3

_ORDINALS = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
)  # fmt: skip
_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_SIDES = (
    "left west western westernmost leftmost",
    "right east eastern easternmost rightmost",
    "top upper north northern northernmost topmost uppermost",
    "bottom lower south southern southernmost bottommost lowermost",
)
# Each word's column in `Parts.edge` and `Parts.centre`.
_SIDE_OF = {word: side for side, words in enumerate(_SIDES) for word in words.split()}
_ORDER_OF = {"largest": "large", "biggest": "large", "smallest": "small", "littlest": "small"}
_UNCOUNTED = (
    "water", "sea", "ocean", "grass", "sand", "soil", "land", "ground", "vegetation", "greenery",
    "farmland", "woodland",
)  # fmt: skip
# A noun ends before these; what follows says which ones, and stays as it is.
_TAIL = re.compile(
    r" (?:of|that|which|with|without|in|on|at|near|next|beside|by|along|between|inside|close|"
    r"left|right|above|below|north|south|east|west|to|from|under|around|across)\b"
)
_PLACED_TAIL = re.compile(r" (?:of|that|which|with|without)\b")

_plain = "|".join(w for w in _SIDE_OF if not w.endswith("most"))
_most = "|".join(w for w in _SIDE_OF if w.endswith("most"))
_count = "|".join(_NUMBERS)
_nth = rf"{'|'.join(_ORDINALS)}|\d+(?:st|nd|rd|th)"
_corner = r"(?P<v>top|upper|bottom|lower|north|south)[- ]?(?P<h>left|right|west|east)(?:ern)?"
_OF_VIEW = r"(?: of the (?:image|picture|photo|scene|view|map|extent|area))?"
_PART = r"(?: side| edge| corner| part| half| end)?"
_RANKED = (
    re.compile(rf"(?:(?P<nth>{_nth}) )(?P<noun>.+) from the (?P<by>{_plain})"),
    re.compile(
        rf"(?:(?P<nth>{_nth}) |(?P<many>{_count}|\d+) )?(?P<by>{_most}|{'|'.join(_ORDER_OF)}) "
        r"(?P<noun>.+)"
    ),
    re.compile(rf"(?P<noun>.+) (?:furthest|farthest) (?:to the )?(?P<by>{_plain})"),
)
_NEAREST = (
    re.compile(r"(?P<noun>.+) (?P<by>nearest|closest)(?: to)? (?P<to>(?:the|an?) .+)"),
    re.compile(r"(?P<by>nearest|closest) (?P<noun>.+) to (?P<to>(?:the|an?) .+)"),
    re.compile(r"(?P<noun>.+) (?P<by>furthest|farthest)(?: away)? from (?P<to>(?:the|an?) .+)"),
)
_BETWEEN = re.compile(r"(?P<noun>.+?) between (?P<to>(?:the|an?) .+?) and (?P<and>(?:the|an?) .+)")
_RELATED = re.compile(
    r"(?P<noun>.+?) (?:(?P<near>next to|beside|near|by|close to)|"
    r"(?:(?:to |on )?the )?(?P<side>left|right|west|east|north|south) of|(?P<up>above|below)) "
    r"(?P<to>(?:the|an?) .+)"
)
_LONG = re.compile(
    r"\b(?:road|street|track|path|lane|highway|motorway|railway|runway|river|stream|canal|coast)s?\b"
)
_PLACED = (
    re.compile(rf"(?P<noun>.+) (?:in|at|on) the {_corner}{_PART}"),
    re.compile(rf"{_corner} (?P<noun>.+)"),
    re.compile(rf"(?P<noun>.+) (?:in|at|on) the (?P<side>{_plain})(?:-hand)?{_PART}"),
    re.compile(rf"(?P<side>{_plain}) (?P<noun>.+)"),
    re.compile(r"(?P<noun>.+) in the (?P<middle>centre|center|middle)"),
    re.compile(r"(?P<middle>central) (?P<noun>.+)"),
)
_SHAPED = (
    re.compile(
        rf"(?:(?P<many>{_count}|\d+) )?(?P<before>(?:\w+ )*)(?P<plan>[lut])[- ]shaped (?P<noun>.+)"
    ),
    re.compile(
        r"(?P<noun>.+?) (?:shaped like|in the shape of) (?:an? |the letter )?(?P<plan>[lut])"
    ),
    re.compile(r"(?P<noun>.+?) (?:that|which) (?:is|are) (?P<plan>[lut])[- ]shaped"),
)
# What comes before "L-shaped" says more than of what colour or kind the thing is.
_MORE = re.compile(r"\b(?:the|an?|except|but|not|other|than|and|or)\b")
_SEVERAL = "all|every|each|both"


References = Sequence[Reference]
Pick = Callable[[Parts, References], NDArray[np.bool_]]


@dataclass(frozen=True)
class Choice:
    """How a phrase is answered.

    Attributes:
        things: what the model is asked for.
        pick: parts of its answer, and what they are chosen by, to those that are meant (N bool).
        by: what else the model is asked for, to choose by.
        whole: whether the things of a whole scene are compared, and not each by itself.
        in_view: whether the things of a single view are compared too, which the network would
            answer less well by itself.
        plan: the ground plan of what is meant, one of `PLANS`.
        count: how many of that plan are meant; None means all.
    """

    things: str
    pick: Pick
    by: tuple[str, ...] = ()
    whole: bool = True
    in_view: bool = True
    plan: str | None = None
    count: int | None = None

    @property
    def asked(self) -> tuple[str, ...]:
        """All that the model is asked for."""
        return (self.things, *self.by)


def read_choice(phrase: str) -> Choice | None:
    """The choice that a phrase asks for; None where it is no such phrase.

    Args:
        phrase: a tidy phrase.
    """
    lower = phrase.lower().rstrip(".")
    text = re.sub(rf"^(?:(?:{_SEVERAL}) )?(?:of )?(?:the )?", "", lower)
    text = re.sub(rf"{_OF_VIEW}$", "", text)
    for form in _RANKED:
        if found := form.fullmatch(text):
            things = _all_of(found["noun"], _TAIL)
            # One crumb, or two things drawn as one, and the smallest or largest is another: in one
            # view the network is right more often than the areas of its outlines.
            by_area = found["by"] in _ORDER_OF and not _counts(found)
            return Choice(things, _ranked(found), in_view=not by_area) if things else None
    for form in _NEAREST:
        if found := form.fullmatch(text):
            things = _all_of(found["noun"], _TAIL)
            return Choice(things, _nearest(found), (found["to"],)) if things else None
    for form in _PLACED:
        if found := form.fullmatch(text):
            noun = found["noun"]
            if _TAIL.search(_PLACED_TAIL.split(noun)[0]):
                return None  # "the car next to the house in the north": which of them is there?
            things = _all_of(noun, _PLACED_TAIL)
            return Choice(things, _placed(found)) if things else None
    if (found := _BETWEEN.fullmatch(text)) or (found := _RELATED.fullmatch(text)):
        by = tuple(filter(None, (found["to"], found.groupdict().get("and"))))
        things = _all_of(found["noun"], _TAIL)
        # On which side of a road, or along it, the network tells better than its centre does.
        if things and not any(_LONG.search(_TAIL.split(one)[0]) for one in by):
            return Choice(things, _related(found), by, whole=False)
    return _shaped(text, several=bool(re.match(rf"(?:{_SEVERAL})\b", lower)))


def _shaped(text: str, *, several: bool) -> Choice | None:
    """What a phrase that names a ground plan asks for."""
    found = next((found for form in _SHAPED if (found := form.fullmatch(text))), None)
    if found is None:
        return None
    groups = found.groupdict()
    before, many = groups.get("before") or "", groups.get("many")
    noun = before + found["noun"]
    things = _all_of(noun, _TAIL)
    told = (
        re.search(r"shaped|\bones?\b", noun) or _MORE.search(before) or _TAIL.search(f" {before}")
    )
    if things is None or told or _LONG.search(_TAIL.split(noun)[0]):
        return None
    one = None if several or things == f"all {noun}" else 1
    count = _number(many, _NUMBERS) if many else one
    return Choice(things, _any, whole=False, plan=f"{found['plan']}-shaped", count=count)


def _any(parts: Parts, _: References) -> NDArray[np.bool_]:
    return np.ones(len(parts.area), dtype=np.bool_)


def _counts(found: re.Match[str]) -> bool:
    """Whether one is counted out, or several are: "the second largest", "the two largest"."""
    groups = found.groupdict()
    return bool(groups.get("nth") or groups.get("many"))


def _ranked(found: re.Match[str]) -> Pick:
    groups = found.groupdict()
    word = found["by"]
    order = _ORDER_OF.get(word)
    nth, many = groups.get("nth"), groups.get("many")
    first = _number(nth, _ORDINALS) - 1 if nth else 0
    last = first + (_number(many, _NUMBERS) if many else 1)
    # Counted from a side by their centres; the outermost is what reaches furthest.
    by_centre = nth is not None

    def pick(parts: Parts, _: References) -> NDArray[np.bool_]:
        if order:
            key = parts.area * (1.0 if order == "large" else -1.0)
        else:
            reach = parts.centre if by_centre else parts.edge
            key = reach[:, _SIDE_OF[word]]
        meant = np.zeros(len(key), dtype=np.bool_)
        if len(key) >= last:
            meant[np.argsort(-key, kind="stable")[first:last]] = True
        return meant

    return pick


def _placed(found: re.Match[str]) -> Pick:
    groups = found.groupdict()
    words = [w for w in (groups.get("side"), groups.get("v"), groups.get("h")) if w]
    sides = [_SIDE_OF[word] for word in words]

    def pick(parts: Parts, _: References) -> NDArray[np.bool_]:
        if not sides:
            inside: NDArray[np.bool_] = parts.centre.max(axis=1) < MIDDLE_ENDS
            return inside
        beyond: NDArray[np.bool_] = parts.centre[:, sides].min(axis=1) > SIDE_BEGINS
        return beyond

    return pick


def _nearest(found: re.Match[str]) -> Pick:
    near = found["by"] in ("nearest", "closest")

    def pick(parts: Parts, references: References) -> NDArray[np.bool_]:
        meant = np.zeros(len(parts.area), dtype=np.bool_)
        other = not_among(parts, references)  # a thing is not nearest to itself
        places = references[0].places
        if len(places) and other.any():
            gaps = from_centres(parts, places)
            gaps[~other] = np.inf if near else -np.inf
            meant[gaps.argmin() if near else gaps.argmax()] = True
        return meant

    return pick


def _related(found: re.Match[str]) -> Pick:
    groups = found.groupdict()
    side = groups.get("side") or {"above": "top", "below": "bottom"}.get(groups.get("up") or "")

    def pick(parts: Parts, references: References) -> NDArray[np.bool_]:
        other = not_among(parts, references)
        places = [reference.places for reference in references]
        if not all(len(place) for place in places):
            return np.zeros(len(other), dtype=np.bool_)
        if len(places) == 2:
            return other & between(centres_of(parts), *(place.mean(axis=0) for place in places))
        if side is None:
            other &= from_boxes(parts, places[0]) < NEAR_SHARE * max(parts.shape)
            return other
        y, x = (centres_of(parts) - places[0].mean(axis=0)).T
        ahead, aside = ((-x, y), (x, y), (-y, x), (y, x))[_SIDE_OF[side]]
        other &= (ahead > 0) & (np.abs(aside) < SIDE_SPREAD * ahead)
        return other

    return pick


def _number(word: str, words: Sequence[str]) -> int:
    digits = re.match(r"\d+", word)
    return max(1, int(digits[0])) if digits else words.index(word) + 1


def _all_of(noun: str, tail: re.Pattern[str]) -> str | None:
    """A phrase for all things of a name, in one or several: "white car" -> "all white cars"."""
    cut = tail.search(noun)
    name, rest = (noun[: cut.start()], noun[cut.start() :]) if cut else (noun, "")
    *before, head = name.split()
    if head in _UNCOUNTED:
        return None
    rest = re.sub(r"^ (that|which) is\b", r" \1 are", rest)
    return f"all {' '.join([*before, _plural(head)])}{rest}"


def _plural(word: str) -> str:
    if re.search(r"[^su]s$|[aeo]us$", word) and word not in ("bus", "gas"):
        return word
    if re.search(r"[^aeiou]y$", word):
        return word[:-1] + "ies"
    return word + ("es" if re.search(r"(?:s|x|ch|sh)$", word) else "s")
