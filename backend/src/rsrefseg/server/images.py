"""Uploaded images, kept in memory up to a budget, and files that may be read in place."""

from __future__ import annotations

import hashlib
import stat
from dataclasses import dataclass
from pathlib import Path

from rsrefseg.geo.inspect import HeaderFacts, inspect_tiff
from rsrefseg.predict.cache import ByteBudgetCache
from rsrefseg.server.errors import PathError, TooLargeError, UnknownImageError


@dataclass(frozen=True)
class Limits:
    """How much the service takes.

    Attributes:
        upload_bytes: the largest upload.
        pixels: the most pixels of an uploaded image.
        bands: the most bands of an uploaded image.
        decoded_bytes: the most that an uploaded image may take once it is decoded.
        block_bytes: the most that one block of it may take.
        store_bytes: memory for uploaded images.
        views_bytes: memory for pixels that were read to be looked at.
        maps_bytes: memory for probabilities of past requests.
        maps_count: past requests whose probabilities are kept, however small they are.
        request_s: the longest that a request may take.
        roots: folders whose files may be read by their path; None: all that the process may read.
    """

    upload_bytes: int = 512_000_000
    pixels: int = 200_000_000
    bands: int = 64
    decoded_bytes: int = 4_000_000_000
    block_bytes: int = 512_000_000
    store_bytes: int = 1_000_000_000
    views_bytes: int = 128_000_000
    maps_bytes: int = 256_000_000
    maps_count: int = 512
    request_s: float = 3600.0
    roots: tuple[Path, ...] | None = None


@dataclass(frozen=True)
class StoredImage:
    """An uploaded image and what its header says."""

    image_id: str
    data: bytes
    width: int
    height: int
    crs: str | None
    transform: tuple[float, ...]
    bands: int
    dtype: str


class ImageStore:
    """Uploaded images by the hash of their bytes; those unused longest are forgotten first."""

    def __init__(self, limits: Limits) -> None:
        """Start empty."""
        self._limits = limits
        self._images: ByteBudgetCache[StoredImage] = ByteBudgetCache(limits.store_bytes)

    def put(self, data: bytes) -> StoredImage:
        """Keep a GeoTIFF.

        Raises:
            RasterError: it is not a readable GeoTIFF.
            TooLargeError: it has too many pixels or bands.
        """
        image_id = hashlib.sha256(data).hexdigest()[:32]
        known = self._images.get(image_id)
        if known is not None:
            return known
        facts = inspect_tiff(data, "The uploaded image")
        self._check(facts)
        image = StoredImage(
            image_id,
            data,
            facts.width,
            facts.height,
            facts.crs,
            tuple(float(v) for v in facts.transform[:6]),
            facts.bands,
            facts.dtype,
        )
        self._images.put(image_id, image, len(data))
        return image

    def get(self, image_id: str) -> StoredImage:
        """An image that was uploaded.

        Raises:
            UnknownImageError: it is not here, or no longer.
        """
        image = self._images.get(image_id)
        if image is None:
            raise UnknownImageError(
                f"The image '{image_id}' is not here, or no longer: upload it again."
            )
        return image

    def _check(self, facts: HeaderFacts) -> None:
        limits = self._limits
        if facts.width * facts.height > limits.pixels:
            raise TooLargeError(
                f"The image has more than {limits.pixels // 1_000_000} million pixels: choose a "
                "smaller extent or a coarser ground resolution."
            )
        if facts.bands > limits.bands:
            raise TooLargeError(
                f"The image has more than {limits.bands} bands: send the three to show."
            )
        if facts.decoded_bytes > limits.decoded_bytes or facts.block_bytes > limits.block_bytes:
            raise TooLargeError(
                "The image takes too much memory once it is unpacked: choose a smaller extent or "
                "a coarser ground resolution, or save it in tiles."
            )


def check_path(text: str, limits: Limits) -> tuple[Path, tuple[int, int, int]]:
    """A path that may be read, and what changes when the file does.

    Raises:
        PathError: paths may not be read here, or this one is not the full path of a plain file.
    """
    if limits.roots == ():
        raise PathError("This engine reads no files by path: upload the image.")
    if text.lower().startswith(("/vsi", "\\vsi")) or "://" in text or "\0" in text:
        raise PathError("The path must be that of a file on this machine, not a GDAL or web name.")
    path = Path(text)
    try:
        absolute = path.is_absolute()
        # Links and dots resolved: what counts is where the file really is.
        path = path.resolve(strict=True)
        facts = path.stat()
        usable = absolute and stat.S_ISREG(facts.st_mode)
    except (OSError, ValueError, RuntimeError):
        usable = False
    if usable and limits.roots is not None:
        usable = any(path.is_relative_to(root) for root in limits.roots)
    if not usable:
        raise PathError(
            f"There is no file '{text}' that may be read: give the full path of a raster file"
            + ("." if limits.roots is None else " in a folder that this engine is allowed to read.")
        )
    return path, (facts.st_ino, facts.st_size, facts.st_mtime_ns)
