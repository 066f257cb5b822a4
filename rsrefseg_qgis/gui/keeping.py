"""Saves results with the project: temporary layers would be empty when it is opened again."""

from __future__ import annotations

from pathlib import Path

from qgis.core import QgsProject, QgsVectorLayer
from qgis.PyQt.QtCore import QObject

from rsrefseg_qgis.errors import RsRefSegPluginError, tr
from rsrefseg_qgis.layers.geopackage import keep_in_geopackage
from rsrefseg_qgis.layers.result import record_of

from .messages import Messenger

SUFFIX = "_rsrefseg.gpkg"


class Keeping(QObject):
    """Moves result layers that are in memory into a GeoPackage beside the project as it is saved.

    Args:
        folder: for projects that are not files, such as those in a database.
        messenger: tells the user.
        parent: its owner.
    """

    def __init__(self, folder: Path, messenger: Messenger, parent: QObject) -> None:
        super().__init__(parent)
        self._folder = folder
        self._messenger = messenger
        # before QGIS writes the layers
        QgsProject.instance().writeProject.connect(self._on_write)

    def close(self) -> None:
        """Save nothing more."""
        QgsProject.instance().writeProject.disconnect(self._on_write)

    def _on_write(self, document: object) -> None:
        layers = _temporary_results()
        if not layers:
            return
        path = self._path()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            for layer in layers:
                keep_in_geopackage(layer, path, QgsProject.instance().transformContext())
        except (RsRefSegPluginError, OSError) as error:
            self._messenger.warning(
                tr(
                    "The results could not be saved with the project ({why}); use “Export to "
                    "GeoPackage…”."
                ).format(why=str(error).rstrip("."))
            )
            return
        self._messenger.info(
            tr("The results were saved with the project, in {path}.").format(path=path)
        )

    def _path(self) -> Path:
        project = QgsProject.instance()
        file = project.absoluteFilePath()
        if file and project.projectStorage() is None:
            return Path(file).with_name(Path(file).stem + SUFFIX)
        return self._folder / ((project.baseName() or "project") + SUFFIX)


def _temporary_results() -> list[QgsVectorLayer]:
    return [
        layer
        for layer in QgsProject.instance().mapLayers().values()
        if isinstance(layer, QgsVectorLayer)
        and layer.providerType() == "memory"
        and record_of(layer) is not None
        and not layer.isEditable()
    ]
