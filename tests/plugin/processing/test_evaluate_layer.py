from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from qgis.core import (
    QgsFeature,
    QgsGeometry,
    QgsProcessingException,
    QgsProject,
    QgsVectorLayer,
)

from rsrefseg_qgis.tasks.base import Monitor
from rsrefseg_qgis.tasks.evaluate import FALSE_POSITIVE, MISS, TRUE_POSITIVE, Thing, match
from tests.plugin.processing.conftest import Feedback

Run = Callable[..., dict[str, Any]]


def box(x_min: float, y_min: float, x_max: float, y_max: float) -> str:
    corners = [(x_min, y_min), (x_max, y_min), (x_max, y_max), (x_min, y_max), (x_min, y_min)]
    return f"POLYGON(({','.join(f'{x} {y}' for x, y in corners)}))"


def layer(*rows: tuple[str, str], crs: str = "EPSG:32633", name: str = "phrase") -> QgsVectorLayer:
    """Rows of WKT and phrase."""
    made = QgsVectorLayer(f"Polygon?crs={crs}&field={name}:string", "x", "memory")
    features = []
    for wkt, phrase in rows:
        feature = QgsFeature(made.fields())
        feature.setGeometry(QgsGeometry.fromWkt(wkt))
        feature[name] = phrase
        features.append(feature)
    made.dataProvider().addFeatures(features)
    return made


def at(x: float, y: float = 0, width: float = 10, height: float = 10) -> str:
    return box(500000 + x, 5200000 + y, 500000 + x + width, 5200000 + y + height)


def test_figures_by_hand(toolbox: Run, feedback: Feedback) -> None:
    # a perfect match, a shifted one (IoU 8/12), a poor one (IoU 2/18), one found, one missed
    found = layer(*((wkt, "") for wkt in (at(0), at(102), at(208), at(300))))
    true = layer(*((wkt, "") for wkt in (at(0), at(100), at(200), at(400))))
    result = toolbox("evaluate", feedback, INPUT=found, REFERENCE=true, OUTPUT="memory:")
    assert result["TRUE_POSITIVES"] == result["FALSE_POSITIVES"] == result["MISSES"] == 2
    assert result["PRECISION"] == result["RECALL"] == result["F1"] == 0.5
    assert result["IOU"] == pytest.approx(200 / 600, rel=1e-6)
    assert result["MEAN_IOU"] == pytest.approx(200 / 600, rel=1e-6)
    assert result["PR50"] == 0
    rows = {
        (feature["kind"], feature["found_id"] or None, feature["reference_id"] or None): feature
        for feature in result["OUTPUT"].getFeatures()
    }
    assert set(rows) == {
        (TRUE_POSITIVE, 1, 1),
        (TRUE_POSITIVE, 2, 2),
        (FALSE_POSITIVE, 3, None),
        (FALSE_POSITIVE, 4, None),
        (MISS, None, 3),
        (MISS, None, 4),
    }
    assert rows[TRUE_POSITIVE, 2, 2]["iou"] == pytest.approx(8 / 12)
    assert rows[FALSE_POSITIVE, 3, None]["iou"] == pytest.approx(2 / 18)
    assert any("F1" in text for text in feedback.said)


def test_phrases_are_told_apart(toolbox: Run, tmp_path: Path) -> None:
    found = layer((at(0), "Water"), (at(20), "roads"), (at(40), "roads"), (at(60), "trees"))
    true = layer((at(0), "water "), (at(20), "water"), (at(40, width=6), "roads"), name="what")
    report = tmp_path / "report.json"
    result = toolbox(
        "evaluate",
        INPUT=found,
        REFERENCE=true,
        INPUT_PHRASE="phrase",
        REFERENCE_PHRASE="what",
        OUTPUT="memory:",
        REPORT=str(report),
    )
    assert (result["TRUE_POSITIVES"], result["FALSE_POSITIVES"], result["MISSES"]) == (2, 2, 1)
    written = json.loads(report.read_text(encoding="utf-8"))
    assert set(written["phrases"]) == {"water", "roads", "trees"}
    assert written["phrases"]["roads"]["iou"] == pytest.approx(60 / 200, rel=1e-6)
    assert written["phrases"]["trees"]["recall"] is None
    # trees are not in the reference
    assert written["mean_iou"] == pytest.approx((100 / 200 + 60 / 200) / 2, rel=1e-6)
    assert written["f1"] == result["F1"] == pytest.approx(4 / 7)


def test_share_of_phrases_above_half(toolbox: Run) -> None:
    found = layer((at(0), "a"), (at(20), "b"), (at(40), "c"))
    true = layer((at(0), "a"), (at(20, width=8), "b"), (at(40, width=4), "c"), (at(60), "d"))
    asked = {"INPUT": found, "REFERENCE": true, "OUTPUT": "memory:"}
    result = toolbox("evaluate", **asked, INPUT_PHRASE="phrase", REFERENCE_PHRASE="phrase")
    assert result["PR50"] == pytest.approx(2 / 4)
    assert result["MEAN_IOU"] == pytest.approx((1 + 0.8 + 0.4 + 0) / 4, rel=1e-6)


