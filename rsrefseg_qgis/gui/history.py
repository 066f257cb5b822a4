"""The phrases that were asked before: the newest first, each once, kept in a file."""

from __future__ import annotations

import contextlib
import json
import threading
from pathlib import Path

KEPT = 30


class PhraseHistory:
    """Remembers phrases between sessions. No Qt here.

    QGIS's settings would be written to the disk, and waited for, on the main thread; the file is
    written in a thread of its own.

    Args:
        path: of the file; made with its folder when the first phrase comes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._phrases = _read(path)
        self._one_writes = threading.Lock()
        self._writer: threading.Thread | None = None

    @property
    def phrases(self) -> list[str]:
        """The phrases, the newest first; none when what is stored cannot be read."""
        return list(self._phrases)

    def add(self, phrase: str) -> None:
        """Put a phrase first."""
        self._phrases = _first(phrase, self._phrases)
        self._writer = threading.Thread(target=self._write, args=(phrase,), daemon=True)
        self._writer.start()

    def close(self, timeout_s: float = 1.0) -> None:
        """Wait until what was added is written."""
        if self._writer is not None:
            self._writer.join(timeout_s)

    def _write(self, phrase: str) -> None:
        # what another QGIS has added meanwhile stays; a disk that is full costs the history only
        with self._one_writes, contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            part = self._path.with_suffix(".part")
            text = json.dumps(_first(phrase, _read(self._path)), ensure_ascii=False)
            part.write_text(text, encoding="utf-8")
            part.replace(self._path)


def _first(phrase: str, phrases: list[str]) -> list[str]:
    return [phrase, *(item for item in phrases if item != phrase)][:KEPT]


def _read(path: Path) -> list[str]:
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    if not isinstance(stored, list):
        return []
    return [item for item in stored if isinstance(item, str) and item][:KEPT]
