from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import pytest
from qgis.core import (
    QgsApplication,
    QgsFeature,
    QgsGeometry,
    QgsPointXY,
    QgsProcessingContext,
    QgsProject,
    QgsVectorLayer,
)

from rsrefseg_qgis.tasks import regularise
from tests.plugin.processing.conftest import Feedback

Run = Callable[..., dict[str, Any]]


def house(seed: int, angle_deg: float) -> QgsGeometry:
    """An L-shaped house whose outline wobbles by up to 20 cm at each metre."""
    chance = random.Random(seed)
    corners = [(0, 0), (12, 0), (12, 8), (7, 8), (7, 14), (0, 14)]
    turn = math.radians(angle_deg)
    points = []
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1]):
        steps = int(max(abs(x1 - x0), abs(y1 - y0)))
        for step in range(steps):
            x = x0 + (x1 - x0) * step / steps + chance.uniform(-0.2, 0.2)
            y = y0 + (y1 - y0) * step / steps + chance.uniform(-0.2, 0.2)
            points.append(
                QgsPointXY(
                    500000 + seed * 40 + x * math.cos(turn) - y * math.sin(turn),
                    5200000 + x * math.sin(turn) + y * math.cos(turn),
                )
            )
    return QgsGeometry.fromPolygonXY([points])


def layer(*geometries: QgsGeometry) -> QgsVectorLayer:
    made = QgsVectorLayer(
        "Polygon?crs=EPSG:32633&field=name:string&field=area_m2:double", "x", "memory"
    )
    features = []
    for number, geometry in enumerate(geometries):
        feature = QgsFeature(made.fields())
        feature.setGeometry(geometry)
        feature["name"] = f"house {number}"
        features.append(feature)
    made.dataProvider().addFeatures(features)
    return made


def test_houses_get_right_angles(toolbox: Run, feedback: Feedback, monkeypatch: Any) -> None:
    monkeypatch.setattr(regularise, "BATCH", 2)
    drawn = [house(seed, 11 * seed) for seed in range(5)]
    result = toolbox("regularise", feedback, INPUT=layer(*drawn), OUTPUT="memory:")
    assert result["COUNT"] == 5
    for feature, before in zip(result["OUTPUT"].getFeatures(), drawn):
        made = feature.geometry()
        assert made.isGeosValid()
        ring = made.asMultiPolygon()[0][0]
        assert len(ring) == 7
        for a, b, c in zip(ring, ring[1:], [*ring[2:], ring[1]]):
            turn = b.azimuth(c) - a.azimuth(b)
            assert min(turn % 90, 90 - turn % 90) < 0.01
        shared = made.intersection(before).area()
        assert shared / (made.area() + before.area() - shared) > 0.9
        assert feature["area_m2"] == pytest.approx(made.area(), rel=2e-3)
    names = [feature["name"] for feature in result["OUTPUT"].getFeatures()]
    assert names == [f"house {number}" for number in range(5)]
    assert feedback.steps == sorted(feedback.steps)


def test_bow_ties_and_features_without_geometry(toolbox: Run) -> None:
    bow = QgsGeometry.fromWkt("POLYGON((0 0,10 10,10 0,0 10,0 0))")
    bow.translate(500000, 5200000)
    made = toolbox("regularise", INPUT=layer(bow, QgsGeometry()), OUTPUT="memory:")["OUTPUT"]
    first, second = made.getFeatures()
    assert first.geometry().isGeosValid()
    assert first.geometry().area() > 40
    assert not second.hasGeometry()
    assert second["name"] == "house 1"


def test_no_crs_counts_in_map_units(toolbox: Run) -> None:
    made = QgsVectorLayer("Polygon", "x", "memory")
    feature = QgsFeature()
    feature.setGeometry(QgsGeometry.fromWkt("POLYGON((0 0,10 0.2,10 8,0.1 7.9,0 0))"))
    made.dataProvider().addFeatures([feature])
    result = toolbox("regularise", INPUT=made, TOLERANCE=0.5, OUTPUT="memory:")["OUTPUT"]
    assert next(result.getFeatures()).geometry().area() == pytest.approx(78, abs=2)


def test_cancel(toolbox: Run, monkeypatch: Any) -> None:
    monkeypatch.setattr(regularise, "BATCH", 1)
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("rsrefseg:regularise")
    context, feedback = QgsProcessingContext(), Feedback()
    context.setProject(QgsProject.instance())
    feedback.progressChanged.connect(lambda step: step > 40 and feedback.cancel())
    houses = layer(*(house(seed, 5) for seed in range(10)))
    results, good = algorithm.run({"INPUT": houses, "OUTPUT": "memory:"}, context, feedback)
    assert good
    assert results == {}
