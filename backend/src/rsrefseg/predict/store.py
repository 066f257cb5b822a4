"""What the model said about each window of a scene, in memory or in a file that survives a kill.

This is the scene's mosaic before blending: windows with their overlaps, as whole numbers, each
compressed on its own. Blending happens when it is read, always in the same order, so it does not
matter in which order windows were looked at, on how many machines, or in how many attempts.
"""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rsrefseg.errors import InputError, OutputError

# Speed matters more than size: most windows are nearly all zeros.
_COMPRESSION = 1
_FILE_MAGIC = b"RSRSWIN1"
_RECORD = struct.Struct("<4sQQI")
_RECORD_MAGIC = b"WNDW"
_HEAD = struct.Struct("<HII")
_LENGTH = struct.Struct("<Q")


@dataclass(frozen=True)
class WindowAnswer:
    """What the model said about one window.

    Attributes:
        shape: height and width of the window in cells.
        levels: phrases x H x W uint8, probabilities from 0 to 255; None where there is no data
            at all, and the model was not asked.
        valid: H x W, where there is data; None: everywhere.
        presence: for each phrase, the probability that anything matches, or None.
    """

    shape: tuple[int, int]
    levels: NDArray[np.uint8] | None
    valid: NDArray[np.bool_] | None
    presence: tuple[float | None, ...]


@dataclass(frozen=True)
class PhraseWindow:
    """The part of a window's answer that is about one phrase.

    Attributes:
        levels: H x W uint8, or None where there is no data.
        valid: H x W, where there is data; None: everywhere.
        presence: the probability that anything matches, or None.
    """

    levels: NDArray[np.uint8] | None
    valid: NDArray[np.bool_] | None
    presence: float | None


class WindowStore(Protocol):
    """Keeps answers by their window's number."""

    def __contains__(self, index: object) -> bool:
        """Whether a window's answer is here."""

    def put(self, index: int, answer: WindowAnswer) -> None:
        """Keep an answer."""

    def get(self, index: int, phrase: int) -> PhraseWindow:
        """One phrase's part of an answer."""


class MemoryStore:
    """Answers in memory, for extents of a few windows."""

    def __init__(self) -> None:
        """Start empty."""
        self._answers: dict[int, WindowAnswer] = {}

    def __contains__(self, index: object) -> bool:
        """Whether a window's answer is here."""
        return index in self._answers

    def put(self, index: int, answer: WindowAnswer) -> None:
        """Keep an answer."""
        self._answers[index] = answer

    def get(self, index: int, phrase: int) -> PhraseWindow:
        """One phrase's part of an answer."""
        answer = self._answers[index]
        levels = None if answer.levels is None else answer.levels[phrase]
        return PhraseWindow(levels, answer.valid, answer.presence[phrase])