def test_a_layer_with_itself_is_perfect_in_any_crs(toolbox: Run) -> None:
    true = layer((at(0), ""), (at(30, 5), ""))
    found = QgsVectorLayer("Polygon?crs=EPSG:4326", "x", "memory")
    from qgis.core import QgsCoordinateTransform

    change = QgsCoordinateTransform(true.crs(), found.crs(), QgsProject.instance())
    features = []
    for feature in true.getFeatures():
        geometry = feature.geometry()
        geometry.transform(change)
        copy = QgsFeature()
        copy.setGeometry(geometry)
        features.append(copy)
    found.dataProvider().addFeatures(features)
    result = toolbox("evaluate", INPUT=found, REFERENCE=true, OUTPUT="memory:")
    assert result["IOU"] == pytest.approx(1, abs=1e-5)
    assert (result["F1"], result["PR50"]) == (1, 1)
    assert result["OUTPUT"].crs().authid() == "EPSG:32633"


def test_only_where_the_reference_is_complete(toolbox: Run) -> None:
    found = layer((at(0), ""), (at(500), ""))
    true = layer((at(0), ""))
    keep = layer((at(-5, -5, 30, 30), ""))
    result = toolbox("evaluate", INPUT=found, REFERENCE=true, WITHIN=keep, OUTPUT="memory:")
    assert (result["F1"], result["FALSE_POSITIVES"]) == (1, 0)


def test_bow_ties_and_empty_geometries_do_no_harm(toolbox: Run) -> None:
    bow = "POLYGON((500000 5200000,500010 5200010,500010 5200000,500000 5200010,500000 5200000))"
    found = layer((bow, ""), ("POLYGON EMPTY", ""))
    result = toolbox("evaluate", INPUT=found, REFERENCE=layer((bow, "")), OUTPUT="memory:")
    assert (result["F1"], result["TRUE_POSITIVES"]) == (1, 1)
    assert result["IOU"] == pytest.approx(1)


def test_nothing_to_divide_by_is_empty(toolbox: Run, feedback: Feedback) -> None:
    result = toolbox("evaluate", feedback, INPUT=layer(), REFERENCE=layer(), OUTPUT="memory:")
    assert result["IOU"] is result["F1"] is result["PR50"] is None
    assert any("nothing to divide by" in text for text in feedback.said)
    result = toolbox("evaluate", INPUT=layer(), REFERENCE=layer((at(0), "")), OUTPUT="memory:")
    assert (result["RECALL"], result["F1"], result["IOU"], result["PRECISION"]) == (0, 0, 0, None)


def test_one_phrase_field_alone_is_a_sentence(toolbox: Run) -> None:
    wrong = {"INPUT": layer(), "REFERENCE": layer(), "INPUT_PHRASE": "phrase"}
    with pytest.raises(QgsProcessingException, match="of both layers"):
        toolbox("evaluate", **wrong, OUTPUT="memory:")


@pytest.mark.usefixtures("layer_tree")
def test_result_is_styled_when_loaded(toolbox: Run) -> None:
    import processing

    layers = {"INPUT": layer((at(0), "")), "REFERENCE": layer((at(0), "")), "OUTPUT": "memory:"}
    result = processing.runAndLoadResults("rsrefseg:evaluate", layers)
    loaded = QgsProject.instance().mapLayer(result["OUTPUT"])
    assert loaded.renderer().type() == "categorizedSymbol"


@pytest.mark.parametrize("seed", range(20))
def test_matching_is_one_to_one_and_counts_everything(seed: int) -> None:
    chance = random.Random(seed)

    def things(count: int) -> list[Thing]:
        return [
            Thing(number, QgsGeometry.fromWkt(box(x, y, x + 3, y + 3)))
            for number in range(count)
            for x, y in [(chance.uniform(0, 9), chance.uniform(0, 9))]
        ]

    found, true = things(chance.randint(0, 15)), things(chance.randint(0, 15))
    verdicts = match(found, true, Monitor())
    hits = [verdict for verdict in verdicts if verdict.kind == TRUE_POSITIVE]
    assert len({verdict.partner for verdict in hits}) == len(hits)
    assert all(verdict.iou >= 0.5 for verdict in hits)
    kinds = [verdict.kind for verdict in verdicts]
    assert kinds.count(TRUE_POSITIVE) + kinds.count(FALSE_POSITIVE) == len(found)
    assert kinds.count(TRUE_POSITIVE) + kinds.count(MISS) == len(true)
