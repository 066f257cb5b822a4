"""From groups to words: noun phrases, articles, word order, typing errors."""

from __future__ import annotations

import numpy as np

from rsrefseg.scenes.phrases.lexicon import BIG, COLOUR_WORDS, MASS, MATERIALS, SHAPES, SMALL
from rsrefseg.scenes.phrases.speaker import Attr, Group, Speaker
from rsrefseg.scenes.taxonomy import IS_A


def is_building(cls: str) -> bool:
    """Whether a class has roofs."""
    return cls == "building" or "building" in IS_A.get(cls, frozenset())


def noun_phrase(sp: Speaker, group: Group, plural: bool) -> str:
    """What the members of a group are called, without an article."""
    one, many = sp.noun(group.cls)
    noun = many if plural else one
    text = noun
    for attr in reversed(group.attrs):
        text = _qualified(sp, attr, text, noun, group.cls, plural)
    return text


def _qualified(sp: Speaker, attr: Attr, text: str, noun: str, cls: str, plural: bool) -> str:
    if attr.kind == "colour":
        word = sp.pick(COLOUR_WORDS[attr.word])
        if is_building(cls):
            style = sp.rng.random()
            plain = text == noun
            if style < 0.50:
                return f"{word}-roofed {text}"
            if style < 0.62 and plain:
                return f"{word} roof{'s' if plural else ''}"
            if style < 0.72 and plain:
                return f"{text} with {'' if plural else 'a '}{word} roof{'s' if plural else ''}"
            return f"{word} {text}"
        if sp.chance(0.08) and text == noun:
            return f"{text} that {'are' if plural else 'is'} {word}"
        return f"{word} {text}"
    if attr.kind == "size":
        return f"{sp.pick(BIG if attr.word == 'large' else SMALL)} {text}"
    if attr.kind == "shape":
        return f"{sp.pick(SHAPES[attr.word])} {text}"
    word = sp.pick(MATERIALS[attr.word])
    if sp.chance(0.5):
        return f"{text} with {'' if plural else 'a '}{word} roof{'s' if plural else ''}"
    return f"{word}-roofed {text}"


def the(sp: Speaker, text: str, bare: float = 0.18) -> str:
    """With a definite article, mostly."""
    return text if sp.chance(bare) else f"the {text}"


def all_of(sp: Speaker, text: str, mass: bool = False) -> str:
    """A phrase that means every one."""
    if mass:
        return sp.pick((text, text, f"the {text}", f"all {text}", f"all the {text}"))
    return sp.pick(
        (text, text, text, f"all {text}", f"all {text}", f"all the {text}", f"the {text}")
    )


def refer(sp: Speaker, group: Group) -> tuple[str, tuple[int, ...]] | None:
    """Words for a group as a whole: singular if it is one, plural for several."""
    if group.cls in MASS:
        if not group.yes:
            return None
        return all_of(sp, noun_phrase(sp, group, False), True), group.ids()
    if group.sole is not None:
        if sp.chance(0.06):
            return all_of(sp, noun_phrase(sp, group, True)), group.ids()
        return the(sp, noun_phrase(sp, group, False)), group.ids()
    if sp.firm(group) and len(group.yes) >= 2:
        if sp.chance(0.05):
            return f"every {noun_phrase(sp, group, False)}", group.ids()
        return all_of(sp, noun_phrase(sp, group, True)), group.ids()
    return None


def mistyped(rng: np.random.Generator, text: str) -> str:
    """The phrase with one slip of the fingers in a longer word."""
    words = text.split()
    long = [i for i, w in enumerate(words) if len(w) >= 5]
    if not long:
        return text
    i = int(long[int(rng.integers(len(long)))])
    word = words[i]
    at = int(rng.integers(1, len(word) - 1))
    slip = rng.random()
    if slip < 0.4:
        word = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    elif slip < 0.75:
        word = word[:at] + word[at + 1 :]
    else:
        word = word[:at] + word[at] + word[at:]
    words[i] = word
    return " ".join(words)
