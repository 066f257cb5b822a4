"""What Qt 6 asks for and Qt 5 does not, held to while QGIS comes with either."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(
    path
    for folder in ("rsrefseg_qgis", "resources/demo", "tests/plugin", "tests/e2e")
    for path in (ROOT / folder).rglob("*.py")
)
# In QtWidgets before, in QtGui since Qt 6.
MOVED = {"QAction", "QActionGroup", "QFileSystemModel", "QShortcut", "QUndoCommand", "QUndoStack"}
COMPAT = ROOT / "rsrefseg_qgis/gui/compat.py"


def imports(tree: ast.AST) -> list[tuple[str, ast.alias]]:
    """Names that come from Qt, each with its module."""
    return [
        (node.module, name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and "qgis.PyQt" in node.module
        for name in node.names
    ]


def unscoped_enums(code: str) -> list[str]:
    """Such as Qt.Horizontal, which Qt 6 has as Qt.Orientation.Horizontal only."""
    tree = ast.parse(code)
    classes = {
        name.asname or name.name: getattr(importlib.import_module(module), name.name, None)
        for module, name in imports(tree)
    }
    used = [
        (node.value.id, node.attr)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in classes
    ]
    members = ((f"{owner}.{name}", getattr(classes[owner], name, None)) for owner, name in used)
    # plain numbers are constants; a member of an enum has a type of its own
    return [text for text, value in members if isinstance(value, int) and type(value) is not int]


def test_a_short_name_of_an_enum_is_found() -> None:
    code = "from qgis.PyQt.QtCore import Qt\nboth = Qt.Horizontal, Qt.Orientation.Vertical\n"
    assert unscoped_enums(code) == ["Qt.Horizontal"]


def test_names_are_those_of_qt_6() -> None:
    wrong = {}
    for path in FILES:
        code = path.read_text(encoding="utf-8")
        taken = {name.name for _, name in imports(ast.parse(code))} if path != COMPAT else set()
        found = [*unscoped_enums(code), *sorted(taken & MOVED)]
        if found:
            wrong[str(path.relative_to(ROOT))] = found
    assert wrong == {}, "scope the enums, take the classes from rsrefseg_qgis/gui/compat.py"
