"""Tokenizers that come as a file beside the weights; they work offline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from rsrefseg.errors import WeightsError
from rsrefseg.models.tokenizer import pad_batch

_END_TOKENS = ("<eos>", "</s>", "<|endoftext|>")
_REMEDY = "install it with `pip install rsrefseg[siglip]`"
# Names under which a tokenizer is looked for beside a weights file.
SUFFIXES = (".json", ".model")


class FileTokenizer:
    """A Hugging Face `tokenizer.json` or a SentencePiece `tokenizer.model`.

    Args:
        path: the file.
        encode: gives a text's ids without an end token.
        size: how many tokens the file knows.
        end_id: the end token.
        vocab_size: rows of the model's embedding table.
        context_length: most tokens of a phrase.
    """

    def __init__(
        self,
        path: Path,
        encode: Callable[[str], list[int]],
        size: int,
        end_id: int,
        vocab_size: int,
        context_length: int,
    ) -> None:
        if max(size - 1, end_id) >= vocab_size:
            raise WeightsError(
                f"The tokenizer '{path}' has {size} tokens but the model knows {vocab_size}: use "
                "the file that belongs to these weights."
            )
        self.path = path
        self.context_length = context_length
        self._encode = encode
        self._end_id = end_id

    @classmethod
    def from_file(cls, path: Path, vocab_size: int, context_length: int) -> FileTokenizer:
        """Reads a tokenizer file.

        Raises:
            WeightsError: it is absent, unreadable, of an unknown kind, or another model's.
        """
        if not path.is_file():
            raise WeightsError(f"There is no tokenizer file '{path}': check the path.")
        if path.suffix not in SUFFIXES:
            raise WeightsError(
                f"The tokenizer '{path}' must be a tokenizer.json or a tokenizer.model."
            )
        opener = _open_json if path.suffix == ".json" else _open_sentencepiece
        encode, size, end_id = opener(path)
        return cls(path, encode, size, end_id, vocab_size, context_length)

    def _all_ids(self, phrase: str) -> list[int]:
        ids = self._encode(phrase)
        return ids if ids and ids[-1] == self._end_id else [*ids, self._end_id]

    def encode(self, phrase: str) -> list[int]:
        """The phrase's ids; one too long is cut, its end token kept."""
        ids = self._all_ids(phrase)
        if len(ids) <= self.context_length:
            return ids
        return [*ids[: self.context_length - 1], self._end_id]

    def count(self, phrase: str) -> int:
        """How many tokens the phrase would need, not cut to the context length."""
        return len(self._all_ids(phrase))

    def batch(self, phrases: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Padded ids (P, L) and lengths (P,)."""
        return pad_batch([self.encode(phrase) for phrase in phrases])

    def unknown_words(self, phrase: str) -> list[str]:
        """Always empty: its sub-words spell every word."""
        return []

    def to_json(self) -> dict[str, Any] | None:
        """None: the file stays a file beside the weights (tens of megabytes)."""
        return None


def _open_json(path: Path) -> tuple[Callable[[str], list[int]], int, int]:
    try:
        from tokenizers import Tokenizer as Backend
    except ImportError as error:
        raise WeightsError(
            f"Reading '{path}' needs the package 'tokenizers': {_REMEDY}."
        ) from error
    try:
        backend = Backend.from_file(str(path))
    except Exception as error:
        raise WeightsError(f"'{path}' is no tokenizer that can be read: {error}.") from error
    backend.no_padding()
    backend.no_truncation()
    ends = [backend.token_to_id(token) for token in _END_TOKENS]
    known = [i for i in ends if i is not None]
    if not known:
        raise WeightsError(f"'{path}' has no end token (<eos> or </s>): use SigLIP 2's own file.")

    def encode(text: str) -> list[int]:
        ids: list[int] = backend.encode(text).ids
        return ids

    return encode, backend.get_vocab_size(), known[0]


def _open_sentencepiece(path: Path) -> tuple[Callable[[str], list[int]], int, int]:
    try:
        from sentencepiece import SentencePieceProcessor
    except ImportError as error:
        raise WeightsError(
            f"Reading '{path}' needs the package 'sentencepiece': {_REMEDY}."
        ) from error
    try:
        backend = SentencePieceProcessor(model_proto=path.read_bytes())
    except (RuntimeError, OSError) as error:
        raise WeightsError(f"'{path}' is no tokenizer that can be read: {error}.") from error
    if backend.eos_id() < 0:
        raise WeightsError(f"'{path}' has no end token: use SigLIP 2's own file.")

    def encode(text: str) -> list[int]:
        ids: list[int] = backend.encode(text, out_type=int)
        return ids

    return encode, backend.get_piece_size(), backend.eos_id()


class MissingTokenizer:
    """Stands where a model's tokenizer file was not found: says so when a phrase is asked.

    Args:
        context_length: most tokens of a phrase.
        place: the weights file that it should lie beside.
    """

    def __init__(self, context_length: int, place: Path | None = None) -> None:
        self.context_length = context_length
        self._place = place

    def _refuse(self) -> WeightsError:
        where = "" if self._place is None else f" as '{self._place.stem}.tokenizer.json'"
        return WeightsError(
            f"This model's tokenizer file is missing: put SigLIP 2's tokenizer.json beside the "
            f"weights{where}."
        )

    def encode(self, phrase: str) -> list[int]:
        """Refuses."""
        raise self._refuse()

    def count(self, phrase: str) -> int:
        """Refuses."""
        raise self._refuse()

    def batch(self, phrases: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Refuses."""
        raise self._refuse()

    def unknown_words(self, phrase: str) -> list[str]:
        """Refuses."""
        raise self._refuse()

    def to_json(self) -> dict[str, Any] | None:
        """None: there is nothing to write."""
        return None


def tokenizer_beside(weights: Path, vocab_size: int, context_length: int) -> FileTokenizer | None:
    """The tokenizer that lies beside a weights file, or None.

    Looked for as `<name of the weights>.tokenizer.json` (or `.model`), then as `tokenizer.json`.
    """
    for stem in (f"{weights.stem}.tokenizer", "tokenizer"):
        for suffix in SUFFIXES:
            path = weights.with_name(stem + suffix)
            if path.is_file():
                return FileTokenizer.from_file(path, vocab_size, context_length)
    return None
