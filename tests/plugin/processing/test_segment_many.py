from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from qgis.core import (
    QgsApplication,
    QgsFeature,
    QgsGeometry,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
    QgsVectorLayer,
)

from rsrefseg_qgis.engine.manager import EngineManager
from rsrefseg_qgis.layers.result_file import tables_for
from rsrefseg_qgis.processing.provider import RSRefSegProvider
from tests.plugin import rasters
from tests.plugin.processing.conftest import Feedback

Run = Callable[..., dict[str, Any]]
# Low, so that also weak weights find something.
LOW = 0.05


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two rasters side by side, and what is none."""
    made = tmp_path / "rasters"
    made.mkdir()
    for number in range(2):
        pixel = (500000.0 + 60 * number, 0.3, 0.0, 5200000.0, 0.0, -0.3)
        rasters.write(made / f"{number}.tif", rasters.village(), pixel)
    (made / "notes.txt").write_text("no raster")
    return made


def rows(path: str, table: str) -> list[tuple[str, str, float]]:
    layer = QgsVectorLayer(f"{path}|layername={table}", "x", "ogr")
    assert layer.isValid()
    return sorted(
        (feature["phrase"], feature.geometry().asWkt(4), round(feature["score"], 9))
        for feature in layer.getFeatures()
    )


def test_gives_what_single_runs_give(toolbox: Run, folder: Path, tmp_path: Path) -> None:
    target = str(tmp_path / "out.gpkg")
    feedback = Feedback()
    result = toolbox(
        "segmentmany",
        feedback,
        FOLDER=str(folder),
        PHRASES="all buildings\nwater; trees",
        THRESHOLD=LOW,
        OUTPUT=target,
    )
    single = []
    for number in range(2):
        layer = toolbox(
            "segmentbyphrase",
            INPUT=str(folder / f"{number}.tif"),
            PHRASE="all buildings; water; trees",
            THRESHOLD=LOW,
            OUTPUT="memory:",
        )["OUTPUT"]
        single += [
            (feature["phrase"], feature.geometry().asWkt(4), round(feature["score"], 9))
            for feature in layer.getFeatures()
        ]
    assert single
    assert rows(target, "found") == sorted(single)
    assert (result["COUNT"], result["RASTER_COUNT"], result["SKIPPED"]) == (len(single), 2, 0)
    assert feedback.steps == sorted(feedback.steps)
    made = next(QgsVectorLayer(f"{target}|layername=found", "x", "ogr").getFeatures())
    assert made["source"].endswith(".tif")
    assert made["created"].isValid()
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_style_lies_in_the_geopackage(toolbox: Run, folder: Path, tmp_path: Path) -> None:
    target = str(tmp_path / "out.gpkg")
    asked = {"FOLDER": str(folder), "THRESHOLD": LOW, "OUTPUT": target}
    toolbox("segmentmany", PHRASES="water;roads", **asked)
    layer = QgsVectorLayer(f"{target}|layername=found", "x", "ogr")
    _, good = layer.loadDefaultStyle()
    assert good
    assert layer.renderer().type() == "categorizedSymbol"
    assert [item.value() for item in layer.renderer().categories()] == ["water", "roads"]
    result = toolbox("segmentmany", PHRASES="water;roads", LAYERS=1, **asked)
    assert result["OUTPUT_LAYERS"] == [f"{target}|layername={name}" for name in ("water", "roads")]
    for name in ("water", "roads"):
        layer = QgsVectorLayer(f"{target}|layername={name}", "x", "ogr")
        assert layer.renderer().symbol().symbolLayerCount() == 2
        assert {feature["phrase"] for feature in layer.getFeatures()} <= {name}


def test_phrases_of_a_layers_field(toolbox: Run, folder: Path, tmp_path: Path) -> None:
    table = QgsVectorLayer("None?field=what:string&field=n:integer", "phrases", "memory")
    features = []
    for text in ("roads", None, "water", "roads"):
        feature = QgsFeature(table.fields())
        feature["what"] = text
        features.append(feature)
    table.dataProvider().addFeatures(features)
    asked = {"RASTERS": [str(folder / "0.tif")], "OUTPUT": str(tmp_path / "out.gpkg")}
    asked.update(PHRASES="trees", PHRASE_LAYER=table, PHRASE_FIELD="what", LAYERS=1)
    result = toolbox("segmentmany", **asked)
    names = [layer.rpartition("=")[2] for layer in result["OUTPUT_LAYERS"]]
    assert names == ["trees", "roads", "water"]


def test_other_crs_bad_rasters_and_polygons_to_keep_to(
    toolbox: Run, folder: Path, tmp_path: Path, feedback: Feedback
) -> None:
    (folder / "broken.tif").write_bytes(b"no raster at all")
    far = (900000.0, 0.3, 0.0, 5200000.0, 0.0, -0.3)
    rasters.write(folder / "far.tif", rasters.rgb(), far)
    keep = QgsVectorLayer("Polygon?crs=EPSG:32633", "keep", "memory")
    box = QgsRectangle(500004, 5199944, 500056, 5199996)
    feature = QgsFeature()
    feature.setGeometry(QgsGeometry.fromRect(box))
    keep.dataProvider().addFeatures([feature])
    target = str(tmp_path / "out.gpkg")
    result = toolbox(
        "segmentmany",
        feedback,
        FOLDER=str(folder),
        PHRASES="all buildings",
        WITHIN=keep,
        THRESHOLD=LOW,
        CRS="EPSG:4326",
        OUTPUT=target,
    )
    assert (result["RASTER_COUNT"], result["SKIPPED"]) == (1, 3)
    for name in ("broken.tif", "far.tif", "1.tif"):
        assert any(f"“{name}” is left out" in text for text in feedback.said), feedback.said
    layer = QgsVectorLayer(f"{target}|layername=found", "x", "ogr")
    assert layer.crs().authid() == "EPSG:4326"
    assert layer.featureCount() == result["COUNT"] > 0
    assert layer.extent().xMaximum() < 16
    assert 46 < layer.extent().yMinimum() < 48


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"PHRASES": " ; \n"}, "There is no phrase"),
        ({"FOLDER": "/proc/1/task"}, "There is no raster in"),
        ({"FOLDER": ""}, "There is no raster; choose some"),
        ({"PHRASES": "roof " * 400}, "characters"),
        ({"OUTPUT": "/proc/no/out.gpkg"}, "choose another place"),
    ],
)
def test_what_is_wrong_is_a_sentence(
    toolbox: Run,
    folder: Path,
    tmp_path: Path,
    feedback: Feedback,
    wrong: dict[str, Any],
    sentence: str,
) -> None:
    asked = {"FOLDER": str(folder), "PHRASES": "water", "OUTPUT": str(tmp_path / "o.gpkg")}
    with pytest.raises(QgsProcessingException) as caught:
        toolbox("segmentmany", feedback, **{**asked, **wrong})
    assert any(sentence in text for text in [*feedback.said, str(caught.value)]), feedback.said
    assert list(tmp_path.glob("*.gpkg")) == list(tmp_path.glob(".*")) == []


def test_cancel_leaves_what_was_there(
    toolbox: Run, folder: Path, tmp_path: Path, real_manager: EngineManager
) -> None:
    real_manager.ensure()
    target = tmp_path / "out.gpkg"
    target.write_text("mine")
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("rsrefseg:segmentmany")
    context, feedback = QgsProcessingContext(), Feedback()
    context.setProject(QgsProject.instance())

    def stop_at_the_second(step: float) -> None:
        if step > 50 and not feedback.isCanceled():
            threading.Thread(target=feedback.cancel).start()

    feedback.progressChanged.connect(stop_at_the_second)
    phrases = "; ".join(f"house number {number}" for number in range(30))
    parameters = {"FOLDER": str(folder), "PHRASES": phrases, "OUTPUT": str(target)}
    results, good = algorithm.run(parameters, context, feedback)
    assert good
    assert results == {}
    assert target.read_text() == "mine"
    assert [path.name for path in tmp_path.glob(".*")] == []


@pytest.mark.usefixtures("layer_tree")
def test_layers_are_loaded_and_styled(toolbox: Run, folder: Path, tmp_path: Path) -> None:
    import processing

    QgsProject.instance().addMapLayer(QgsRasterLayer(str(folder / "0.tif"), "scene"))
    parameters = {"RASTERS": ["scene"], "PHRASES": "water;roads", "LAYERS": 1}
    parameters["OUTPUT"] = str(tmp_path / "out.gpkg")
    processing.runAndLoadResults("rsrefseg:segmentmany", parameters)
    for name in ("water", "roads"):
        (layer,) = QgsProject.instance().mapLayersByName(name)
        assert layer.renderer().symbol().symbolLayerCount() == 2


def test_names_of_tables() -> None:
    one = tables_for(["Water", "water", "gpkg_x", "w" * 80], one_each=True)
    assert [table.name for table in one[:3]] == ["Water", "water 2", "_gpkg_x"]
    assert len(one[3].name) == 60
    assert tables_for(["a", "b"], one_each=False)[0].phrases == ("a", "b")


def test_shape_reaches_the_engine(
    qgis_processing: None, blob_manager: EngineManager, folder: Path, tmp_path: Path
) -> None:
    import processing

    provider = RSRefSegProvider(blob_manager)
    QgsApplication.processingRegistry().addProvider(provider)
    shape = {"THRESHOLD": 0.4, "MIN_AREA": 2.0, "SIMPLIFY": 0.5, "RIGHT_ANGLES": True}
    call = {"FOLDER": str(folder), "PHRASES": "red", "OUTPUT": str(tmp_path / "o.gpkg"), **shape}
    try:
        processing.run("rsrefseg:segmentmany", {**call, "LOAD": False})
    finally:
        QgsApplication.processingRegistry().removeProvider(provider)
    seen = json.loads(blob_manager.ensure()._call("GET", "/v1/seen"))["segments"]
    keys = ("threshold", "min_area_m2", "simplify_m", "right_angles")
    assert [tuple(asked[key] for key in keys) for asked in seen] == [(0.4, 2.0, 0.5, True)] * 2
