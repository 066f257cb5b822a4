"""Encoded images on the disk, so that a view is encoded once and not once a session.

One safetensors file for each image, named by everything that its content depends on. Files are
complete or absent, those unused longest go first, and a file that does not verify is no file.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import logging
import os
import queue
import sys
import tempfile
import threading
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from rsrefseg import __version__, models
from rsrefseg.models.features import ImageFeatures
from rsrefseg.predict.types import CacheInfo

log = logging.getLogger("rsrefseg.predict")

FOLDER_VARIABLE = "RSREFSEG_CACHE_DIR"
SUFFIX = ".features"
# Images that may wait to be written; more are not kept.
BEHIND = 4
# What a writer that was killed left behind is removed after this time.
LEFTOVER_S = 3600.0


@dataclass(frozen=True)
class DiskOptions:
    """Where encoded images are kept beyond the process.

    Attributes:
        folder: where.
        budget_bytes: the most that they may take together.
    """

    folder: Path
    budget_bytes: int

    def opened(self, model: str) -> FeatureDisk | None:
        """The folder for a model's images; None when nothing may be kept."""
        return FeatureDisk(self.folder, self.budget_bytes, model) if self.budget_bytes > 0 else None


def default_folder() -> Path:
    """Where this user's caches belong, or where RSREFSEG_CACHE_DIR says."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "rsrefseg" / "features"


@functools.lru_cache(maxsize=1)
def code_digest() -> str:
    """Names the code that encodes: other code may encode otherwise."""
    digest = hashlib.blake2b(__version__.encode(), digest_size=16)
    for path in sorted(Path(models.__path__[0]).rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


class FeatureDisk:
    """A folder of encoded images with a budget. Safe to use from several threads and processes.

    Files are written by a thread of its own. Nothing that the disk does is an error to the user:
    a cache that cannot be read or written is an empty one.
    """

    def __init__(self, folder: Path, budget_bytes: int, model: str) -> None:
        """Look at what is there.

        Args:
            folder: where; made when missing.
            budget_bytes: the most that the files may take together.
            model: names everything besides the image that features depend on.
        """
        self.folder = folder
        self._budget = budget_bytes
        self._model = model
        self._hits = self._misses = 0
        self._count = self._bytes = 0
        self._lock = threading.Lock()
        self._writes: queue.Queue[tuple[Path, ImageFeatures]] = queue.Queue(BEHIND)
        self._writer: threading.Thread | None = None
        self._usable = self._prepare()

    def get(self, key: object) -> ImageFeatures | None:
        """The features of an image, which count as used now; None if they are not there."""
        path = self._path(key)
        features = _read(path) if self._usable else None
        with self._lock:
            self._hits += features is not None
            self._misses += features is None
        if features is None:
            if self._usable and path.exists():
                log.warning("%s is damaged and removed", path)
                self._remove(path)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return features

    def put(self, key: object, features: ImageFeatures) -> None:
        """Keep the features of an image, unless too many wait to be written already."""
        if not self._usable or features.nbytes > self._budget:
            return
        with contextlib.suppress(queue.Full):
            self._writes.put_nowait((self._path(key), features))
            self._start_writer()

    def flush(self) -> None:
        """Wait until all that was put is written."""
        self._writes.join()

    def info(self) -> CacheInfo:
        """How full it is."""
        with self._lock:
            return CacheInfo(self._count, self._bytes, self._budget, self._hits, self._misses)

    def _path(self, key: object) -> Path:
        text = repr((key, self._model, code_digest()))
        return self.folder / (hashlib.blake2b(text.encode(), digest_size=20).hexdigest() + SUFFIX)

    def _prepare(self) -> bool:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for path in self.folder.glob("*.part"):
                if time.time() - path.stat().st_mtime > LEFTOVER_S:
                    path.unlink()
            self._make_room()
        except OSError as error:
            log.warning("no disk cache in %s: %s", self.folder, error)
            return False
        return True

    def _start_writer(self) -> None:
        with self._lock:
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_all, daemon=True)
                self._writer.start()

    def _write_all(self) -> None:
        while True:
            path, features = self._writes.get()
            try:
                _write(path, features)
                self._make_room()
            except OSError as error:
                log.warning("%s is not written: %s", path, error)
            finally:
                self._writes.task_done()
                del features

    def _make_room(self) -> None:
        """Remove what was unused longest until the rest is within the budget."""
        found = []
        for entry in os.scandir(self.folder):
            if entry.name.endswith(SUFFIX):
                with contextlib.suppress(FileNotFoundError):
                    facts = entry.stat()
                    found.append((facts.st_mtime_ns, facts.st_size, Path(entry.path)))
        found.sort(key=lambda item: item[0])
        total = sum(size for _, size, _ in found)
        count = len(found)
        for _, size, path in found:
            if total <= self._budget:
                break
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
                total -= size
                count -= 1
        with self._lock:
            self._count, self._bytes = count, total

    def _remove(self, path: Path) -> None:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
            self._make_room()


def _write(path: Path, features: ImageFeatures) -> None:
    tensors = {"clip_tokens": features.clip_tokens, "sam_embed": features.sam_embed}
    tensors |= {f"high_res_{i}": t for i, t in enumerate(features.high_res)}
    if features.ground is not None:
        tensors["ground"] = features.ground
    last = [name for name, t in tensors.items() if _is_channels_last(t)]
    # As they lie in memory: a copy that torch makes here, in a thread of the disk's own, gives that
    # thread a pool of its own, and with two pools OpenMP makes every later step wait twice as long.
    plain = {
        name: (t.permute(0, 2, 3, 1) if name in last else t).detach().cpu().contiguous()
        for name, t in tensors.items()
    }
    header = {
        "clip_grid": json.dumps(features.clip_grid),
        "rows_columns_channels": json.dumps(last),
        "crc32": str(_checksum(plain)),
    }
    data = save(plain, header)
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _read(path: Path) -> ImageFeatures | None:
    try:
        with safe_open(str(path), framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if int(header["crc32"]) != _checksum(tensors):
            return None
        rows, columns = json.loads(header["clip_grid"])
        for name in json.loads(header["rows_columns_channels"]):
            tensors[name] = tensors[name].permute(0, 3, 1, 2)
        high_res = [tensors[name] for name in sorted(tensors) if name.startswith("high_res_")]
        return ImageFeatures(
            tensors["clip_tokens"],
            (rows, columns),
            tensors["sam_embed"],
            tuple(high_res),
            tensors.get("ground"),
        )
    except (SafetensorError, OSError, ValueError, KeyError, TypeError):
        return None


def _is_channels_last(tensor: Tensor) -> bool:
    if tensor.ndim != 4 or tensor.is_contiguous():
        return False
    return tensor.is_contiguous(memory_format=torch.channels_last)


def _checksum(tensors: dict[str, Tensor]) -> int:
    total = 0
    for name in sorted(tensors):
        flat = tensors[name].contiguous().view(-1).view(torch.uint8)
        total = zlib.crc32(flat.numpy().data, zlib.crc32(name.encode(), total))
    return total


@dataclass(frozen=True)
class DiskUse:
    """What a folder of encoded images takes."""

    folder: Path
    images: int
    bytes: int


def describe(folder: Path | None = None) -> DiskUse:
    """What is in a cache, without opening it."""
    place = folder or default_folder()
    sizes: list[int] = []
    with contextlib.suppress(OSError):
        sizes = [path.stat().st_size for path in place.glob(f"*{SUFFIX}")]
    return DiskUse(place, len(sizes), sum(sizes))
