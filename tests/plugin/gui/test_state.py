from __future__ import annotations

from rsrefseg_qgis.gui.state import Activity, PanelState, PanelView
from rsrefseg_qgis.tasks.phrases import split_phrases


def test_listeners_hear_of_changes_only() -> None:
    state = PanelState()
    heard: list[PanelView] = []
    state.subscribe(heard.append)
    state.change(activity=Activity.ASKING)
    state.change(activity=Activity.ASKING)
    state.unsubscribe(heard.append)
    state.change(activity=Activity.IDLE)
    assert [view.activity for view in heard] == [Activity.IDLE, Activity.ASKING]


def test_phrases_are_split_and_tidied() -> None:
    assert split_phrases(" a  b ;c; ;a b") == ("a b", "c")
    assert split_phrases("\n; \t") == ()
