"""Phrases to token ids: whole words with a byte fallback.

Makes a vocabulary when run: `python -m rsrefseg.models.tokenizer PHRASES.txt -o OUT.json`.
"""

from __future__ import annotations

import argparse
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from rsrefseg.errors import ConfigError, WeightsError
from rsrefseg.models.config import PRESET_DIR, Preset

_PIECES = re.compile(r"\w+|[^\w\s]")
PAD_ID, END_ID, SPELL_ID = 0, 1, 2
_BYTES_AT = 8
_WORDS_AT = _BYTES_AT + 256


class Tokenizer(Protocol):
    """What the model needs of a tokenizer."""

    context_length: int

    def encode(self, phrase: str) -> list[int]:
        """The phrase's token ids, end token included, at most `context_length`."""

    def count(self, phrase: str) -> int:
        """How many tokens the phrase would need, not cut to the context length."""

    def batch(self, phrases: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Padded ids (P, L) and lengths (P,), int64."""

    def unknown_words(self, phrase: str) -> list[str]:
        """Words of the phrase that the model never learnt, in order, each once."""

    def to_json(self) -> dict[str, Any] | None:
        """What `tokenizer_from_json` reads back; None where a file beside the weights has it."""


def pad_batch(encoded: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Pads lists of ids to (P, L) with 0 and gives their lengths (P,), both int64."""
    lengths = torch.tensor([len(ids) for ids in encoded], dtype=torch.long)
    padded = torch.zeros(len(encoded), max(map(len, encoded), default=0), dtype=torch.long)
    for row, ids in zip(padded, encoded, strict=True):
        row[: len(ids)] = torch.tensor(ids, dtype=torch.long)
    return padded, lengths


def split_words(phrase: str) -> list[str]:
    """Lower-cased, NFKC-normalised words and punctuation marks of a phrase."""
    return _PIECES.findall(unicodedata.normalize("NFKC", phrase).lower())


class WordTokenizer:
    """Whole words from a list; any other word is spelt in UTF-8 bytes.

    Ids: 0 padding, 1 end, 2 "spelt word follows", 3..7 reserved, 8..263 bytes, then the words.
    Words may be appended to the list without changing the ids of the others.
    """

    def __init__(self, words: Sequence[str], vocab_size: int, context_length: int) -> None:
        if len(words) > vocab_size - _WORDS_AT:
            raise ConfigError(
                f"The vocabulary has {len(words)} words but the model has room for "
                f"{vocab_size - _WORDS_AT}: shorten it."
            )
        if len(set(words)) != len(words):
            raise ConfigError("The vocabulary names a word twice: remove the duplicate.")
        self.words = tuple(words)
        self.vocab_size = vocab_size
        self.context_length = context_length
        self._ids = {word: _WORDS_AT + i for i, word in enumerate(words)}

    def _all_ids(self, phrase: str) -> list[int]:
        ids: list[int] = []
        for piece in split_words(phrase):
            known = self._ids.get(piece)
            if known is not None:
                ids.append(known)
            else:
                ids.append(SPELL_ID)
                ids += [_BYTES_AT + byte for byte in piece.encode("utf-8", "replace")]
        return [*ids, END_ID]

    def encode(self, phrase: str) -> list[int]:
        """The phrase's ids; one too long is cut, its end token kept."""
        ids = self._all_ids(phrase)
        return ids if len(ids) <= self.context_length else [*ids[: self.context_length - 1], END_ID]

    def count(self, phrase: str) -> int:
        """How many tokens the phrase would need, not cut to the context length."""
        return len(self._all_ids(phrase))

    def batch(self, phrases: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Padded ids (P, L) and lengths (P,)."""
        return pad_batch([self.encode(phrase) for phrase in phrases])

    def unknown_words(self, phrase: str) -> list[str]:
        """Words (not punctuation) that are spelt in bytes, in order, each once."""
        pieces = dict.fromkeys(split_words(phrase))
        return [p for p in pieces if p not in self._ids and any(c.isalnum() for c in p)]

    def to_json(self) -> dict[str, Any]:
        """What `tokenizer_from_json` reads back."""
        return {
            "type": "words",
            "words": list(self.words),
            "vocab_size": self.vocab_size,
            "context_length": self.context_length,
        }


def tokenizer_from_json(values: Any) -> Tokenizer:
    """Builds the tokenizer that travels in a weights file.

    Raises:
        WeightsError: the record is damaged.
    """
    try:
        size, context = int(values["vocab_size"]), int(values["context_length"])
        if values["type"] == "words":
            return WordTokenizer([str(w) for w in values["words"]], size, context)
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"The weights file's tokenizer is damaged ({error!r}).") from error
    raise WeightsError(
        f"The weights file's tokenizer is of the unknown type '{values['type']}': update rsrefseg."
    )


def word_tokenizer(preset: Preset) -> WordTokenizer:
    """The word tokenizer with the vocabulary that is bundled for the preset, if any."""
    path = PRESET_DIR / f"{preset.name}.vocab.json"
    words = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    return WordTokenizer(words, preset.clip.vocab_size, preset.clip.context_length)


def build_vocabulary(phrases: Iterable[str], size: int = 1536) -> list[str]:
    """The most frequent words of the phrases that fit a table of `size` rows.

    Args:
        phrases: training phrases.
        size: rows of the embedding table, special tokens and bytes included.

    Returns:
        Words and punctuation marks, most frequent first, ties in alphabetical order.
    """
    counts: Counter[str] = Counter()
    for phrase in phrases:
        counts.update(split_words(phrase))
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    return ranked[: size - _WORDS_AT]


def main(arguments: Sequence[str] | None = None) -> None:
    """Makes a vocabulary file from a text file with one phrase a line."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("phrases", type=Path, help="text file, UTF-8, one phrase a line")
    parser.add_argument("-o", "--out", type=Path, default=PRESET_DIR / "rsrefseg2-tiny.vocab.json")
    parser.add_argument("--size", type=int, default=1536, help="rows of the embedding table")
    parser.add_argument("--keep", action="store_true", help="keep the old list and append to it")
    options = parser.parse_args(arguments)
    lines = options.phrases.read_text(encoding="utf-8").splitlines()
    words = build_vocabulary(lines, options.size)
    if options.keep and options.out.is_file():
        old = json.loads(options.out.read_text(encoding="utf-8"))
        words = [*old, *(w for w in words if w not in set(old))][: options.size - _WORDS_AT]
    options.out.write_text(json.dumps(words, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
    print(f"{len(words)} words -> {options.out}")


if __name__ == "__main__":
    main()
