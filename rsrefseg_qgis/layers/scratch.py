"""Folders for what is on the disk only while work goes on."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rsrefseg_qgis.errors import LayerError, tr

GIGABYTE = 1_000_000_000


@contextmanager
def scratch_folder(needed_bytes: int) -> Iterator[Path]:
    """A folder of one's own that is gone afterwards, whatever happened.

    Args:
        needed_bytes: how much will be written at most.

    Raises:
        LayerError: there is not that much room.
    """
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if needed_bytes > free:
        raise LayerError(
            tr(
                "The extent takes {needed} GB on the disk while it is worked at, and {folder} has "
                "{free} GB free; choose a smaller extent or a coarser ground resolution, or free "
                "some room."
            ).format(
                needed=f"{needed_bytes / GIGABYTE:.1f}",
                free=f"{free / GIGABYTE:.1f}",
                folder=tempfile.gettempdir(),
            )
        )
    folder = Path(tempfile.mkdtemp(prefix="rsrefseg-"))
    try:
        yield folder
    finally:
        # on Windows a file that the engine has open yet cannot go; the system's cleaning takes it
        shutil.rmtree(folder, ignore_errors=True)
