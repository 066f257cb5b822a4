from __future__ import annotations

from pathlib import Path

import pytest

from rsrefseg_qgis.gui.history import KEPT, PhraseHistory


def test_newest_first_each_once_and_not_without_end(tmp_path: Path) -> None:
    history = PhraseHistory(tmp_path / "new" / "phrases.json")
    for phrase in ("a", "b", "a", "川"):
        history.add(phrase)
    assert history.phrases == ["川", "a", "b"]
    for number in range(2 * KEPT):
        history.add(f"phrase {number}")
    assert len(history.phrases) == KEPT
    assert history.phrases[0] == f"phrase {2 * KEPT - 1}"


def test_lasts_and_two_windows_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "phrases.json"
    one, other = PhraseHistory(path), PhraseHistory(path)
    for window, phrase in ((one, "roads"), (other, "川"), (one, "trees")):
        window.add(phrase)
        window.close()
    assert PhraseHistory(path).phrases == ["trees", "川", "roads"]


@pytest.mark.parametrize("text", ["", "nonsense", "{}", "3", "\xff"])
def test_what_cannot_be_read_is_no_history(tmp_path: Path, text: str) -> None:
    path = tmp_path / "phrases.json"
    path.write_bytes(text.encode("latin-1"))
    assert PhraseHistory(path).phrases == []


def test_where_nothing_can_be_written_the_phrases_of_the_session_are_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    history = PhraseHistory(tmp_path / "file" / "phrases.json")
    history.add("roads")
    history.close()
    assert history.phrases == ["roads"]
