"""Uploads that are broken or mean harm, made on the spot: name -> bytes."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Callable

import numpy as np
from affine import Affine

PLACE = Affine(0.5, 0, 350_000, 0, -0.5, 3_050_000)


def tiff(bands: np.ndarray | None = None, tags: dict | None = None, **options) -> bytes:
    """A GeoTIFF as rasterio writes it."""
    from rasterio.errors import NotGeoreferencedWarning
    from rasterio.io import MemoryFile

    bands = np.full((3, 64, 64), 90, np.uint8) if bands is None else bands
    profile = {
        "driver": "GTiff",
        "count": bands.shape[0],
        "height": bands.shape[1],
        "width": bands.shape[2],
        "dtype": bands.dtype,
        "crs": "EPSG:32645",
        "transform": PLACE,
        **options,
    }
    with warnings.catch_warnings(), MemoryFile() as memory:
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with memory.open(**profile) as dataset:
            dataset.write(bands)
            for namespace, items in (tags or {}).items():
                dataset.update_tags(ns=namespace, **items)
        return bytes(memory.getbuffer())


def raw_tiff(entries: list[tuple[int, int, int, int]], tail: bytes = b"", count: int = -1) -> bytes:
    """A little-endian TIFF of one directory: (tag, type, count, value) as they stand."""
    number = len(entries) if count < 0 else count
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<IH", 8, number) + body + struct.pack("<I", 0) + tail


def header(
    width: int = 16,
    height: int = 16,
    bits: int = 8,
    samples: int = 1,
    compression: int = 1,
    offset: int = 200,
    size: int = 256,
    rows: int = 0,
    tail: bytes = bytes(256),
    more: tuple[tuple[int, int, int, int], ...] = (),
) -> bytes:
    """A minimal TIFF whose directory says whatever is wanted."""
    entries = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, bits),
        (259, 3, 1, compression),
        (262, 3, 1, 1),
        (273, 4, 1, offset),
        (277, 3, 1, samples),
        (278, 4, 1, rows or height),
        (279, 4, 1, size),
        *more,
    ]
    made = raw_tiff(sorted(entries))
    return made + bytes(max(0, 200 - len(made))) + tail


def deflate_bomb() -> bytes:
    """A few kilobytes that unpack to 10^9 bytes in one block."""
    packed = zlib.compress(bytes(1_000_000), 9)
    return header(width=31_623, height=31_623, compression=8, size=len(packed), tail=packed)


def honest_bomb() -> bytes:
    """Within the pixel limit, but 64 bands of doubles: 50 GB once unpacked."""
    return header(width=10_000, height=10_000, bits=64, samples=60, compression=8)


def nan_and_inf() -> bytes:
    bands = np.full((3, 32, 32), np.nan, np.float32)
    bands[:, :8], bands[:, 8:16] = np.inf, -np.inf
    return tiff(bands)


def with_bytes(data: bytes, at: int, value: bytes) -> bytes:
    return data[:at] + value + data[at + len(value) :]


def vrt(source: str) -> bytes:
    return (
        '<VRTDataset rasterXSize="16" rasterYSize="16"><VRTRasterBand dataType="Byte" band="1">'
        f"<SimpleSource><SourceFilename>{source}</SourceFilename><SourceBand>1</SourceBand>"
        "</SimpleSource></VRTRasterBand></VRTDataset>"
    ).encode()


def raw_vrt(source: str) -> bytes:
    return (
        '<VRTDataset rasterXSize="16" rasterYSize="16"><VRTRasterBand dataType="Byte" band="1" '
        f'subClass="VRTRawRasterBand"><SourceFilename>{source}</SourceFilename></VRTRasterBand>'
        "</VRTDataset>"
    ).encode()


def entities() -> bytes:
    lol = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 9))
    return f'<!DOCTYPE v [<!ENTITY l0 "lol">{lol}]><VRTDataset>&l8;</VRTDataset>'.encode()


def driver(name: str, **options) -> bytes:
    """A sound picture in another format than GeoTIFF."""
    from rasterio.errors import NotGeoreferencedWarning
    from rasterio.io import MemoryFile

    with warnings.catch_warnings(), MemoryFile() as memory:
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with memory.open(
            driver=name, count=3, height=32, width=32, dtype="uint8", **options
        ) as dataset:
            dataset.write(np.zeros((3, 32, 32), np.uint8))
        return bytes(memory.getbuffer())


def corpus(trap_url: str, secret: str) -> dict[str, Callable[[], bytes]]:
    """All of them.

    Args:
        trap_url: an address that must never be asked for.
        secret: a raster's path that must never be read.
    """
    whole = tiff()
    packed = tiff(compress="deflate")
    wms = f"<GDAL_WMS><Service name='WMS'><ServerUrl>{trap_url}</ServerUrl></Service></GDAL_WMS>"
    return {
        "empty": lambda: b"",
        "one byte": lambda: b"I",
        "text": lambda: b"not an image at all",
        "zeros": lambda: bytes(4096),
        "noise": lambda: np.random.default_rng(0).bytes(4096),
        "magic only": lambda: b"II*\0",
        "big magic only": lambda: b"II+\0\x08\0\0\0",
        "cut in the directory": lambda: whole[:60],
        "cut in the pixels": lambda: whole[: len(whole) // 2],
        "cut by a byte": lambda: whole[:-1],
        "packed and cut": lambda: packed[: len(packed) // 2],
        "packed and flipped": lambda: with_bytes(packed, len(packed) - 60, b"\xff" * 40),
        "directory beyond the end": lambda: with_bytes(whole, 4, b"\xff\xff\xff\x7f"),
        "directory of itself": lambda: b"II*\0" + struct.pack("<IHI", 8, 0, 8),
        "no entries": lambda: raw_tiff([]),
        "more entries than there are": lambda: raw_tiff([(256, 4, 1, 16)], count=65_535),
        "wrong types": lambda: header(more=((339, 9, 1, 77), (284, 12, 9, 5))),
        "a million squared": lambda: header(width=10**6, height=10**6),
        "largest numbers": lambda: header(width=2**32 - 1, height=2**32 - 1),
        "no width": lambda: header(width=0),
        "no height": lambda: header(height=0, rows=1),
        "no bands": lambda: header(samples=0),
        "200 bands": lambda: tiff(np.zeros((200, 8, 8), np.uint8)),
        "65535 bands": lambda: header(samples=65_535),
        "3 bits": lambda: header(bits=3),
        "77 bits": lambda: header(bits=77),
        "128-bit complex": lambda: tiff(np.zeros((1, 8, 8), np.complex128)),
        "unknown compression": lambda: header(compression=31_337),
        "jpeg without jpeg": lambda: header(compression=7),
        "lzw of rubbish": lambda: header(compression=5, tail=b"\xa5" * 256),
        "strip beyond the end": lambda: header(offset=2**31, size=2**31 - 1),
        "deflate bomb": deflate_bomb,
        "50 GB of doubles": honest_bomb,
        "NaN and Inf": nan_and_inf,
        "all nodata": lambda: tiff(np.zeros((3, 16, 16), np.uint8), nodata=0),
        "no CRS": lambda: tiff(crs=None),
        "no place at all": lambda: tiff(crs=None, transform=None),
        "a place without size": lambda: tiff(transform=Affine(0, 0, 5, 0, 0, 5)),
        "an endless place": lambda: tiff(transform=Affine(1e308, 0, 1e308, 0, -1e308, 1e308)),
        "a place that is no number": lambda: tiff(transform=Affine(float("nan"), 0, 0, 0, -1, 0)),
        "far off the Earth": lambda: tiff(transform=Affine(1, 0, 1e15, 0, -1, 1e15)),
        "degrees beyond the pole": lambda: tiff(
            crs="EPSG:4326", transform=Affine(10, 0, 500, 0, -10, 500)
        ),
        "one pixel": lambda: tiff(np.zeros((3, 1, 1), np.uint8)),
        "one row": lambda: tiff(np.zeros((3, 1, 30_000), np.uint8)),
        "overview on the web": lambda: tiff(
            tags={"OVERVIEWS": {"OVERVIEW_FILE": f"/vsicurl/{trap_url}"}}
        ),
        "overview of a secret": lambda: tiff(tags={"OVERVIEWS": {"OVERVIEW_FILE": secret}}),
        "VRT of a secret": lambda: vrt(secret),
        "VRT of the passwords": lambda: raw_vrt("/etc/passwd"),
        "VRT on the web": lambda: vrt(f"/vsicurl/{trap_url}"),
        "WMS": wms.encode,
        "XML entities": entities,
        "PNG": lambda: driver("PNG"),
        "JPEG": lambda: driver("JPEG"),
        "zip": lambda: b"PK\x03\x04" + bytes(200),
    }
