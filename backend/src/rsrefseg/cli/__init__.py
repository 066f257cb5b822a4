"""The `rsrefseg` command. A command's module is imported only when it runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence

# Name -> module, attribute (a function with typer annotations, or a Typer app), help.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "segment": (
        "rsrefseg.cli.segment",
        "segment",
        "Find phrases on a raster and write the polygons to a GeoPackage.",
    ),
    "doctor": (
        "rsrefseg.cli.doctor",
        "doctor",
        "Say versions, device and weights, and what is wrong.",
    ),
    "serve": ("rsrefseg.cli.serve", "serve", "Answer QGIS and other clients over HTTP."),
    "models": ("rsrefseg.cli.models", "app", "List, import, verify and download models."),
    "scenes": ("rsrefseg.cli.scenes", "scenes", "Generate overhead scenes with phrases and masks."),
    "train": ("rsrefseg.cli.train", "train", "Train or fine-tune a model."),
    "evaluate": ("rsrefseg.cli.evaluate", "evaluate", "Measure a model on labelled phrases."),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process.

    Args:
        arguments: as typed, without the program's name; those of the process when None.
    """
    from rsrefseg.cli.lazy import build
    from rsrefseg.errors import RsRefSegError

    try:
        build(COMMANDS)(arguments, prog_name="rsrefseg")
    except RsRefSegError as error:
        sys.stderr.write(f"Error: {error}\n")
        sys.exit(1)
