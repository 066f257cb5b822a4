"""Phrases as users type them."""

from __future__ import annotations

SEPARATOR = ";"


def split_phrases(text: str) -> tuple[str, ...]:
    """The parts between semicolons, each once, in order; none when there is only white space."""
    parts = (" ".join(part.split()) for part in text.split(SEPARATOR))
    return tuple(dict.fromkeys(part for part in parts if part))
