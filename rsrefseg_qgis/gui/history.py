"""The phrases that were asked before: the newest first, each once, kept in the settings."""

from __future__ import annotations

import json

from rsrefseg_qgis.settings import Settings

KEPT = 30


class PhraseHistory:
    """Remembers phrases between sessions. No Qt here.

    Args:
        settings: where they are kept.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @property
    def phrases(self) -> list[str]:
        """The phrases, the newest first; none when what is stored cannot be read."""
        try:
            stored = json.loads(self._settings.phrase_history)
        except ValueError:
            return []
        if not isinstance(stored, list):
            return []
        return [item for item in stored if isinstance(item, str) and item][:KEPT]

    def add(self, phrase: str) -> None:
        """Put a phrase first."""
        others = [item for item in self.phrases if item != phrase]
        self._settings.phrase_history = json.dumps([phrase, *others][:KEPT], ensure_ascii=False)
