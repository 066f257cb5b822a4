"""A GeoPackage of results, filled raster by raster, with the layers' styles in it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from osgeo import gdal, ogr, osr
from qgis.core import (
    QgsCategorizedSymbolRenderer,
    QgsCoordinateReferenceSystem,
    QgsFeature,
    QgsRendererCategory,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QDateTime, Qt

from rsrefseg_qgis.errors import OutputError, tr

from .result import layer_name, result_fields
from .snapshot import crs_wkt
from .style import apply_style, colour_for, result_symbol

ONE_TABLE = "found"
# Names that a GeoPackage keeps for itself.
_RESERVED = ("gpkg_", "sqlite_", "rtree_", "layer_styles")


@dataclass(frozen=True)
class Table:
    """A layer of the GeoPackage and the phrases whose polygons go into it."""

    name: str
    phrases: tuple[str, ...]


def tables_for(phrases: Sequence[str], *, one_each: bool) -> tuple[Table, ...]:
    """One table for all phrases, or one for each, named by it."""
    if not one_each:
        return (Table(ONE_TABLE, tuple(phrases)),)
    taken: set[str] = set()
    tables = []
    for phrase in phrases:
        name = wanted = layer_name(phrase)
        if wanted.lower().startswith(_RESERVED):
            name = wanted = f"_{wanted}"
        number = 1
        while name.lower() in taken:  # tables' names don't tell upper from lower case
            number += 1
            name = f"{wanted} {number}"
        taken.add(name.lower())
        tables.append(Table(name, (phrase,)))
    return tuple(tables)


class ResultFile:
    """A GeoPackage that is complete or absent.

    Args:
        path: of the result; replaced when it is there.
        tables: its layers.
        crs: of all of them.

    Raises:
        OutputError: it cannot be written there.
    """

    def __init__(
        self, path: Path, tables: Sequence[Table], crs: QgsCoordinateReferenceSystem
    ) -> None:
        self._path = path
        self._tables = tuple(tables)
        self._part = path.with_name(f".{path.stem}.part.gpkg")
        self._clean()
        with self._writing():
            driver = ogr.GetDriverByName("GPKG")
            self._dataset: ogr.DataSource | None = driver.CreateDataSource(str(self._part))
            if self._dataset is None:
                raise RuntimeError(gdal.GetLastErrorMsg())
            reference = None
            if crs.isValid():
                reference = osr.SpatialReference()
                reference.ImportFromWkt(crs_wkt(crs))
                reference.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
            for table in self._tables:
                layer = self._dataset.CreateLayer(table.name, reference, ogr.wkbMultiPolygon)
                for name, kind in _columns():
                    layer.CreateField(ogr.FieldDefn(name, kind))

    def add(self, features: Iterable[QgsFeature]) -> None:
        """Add polygons with the fields of every result, each to its phrase's layer.

        Raises:
            OutputError: they cannot be written.
        """
        with self._writing():
            dataset = self._dataset
            if dataset is None:
                return
            layers = {
                phrase: dataset.GetLayerByName(table.name)
                for table in self._tables
                for phrase in table.phrases
            }
            dataset.StartTransaction()
            for feature in features:
                layer = layers[feature["phrase"]]
                row = ogr.Feature(layer.GetLayerDefn())
                row.SetGeometry(ogr.CreateGeometryFromWkb(bytes(feature.geometry().asWkb())))
                for name, _ in _columns():
                    _set(row, name, feature[name])
                if layer.CreateFeature(row) != ogr.OGRERR_NONE:
                    raise RuntimeError(gdal.GetLastErrorMsg())
            if dataset.CommitTransaction() != ogr.OGRERR_NONE:
                raise RuntimeError(gdal.GetLastErrorMsg())

    def finish(self, own_style: str = "") -> None:
        """Put the styles in, and the file in its place.

        Args:
            own_style: the user's own QML file; empty for the plugin's style.

        Raises:
            OutputError: it cannot be written.
        """
        self._dataset = None
        with self._writing():
            for table in self._tables:
                save_style(self._part, table, own_style)
            self._part.replace(self._path)

    def discard(self) -> None:
        """Take away what is not finished."""
        self._dataset = None
        self._clean()

    def _clean(self) -> None:
        for end in ("", "-wal", "-shm", "-journal"):
            with contextlib.suppress(OSError):
                Path(f"{self._part}{end}").unlink(missing_ok=True)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        gdal.PushErrorHandler("CPLQuietErrorHandler")
        try:
            yield
        except (RuntimeError, OSError) as error:
            raise OutputError(
                tr("{path} cannot be written ({why}); choose another place.").format(
                    path=self._path, why=str(error).strip().rstrip(".") or tr("no room")
                )
            ) from error
        finally:
            gdal.PopErrorHandler()


def save_style(path: Path, table: Table, own_style: str = "") -> None:
    """Keep a layer's style in its GeoPackage, as the one that it is shown with.

    Raises:
        RuntimeError: it cannot be kept.
    """
    layer = QgsVectorLayer(f"{path}|layername={table.name}", table.name, "ogr")
    apply_table_style(layer, table, own_style)
    if hasattr(layer, "saveStyleToDatabaseV2"):  # QGIS 3.44, where the other is deprecated
        _, why = layer.saveStyleToDatabaseV2(table.name, "", True, "")
    else:
        why = layer.saveStyleToDatabase(table.name, "", True, "")
    if why:
        raise RuntimeError(why)


def save_style_of(target: str, phrase: str, own_style: str = "") -> None:
    """Keep the style of a layer that Processing wrote, where that is in a GeoPackage.

    Args:
        target: as Processing names it: a path, with the layer's name behind it or not, or the id
            of a layer in memory.
        phrase: the layer's colour is this phrase's.
        own_style: the user's own QML file; empty for the plugin's style.

    Raises:
        RuntimeError: it cannot be kept.
    """
    name, _, table = target.partition("|layername=")
    path = Path(name)
    if path.suffix.lower() == ".gpkg" and path.is_file():
        save_style(path, Table(table or path.stem, (phrase,)), own_style)


def apply_table_style(layer: QgsVectorLayer, table: Table, own_style: str = "") -> None:
    """Draw a table in its phrase's colour, or each phrase in its own."""
    apply_style(layer, colour_for(table.phrases[0]), own_style)
    if len(table.phrases) > 1 and not own_style:
        categories = [
            QgsRendererCategory(phrase, result_symbol(colour_for(phrase)), phrase)
            for phrase in table.phrases
        ]
        layer.setRenderer(QgsCategorizedSymbolRenderer("phrase", categories))


def _columns() -> list[tuple[str, int]]:
    kinds = {"score": ogr.OFTReal, "area_m2": ogr.OFTReal, "created": ogr.OFTDateTime}
    return [(field.name(), kinds.get(field.name(), ogr.OFTString)) for field in result_fields()]


def _set(row: ogr.Feature, name: str, value: object) -> None:
    if isinstance(value, QDateTime):
        row.SetField(name, value.toString(Qt.DateFormat.ISODateWithMs))
    elif isinstance(value, (str, float, int)):
        row.SetField(name, value)
    else:
        row.SetFieldNull(name)
