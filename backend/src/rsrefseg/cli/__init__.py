"""The `rsrefseg` command. A command's module is imported only when it runs."""

from __future__ import annotations

import os
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


# Turns of GNU OpenMP's waiting loop before a thread sleeps, some 0.1 ms. It spins a hundred times
# as long by itself, and then every one of a phrase's hundreds of parallel steps takes a time slice
# of whatever else keeps a core busy: measured, 2 s for a phrase instead of 0.03.
SPIN_COUNT = "3000"

# glibc's mallopt options (malloc.h) and what they are set to, in bytes or arenas.
MALLOC_OPTIONS = {-1: 256_000_000, -3: 32_000_000, -8: 1}  # trim threshold, mmap threshold, arenas


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process.

    Args:
        arguments: as typed, without the program's name; those of the process when None.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)  # read when torch loads
    keep_freed_memory()
    from rsrefseg.cli.lazy import build
    from rsrefseg.errors import RsRefSegError

    try:
        build(COMMANDS)(arguments, prog_name="rsrefseg")
    except RsRefSegError as error:
        sys.stderr.write(f"Error: {error}\n")
        sys.exit(1)


def keep_freed_memory() -> None:
    """Let glibc keep memory that a model's step freed, for the next step to use.

    By itself it gives a few large tensors back to the system as soon as they are freed, and a
    fifth of the time that many phrases take goes into having the same pages handed out again.
    A user's own settings stay, and so does everything under another C library.
    """
    if any(name.startswith("MALLOC_") for name in os.environ):
        return
    import ctypes

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # not glibc
        return
    for option, value in MALLOC_OPTIONS.items():
        mallopt(option, value)
