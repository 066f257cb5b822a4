from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from qgis.core import (
    QgsApplication,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProject,
    QgsRasterLayer,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QTimer

from rsrefseg_qgis.engine.manager import EngineManager
from rsrefseg_qgis.processing.provider import RSRefSegProvider
from tests.plugin import rasters

ID = "rsrefseg:segmentbyphrase"


class Feedback(QgsProcessingFeedback):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__(False)
        self.said: list[str] = []
        self.steps: list[float] = []
        self.progressChanged.connect(self.steps.append)

    def pushInfo(self, info: str) -> None:
        self.said.append(info)

    def pushWarning(self, warning: str) -> None:
        self.said.append(warning)

    def setProgressText(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def provider(qgis_processing: None, blob_manager: EngineManager) -> Iterator[RSRefSegProvider]:
    made = RSRefSegProvider(blob_manager)
    QgsApplication.processingRegistry().addProvider(made)
    yield made
    QgsApplication.processingRegistry().removeProvider(made)


@pytest.fixture
def scene(tmp_path: Path) -> str:
    return str(rasters.write(tmp_path / "scene.tif", rasters.rgb()))


def run(parameters: dict[str, Any], feedback: QgsProcessingFeedback | None = None) -> Any:
    import processing

    return processing.run(ID, {"OUTPUT": "memory:", **parameters}, feedback=feedback)


def bounds(layer: QgsVectorLayer) -> tuple[float, ...]:
    box = layer.extent()
    return box.xMinimum(), box.yMinimum(), box.xMaximum(), box.yMaximum()


def test_raster_and_phrase_give_polygons(provider: RSRefSegProvider, scene: str) -> None:
    feedback = Feedback()
    result = run({"INPUT": scene, "PHRASE": "red"}, feedback)
    layer = result["OUTPUT"]
    assert result["COUNT"] == 1
    assert layer.crs().authid() == "EPSG:32633"
    assert bounds(layer) == pytest.approx(rasters.blob_bounds(), abs=1e-3)
    assert next(layer.getFeatures())["phrase"] == "red"
    assert feedback.steps[-1] >= 20
    assert any("1 polygon" in text for text in feedback.said)


def test_extent_is_kept_to(provider: RSRefSegProvider, scene: str) -> None:
    left, bottom, _, top = rasters.blob_bounds()
    extent = f"{left},{left + 3},{bottom},{top} [EPSG:32633]"
    layer = run({"INPUT": scene, "PHRASE": "red", "EXTENT": extent})["OUTPUT"]
    assert bounds(layer) == pytest.approx((left, bottom, left + 3, top), abs=1e-3)


def test_several_phrases_and_nothing(provider: RSRefSegProvider, scene: str) -> None:
    feedback = Feedback()
    result = run({"INPUT": scene, "PHRASE": "red; nothing; roof"}, feedback)
    phrases = [feature["phrase"] for feature in result["OUTPUT"].getFeatures()]
    assert phrases == ["red", "roof"]
    assert any("Nothing here matches “nothing”" in text for text in feedback.said)


def test_file_output(provider: RSRefSegProvider, scene: str, tmp_path: Path) -> None:
    target = str(tmp_path / "out.gpkg")
    result = run({"INPUT": scene, "PHRASE": "red", "OUTPUT": target})
    layer = QgsVectorLayer(result["OUTPUT"], "x", "ogr")
    assert layer.featureCount() == 1
    # the style lies in the file, for whoever opens it
    assert layer.renderer().symbol().symbolLayerCount() == 2


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"INPUT": "/nowhere/a.tif"}, "Could not load source layer|cannot be read"),
        ({"PHRASE": " "}, "phrase is empty|Incorrect parameter value for PHRASE"),
        ({"PHRASE": "roof " * 400}, "too long"),
        ({"EXTENT": "0,1,0,1 [EPSG:32633]"}, "choose another"),
        ({"PHRASE": "die"}, "run it again"),
    ],
)
def test_what_is_wrong_is_a_sentence(
    provider: RSRefSegProvider, scene: str, wrong: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(QgsProcessingException, match=sentence):
        run({"INPUT": scene, "PHRASE": "red", **wrong})


def test_no_crs(provider: RSRefSegProvider, tmp_path: Path) -> None:
    path = rasters.write(tmp_path / "a.tif", rasters.rgb(), epsg=None)
    layer = run({"INPUT": str(path), "PHRASE": "red"})["OUTPUT"]
    assert bounds(layer) == pytest.approx(rasters.blob_bounds(), abs=1e-3)


def test_cancel(provider: RSRefSegProvider, scene: str, blob_manager: EngineManager) -> None:
    blob_manager.ensure()
    feedback = Feedback()
    algorithm = QgsApplication.processingRegistry().createAlgorithmById(ID)
    context = QgsProcessingContext()
    context.setProject(QgsProject.instance())
    parameters = {"INPUT": scene, "PHRASE": "wait", "OUTPUT": "memory:"}
    import threading

    threading.Timer(0.5, feedback.cancel).start()
    results, good = algorithm.run(parameters, context, feedback)
    assert good
    assert "OUTPUT" not in results


@pytest.mark.usefixtures("layer_tree")
def test_result_is_styled_when_loaded(
    provider: RSRefSegProvider, scene: str, qgis_new_project: None, qtbot: Any
) -> None:
    import processing

    QgsProject.instance().addMapLayer(QgsRasterLayer(scene, "scene"))
    result = processing.runAndLoadResults(
        ID, {"INPUT": scene, "PHRASE": "red", "OUTPUT": "memory:"}
    )
    layer = QgsProject.instance().mapLayer(result["OUTPUT"])
    assert layer.name() == "red"
    assert layer.renderer().symbol().symbolLayerCount() == 2


def test_runs_in_a_thread_while_the_main_loop_goes_on(
    provider: RSRefSegProvider, scene: str, qtbot: Any
) -> None:
    from qgis.core import QgsProcessingAlgRunnerTask

    algorithm = QgsApplication.processingRegistry().createAlgorithmById(ID)
    context, feedback = QgsProcessingContext(), Feedback()
    context.setProject(QgsProject.instance())
    parameters = {"INPUT": scene, "PHRASE": "slow", "OUTPUT": "memory:"}
    task = QgsProcessingAlgRunnerTask(algorithm, parameters, context, feedback)
    beats = []
    timer = QTimer()
    timer.timeout.connect(lambda: beats.append(True))
    timer.start(20)
    with qtbot.waitSignal(task.executed, timeout=20000) as done:
        QgsApplication.taskManager().addTask(task)
    good, results = done.args
    assert good
    assert results["COUNT"] == 1
    assert len(beats) > 20


def test_help_and_parameters(provider: RSRefSegProvider) -> None:
    algorithm = QgsApplication.processingRegistry().algorithmById(ID)
    assert "Extent" in algorithm.shortHelpString()
    names = [item.name() for item in algorithm.parameterDefinitions()]
    expected = (
        "INPUT PHRASE EXTENT WITHIN RESOLUTION THRESHOLD MIN_AREA SIMPLIFY RIGHT_ANGLES BEST_GUESS "
        "RELATION RELATION_LAYER RELATION_DISTANCE POINTS_INSIDE POINTS_OUTSIDE BOX OUTPUT"
    )
    assert names == expected.split()
    assert algorithm.createInstance().name() == "segmentbyphrase"


def test_in_a_model(provider: RSRefSegProvider, scene: str) -> None:
    from qgis.core import (
        QgsProcessingModelAlgorithm,
        QgsProcessingModelChildAlgorithm,
        QgsProcessingModelChildParameterSource,
        QgsProcessingModelOutput,
        QgsProcessingModelParameter,
        QgsProcessingParameterRasterLayer,
    )

    model = QgsProcessingModelAlgorithm("find", "test")
    model.addModelParameter(
        QgsProcessingParameterRasterLayer("raster"), QgsProcessingModelParameter("raster")
    )
    child = QgsProcessingModelChildAlgorithm(ID)
    child.setChildId("find")
    child.addParameterSources(
        "INPUT", [QgsProcessingModelChildParameterSource.fromModelParameter("raster")]
    )
    child.addParameterSources(
        "PHRASE", [QgsProcessingModelChildParameterSource.fromStaticValue("red")]
    )
    output = QgsProcessingModelOutput("found")
    output.setChildId("find")
    output.setChildOutputName("OUTPUT")
    child.setModelOutputs({"found": output})
    model.addChildAlgorithm(child)
    context = QgsProcessingContext()
    context.setProject(QgsProject.instance())
    results, good = model.run({"raster": scene, "find:found": "memory:"}, context, Feedback())
    assert good
    layer = context.getMapLayer(results["find:found"])
    assert layer.featureCount() == 1
