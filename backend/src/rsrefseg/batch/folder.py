"""A job's folder beside its output: what has been done survives the process that did it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from rsrefseg.errors import OutputError

MANIFEST = "job.json"
LOCK = "lock"


class JobFolder:
    """The folder of one job, locked while it is open.

    The lock is the operating system's, so a killed process leaves none behind.
    """

    def __init__(self, output: Path) -> None:
        """Name the folder; nothing is made yet.

        Args:
            output: the job's output; the folder lies beside it.
        """
        self.path = output.with_name(f"{output.name}.job")
        self._output = output
        self._lock: IO[bytes] | None = None

    def __enter__(self) -> JobFolder:
        """Make and lock it.

        Raises:
            OutputError: it cannot be made, or another process works in it.
        """
        try:
            self.path.mkdir(exist_ok=True)
            self._lock = (self.path / LOCK).open("a+b")
        except OSError as error:
            raise self._unwritable() from error
        if not _take(self._lock):
            self._lock.close()
            self._lock = None
            raise OutputError(
                f"{self._output} is being made by another process: wait for it, or choose another "
                "name."
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Unlock it; what is in it stays, to go on with."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def begun(self) -> dict[str, Any] | None:
        """What an earlier process wrote about the job, or None."""
        try:
            found = json.loads((self.path / MANIFEST).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def begin(self, identity: Mapping[str, Any]) -> datetime:
        """Forget what is there and begin anew.

        Args:
            identity: all that decides on the result.

        Returns:
            The time that the job's polygons are to carry.

        Raises:
            OutputError: the folder cannot be written.
        """
        created = datetime.now(timezone.utc).replace(microsecond=0)
        try:
            for item in self.path.iterdir():
                if item.name != LOCK:
                    item.unlink()
            text = json.dumps({"created": created.isoformat(), "identity": identity}, indent=2)
            part = self.path / f"{MANIFEST}.part"
            part.write_text(text, encoding="utf-8")
            part.replace(self.path / MANIFEST)
        except OSError as error:
            raise self._unwritable() from error
        return created

    def remove(self) -> None:
        """Take it away; the job is done."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        with suppress(OSError):
            shutil.rmtree(self.path)

    def _unwritable(self) -> OutputError:
        return OutputError(
            f"{self.path} cannot be written: check that its folder is writable and the disk not "
            "full."
        )


def digest(identity: Mapping[str, Any]) -> str:
    """A job's identity as a short text."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def differences(begun: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    """The names of what two identities differ in."""
    names = sorted({*begun, *asked})
    return [name.replace("_", " ") for name in names if begun.get(name) != asked.get(name)]


def _take(file: IO[bytes]) -> bool:
    """Lock an open file for this process; False when another has it."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
