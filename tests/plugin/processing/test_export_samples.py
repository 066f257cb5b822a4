from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from osgeo import gdal
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

from rsrefseg_qgis.settings import Settings
from tests.plugin import rasters
from tests.plugin.processing.conftest import Feedback

Run = Callable[..., dict[str, Any]]
READ = """
import json, sys
from pathlib import Path
from rsrefseg.data.cases import read_cases, read_mask, read_rgb
from rsrefseg.training.real import RealImages
import numpy as np
rows = []
for record in read_cases(Path(sys.argv[1])):
    image, mask = read_rgb(record.image), read_mask(record.mask)
    assert image.shape[:2] == mask.shape
    rows.append([record.phrase, record.kind, record.source, int((mask > 0).sum()),
                 image[mask > 0].mean(axis=0).tolist()])
picture, questions = RealImages((sys.argv[1],), 128).draw(np.random.default_rng(0), 4, 32)
assert picture.shape == (128, 128, 3) and questions
print(json.dumps(rows))
"""


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """300 x 200 px at 0.3 m with a red blob across the border of two chips of 128."""
    return rasters.write(tmp_path / "scene.tif", rasters.rgb(300, 200, (100, 40, 160, 90)))


@pytest.fixture
def labels() -> QgsVectorLayer:
    made = QgsVectorLayer(
        "Polygon?crs=EPSG:32633&field=phrase:string&field=kind:string", "labels", "memory"
    )
    x, y = rasters.NORTH_UP[0], rasters.NORTH_UP[3]
    features = []
    for phrase, kind, (left, top, right, bottom) in (
        ("the red roof", "colour", (100, 40, 160, 90)),
        ("bare ground", None, (10, 10, 40, 40)),
        ("bare ground", None, (200, 150, 240, 190)),
        (None, None, (0, 0, 300, 200)),
    ):
        feature = QgsFeature(made.fields())
        box = QgsRectangle(x + left * 0.3, y - bottom * 0.3, x + right * 0.3, y - top * 0.3)
        feature.setGeometry(QgsGeometry.fromRect(box))
        feature["phrase"], feature["kind"] = phrase, kind
        features.append(feature)
    made.dataProvider().addFeatures(features)
    return made


