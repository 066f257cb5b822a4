from __future__ import annotations

from rsrefseg_qgis.gui.history import KEPT, PhraseHistory
from rsrefseg_qgis.settings import Settings
from tests.plugin.conftest import MemoryStore


def test_newest_first_each_once_and_not_without_end() -> None:
    history = PhraseHistory(Settings(MemoryStore()))
    for phrase in ("a", "b", "a", "川"):
        history.add(phrase)
    assert history.phrases == ["川", "a", "b"]
    for number in range(2 * KEPT):
        history.add(f"phrase {number}")
    assert len(history.phrases) == KEPT
    assert history.phrases[0] == f"phrase {2 * KEPT - 1}"


def test_what_cannot_be_read_is_no_history() -> None:
    settings = Settings(MemoryStore())
    for text in ("", "nonsense", "{}", "3"):
        settings.phrase_history = text
        assert PhraseHistory(settings).phrases == []
