"""Phrases about a labelled picture, derived from the geometry of its labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from rsrefseg.data.real.labelled import Instance, Labelled, Mask
from rsrefseg.scenes.colours import colour_words
from rsrefseg.scenes.phrases import basic, place, rank
from rsrefseg.scenes.phrases.lexicon import NOUNS
from rsrefseg.scenes.phrases.speaker import Draft, Group, Speaker
from rsrefseg.scenes.phrases.wording import all_of, noun_phrase
from rsrefseg.scenes.view import Seen, View
from rsrefseg.scenes.world import Entity, Ground, World

_AREA_WORDS: dict[str, tuple[str, ...]] = {
    "building": ("buildings", "buildings", "roofs", "rooftops", "structures"),
    "roof": ("roofs", "roofs", "buildings", "rooftops"),
    "builtup": ("built-up area", "residential area", "built-up areas"),
    "anyroad": ("roads", "roads", "streets"),
    "water": ("water", "water", "water bodies"),
    "vegetation": ("vegetation", "greenery", "green areas"),
    "bare": ("unpaved land", "bare ground", "bare soil"),
    "trees": ("trees", "trees", "tree crowns"),
}
_LEAD = 0.14
_DOUBT = 0.2
_PARTIAL = frozenset({"geneva"})
"""Sources that leave out some roofs, so that places among all buildings are less sure."""
_MIN_SHARE = 0.0006
_CLASS_PHRASES = 3


@dataclass(frozen=True)
class Answer:
    """A phrase about a labelled picture with its masks."""

    phrase: str
    kind: str
    mask: Mask
    class_mask: Mask


def view_of(item: Labelled) -> View:
    """The instances of a labelled picture as a view that phrases can be made about."""
    rows, cols = item.image.shape[:2]
    world = World(cols * item.resolution_m, rows * item.resolution_m, Ground((0, 0, 0), "plain"))
    ids = np.zeros((rows, cols), np.int32)
    view = View(world, ids, ids, item.resolution_m, {})
    for instance in item.instances:
        outline = np.zeros((1, 2))
        cls = "waterbody" if instance.cls == "water" else instance.cls
        entity = world.add(cls, outline, (0, 0, 0), material=instance.material)
        ids[instance.mask] = entity.id
        view.seen[entity.id] = _seen(item, instance, entity)
    return view


def _seen(item: Labelled, instance: Instance, entity: Entity) -> Seen:
    ys, xs = np.nonzero(instance.mask)
    rows, cols = instance.mask.shape
    core = cv2.erode(instance.mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    pixels = item.image[core if core.sum() > 30 else instance.mask]
    sure, maybe = colour_words(np.median(pixels, axis=0))
    x0, y0, x1, y1 = int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1
    area = len(xs)
    return Seen(
        entity, area, float(xs.mean()) + 0.5, float(ys.mean()) + 0.5, x0, y0, x1, y1,
        cut=x0 <= 1 or y0 <= 1 or x1 >= cols - 1 or y1 >= rows - 1,
        shown=1.0 if area >= _MIN_SHARE * rows * cols else 0.0, size=float(area),
        sure=sure, maybe=maybe,
    )  # fmt: skip


def answers(item: Labelled, rng: np.random.Generator, count: int) -> list[Answer]:
    """All class phrases and up to `count` others, none twice."""
    out: dict[str, Answer] = {}
    for cls, area in item.areas.items():
        words = list(dict.fromkeys(_AREA_WORDS[cls]))[:_CLASS_PHRASES]
        for word in words:
            text = str(rng.choice([word, word, f"all {word}", f"the {word}"]))
            out[text] = Answer(text, "class", area, area)
    view = view_of(item)
    speaker = Speaker(view, rng, lead=_LEAD, doubt=_DOUBT)
    for answer in _named_instances(speaker, view):
        out.setdefault(answer.phrase, answer)
    makers: tuple[tuple[Callable[[Speaker], Draft | None], int], ...] = (
        (basic.colour_phrase, 7), (basic.material_phrase, 3),
        (place.position_phrase, 2 if item.source in _PARTIAL else 6),
        (rank.superlative_phrase, 3), (partial(absent_class, item), 2),
    )  # fmt: skip
    for make, share in makers:
        made = 0
        for _ in range(6 * share):
            draft = make(speaker)
            if draft is None or draft.text in out:
                continue
            if item.source in _PARTIAL and "smallest" in draft.text:
                continue
            mask, of_class = view.mask(draft.targets), view.mask(draft.blind)
            out[draft.text] = Answer(draft.text, draft.kind, mask, of_class)
            made += 1
            if made >= share * count / 21:
                break
    return list(out.values())


def _named_instances(sp: Speaker, view: View) -> list[Answer]:
    """Bridges, which no area stands for."""
    bridges = view.members("bridge")
    if not bridges:
        return []
    group = Group("bridge", (), tuple(bridges), (), tuple(bridges))
    text = noun_phrase(sp, group, len(bridges) > 1)
    mask = view.mask(group.ids())
    phrase = all_of(sp, text) if len(bridges) > 1 else f"the {text}"
    return [Answer(phrase, "class", mask, mask)]


def absent_class(item: Labelled, sp: Speaker) -> Draft | None:
    """A class that the source surely does not show."""
    cls = sp.pick(item.absent)
    one, many = sp.pick(NOUNS[cls])
    text = sp.pick((f"the {one}", one, many, f"all {many}", f"the {many}"))
    return Draft(text, "none", (), ())
