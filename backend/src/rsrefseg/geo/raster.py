"""Opening rasters and reading windows of them as stretched RGB with a mask of what is there."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import MaskFlags, Resampling
from rasterio.errors import CRSError, NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader, MemoryFile
from rasterio.windows import Window

from rsrefseg.errors import RasterError
from rsrefseg.geo.bands import BandPlan, palette_of, plan_bands
from rsrefseg.geo.extent import PixelWindow
from rsrefseg.geo.fill import fill_mirrored
from rsrefseg.geo.ground import pixel_size_m
from rsrefseg.geo.stretch import (
    LOWER_PERCENT,
    UPPER_PERCENT,
    Stretch,
    StretchRule,
    parse_stretch,
    percentile_stretch,
)
from rsrefseg.geo.windows import Span, WorkingGrid, mirrored

# The longer side of the decimated read that the stretch is computed from.
STRETCH_SAMPLE_PX = 1024
CACHE_MB = "64"
# What counts as a raster in a folder.
RASTER_SUFFIXES = frozenset(
    [
        ".tif",
        ".tiff",
        ".jp2",
        ".j2k",
        ".vrt",
        ".img",
        ".png",
        ".jpg",
        ".jpeg",
        ".ecw",
        ".sid",
        ".bil",
        ".bsq",
        ".ntf",
        ".webp",
    ]
)
_NO_CRS_WARNING = (
    "The raster has no CRS, so areas in square metres and the ground resolution are unknown: "
    "assign the right CRS for both."
)


@dataclass(frozen=True)
class RgbTile:
    """A window of a raster, ready for the model.

    Attributes:
        image: H x W x 3 uint8; where there is no data, what lies beside is mirrored.
        valid: H x W, False where there is no data.
        transform: this tile's pixels to the CRS.
        crs: the CRS as WKT, or None.
    """

    image: NDArray[np.uint8]
    valid: NDArray[np.bool_]
    transform: Affine
    crs: str | None

    @property
    def known(self) -> NDArray[np.bool_] | None:
        """`valid`, or None: there is data everywhere."""
        return None if self.valid.all() else self.valid


@dataclass(frozen=True)
class ReadOptions:
    """How a raster's numbers become colours.

    Attributes:
        bands: see `bands.plan_bands`.
        stretch: see `stretch.parse_stretch`.
    """

    bands: str = "auto"
    stretch: str = "auto"

    def __post_init__(self) -> None:
        """Refuse a stretch that means nothing.

        Raises:
            InputError: it means nothing.
        """
        parse_stretch(self.stretch)


class RasterSource:
    """An open raster. Not for use by two threads at once."""

    def __init__(self, dataset: Any, name: str, read: ReadOptions | None = None) -> None:
        """Wrap an open rasterio dataset.

        Args:
            dataset: the dataset; the caller closes it.
            name: what errors and provenance call it.
            read: how numbers become colours.

        Raises:
            RasterError: there is no band, or its values are not real numbers.
            InputError: the bands asked for are not there.
        """
        read = read or ReadOptions()
        self._dataset = dataset
        self._stretch: Stretch | None = None
        self.name = name
        self.location: str = dataset.name
        self.width: int = dataset.width
        self.height: int = dataset.height
        self.count: int = dataset.count
        self.transform: Affine = _transform(dataset)
        self.crs: str | None = _wkt(dataset.crs) if dataset.crs else None
        if self.count < 1 or self.width < 1 or self.height < 1:
            raise RasterError(f"{name} has no raster band: choose a raster with image data.")
        self.dtype: str = dataset.dtypes[0]
        if any("complex" in dtype for dtype in dataset.dtypes):
            raise RasterError(
                f"{name} holds complex numbers, which are not an image: convert it to real ones."
            )
        self.nodata: float | None = dataset.nodata
        self.bands: BandPlan = plan_bands([i.name for i in dataset.colorinterp], read.bands)
        self._rule: StretchRule = parse_stretch(read.stretch)
        self._palette = palette_of(dataset, self.bands)

    @property
    def warnings(self) -> list[str]:
        """Sentences about what this raster lacks."""
        return [] if self.crs else [_NO_CRS_WARNING]

    def pixel_size_m(self, window: PixelWindow | None = None) -> tuple[float, float] | None:
        """Width and height of the pixel in the middle of a window, in metres on the ground."""
        window = window or PixelWindow(0, 0, self.width, self.height)
        col, row = window.col + window.width / 2, window.row + window.height / 2
        return pixel_size_m(self.transform, self.crs, col, row)

    def stretch(self) -> Stretch | None:
        """The raster's stretch, computed on first use; None for pixels that are shown as they are.

        It comes from a coarse reading of the whole raster, so every window gets the same.
        """
        rule = self._rule
        if rule.kind == "auto" and self.dtype == "uint8":
            return None
        if self._stretch is None:
            count = len(self.bands.unique)
            if rule.kind == "fixed":
                self._stretch = Stretch((rule.low,) * count, (rule.high,) * count)
            else:
                ends = (0.0, 100.0) if rule.kind == "min-max" else (LOWER_PERCENT, UPPER_PERCENT)
                self._stretch = percentile_stretch(*self._sample(), *ends)
        return self._stretch

    def _sample(self) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """The whole raster, coarse, from overviews where there are some."""
        scale = min(1.0, STRETCH_SAMPLE_PX / max(self.width, self.height))
        shape = (max(1, round(self.height * scale)), max(1, round(self.width * scale)))
        whole = Window(0, 0, self.width, self.height)
        # Nearest pixels: averaging would narrow the range.
        sample = self._read(self.bands.unique, whole, shape, Resampling.nearest)
        valid = self._valid(whole, shape)
        if sample.dtype.kind == "f":
            valid &= np.isfinite(sample).all(axis=0)
        return sample, valid

    def read_rgb(
        self,
        window: PixelWindow,
        out_shape: tuple[int, int] | None = None,
        stretch: Stretch | None = None,
    ) -> RgbTile:
        """Read a window, resampled to a shape where one is given.

        Args:
            window: which pixels.
            out_shape: height and width to resample to (average of what a pixel covers when
                coarser, from overviews where there are some; bilinear when finer).
            stretch: limits to use in place of the raster's own.

        Raises:
            RasterError: the pixels cannot be read.
        """
        shape = out_shape or window.shape
        area = Window(window.col, window.row, window.width, window.height)
        finer = shape[0] > window.height or shape[1] > window.width
        method = Resampling.bilinear if finer else Resampling.average
        if self._palette is not None or shape == (window.height, window.width):
            method = Resampling.nearest
        bands = self._read(self.bands.unique, area, shape, method)
        valid = self._valid(area, shape)
        if bands.dtype.kind == "f":
            valid &= np.isfinite(bands).all(axis=0)
        colour = self._colours(bands, stretch)
        image = np.ascontiguousarray(colour.transpose(1, 2, 0))
        fill_mirrored(image, valid)
        scaling = Affine.scale(window.width / shape[1], window.height / shape[0])
        transform = self.transform @ Affine.translation(window.col, window.row) @ scaling
        return RgbTile(image, valid, transform, self.crs)

    def read_span(self, grid: WorkingGrid, span: Span, stretch: Stretch | None = None) -> RgbTile:
        """Read a window of a grid over this raster.

        What lies beyond the grid is mirrored, so that the model sees no edge there, and has no
        data.

        Args:
            grid: the grid.
            span: the window; not as far beyond the grid as that is long.
            stretch: limits to use in place of the raster's own.

        Raises:
            RasterError: the pixels cannot be read.
        """
        cols = mirrored(span.col, span.width, grid.width)
        rows = mirrored(span.row, span.height, grid.height)
        left, top = int(cols.min()), int(rows.min())
        read = Span(left, top, int(cols.max()) - left + 1, int(rows.max()) - top + 1)
        tile = self.read_rgb(grid.pixels(read), (read.height, read.width), stretch)
        if read == span:
            return tile
        chosen = np.ix_(rows - top, cols - left)
        inside = np.ix_(
            rows == np.arange(span.row, span.row + span.height),
            cols == np.arange(span.col, span.col + span.width),
        )
        valid = np.zeros((span.height, span.width), dtype=np.bool_)
        valid[inside] = tile.valid[chosen][inside]
        transform = grid.transform(self.transform, span.col, span.row)
        return RgbTile(np.ascontiguousarray(tile.image[chosen]), valid, transform, self.crs)

    def _colours(self, bands: NDArray[np.generic], stretch: Stretch | None) -> NDArray[np.uint8]:
        """B x H x W of the raster's type to 3 x H x W uint8."""
        if self._palette is not None:
            return np.ascontiguousarray(self._palette[bands[0]].transpose(2, 0, 1))
        limits = stretch or self.stretch()
        scaled = limits.apply(bands) if limits is not None else bands.astype(np.uint8)
        if len(scaled) == 3:
            return scaled
        order = [self.bands.unique.index(band) for band in self.bands.rgb]
        return scaled[order]

    def _valid(self, window: Window, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Where at least one colour band has data (a black pixel may equal nodata in one band)."""
        flags = self._dataset.mask_flag_enums[self.bands.rgb[0] - 1]
        if flags == [MaskFlags.all_valid]:
            return np.ones(shape, dtype=np.bool_)
        shared = MaskFlags.per_dataset in flags
        indexes = self.bands.unique[:1] if shared else self.bands.unique
        try:
            masks = self._dataset.read_masks(
                list(indexes), window=window, out_shape=(len(indexes), *shape)
            )
        except RasterioError as error:
            raise self._unreadable() from error
        valid: NDArray[np.bool_] = (masks > 0).any(axis=0)
        return valid

    def _read(
        self,
        indexes: Sequence[int],
        window: Window,
        shape: tuple[int, int],
        resampling: Resampling,
    ) -> NDArray[np.generic]:
        try:
            bands: NDArray[np.generic] = self._dataset.read(
                list(indexes),
                window=window,
                out_shape=(len(indexes), *shape),
                resampling=resampling,
            )
        except (RasterioError, MemoryError) as error:
            raise self._unreadable() from error
        return bands

    def _unreadable(self) -> RasterError:
        return RasterError(
            f"The pixels of {self.name} cannot be read: the file is damaged or cut short, "
            "fetch or make it again."
        )


def place_of(name: str) -> str | Path:
    """What to open for a raster's name: a GDAL name as it is, anything else as a file."""
    return name if name.startswith("/vsi") else Path(name)


@contextmanager
def open_raster(
    source: str | Path | bytes,
    *,
    name: str | None = None,
    drivers: Sequence[str] | None = None,
    read: ReadOptions | None = None,
) -> Iterator[RasterSource]:
    """Open a raster for reading.

    Args:
        source: a path (or a GDAL name, where the caller trusts it), or a GeoTIFF's bytes.
        name: what a sentence calls it; after the path's last part when None.
        drivers: the GDAL drivers that may open it; all when None, GTiff alone for bytes.
        read: how numbers become colours.

    Raises:
        RasterError: it is missing, not a raster, or damaged.
        InputError: the bands asked for are not there.
    """
    if name is None:
        name = "The upload" if isinstance(source, bytes) else f"The raster {Path(source).name}"
    label = name
    if isinstance(source, bytes):
        with MemoryFile(source) as memory, opened(memory.name, label, ("GTiff",)) as dataset:
            yield RasterSource(dataset, label, read)
        return
    if isinstance(source, Path) and not source.exists():
        raise RasterError(f"There is no file {source}: check the path.")
    with opened(str(source), label, drivers) as dataset:
        yield RasterSource(dataset, label, read)


@contextmanager
def opened(location: str, label: str, drivers: Sequence[str] | None) -> Iterator[Any]:
    """A rasterio dataset; see `open_raster`.

    Raises:
        RasterError: it is missing, not a raster, or damaged.
    """
    # Decoded blocks of all rasters together; GDAL's own limit grows with the machine's memory.
    os.environ.setdefault("GDAL_CACHEMAX", CACHE_MB)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            if drivers is None:
                dataset = rasterio.open(location)
            else:
                # rasterio.open takes one driver only.
                with rasterio.Env():
                    dataset = DatasetReader(location, driver=list(drivers))
    except (RasterioError, ValueError, TypeError) as error:
        raise RasterError(
            f"{label} cannot be opened as a raster: choose an image file such as a GeoTIFF, "
            "and check that it is complete."
        ) from error
    with dataset:
        yield dataset


def gdal_version() -> str:
    """The version of the GDAL that reads."""
    version: str = rasterio.__gdal_version__
    return version


def _transform(dataset: Any) -> Affine:
    """Where the pixels lie.

    GDAL says identity of an image that lies nowhere. QGIS then draws its top at 0 and the rest
    below, so polygons have to lie there as well.
    """
    transform: Affine = dataset.transform
    return Affine.scale(1, -1) if transform == Affine.identity() else transform


def _wkt(crs: Any) -> str:
    """The older WKT that everything reads, or the newer one where that cannot say it."""
    try:
        text: str = crs.to_wkt()
    except CRSError:
        text = crs.to_wkt(version="WKT2_2019")
    return text