def test_engine_reads_what_was_written(
    toolbox: Run,
    scene: Path,
    labels: QgsVectorLayer,
    tmp_path: Path,
    real_settings: Settings,
    feedback: Feedback,
) -> None:
    folder = tmp_path / "samples"
    asked = {"INPUT": str(scene), "LABELS": labels, "PHRASE_FIELD": "phrase", "SIDE": 128}
    result = toolbox("exportsamples", feedback, **asked, KIND_FIELD="kind", OUTPUT=str(folder))
    assert result["CASES_FILE"] == str(folder / "cases.jsonl")
    command = [real_settings.engine_python, "-c", READ, result["CASES_FILE"]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert len(rows) == result["CASES"]
    red = [row for row in rows if row[0] == "the red roof"]
    # the chips' columns begin at 0, 128 and, to be of full size, 172; their rows at 0 and 72
    assert sorted(row[3] for row in red) == sorted([28 * 50, 32 * 50, 28 * 18, 32 * 18])
    for _, kind, source, _, colour in red:
        assert (kind, source) == ("colour", "scene")
        assert colour == pytest.approx(rasters.RED)
    assert {row[1] for row in rows if row[0] == "bare ground"} == {"labelled"}
    assert result["CHIPS"] == len(list((folder / "images").glob("*.png")))
    assert feedback.steps == sorted(feedback.steps)


def test_chips_lie_where_they_belong(
    toolbox: Run, scene: Path, labels: QgsVectorLayer, tmp_path: Path
) -> None:
    asked = {"INPUT": str(scene), "LABELS": labels, "PHRASE_FIELD": "phrase", "SIDE": 128}
    folder = Path(toolbox("exportsamples", **asked, OUTPUT=str(tmp_path / "s"))["OUTPUT"])
    whole = gdal.Open(str(scene)).ReadAsArray()
    chip = gdal.Open(str(folder / "images" / "r0000c0001.png"))
    assert chip.GetGeoTransform() == pytest.approx((500038.4, 0.3, 0, 5200000, 0, -0.3))
    assert np.array_equal(chip.ReadAsArray(), whole[:, :128, 128:256])
    layer = QgsRasterLayer(str(folder / "masks" / "r0000c0001_000.png"), "mask")
    assert layer.isValid()
    assert layer.crs().authid() == "EPSG:32633"


def test_coarser_chips(toolbox: Run, scene: Path, labels: QgsVectorLayer, tmp_path: Path) -> None:
    asked = {"INPUT": str(scene), "LABELS": labels, "PHRASE_FIELD": "phrase", "SIDE": 64}
    result = toolbox("exportsamples", **asked, RESOLUTION=0.6, OUTPUT=str(tmp_path / "s"))
    image = gdal.Open(str(tmp_path / "s" / "images" / "r0000c0000.png"))
    assert image.GetGeoTransform()[1] == pytest.approx(0.6)
    assert result["CHIPS"] > 1


def test_no_data_is_no_target(toolbox: Run, labels: QgsVectorLayer, tmp_path: Path) -> None:
    image = rasters.rgb(300, 200, (100, 40, 160, 90))
    image[:, :, 110:] = 0
    scene = rasters.write(tmp_path / "n.tif", image, nodata=0)
    asked = {"INPUT": str(scene), "LABELS": labels, "PHRASE_FIELD": "phrase"}
    toolbox("exportsamples", **asked, OUTPUT=str(tmp_path / "s"))
    lines = (tmp_path / "s" / "cases.jsonl").read_text(encoding="utf-8").splitlines()
    masks = {row["phrase"]: row["mask"] for row in map(json.loads, lines)}
    mask = gdal.Open(str(tmp_path / "s" / masks["the red roof"])).ReadAsArray()
    assert np.count_nonzero(mask) == 10 * 50


def test_what_is_wrong_is_a_sentence(
    toolbox: Run, scene: Path, labels: QgsVectorLayer, tmp_path: Path
) -> None:
    asked = {"INPUT": str(scene), "LABELS": labels, "PHRASE_FIELD": "phrase"}
    toolbox("exportsamples", **asked, OUTPUT=str(tmp_path / "s"))
    with pytest.raises(QgsProcessingException, match="is there already"):
        toolbox("exportsamples", **asked, OUTPUT=str(tmp_path / "s"))
    labels.dataProvider().truncate()
    with pytest.raises(QgsProcessingException, match="No polygon with a phrase"):
        toolbox("exportsamples", **asked, OUTPUT=str(tmp_path / "t"))
    with pytest.raises(QgsProcessingException, match="cannot be written"):
        toolbox("exportsamples", **asked, OUTPUT="/proc/no")


def test_cancel_leaves_nothing(
    toolbox: Run, scene: Path, labels: QgsVectorLayer, tmp_path: Path
) -> None:
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("rsrefseg:exportsamples")
    context, feedback = QgsProcessingContext(), Feedback()
    context.setProject(QgsProject.instance())
    seen: list[bool] = []

    def stop_half_way(step: float) -> None:
        if step >= 50 and not feedback.isCanceled():
            seen.append(any((tmp_path / "s" / "images").iterdir()))
            work = threading.Thread(target=feedback.cancel)
            work.start()
            work.join()

    feedback.progressChanged.connect(stop_half_way)
    parameters = {"INPUT": str(scene), "LABELS": labels, "PHRASE_FIELD": "phrase", "SIDE": 64}
    results, good = algorithm.run({**parameters, "OUTPUT": str(tmp_path / "s")}, context, feedback)
    assert good
    assert results == {}
    assert seen == [True]
    assert [path for path in (tmp_path / "s").rglob("*") if path.is_file()] == []
