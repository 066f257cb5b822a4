"""While the user types, the engine prepares what is looked at; a view that changed is given up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from qgis.core import QgsRectangle
from qgis.PyQt.QtTest import QTest

from rsrefseg_qgis.engine.manager import EngineState
from rsrefseg_qgis.gui.ahead import QUIET_MS
from rsrefseg_qgis.gui.request import ExtentMode
from tests.plugin import rasters


def type_text(window: Any, text: str) -> None:
    QTest.keyClicks(window.panel.phrase_edit, text)


def seen(window: Any) -> dict[str, list[Any]]:
    """What the engine was asked for; nothing as long as it does not run."""
    if window.plugin.manager.state is not EngineState.READY:
        return {"encodes": [], "segments": [], "cancelled": []}
    return json.loads(window.plugin.manager.ensure()._call("GET", "/v1/seen"))


def wait_for(window: Any, what: str, count: int) -> list[Any]:
    window.qtbot.waitUntil(lambda: len(seen(window)[what]) == count, timeout=20000)
    return seen(window)[what]


@pytest.fixture
def ready(window: Any, scene: Path) -> Any:
    window.panel.phrase_edit.clear()
    window.add_raster(scene)
    window.panel.extent.set_mode(ExtentMode.LAYER)
    return window


def test_typing_prepares_the_view_once_and_asking_uses_the_same_pixels(ready: Any) -> None:
    type_text(ready, "red")
    (encode,) = wait_for(ready, "encodes", 1)
    # what is ready now is shown at once
    ready.qtbot.waitUntil(lambda: ready.plugin.watch._health is not None, timeout=5000)
    type_text(ready, " roofs")
    ready.qtbot.wait(2 * QUIET_MS)
    ready.panel.segment_button.click()
    ready.wait()
    asked = seen(ready)
    assert len(asked["encodes"]) == 1
    assert asked["segments"][0]["phrases"] == ["red roofs"]
    # the same bytes have the same id, so that the engine's cache answers
    assert asked["segments"][0]["image"] == encode["image"]


def test_view_that_changed_cancels_the_stale_encode(
    ready: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_ENGINE", "slow_encode")
    type_text(ready, "red")
    (first,) = wait_for(ready, "encodes", 1)
    ready.panel.extent.set_drawn(QgsRectangle(*rasters.blob_bounds()))
    wait_for(ready, "cancelled", 1)
    second = wait_for(ready, "encodes", 2)[1]
    assert seen(ready)["cancelled"] == [first["request_id"]]
    assert second["image"] != first["image"]
    assert second["view"] == first["view"] != ""


def test_asking_gives_up_what_is_under_way(ready: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_ENGINE", "slow_encode")
    type_text(ready, "red")
    wait_for(ready, "encodes", 1)
    ready.panel.segment_button.click()
    ready.wait()
    wait_for(ready, "cancelled", 1)
    assert ready.plugin.state.view.result_ids


def test_nothing_is_prepared_when_the_setting_is_off(ready: Any) -> None:
    ready.plugin.settings.encode_while_typing = False
    type_text(ready, "red")
    ready.qtbot.wait(4 * QUIET_MS)
    assert ready.plugin.manager.state is EngineState.STOPPED


def test_what_cannot_be_prepared_is_not_told(window: Any) -> None:
    type_text(window, "red")
    window.qtbot.wait(4 * QUIET_MS)
    assert window.messages == []
    assert window.plugin.manager.state is EngineState.STOPPED
