"""Uploaded images, kept in memory up to a budget, and files that may be read in place."""

from __future__ import annotations

import hashlib
import stat
from dataclasses import dataclass
from pathlib import Path

from rsrefseg.geo.raster import open_raster
from rsrefseg.predict.cache import ByteBudgetCache
from rsrefseg.server.errors import PathError, TooLargeError, UnknownImageError

# Formats that hold their pixels themselves: none that points to other files or to the network.
FILE_DRIVERS = (
    "GTiff", "PNG", "JPEG", "JP2OpenJPEG", "JP2KAK", "JP2ECW", "JP2MrSID", "ECW", "MrSID", "ENVI",
    "HFA", "EHdr", "ERS", "PCIDSK", "NITF", "BMP", "GIF", "WEBP", "AAIGrid", "SRTMHGT", "GPKG",
    "MBTiles",
)  # fmt: skip


@dataclass(frozen=True)
class Limits:
    """How much the service takes.

    Attributes:
        upload_bytes: the largest upload.
        pixels: the most pixels of an uploaded image.
        bands: the most bands of an uploaded image.
        store_bytes: memory for uploaded images.
        views_bytes: memory for pixels that were read to be looked at.
        maps_bytes: memory for probabilities of past requests.
        paths: whether files may be read by their path.
    """

    upload_bytes: int = 512_000_000
    pixels: int = 200_000_000
    bands: int = 64
    store_bytes: int = 1_000_000_000
    views_bytes: int = 128_000_000
    maps_bytes: int = 256_000_000
    paths: bool = True


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
        with open_raster(data, name="The uploaded image") as raster:
            if raster.width * raster.height > self._limits.pixels:
                raise TooLargeError(
                    f"The image has more than {self._limits.pixels // 1_000_000} million pixels: "
                    "choose a smaller extent or a coarser ground resolution."
                )
            if raster.count > self._limits.bands:
                raise TooLargeError(
                    f"The image has more than {self._limits.bands} bands: send the three to show."
                )
            image = StoredImage(
                image_id,
                data,
                raster.width,
                raster.height,
                raster.crs,
                tuple(float(v) for v in raster.transform[:6]),
                raster.count,
                raster.dtype,
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


def check_path(text: str, limits: Limits) -> tuple[Path, tuple[int, int, int]]:
    """A path that may be read, and what changes when the file does.

    Raises:
        PathError: paths may not be read here, or this one is not the full path of a plain file.
    """
    if not limits.paths:
        raise PathError("This engine reads no files by path: upload the image.")
    if text.lower().startswith(("/vsi", "\\vsi")) or "://" in text or "\0" in text:
        raise PathError("The path must be that of a file on this machine, not a GDAL or web name.")
    path = Path(text)
    try:
        facts = path.stat()
        usable = path.is_absolute() and stat.S_ISREG(facts.st_mode)
    except (OSError, ValueError):
        usable = False
    if not usable:
        raise PathError(f"There is no file '{text}': give the full path of a raster file.")
    return path, (facts.st_ino, facts.st_size, facts.st_mtime_ns)
