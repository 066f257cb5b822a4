"""Refreshes and compiles the plugin's translations, rsrefseg_qgis/i18n/rsrefseg_*.ts and .qm.

Every ``tr("…")`` of the plugin is read from the source itself (pylupdate does not know a function
of one's own for a whole package as one context). Translations are kept; texts that are gone go;
new ones are marked unfinished. lrelease compiles what is finished. ``--check`` changes nothing and
fails when a file is not what the source asks for.
"""

from __future__ import annotations

import argparse
import ast
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLUGIN = ROOT / "rsrefseg_qgis"
FOLDER = PLUGIN / "i18n"
CONTEXT = "RSRefSeg"
LANGUAGES = ("de", "fr")
COMPILERS = ("lrelease", "/usr/lib/qt5/bin/lrelease", "lrelease-qt5", "/usr/lib/qt6/bin/lrelease")


def texts() -> dict[str, str]:
    """Each text of the plugin and the file that it is in first, in the files' order."""
    found: dict[str, str] = {}
    for path in sorted(PLUGIN.rglob("*.py")):
        for text in texts_of(path):
            found.setdefault(text, path.relative_to(PLUGIN).as_posix())
    return found


def texts_of(path: Path) -> Iterator[str]:
    """The texts of a file.

    Where ``tr`` is given a variable, the texts are the last of each row of the file's tables
    (constants that are tuples of tuples).
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id != "tr":
            continue
        (given,) = node.args
        if isinstance(given, ast.Constant) and isinstance(given.value, str):
            yield given.value
        else:
            yield from table_texts(tree)


def table_texts(tree: ast.Module) -> Iterator[str]:
    """The last text of each row of a file's tables."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Tuple):
            continue
        for row in node.value.elts:
            if isinstance(row, ast.Tuple) and isinstance(row.elts[-1], ast.Constant):
                yield str(row.elts[-1].value)


def read(path: Path) -> dict[str, str]:
    """The finished translations of a file by their texts; none when there is no file."""
    if not path.is_file():
        return {}
    return {
        message.findtext("source", ""): message.findtext("translation", "")
        for message in ElementTree.parse(path).iter("message")
        if message.findtext("translation", "")
    }


def render(language: str, wanted: dict[str, str], known: dict[str, str]) -> bytes:
    """A translation file with the texts that are wanted."""
    root = ElementTree.Element("TS", version="2.1", language=language, sourcelanguage="en")
    context = ElementTree.SubElement(root, "context")
    ElementTree.SubElement(context, "name").text = CONTEXT
    for text, place in wanted.items():
        message = ElementTree.SubElement(context, "message")
        ElementTree.SubElement(message, "location", filename=f"../{place}")
        ElementTree.SubElement(message, "source").text = text
        translation = ElementTree.SubElement(message, "translation")
        if known.get(text):
            translation.text = known[text]
        else:
            translation.set("type", "unfinished")
    ElementTree.indent(root, " ")
    head = b'<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE TS>\n'
    return head + ElementTree.tostring(root, encoding="utf-8") + b"\n"


def compile_file(path: Path) -> None:
    """Make the .qm beside a .ts.

    Raises:
        SystemExit: there is no lrelease.
    """
    tool = next((found for name in COMPILERS if (found := shutil.which(name))), None)
    if tool is None:
        raise SystemExit(
            "texts: lrelease is missing; run `make texts`, or install qttools5-dev-tools."
        )
    part = path.with_suffix(".part")
    command = [tool, "-silent", "-nounfinished", str(path), "-qm", str(part)]
    subprocess.run(command, check=True)
    part.replace(path.with_suffix(".qm"))  # a QGIS that runs reads the one before


def main() -> int:
    """Refresh all languages and say how much of each is translated."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; 1 if not fresh")
    check = parser.parse_args().check
    wanted = texts()
    stale = []
    for language in LANGUAGES:
        path = FOLDER / f"rsrefseg_{language}.ts"
        known = read(path)
        new = render(language, wanted, known)
        if not path.is_file() or path.read_bytes() != new:
            stale.append(path.name)
        missing = [text for text in wanted if text not in known]
        print(f"{path.name}: {len(wanted) - len(missing)} of {len(wanted)} texts translated")
        if check:
            continue
        FOLDER.mkdir(exist_ok=True)
        path.write_bytes(new)
        compile_file(path)
        for text in missing:
            print(f"  missing: {text!r}")
    if check and stale:
        print(f"texts: not fresh: {', '.join(stale)}; run `make texts`.")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
