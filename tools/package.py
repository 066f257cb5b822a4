"""Builds the plugin's zip: build/rsrefseg_qgis-VERSION.zip, the same bytes for the same sources.

Inside is one folder, ``rsrefseg_qgis``: the plugin, its metadata and licence, icons, styles and
weights in ``resources``, and the engine's source with its locked versions in ``engine_dist``,
which the plugin installs into an environment of its own. Source and no wheel, since the plugin
repository takes no binaries and scans what it can read.
"""

from __future__ import annotations

import argparse
import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NAME = "rsrefseg_qgis"
LIMIT_BYTES = 25_000_000  # of the QGIS plugin repository
LEFT_OUT = {"__pycache__", "resources", ".mypy_cache", "rsrefseg.egg-info"}
LEFT_OUT_SUFFIXES = {".pyc", ".pyo", ".ts"}
# Of resources/, what the plugin needs when it runs.
RESOURCES = ("icons", "styles", "weights")
# The user guide, which is the plugin's local help.
GUIDE = ("guide*.md", "images/guide/*.png")
WEIGHTS = ROOT / "resources" / "weights" / "rsrefseg2-tiny.safetensors"
EPOCH = (1980, 1, 1, 0, 0, 0)


class PackageError(Exception):
    """The zip cannot be built; the text says why."""


def version() -> str:
    """The plugin's version."""
    found = re.search(r"^version=(.+)$", (ROOT / "metadata.txt").read_text("utf-8"), re.MULTILINE)
    if found is None:
        raise PackageError("metadata.txt has no version; give it one.")
    return found.group(1).strip()


def files_below(folder: Path) -> Iterator[Path]:
    """The files of a folder that belong into the zip, sorted."""
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        wanted = path.is_file() and path.suffix not in LEFT_OUT_SUFFIXES
        if wanted and not LEFT_OUT & set(inside.parts):
            yield path


def contents(weights: Path) -> Iterator[tuple[Path, str]]:
    """Each file of the zip and its name in it."""
    plugin = ROOT / NAME
    for path in files_below(plugin):
        if path.name != "metadata.txt":
            yield path, f"{NAME}/{path.relative_to(plugin).as_posix()}"
    for name in ("metadata.txt", "LICENSE", "CHANGELOG.md"):
        yield ROOT / name, f"{NAME}/{name}"
    for pattern in GUIDE:
        for path in sorted((ROOT / "docs").glob(pattern)):
            yield path, f"{NAME}/{path.relative_to(ROOT).as_posix()}"
    for name in RESOURCES:
        for path in files_below(ROOT / "resources" / name):
            if path != WEIGHTS:
                yield path, f"{NAME}/{path.relative_to(ROOT).as_posix()}"
    yield weights, f"{NAME}/{WEIGHTS.relative_to(ROOT).as_posix()}"
    for name in ("pyproject.toml", "constraints.txt"):
        yield ROOT / "backend" / name, f"{NAME}/engine_dist/{name}"
    source = ROOT / "backend" / "src"
    for path in files_below(source):
        yield path, f"{NAME}/engine_dist/src/{path.relative_to(source).as_posix()}"


def build(folder: Path, weights: Path) -> Path:
    """Write the zip into a folder and give its path.

    Raises:
        PackageError: the weights are missing or the zip is too big.
    """
    if not weights.is_file():
        raise PackageError(f"There are no weights at {weights}; train or fetch them first.")
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{NAME}-{version()}.zip"
    part = target.with_suffix(".part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path, name in contents(weights):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, path.read_bytes())
    size = part.stat().st_size
    if size > LIMIT_BYTES:
        part.unlink()
        raise PackageError(
            f"The zip has {size / 1e6:.1f} MB and the plugin repository takes "
            f"{LIMIT_BYTES / 1e6:.0f}; make the weights smaller."
        )
    part.replace(target)
    return target


def main() -> int:
    """Build it and say where it is."""
    parser = argparse.ArgumentParser(description="Build the plugin's zip.")
    parser.add_argument("-o", "--out", type=Path, default=ROOT / "build", help="folder for it")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="weights to pack")
    arguments = parser.parse_args()
    try:
        target = build(arguments.out, arguments.weights)
    except PackageError as error:
        print(f"package: {error}", file=sys.stderr)
        return 1
    print(f"{target} ({target.stat().st_size / 1e6:.1f} MB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
