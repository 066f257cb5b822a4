from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from osgeo import ogr
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransformContext,
    QgsFeature,
    QgsGeometry,
    QgsVectorLayer,
)

from rsrefseg_qgis.errors import CancelledError, OutputError
from rsrefseg_qgis.layers.geopackage import (
    ExportMode,
    prepare_export,
    tables_in,
    write_geopackage,
)
from rsrefseg_qgis.layers.result import GEOMETRY_TYPE, result_fields

UTM = QgsCoordinateReferenceSystem("EPSG:32633")
SQUARE = "MultiPolygon (((0 0, 2 0, 2 2, 0 2, 0 0)))"


def result(count: int = 3) -> QgsVectorLayer:
    from qgis.core import QgsMemoryProviderUtils

    layer = QgsMemoryProviderUtils.createMemoryLayer("r", result_fields(), GEOMETRY_TYPE, UTM)
    for index in range(count):
        feature = QgsFeature(layer.fields())
        feature.setGeometry(QgsGeometry.fromWkt(SQUARE))
        feature["phrase"] = f"屋根 {index}"
        layer.dataProvider().addFeature(feature)
    return layer


def export(path: Path, mode: ExportMode, table: str = "roofs", count: int = 3, **how) -> Path:
    job = prepare_export(result(count), path, mode, table, QgsCoordinateTransformContext())
    return write_geopackage(job, **how)


def count_in(path: Path, table: str) -> int:
    layer = QgsVectorLayer(f"{path}|layername={table}", "back", "ogr")
    assert layer.isValid()
    assert layer.crs() == UTM
    return layer.featureCount()


def test_new_file(qgis_app: object, tmp_path: Path) -> None:
    path = export(tmp_path / "out", ExportMode.NEW_FILE)
    assert path == tmp_path / "out.gpkg"
    assert tables_in(path) == ["roofs"]
    assert count_in(path, "roofs") == 3
    layer = QgsVectorLayer(f"{path}|layername=roofs", "back", "ogr")
    assert [f["phrase"] for f in layer.getFeatures()] == ["屋根 0", "屋根 1", "屋根 2"]
    assert [p.name for p in tmp_path.iterdir()] == ["out.gpkg"]


def test_nothing_is_replaced_silently(qgis_app: object, tmp_path: Path) -> None:
    path = export(tmp_path / "out.gpkg", ExportMode.NEW_FILE)
    with pytest.raises(OutputError, match="is there already"):
        export(path, ExportMode.NEW_FILE)
    with pytest.raises(OutputError, match="has a layer"):
        export(path, ExportMode.NEW_LAYER)
    assert count_in(path, "roofs") == 3


def test_layer_beside_append_and_replace(qgis_app: object, tmp_path: Path) -> None:
    path = export(tmp_path / "out.gpkg", ExportMode.NEW_FILE)
    export(path, ExportMode.NEW_LAYER, "cars", 2)
    export(path, ExportMode.APPEND, "roofs", 4)
    assert (count_in(path, "roofs"), count_in(path, "cars")) == (7, 2)
    export(path, ExportMode.REPLACE_LAYER, "roofs", 1)
    assert (count_in(path, "roofs"), count_in(path, "cars")) == (1, 2)
    export(path, ExportMode.REPLACE_FILE, "roofs", 5)
    assert tables_in(path) == ["roofs"]
    assert count_in(path, "roofs") == 5


def test_cancel_leaves_nothing_and_harms_nothing(qgis_app: object, tmp_path: Path) -> None:
    with pytest.raises(CancelledError):
        export(tmp_path / "new.gpkg", ExportMode.NEW_FILE, cancelled=lambda: True)
    assert list(tmp_path.iterdir()) == []
    path = export(tmp_path / "out.gpkg", ExportMode.NEW_FILE)
    with pytest.raises(CancelledError):
        export(path, ExportMode.REPLACE_FILE, cancelled=lambda: True)
    assert count_in(path, "roofs") == 3


def test_missing_folder_is_said(qgis_app: object, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no folder"):
        export(tmp_path / "nowhere" / "out.gpkg", ExportMode.NEW_FILE)


@pytest.fixture(params=[ogr.UseExceptions, ogr.DontUseExceptions])
def gdals_exceptions(request: pytest.FixtureRequest) -> Iterator[None]:
    """On, as QGIS's own DB Manager switches them for all, and off."""
    before = ogr.GetUseExceptions()
    request.param()
    yield
    (ogr.UseExceptions if before else ogr.DontUseExceptions)()


def test_what_is_no_geopackage_has_no_tables(gdals_exceptions: None, tmp_path: Path) -> None:
    text = tmp_path / "a.gpkg"
    text.write_text("no")
    assert tables_in(text) == []
    assert tables_in(tmp_path / "none.gpkg") == []


def test_unwritable_file_is_said(qgis_app: object, tmp_path: Path) -> None:
    text = tmp_path / "a.gpkg"
    text.write_text("no geopackage")
    with pytest.raises(OutputError, match="cannot be written"):
        export(text, ExportMode.APPEND)
    assert text.read_text() == "no geopackage"
