"""Phrases as users type them: tidied, limited, and checked for words that need the whole scene."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from difflib import get_close_matches
from functools import lru_cache

from rsrefseg.errors import PhraseError
from rsrefseg.models.tokenizer import split_words
from rsrefseg.predict.choices import read_choice

MAX_PHRASES = 256
# A word of English takes about eight characters with its blank, and at least one token.
CHARS_PER_TOKEN = 8

# Words that say which thing, of what kind or where, and name none themselves.
_WHICH = """
    a an the all any both each every no not of and or but except other than that those these this
    which where with without is are has have having its it one ones only please find select show
    mark segment outline me image picture scene photo view map area part side edge corner row pair
    group half number 1 2 3 4 5 6 first second third fourth fifth 2nd 3rd 4th 5th two three four
    five six single many left right top bottom upper lower middle centre center central north south
    east west northern southern eastern western northeast northwest southeast southwest leftmost
    rightmost topmost bottommost northernmost southernmost easternmost westernmost largest biggest
    smallest longest shortest widest narrowest nearest closest farthest furthest far large big small
    little long short wide narrow whole light dark bright coloured colored red green blue white
    black grey gray brown yellow orange turquoise round circular square l u t shaped bare tiled
    metal concrete tin wood oil next to near beside besides by close between above below across
    along alongside opposite from in on at for around enclosed surrounded touching inside away
"""
_DESCRIBING = frozenset(_WHICH.split())
# So like a known word is one that is mistyped: of five letters, one or two.
_MISTYPED = 0.8

_RELATIVE_TO_ALL = re.compile(
    r"\b(?:larg|bigg|small|tini|long|short|tall|wid|narrow|clos|near|farth|furth|bright|dark)est\b"
    r"|\b(?:left|right|top|bottom|upper|lower|outer|inner|northern|southern|eastern|western)most\b"
    r"|\b(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|last|\d+(?:st|nd|rd|th))"
    r"\b.*\b(?:from|of|in)\b"
    r"|\b(?:most|least)\b|\bonly\b"
    r"|\b(?:in|at|on|near|to) the (?:very )?(?:far )?(?:upper |lower |top |bottom |left |right )*"
    r"(?:left|right|top|bottom|cent(?:er|re)|middle|corner|edge|side)\b"
    r"(?!(?: side| edge| corner| end)? of (?:the|a)\b)",
    re.IGNORECASE,
)


def tidy_phrases(phrases: Sequence[str], max_chars: int) -> list[str]:
    """Strip and unify phrases; repeated ones are kept once.

    Args:
        phrases: as typed.
        max_chars: the longest phrase that the model can make sense of.

    Raises:
        PhraseError: there is no phrase, or one is empty or too long.
    """
    if not phrases:
        raise PhraseError("There is no phrase: type what to look for, such as 'the red roofs'.")
    if len(phrases) > MAX_PHRASES:
        raise PhraseError(
            f"There are {len(phrases)} phrases but a request takes {MAX_PHRASES} at most: "
            "split them."
        )
    tidy = [_tidy(phrase, max_chars) for phrase in phrases]
    return list(dict.fromkeys(tidy))


def _tidy(phrase: str, max_chars: int) -> str:
    if len(phrase) > 100 * max_chars:
        raise _too_long(len(phrase), max_chars)
    kept = (c if unicodedata.category(c)[0] != "C" else " " for c in phrase)
    text = " ".join(unicodedata.normalize("NFC", "".join(kept)).split())
    if not any(c.isalnum() for c in text):
        raise PhraseError("The phrase is empty: type what to look for, such as 'the red roofs'.")
    if len(text) > max_chars:
        raise _too_long(len(text), max_chars)
    return text


def _too_long(length: int, max_chars: int) -> PhraseError:
    return PhraseError(
        f"The phrase has {length} characters but the model reads {max_chars} at most: shorten it."
    )


def reading_warnings(
    phrase: str, unknown: Sequence[str], pieces: int, most_pieces: int
) -> list[str]:
    """Sentences about a phrase that a model may misread.

    Args:
        phrase: a tidy phrase.
        unknown: its words that the model never learnt.
        pieces: how many word pieces it has.
        most_pieces: how many the model reads.
    """
    short = phrase if len(phrase) <= 60 else phrase[:57] + "..."
    warnings = []
    if unknown:
        named = ", ".join(f"'{word}'" for word in unknown)
        warnings.append(
            f"The model never learnt {named}, so '{short}' may be misread: try other words."
        )
    if pieces > most_pieces:
        warnings.append(
            f"The model reads only the beginning of '{short}' "
            f"({most_pieces} of {pieces} word pieces): shorten it."
        )
    return warnings


@lru_cache(maxsize=1024)
def names_nothing(phrase: str, vocabulary: tuple[str, ...]) -> bool:
    """Whether a phrase names no thing that the model learnt, such as "the red zebra".

    What the model then draws is a guess: words that it spells out look to it like any thing.
    A word that is nearly a known one counts as that, mistyped.

    Args:
        phrase: a tidy phrase.
        vocabulary: all words that the model learnt.
    """
    named = {word for word in split_words(phrase) if any(c.isalnum() for c in word)} - _DESCRIBING
    things = [word for word in vocabulary if word not in _DESCRIBING]
    if not named or not named.isdisjoint(things):
        return False
    return not any(get_close_matches(word, things, 1, _MISTYPED) for word in named)


def needs_whole_scene(phrase: str) -> bool:
    """Whether a phrase compares with, or counts, everything in view.

    "The largest building" or "the ship in the top left corner" means something else in each
    window of a scene than in the scene as a whole.
    """
    choice = read_choice(phrase)
    return _RELATIVE_TO_ALL.search(phrase) is not None or (choice is not None and choice.whole)
