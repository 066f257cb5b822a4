from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from qgis.core import QgsProject
from qgis.PyQt.QtCore import Qt

from rsrefseg_qgis.gui.request import ExtentMode
from tests.plugin import rasters

SECOND = (100, 80, 110, 90)


@pytest.fixture
def two_blobs(tmp_path: Path) -> Path:
    image = rasters.rgb()
    left, top, right, bottom = SECOND
    for band, value in enumerate(rasters.RED):
        image[band, top:bottom, left:right] = value
    return rasters.write(tmp_path / "two.tif", image)


@pytest.fixture
def answered(window: Any, two_blobs: Path) -> Any:
    window.add_raster(two_blobs)
    window.panel.extent.set_mode(ExtentMode.LAYER)
    window.ask("red")
    window.wait()
    return window


def layer_of(window: Any) -> Any:
    return QgsProject.instance().mapLayer(window.plugin.state.view.result_ids[0])


def test_candidates_are_listed_and_numbered(answered: Any) -> None:
    rows = answered.panel.results_list
    assert rows.isVisible()
    assert [rows.topLevelItem(i).text(0) for i in range(rows.topLevelItemCount())] == ["1", "2"]


def test_unchecked_candidate_leaves_the_layer_and_comes_back(answered: Any) -> None:
    rows, layer = answered.panel.results_list, layer_of(answered)
    assert layer.featureCount() == 2
    rows.topLevelItem(0).setCheckState(0, Qt.CheckState.Unchecked)
    assert layer.featureCount() == 1
    assert not answered.plugin.state.view.candidates[0].kept
    rows.topLevelItem(0).setCheckState(0, Qt.CheckState.Checked)
    assert layer.featureCount() == 2


def test_layer_that_is_edited_is_left_alone(answered: Any) -> None:
    rows, layer = answered.panel.results_list, layer_of(answered)
    layer.startEditing()
    rows.topLevelItem(0).setCheckState(0, Qt.CheckState.Unchecked)
    assert layer.featureCount() == 2
    assert answered.plugin.state.view.candidates[0].kept
    assert rows.topLevelItem(0).checkState(0) == Qt.CheckState.Checked
    layer.rollBack()


def test_hovering_highlights_and_leaving_ends_it(answered: Any) -> None:
    rows, results = answered.panel.results_list, answered.plugin.results
    rows.itemEntered.emit(rows.topLevelItem(1), 0)
    assert results._highlight is not None
    rows.hovered.emit(None)
    assert results._highlight is None


def test_removed_layer_takes_its_candidates_along(answered: Any) -> None:
    rows = answered.panel.results_list
    rows.itemEntered.emit(rows.topLevelItem(0), 0)
    QgsProject.instance().removeMapLayer(layer_of(answered).id())
    assert answered.plugin.state.view.candidates == ()
    assert answered.plugin.results._highlight is None


def test_next_answer_replaces_the_list(answered: Any) -> None:
    answered.ask("nothing")
    answered.wait()
    assert answered.plugin.state.view.candidates == ()
    assert not answered.panel.results_list.isVisible()
