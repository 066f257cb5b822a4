"""A run of the history opened in the Toolbox: all that was asked goes with it."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from qgis.core import (
    QgsFeature,
    QgsGeometry,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProject,
    QgsVectorLayer,
)
from qgis.gui import QgsBrowserGuiModel

from rsrefseg_qgis.gui.session import processing_call, request_of
from rsrefseg_qgis.layers.provenance import RunRecord
from rsrefseg_qgis.layers.relations import Relation
from rsrefseg_qgis.layers.result import record_of
from tests.plugin.gui.test_results import answered, layer_of, two_blobs

__all__ = ["answered", "two_blobs"]

ID = "rsrefseg:segmentbyphrase"
POINTS = ((500015.0, 5199990.0), (500001.0, 5199999.0), (500016.0, 5199991.0))
BOX = (500010.0, 5199985.0, 500020.0, 5199995.0)


@pytest.fixture
def road(answered: Any) -> QgsVectorLayer:
    """A line from north to south between the two red areas."""
    layer = QgsVectorLayer("LineString?crs=EPSG:32633", "road", "memory")
    feature = QgsFeature()
    feature.setGeometry(QgsGeometry.fromWkt("LineString(500023 5200000, 500023 5199960)"))
    layer.dataProvider().addFeature(feature)
    QgsProject.instance().addMapLayer(layer)
    return layer


@pytest.fixture
def record(answered: Any) -> RunRecord:
    made = record_of(layer_of(answered))
    assert made is not None
    return made


def run(record: RunRecord, feedback: QgsProcessingFeedback | None = None) -> dict[str, Any]:
    """What the dialog would run."""
    import processing

    call = {**processing_call(record), "OUTPUT": "memory:"}
    result: dict[str, Any] = processing.run(ID, call, feedback=feedback)
    return result


def asked_last(window: Any) -> dict[str, Any]:
    seen = json.loads(window.plugin.manager.ensure()._call("GET", "/v1/seen"))
    return dict(seen["segments"][-1])


def test_gives_what_the_panel_gave(answered: Any, record: RunRecord, qgis_processing: None) -> None:
    result = run(record)
    shapes = [feature.geometry().asWkt(3) for feature in layer_of(answered).getFeatures()]
    again = [feature.geometry().asWkt(3) for feature in result["OUTPUT"].getFeatures()]
    assert sorted(again) == sorted(shapes)
    assert request_of(record).shape.threshold == record.threshold


def test_shape_clicks_and_box_reach_the_engine(
    answered: Any, record: RunRecord, qgis_processing: None
) -> None:
    changed = dataclasses.replace(
        record,
        threshold=0.4,
        min_area_m2=2.0,
        simplify_m=0.5,
        right_angles=True,
        ground_resolution_m=0.6,
        points=POINTS,
        point_labels=(1, 0, 1),
        box=BOX,
        guess=True,
    )
    run(changed)
    asked = asked_last(answered)
    assert asked["threshold"] == 0.4
    assert asked["min_area_m2"] == 2.0
    assert asked["simplify_m"] == 0.5
    assert asked["right_angles"] is True
    assert asked["ground_resolution_m"] == 0.6
    assert asked["presence_threshold"] == 0.0
    # those inside come first
    assert asked["points"] == [list(POINTS[0]), list(POINTS[2]), list(POINTS[1])]
    assert asked["point_labels"] == [1, 1, 0]
    assert asked["box"] == pytest.approx(BOX)


def test_points_of_another_crs_are_brought_into_that_of_the_raster(
    answered: Any, record: RunRecord, qgis_processing: None
) -> None:
    import processing

    point = QgsGeometry.fromWkt("Point(15.0 46.95352920230119)")
    run_with = {"POINTS_INSIDE": f"CRS=EPSG:4326;{point.asWkt(14)}", "OUTPUT": "memory:"}
    processing.run(ID, {**processing_call(record), **run_with})
    assert asked_last(answered)["points"][0] == pytest.approx((500000.0, 5200000.0), abs=0.01)


@pytest.mark.parametrize("relation", list(Relation))
def test_relation_is_kept(
    record: RunRecord, road: QgsVectorLayer, relation: Relation, qgis_processing: None
) -> None:
    related = dataclasses.replace(
        record, relation=relation.value, related_id=road.id(), related_name="road", related_m=5.0
    )
    if relation is Relation.INSIDE:  # of a line: said at once
        feedback = QgsProcessingFeedback(False)
        with pytest.raises(QgsProcessingException):
            run(related, feedback)
        assert "Nothing can be inside of “road”" in feedback.textLog()
        return
    # the red areas are 2 and 7 m away from the road, one on each side
    counts = {Relation.LEFT: 1, Relation.RIGHT: 1, Relation.WITHIN: 1}
    assert run(related)["COUNT"] == counts.get(relation, 0)


def test_relation_whose_layer_is_gone_is_to_be_chosen(
    record: RunRecord, qgis_processing: None
) -> None:
    gone = dataclasses.replace(record, relation=Relation.LEFT.value, related_id="gone")
    call = processing_call(gone)
    assert "RELATION_LAYER" not in call
    with pytest.raises(QgsProcessingException, match="Choose the layer that “left of” is about"):
        run(gone)


def test_run_without_a_crs(record: RunRecord) -> None:
    call = processing_call(dataclasses.replace(record, crs=""))
    assert not call["EXTENT"].crs().isValid()


def test_opens_in_the_dialog_with_everything_filled_in(
    answered: Any,
    record: RunRecord,
    road: QgsVectorLayer,
    qgis_processing: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import processing

    browser = QgsBrowserGuiModel()
    monkeypatch.setattr(answered.iface, "browserModel", lambda: browser)
    changed = dataclasses.replace(
        record,
        right_angles=True,
        relation=Relation.WITHIN.value,
        related_id=road.id(),
        related_m=7.0,
        points=POINTS[:1],
        point_labels=(1,),
        box=BOX,
    )
    dialog = processing.createAlgorithmDialog(ID, processing_call(changed))
    filled = dialog.createProcessingParameters()
    dialog.deleteLater()
    assert filled["RIGHT_ANGLES"] is True
    assert filled["RELATION"] == 5
    assert filled["RELATION_LAYER"] == road.id()
    assert filled["RELATION_DISTANCE"] == 7.0
    assert "500015" in str(filled["POINTS_INSIDE"])
    assert str(filled["BOX"]).startswith("500010")


def test_running_again_shows_the_relation_in_the_panel(
    answered: Any, record: RunRecord, road: QgsVectorLayer
) -> None:
    box = answered.panel.relation_box
    changed = dataclasses.replace(
        record, relation=Relation.WITHIN.value, related_id=road.id(), related_m=5.0
    )
    answered.plugin.workbench.run_again(changed)
    answered.wait()
    assert layer_of(answered).featureCount() == 1
    assert (box.combo.currentData(), box.layer_combo.currentLayer()) == ("within", road)
    assert box.distance.value() == 5.0
    # so that drawing again keeps to it
    answered.panel.shape_box.threshold.setValue(0.6)
    answered.qtbot.waitUntil(lambda: record_of(layer_of(answered)).threshold == 0.6, timeout=20000)
    assert layer_of(answered).featureCount() == 1


def test_nothing_is_run_again_while_something_is_going_on(answered: Any) -> None:
    answered.ask("slow")
    assert not answered.panel.history_box.isEnabled()
    answered.wait()
    assert answered.panel.history_box.isEnabled()
