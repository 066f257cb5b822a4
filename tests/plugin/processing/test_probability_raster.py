from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from osgeo import gdal
from qgis.core import (
    QgsApplication,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProject,
    QgsRasterLayer,
)

from rsrefseg_qgis.engine.manager import EngineManager
from rsrefseg_qgis.tasks import chunks
from tests.plugin import rasters
from tests.plugin.processing.conftest import Feedback

Run = Callable[..., dict[str, Any]]
PIXEL = (500000.0, 0.5, 0.0, 5200000.0, 0.0, -0.5)


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """700 x 600 px at 0.5 m: several windows of the model."""
    image = rasters.rgb(700, 600, (150, 100, 300, 250))
    return rasters.write(tmp_path / "scene.tif", image, PIXEL)


def read(path: str) -> np.ndarray:
    return gdal.Open(path).ReadAsArray()


def test_probability_of_each_place(toolbox: Run, scene: Path, tmp_path: Path) -> None:
    target = str(tmp_path / "out.tif")
    result = toolbox("probabilityraster", INPUT=str(scene), PHRASE="red roofs", OUTPUT=target)
    assert result["OUTPUT"] == target
    layer = QgsRasterLayer(target, "p")
    assert layer.crs().authid() == "EPSG:32633"
    assert layer.extent() == QgsRasterLayer(str(scene), "s").extent()
    values = read(target)
    assert values.dtype == np.float32
    assert 0.0 <= values.min() < values.max() <= 1.0
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_chunks_join_without_a_seam(
    toolbox: Run, scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"INPUT": str(scene), "PHRASE": "all buildings", "RESOLUTION": 0.5}
    whole = toolbox("probabilityraster", **asked, OUTPUT=str(tmp_path / "whole.tif"))["OUTPUT"]
    monkeypatch.setattr(chunks, "SIDE_WINDOWS", 1.5)
    feedback = Feedback()
    joined = toolbox("probabilityraster", feedback, **asked, OUTPUT=str(tmp_path / "parts.tif"))[
        "OUTPUT"
    ]
    assert gdal.Open(joined).GetGeoTransform() == pytest.approx(gdal.Open(whole).GetGeoTransform())
    one, other = read(whole), read(joined)
    assert one.shape == other.shape == (600, 700)
    assert np.abs(one - other).max() < 1e-6
    assert feedback.steps == sorted(feedback.steps)
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_no_data_stays_no_data(
    toolbox: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = rasters.rgb(700, 600)
    image[:, :, :90] = 0
    path = rasters.write(tmp_path / "a.tif", image, PIXEL, nodata=0)
    monkeypatch.setattr(chunks, "SIDE_WINDOWS", 1.5)
    values = read(
        toolbox(
            "probabilityraster",
            INPUT=str(path),
            PHRASE="water",
            RESOLUTION=0.5,
            OUTPUT=str(tmp_path / "p.tif"),
        )["OUTPUT"]
    )
    assert np.isnan(values[:, :90]).all()
    assert not np.isnan(values[:, 90:]).any()


def test_more_than_one_phrase_is_a_sentence(
    toolbox: Run, scene: Path, tmp_path: Path, feedback: Feedback
) -> None:
    asked = {"INPUT": str(scene), "PHRASE": "water; roads", "OUTPUT": str(tmp_path / "p.tif")}
    with pytest.raises(QgsProcessingException):
        toolbox("probabilityraster", feedback, **asked)
    assert any("Give one phrase" in text for text in feedback.said), feedback.said


def test_folder_that_is_not_there_is_a_sentence(toolbox: Run, scene: Path) -> None:
    with pytest.raises(QgsProcessingException, match=r"choose another place|not a valid"):
        toolbox("probabilityraster", INPUT=str(scene), PHRASE="water", OUTPUT="/proc/no/p.tif")


def test_cancel_leaves_no_file(
    toolbox: Run,
    scene: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    real_manager: EngineManager,
) -> None:
    monkeypatch.setattr(chunks, "SIDE_WINDOWS", 1.2)
    real_manager.ensure()
    algorithm = QgsApplication.processingRegistry().createAlgorithmById(
        "rsrefseg:probabilityraster"
    )
    context, feedback = QgsProcessingContext(), Feedback()
    context.setProject(QgsProject.instance())

    def stop_half_way(step: float) -> None:
        if step > 50 and not feedback.isCanceled():
            threading.Thread(target=feedback.cancel).start()

    feedback.progressChanged.connect(stop_half_way)
    target = tmp_path / "out" / "p.tif"
    target.parent.mkdir()
    parameters = {
        "INPUT": str(scene),
        "PHRASE": "trees at the left",
        "RESOLUTION": 0.5,
        "OUTPUT": str(target),
    }
    results, good = algorithm.run(parameters, context, feedback)
    assert good
    assert results == {}
    assert list(target.parent.iterdir()) == []


@pytest.mark.usefixtures("layer_tree")
def test_result_is_styled_when_loaded(toolbox: Run, scene: Path) -> None:
    import processing

    processing.runAndLoadResults(
        "rsrefseg:probabilityraster",
        {"INPUT": str(scene), "PHRASE": "water", "OUTPUT": "TEMPORARY_OUTPUT"},
    )
    (layer,) = QgsProject.instance().mapLayersByName("water (probability)")
    assert layer.renderer().type() == "singlebandpseudocolor"