class FileStore:
    """Answers in one file that grows at its end.

    A record is whole or it is not there: a process that is killed while writing leaves a tail
    that the next one cuts off.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, or make it; what is whole in it is kept.

        Args:
            path: where.

        Raises:
            OutputError: the file cannot be written.
        """
        self._path = path
        self._places: dict[int, tuple[int, int]] = {}
        try:
            # Unbuffered: what was put is in the file, and a full disk is met here, not later.
            self._file = path.open("r+b" if path.exists() else "w+b", buffering=0)
        except OSError as error:
            raise self._unwritable() from error
        try:
            self._end = self._scan()
            self._file.truncate(self._end)
        except OSError as error:
            self._file.close()
            raise self._unwritable() from error
        except InputError:
            self._file.close()
            raise

    def __enter__(self) -> FileStore:
        """The store itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self._file.close()

    def __contains__(self, index: object) -> bool:
        """Whether a window's answer is here."""
        return index in self._places

    def __len__(self) -> int:
        """How many answers are here."""
        return len(self._places)

    def put(self, index: int, answer: WindowAnswer) -> None:
        """Keep an answer.

        Raises:
            OutputError: the disk is full, or the file cannot be written.
        """
        self.put_packed(index, pack(answer))

    def put_packed(self, index: int, payload: bytes) -> None:
        """Keep an answer that is packed already.

        Raises:
            OutputError: the disk is full, or the file cannot be written.
        """
        head = _RECORD.pack(_RECORD_MAGIC, index, len(payload), zlib.crc32(payload))
        try:
            self._file.seek(self._end)
            left = memoryview(head + payload)
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise self._unwritable() from error
        self._places[index] = (self._end + _RECORD.size, len(payload))
        self._end += _RECORD.size + len(payload)

    def get(self, index: int, phrase: int) -> PhraseWindow:
        """One phrase's part of an answer."""
        start, length = self._places[index]
        self._file.seek(start)
        return unpack(self._file.read(length), phrase)

    def _scan(self) -> int:
        """Find what is there; where the whole part ends."""
        size = os.fstat(self._file.fileno()).st_size
        start = self._file.read(len(_FILE_MAGIC))
        if start != _FILE_MAGIC:
            if not _FILE_MAGIC.startswith(start):
                raise InputError(f"{self._path} is no file of window answers: remove it.")
            self._file.seek(0)
            self._file.write(_FILE_MAGIC)
            return len(_FILE_MAGIC)
        end = len(_FILE_MAGIC)
        while end + _RECORD.size <= size:
            magic, index, length, checksum = _RECORD.unpack(self._file.read(_RECORD.size))
            if magic != _RECORD_MAGIC or end + _RECORD.size + length > size:
                break
            if zlib.crc32(self._file.read(length)) != checksum:
                break
            self._places[index] = (end + _RECORD.size, length)
            end += _RECORD.size + length
        return end

    def _unwritable(self) -> OutputError:
        return OutputError(
            f"{self._path} cannot be written: check that its folder is writable and the disk not "
            "full."
        )


def pack(answer: WindowAnswer) -> bytes:
    """An answer as bytes, each phrase's map on its own so that it can be read alone."""
    height, width = answer.shape
    presence = np.array([np.nan if p is None else p for p in answer.presence], dtype="<f8")
    maps: list[bytes] = []
    if answer.levels is not None:
        maps = [zlib.compress(m.tobytes(), _COMPRESSION) for m in answer.levels]
    valid = (
        b""
        if answer.valid is None
        else zlib.compress(np.packbits(answer.valid).tobytes(), _COMPRESSION)
    )
    blocks = [valid, *maps] if answer.levels is not None else []
    lengths = b"".join(_LENGTH.pack(len(block)) for block in blocks)
    head = _HEAD.pack(len(answer.presence), height, width)
    return b"".join([head, presence.tobytes(), struct.pack("<H", len(blocks)), lengths, *blocks])


def unpack(payload: bytes, phrase: int) -> PhraseWindow:
    """One phrase's part of a packed answer."""
    count, height, width = _HEAD.unpack_from(payload)
    presence = float(np.frombuffer(payload, "<f8", count, _HEAD.size)[phrase])
    said = None if np.isnan(presence) else presence
    at = _HEAD.size + 8 * count
    (blocks,) = struct.unpack_from("<H", payload, at)
    if not blocks:
        return PhraseWindow(None, None, said)
    lengths = np.frombuffer(payload, "<u8", blocks, at + 2).astype(np.int64)
    starts = at + 2 + 8 * blocks + np.concatenate([[0], np.cumsum(lengths)])

    def block(i: int) -> bytes:
        return zlib.decompress(payload[starts[i] : starts[i + 1]])

    levels = np.frombuffer(block(phrase + 1), np.uint8).reshape(height, width)
    valid = None
    if lengths[0]:
        bits = np.unpackbits(np.frombuffer(block(0), np.uint8), count=height * width)
        valid = bits.reshape(height, width).astype(np.bool_)
    return PhraseWindow(levels, valid, said)
