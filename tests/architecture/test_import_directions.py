"""Who may import whom, as the design gives it: read from the source, nothing is imported."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "rsrefseg_qgis"
ENGINE = ROOT / "backend" / "src" / "rsrefseg"

# A room may import rooms of a lower floor, and none of its own floor but itself.
PLUGIN_FLOORS = {
    "errors": 0,
    "paths": 0,
    "settings": 1,
    "engine": 2,
    "layers": 2,
    "tasks": 3,
    "gui": 4,
    "processing": 4,
    "plugin": 5,
    "__init__": 6,
}
ENGINE_FLOORS = {
    "_version": 0,
    "errors": 0,
    "geo": 1,
    "models": 1,
    "scenes": 1,
    "weights": 2,  # a weights file holds a model: it builds one
    "data": 2,
    "predict": 3,
    "batch": 4,
    "evaluation": 4,
    "training": 4,
    "server": 5,
    "cli": 6,  # `rsrefseg serve` starts the server
    "__init__": 7,
    "__main__": 7,
}
# Third-party package -> the rooms that may import it.
PLUGIN_OWNERS = {"osgeo": {"layers"}}
ENGINE_OWNERS = {
    "torch": {"models", "weights", "predict", "training"},
    "open_clip": {"models"},
    "segment_anything": {"models"},
    "sam2": {"models"},
    "timm": {"models"},
    "fastapi": {"server"},
    "starlette": {"server"},
    "uvicorn": {"server"},
    "dask": {"batch"},
    "distributed": {"batch"},
    "rasterio": {"geo"},
    "shapely": {"geo"},
    "pyogrio": {"geo"},
    "pyarrow": {"geo"},
    "pyproj": {"geo"},
}


class Import(NamedTuple):
    path: Path
    line: int
    room: str
    module: str

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line} imports {self.module}"


def imports(package: Path) -> Iterator[Import]:
    """All imports of a package, those inside functions and relative ones too."""
    for path in sorted(package.rglob("*.py")):
        inside = path.relative_to(package)
        room = inside.parts[0] if len(inside.parts) > 1 else inside.stem
        parents = [package.name, *inside.parts[:-1]]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                base = parents[: len(parents) - node.level + 1] if node.level else []
                module = ".".join([*base, *([node.module] if node.module else [])])
                names = [f"{module}.{alias.name}" for alias in node.names]
            else:
                continue
            for name in names:
                yield Import(path, node.lineno, room, name)


def wrong_directions(package: Path, floors: dict[str, int]) -> list[str]:
    wrong = []
    for found in imports(package):
        parts = found.module.split(".")
        if parts[0] != package.name or len(parts) < 2:
            continue
        target = parts[1]
        if target not in floors:
            target = "__init__"  # a name of the package itself, such as its version
            if package is ENGINE:
                continue
        if target != found.room and floors[target] >= floors[found.room]:
            wrong.append(str(found))
    return wrong


def strangers(package: Path, owners: dict[str, set[str]]) -> list[str]:
    return [
        str(found)
        for found in imports(package)
        if found.room not in owners.get(found.module.split(".")[0], {found.room})
    ]


@pytest.mark.parametrize(("package", "floors"), [(PLUGIN, PLUGIN_FLOORS), (ENGINE, ENGINE_FLOORS)])
def test_every_room_has_a_floor(package: Path, floors: dict[str, int]) -> None:
    rooms = {found.room for found in imports(package)}
    assert rooms <= set(floors), f"give these a floor: {sorted(rooms - set(floors))}"


def test_plugin_directions() -> None:
    wrong = wrong_directions(PLUGIN, PLUGIN_FLOORS)
    assert not wrong, "\n".join(wrong)


def test_engine_directions() -> None:
    wrong = wrong_directions(ENGINE, ENGINE_FLOORS)
    assert not wrong, "\n".join(wrong)


def test_plugin_libraries_stay_in_their_rooms() -> None:
    wrong = strangers(PLUGIN, PLUGIN_OWNERS)
    assert not wrong, "\n".join(wrong)


def test_engine_libraries_stay_in_their_rooms() -> None:
    wrong = strangers(ENGINE, ENGINE_OWNERS)
    assert not wrong, "\n".join(wrong)


def test_plugin_uses_nothing_but_what_qgis_brings() -> None:
    # sys.stdlib_module_names is newer than the plugin's oldest Python, not than the tests'
    allowed = {*sys.stdlib_module_names, "qgis", "osgeo", "numpy", "processing", "rsrefseg_qgis"}
    assert [str(f) for f in imports(PLUGIN) if f.module.split(".")[0] not in allowed] == []


def test_qt_comes_through_qgis_and_widgets_stay_in_the_gui() -> None:
    with_widgets = {"gui", "plugin", "processing"}
    wrong = [
        str(found)
        for found in imports(PLUGIN)
        if ("qgis.gui" in found.module or "QtWidgets" in found.module)
        and found.room not in with_widgets
    ]
    assert not wrong, "\n".join(wrong)


def test_the_sides_never_import_each_other() -> None:
    assert [str(f) for f in imports(PLUGIN) if f.module.split(".")[0] == "rsrefseg"] == []
    assert [str(f) for f in imports(ENGINE) if f.module.split(".")[0] == "rsrefseg_qgis"] == []


def test_plugin_leaves_sys_path_alone() -> None:
    for path in PLUGIN.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            is_path = isinstance(node, ast.Attribute) and node.attr == "path"
            assert not (is_path and isinstance(node.value, ast.Name) and node.value.id == "sys"), (
                f"{path.relative_to(ROOT)}:{node.lineno} touches sys.path"
            )
