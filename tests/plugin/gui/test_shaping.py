from __future__ import annotations

import os
import signal
from typing import Any

from rsrefseg_qgis.gui.state import Activity
from rsrefseg_qgis.layers.result import record_of
from tests.plugin.gui.test_results import answered, layer_of, two_blobs

__all__ = ["answered", "two_blobs"]


def test_threshold_redraws_without_asking_again(answered: Any) -> None:
    layer = layer_of(answered)
    answered.panel.shape_box.slider.setValue(95)
    answered.qtbot.waitUntil(lambda: layer.featureCount() == 0, timeout=10000)
    assert answered.plugin.state.view.activity is Activity.IDLE
    assert answered.plugin.state.view.candidates == ()
    assert record_of(layer).threshold == 0.95
    answered.panel.shape_box.threshold.setValue(0.3)
    answered.qtbot.waitUntil(lambda: layer.featureCount() == 2, timeout=10000)
    assert answered.panel.shape_box.slider.value() == 30
    assert "2 polygons" in answered.panel.result_label.text()


def test_minimum_area_leaves_out_the_small_one(answered: Any) -> None:
    layer = layer_of(answered)
    answered.panel.shape_box.min_area.setValue(20.0)
    answered.qtbot.waitUntil(lambda: layer.featureCount() == 1, timeout=10000)
    assert len(answered.plugin.state.view.candidates) == 1


def test_next_question_uses_the_values(answered: Any) -> None:
    answered.panel.shape_box.min_area.setValue(20.0)
    assert answered.panel.request().shape.min_area_m2 == 20.0


def test_only_the_last_of_many_wishes_counts(answered: Any) -> None:
    layer = layer_of(answered)
    for value in (95, 20, 96, 30, 97, 40):
        answered.panel.shape_box.slider.setValue(value)
        answered.qtbot.wait(150)
    answered.qtbot.waitUntil(
        lambda: record_of(layer).threshold == 0.4 and layer.featureCount() == 2, timeout=10000
    )


def test_engine_that_forgot_says_to_ask_again(answered: Any) -> None:
    os.kill(answered.plugin.manager.pid, signal.SIGKILL)
    answered.panel.shape_box.slider.setValue(95)
    answered.qtbot.waitUntil(lambda: bool(answered.messages), timeout=20000)
    assert "ask again" in answered.messages[0]
    assert layer_of(answered).featureCount() == 2


def test_layer_that_is_edited_is_not_redrawn(answered: Any) -> None:
    layer = layer_of(answered)
    layer.startEditing()
    answered.panel.shape_box.slider.setValue(95)
    answered.qtbot.wait(800)
    assert layer.featureCount() == 2
    layer.rollBack()
