"""Asks where a result goes, and what happens to what is there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from qgis.PyQt.QtWidgets import QFileDialog, QMessageBox, QWidget

from rsrefseg_qgis.errors import quoted, tr
from rsrefseg_qgis.layers.geopackage import ExportMode, tables_in


@dataclass(frozen=True)
class ExportChoice:
    """Where and how."""

    path: Path
    mode: ExportMode


def ask_export(parent: QWidget | None, folder: str, tables: list[str]) -> ExportChoice | None:
    """Ask for a GeoPackage; when it is there, ask what to do with it.

    Args:
        parent: the window to ask in.
        folder: where to begin.
        tables: names of the layers that are to be written.

    Returns:
        The choice, None when the user changed their mind.
    """
    start = str(Path(folder or str(Path.home())) / f"{_file_name(tables[0])}.gpkg")
    name, _ = QFileDialog.getSaveFileName(
        parent,
        tr("Export to GeoPackage"),
        start,
        tr("GeoPackage (*.gpkg)"),
        options=QFileDialog.Option.DontConfirmOverwrite,
    )
    if not name:
        return None
    path = Path(name)
    if path.suffix.lower() != ".gpkg":
        path = path.with_name(path.name + ".gpkg")
    if not path.exists():
        return ExportChoice(path, ExportMode.NEW_FILE)
    mode = ask_mode(parent, path, tables)
    return None if mode is None else ExportChoice(path, mode)


def ask_mode(parent: QWidget | None, path: Path, tables: list[str]) -> ExportMode | None:
    """Ask what to do with a file that is there; None when nothing."""
    there = tables_in(path)
    clash = [name for name in tables if name in there]
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle(tr("Export to GeoPackage"))
    box.setText(tr("{name} is there already.").format(name=path.name))
    box.setInformativeText(
        tr("Layers in it: {layers}.").format(layers=", ".join(quoted(name) for name in there))
        if there
        else tr("It has no layers that can be read.")
    )
    role = QMessageBox.ButtonRole.AcceptRole
    choices = {}
    if clash:
        named = quoted(clash[0])
        append = tr("Append to {layer}").format(layer=named)
        replace = tr("Replace {layer}").format(layer=named)
        choices[box.addButton(append, role)] = ExportMode.APPEND
        choices[box.addButton(replace, role)] = ExportMode.REPLACE_LAYER
    elif there:
        choices[box.addButton(tr("Add as new layer"), role)] = ExportMode.NEW_LAYER
    destructive = QMessageBox.ButtonRole.DestructiveRole
    choices[box.addButton(tr("Replace file"), destructive)] = ExportMode.REPLACE_FILE
    cancel = box.addButton(QMessageBox.StandardButton.Cancel)
    box.setDefaultButton(cancel)
    box.exec()
    return choices.get(box.clickedButton())


def _file_name(text: str) -> str:
    kept = "".join(letter if letter.isalnum() or letter in " -_" else " " for letter in text)
    return "_".join(kept.split())[:60] or "result"
