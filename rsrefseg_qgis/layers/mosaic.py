"""One raster on the disk, joined from GeoTIFFs that overlap."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from osgeo import gdal

from rsrefseg_qgis.errors import OutputError, tr

from .grid import Extent

# Cells whose sizes differ by more than this share are not of one grid.
CELL_TOLERANCE = 1e-6


class Mosaic:
    """A float32 GeoTIFF that is complete or absent, where parts fade into their neighbours.

    Args:
        path: of the result; replaced when it is there.
        extent: of the whole.
    """

    def __init__(self, path: Path, extent: Extent) -> None:
        self._path = path
        self._extent = extent
        self._part = path.with_name(f".{path.stem}.part.tif")
        self._dataset: gdal.Dataset | None = None
        self._cell = (0.0, 0.0)

    def add(self, tiff: bytes, core: Extent, asked: Extent) -> None:
        """Add a part.

        Args:
            tiff: one band of numbers, NaN where there are none, on the same cells as the others.
            core: what the part is for; the cores of all parts make up the whole.
            asked: what the part holds, the core with a margin; over half of that, inwards and
                outwards of the core's edge, it fades into its neighbour.

        Raises:
            OutputError: it cannot be written.
        """
        with _quiet_gdal(self._path), _opened(tiff) as part:
            x, dx, _, y, _, dy = part.GetGeoTransform()
            if self._dataset is None:
                self._begin(part)
            if any(abs(new / old - 1) > CELL_TOLERANCE for new, old in zip((dx, dy), self._cell)):
                raise OutputError(
                    tr(
                        "The parts of the extent were answered on different grids; give a ground "
                        "resolution."
                    )
                )
            values = part.ReadAsArray()
            height, width = values.shape
            across = _fade(x + (np.arange(width) + 0.5) * dx, core[0::2], asked[0::2])
            down = _fade(y + (np.arange(height) + 0.5) * dy, core[1::2], asked[1::2])
            col = round((x - self._extent[0]) / dx)
            row = round((y - self._extent[3]) / dy)
            self._blend(values * down[:, None] * across, col, row)

    def finish(self) -> None:
        """Put the result in its place.

        Raises:
            OutputError: it cannot be written.
        """
        with _quiet_gdal(self._path):
            gdal.ErrorReset()
            if self._dataset is not None:
                self._dataset.FlushCache()
            if gdal.GetLastErrorType() >= gdal.CE_Failure:
                raise RuntimeError(gdal.GetLastErrorMsg())
            self._dataset = None
            self._part.replace(self._path)

    def discard(self) -> None:
        """Take away what is not finished."""
        self._dataset = None
        with contextlib.suppress(OSError):
            self._part.unlink(missing_ok=True)

    def _begin(self, part: gdal.Dataset) -> None:
        _, dx, _, _, _, dy = part.GetGeoTransform()
        x_min, y_min, x_max, y_max = self._extent
        width = max(1, round((x_max - x_min) / dx))
        height = max(1, round((y_max - y_min) / -dy))
        self._cell = (dx, dy)
        dataset = gdal.GetDriverByName("GTiff").Create(
            str(self._part), width, height, 1, gdal.GDT_Float32,
            ["TILED=YES", "BIGTIFF=IF_SAFER"],
        )  # fmt: skip
        if dataset is None:
            raise RuntimeError(gdal.GetLastErrorMsg())
        dataset.SetGeoTransform((x_min, dx, 0.0, y_max, 0.0, dy))
        dataset.SetProjection(part.GetProjection())
        band = dataset.GetRasterBand(1)
        band.SetNoDataValue(float("nan"))
        band.Fill(0.0)
        band.SetDescription(part.GetRasterBand(1).GetDescription())
        self._dataset = dataset

    def _blend(self, values: NDArray[np.float32], col: int, row: int) -> None:
        dataset = self._dataset
        if dataset is None:
            return
        left, top = max(0, col), max(0, row)
        right = min(dataset.RasterXSize, col + values.shape[1])
        bottom = min(dataset.RasterYSize, row + values.shape[0])
        band = dataset.GetRasterBand(1)
        there = band.ReadAsArray(left, top, right - left, bottom - top)
        new = values[top - row : bottom - row, left - col : right - col]
        if band.WriteArray((there + new).astype(np.float32), left, top) != gdal.CE_None:
            raise RuntimeError(gdal.GetLastErrorMsg())


def write_raster(path: Path, tiff: bytes) -> None:
    """Write a GeoTIFF as it is; the file is complete or absent.

    Raises:
        OutputError: it cannot be written.
    """
    part = path.with_name(f".{path.stem}.part.tif")
    try:
        part.write_bytes(tiff)
        part.replace(path)
    except OSError as error:
        raise _unwritable(path, str(error)) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _fade(
    at: NDArray[np.float64], core: Sequence[float], asked: Sequence[float]
) -> NDArray[np.float32]:
    """Weights along one axis: 1 in the core, and with a neighbour's 1 together around its edges.

    Args:
        at: where the cells' middles are.
        core: low and high edge.
        asked: low and high edge with the margin; there is no neighbour where it has none.
    """
    low, high = (abs(edge - limit) / 2 for edge, limit in zip(core, asked))
    weights = np.ones(len(at))
    if low > 0:
        weights *= np.clip(0.5 + (at - core[0]) / (2 * low), 0.0, 1.0)
    if high > 0:
        weights *= np.clip(0.5 - (at - core[1]) / (2 * high), 0.0, 1.0)
    return weights.astype(np.float32)


@contextmanager
def _opened(tiff: bytes) -> Iterator[gdal.Dataset]:
    path = f"/vsimem/rsrefseg-{uuid.uuid4().hex}.tif"
    gdal.FileFromMemBuffer(path, tiff)
    try:
        yield gdal.Open(path)
    finally:
        gdal.Unlink(path)


@contextmanager
def _quiet_gdal(path: Path) -> Iterator[None]:
    """Keep GDAL's messages off the terminal, and turn its failures into the plugin's."""
    gdal.PushErrorHandler("CPLQuietErrorHandler")
    try:
        yield
    except (RuntimeError, OSError) as error:
        raise _unwritable(path, str(error)) from error
    finally:
        gdal.PopErrorHandler()


def _unwritable(path: Path, why: str) -> OutputError:
    return OutputError(
        tr("{path} cannot be written ({why}); choose another place.").format(
            path=path, why=why.strip().rstrip(".") or tr("no room")
        )
    )
