"""The sentences of the engine that the plugin translates are still those that the engine says."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def strings(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    values = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return {value for value in values if isinstance(value, str)}


def translated(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    (table,) = (node.value for node in tree.body if isinstance(node, ast.Assign))
    return {sentence for _, sentence in ast.literal_eval(table)}


def test_sentences_of_the_engine_are_its_own() -> None:
    said: set[str] = set()
    for path in (ROOT / "backend" / "src").rglob("*.py"):
        said |= strings(path)
    known = translated(ROOT / "rsrefseg_qgis" / "tasks" / "engine_words.py")
    assert known
    assert known <= said, known - said
