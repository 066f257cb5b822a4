from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal
from qgis.core import (
    QgsContrastEnhancement,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransformContext,
    QgsRasterBlockFeedback,
    QgsRasterLayer,
    QgsRectangle,
)

from rsrefseg_qgis.errors import CancelledError, LayerError
from rsrefseg_qgis.layers.geotiff import averaged, export_geotiff, straight
from rsrefseg_qgis.layers.snapshot import take_snapshot, to_layer_extent, without_secrets
from tests.plugin import rasters


def layer_of(path: Path) -> QgsRasterLayer:
    layer = QgsRasterLayer(str(path), "scene")
    assert layer.isValid()
    return layer


def exported(layer: QgsRasterLayer, asked=None, **grid):
    """Pixels, geotransform and projection of an export."""
    snapshot = take_snapshot(layer)
    tiff = export_geotiff(snapshot, snapshot.grid(asked or snapshot.extent, **grid))
    gdal.FileFromMemBuffer("/vsimem/test.tif", tiff)
    dataset = gdal.Open("/vsimem/test.tif")
    kinds = [dataset.GetRasterBand(n).GetColorInterpretation() for n in range(1, 5)]
    assert kinds == [gdal.GCI_RedBand, gdal.GCI_GreenBand, gdal.GCI_BlueBand, gdal.GCI_AlphaBand]
    return dataset.ReadAsArray(), dataset.GetGeoTransform(), dataset.GetProjection()


def red_bounds(pixels: np.ndarray, transform: tuple[float, ...]) -> tuple[float, ...]:
    red = (pixels[0] > 150) & (pixels[1] < 100) & (pixels[3] > 0)
    rows, cols = np.nonzero(red)
    x, a, _, y, _, e = transform
    return (
        x + a * cols.min(),
        y + e * (rows.max() + 1),
        x + a * (cols.max() + 1),
        y + e * rows.min(),
    )


def test_8_bit_rgb_comes_out_as_it_is(tmp_path: Path) -> None:
    image = rasters.rgb()
    pixels, transform, projection = exported(layer_of(rasters.write(tmp_path / "a.tif", image)))
    assert np.array_equal(pixels[:3], image)
    assert (pixels[3] == 255).all()
    assert transform == pytest.approx(rasters.NORTH_UP, abs=1e-9)
    assert QgsCoordinateReferenceSystem(projection).authid() == "EPSG:32633"


@pytest.mark.parametrize("pixel", [0.3, 1 / 3, 0.1234567])
def test_any_window_has_exactly_the_rasters_pixels(tmp_path: Path, pixel: float) -> None:
    image = rasters.rgb(400, 300)
    transform = (500000.123, pixel, 0.0, 5200000.456, 0.0, -pixel)
    layer = layer_of(rasters.write(tmp_path / "a.tif", image, transform))
    random = np.random.default_rng(1)
    for _ in range(20):
        left, right = sorted(random.choice(400, 2, replace=False))
        top, bottom = sorted(random.choice(300, 2, replace=False))
        asked = (
            transform[0] + (left + 0.4) * pixel,
            transform[3] - (bottom - 0.4) * pixel,
            transform[0] + (right - 0.4) * pixel,
            transform[3] - (top + 0.4) * pixel,
        )
        if asked[0] >= asked[2] or asked[1] >= asked[3]:
            continue
        pixels, found, _ = exported(layer, asked)
        assert np.array_equal(pixels[:3], image[:, top:bottom, left:right])
        assert abs(found[0] - (transform[0] + left * pixel)) < 1e-9 * pixel + 1e-9
        assert abs(found[3] - (transform[3] - top * pixel)) < 1e-9 * pixel + 1e-9


def test_coarser_export_averages_and_stays_in_place(tmp_path: Path) -> None:
    image = rasters.rgb(blob=(40, 24, 72, 44))
    layer = layer_of(rasters.write(tmp_path / "a.tif", image))
    pixels, transform, _ = exported(layer, max_side_px=40)
    assert pixels.shape == (4, 30, 40)
    expected = image.reshape(3, 30, 4, 40, 4).mean(axis=(2, 4))
    assert np.abs(pixels[:3] - expected).max() <= 1
    assert red_bounds(pixels, transform) == pytest.approx(
        rasters.blob_bounds(blob=(40, 24, 72, 44)), abs=1e-6
    )


def test_16_bit_is_what_the_style_shows(tmp_path: Path) -> None:
    image = rasters.rgb().astype(np.uint16) * 12 + 300
    layer = layer_of(rasters.write(tmp_path / "a.tif", image))
    layer.setContrastEnhancement(
        QgsContrastEnhancement.ContrastEnhancementAlgorithm.StretchToMinimumMaximum
    )
    pixels, transform, _ = exported(layer)
    assert red_bounds(pixels, transform) == pytest.approx(rasters.blob_bounds(), abs=1e-6)
    assert pixels[0].max() > 240


def test_one_band_is_grey(tmp_path: Path) -> None:
    image = rasters.rgb()[:1]
    pixels, _, _ = exported(layer_of(rasters.write(tmp_path / "a.tif", image)))
    assert np.array_equal(pixels[0], pixels[1])
    assert np.array_equal(pixels[0], pixels[2])


def test_alpha_band_marks_what_is_there(tmp_path: Path) -> None:
    alpha = np.full((1, 120, 160), 255, np.uint8)
    alpha[:, :, :30] = 0
    image = np.concatenate([rasters.rgb(), alpha])
    pixels, _, _ = exported(layer_of(rasters.write(tmp_path / "a.tif", image, alpha=True)))
    assert (pixels[3, :, :30] == 0).all()
    assert (pixels[3, :, 30:] == 255).all()


def test_float_with_nodata_and_nan(tmp_path: Path) -> None:
    image = rasters.rgb().astype(np.float32) / 255
    image[:, :20] = -9999
    image[:, 100:] = np.nan
    pixels, transform, _ = exported(
        layer_of(rasters.write(tmp_path / "a.tif", image, nodata=-9999))
    )
    assert (pixels[3, :20] == 0).all()
    assert (pixels[3, 100:] == 0).all()
    assert (pixels[3, 20:100] == 255).all()
    assert red_bounds(pixels, transform) == pytest.approx(rasters.blob_bounds(), abs=1e-6)


def test_see_through_layer_is_no_darker(tmp_path: Path) -> None:
    layer = layer_of(rasters.write(tmp_path / "a.tif", rasters.rgb()))
    layer.renderer().setOpacity(0.4)
    pixels, _, _ = exported(layer)
    assert np.array_equal(pixels[:3], rasters.rgb())


def test_rotated_raster_lands_on_its_pixels(tmp_path: Path) -> None:
    angle = math.radians(30)
    cos, sin = 0.3 * math.cos(angle), 0.3 * math.sin(angle)
    rotated = (500000.0, cos, sin, 5200000.0, sin, -cos)
    layer = layer_of(rasters.write(tmp_path / "a.tif", rasters.rgb(), rotated))
    pixels, transform, _ = exported(layer)
    assert red_bounds(pixels, transform) == pytest.approx(rasters.blob_bounds(rotated), abs=0.5)
    assert (pixels[3] == 0).any()


def test_south_up_raster_lands_on_its_pixels(tmp_path: Path) -> None:
    south_up = (500000.0, 0.3, 0.0, 5200000.0, 0.0, 0.3)
    layer = layer_of(rasters.write(tmp_path / "a.tif", rasters.rgb(), south_up))
    pixels, transform, _ = exported(layer)
    assert red_bounds(pixels, transform) == pytest.approx(rasters.blob_bounds(south_up), abs=1e-6)


def test_no_crs_gives_no_projection(tmp_path: Path) -> None:
    layer = layer_of(rasters.write(tmp_path / "a.tif", rasters.rgb(), epsg=None))
    layer.setCrs(QgsCoordinateReferenceSystem())
    pixels, transform, projection = exported(layer)
    assert projection == ""
    assert red_bounds(pixels, transform) == pytest.approx(rasters.blob_bounds(), abs=1e-6)


def test_layer_may_vanish_after_the_snapshot(tmp_path: Path) -> None:
    layer = layer_of(rasters.write(tmp_path / "a.tif", rasters.rgb()))
    snapshot = take_snapshot(layer)
    del layer
    assert len(export_geotiff(snapshot, snapshot.grid(snapshot.extent))) > 1000


def test_invalid_layer_is_said() -> None:
    with pytest.raises(LayerError, match="cannot be read"):
        take_snapshot(QgsRasterLayer("/nowhere/a.tif", "gone"))


def test_damaged_file_is_said(tmp_path: Path) -> None:
    path = rasters.write(tmp_path / "a.tif", rasters.rgb(600, 600))
    layer = layer_of(path)
    with path.open("r+b") as file:
        file.truncate(60_000)
    with pytest.raises(LayerError, match=r"cannot be read|shows nothing"):
        exported(layer_of(path), (500000.0, 5199820.0, 500180.0, 5199850.0))
    del layer


def test_nothing_but_nodata_is_said(tmp_path: Path) -> None:
    image = rasters.rgb()
    image[:] = 7
    layer = layer_of(rasters.write(tmp_path / "a.tif", image, nodata=7))
    with pytest.raises(LayerError, match="shows nothing"):
        exported(layer)


def test_cancel_is_heard(tmp_path: Path) -> None:
    snapshot = take_snapshot(layer_of(rasters.write(tmp_path / "a.tif", rasters.rgb())))
    feedback = QgsRasterBlockFeedback()
    feedback.cancel()
    with pytest.raises(CancelledError):
        export_geotiff(snapshot, snapshot.grid(snapshot.extent), feedback=feedback)


def test_view_in_another_crs_covers_the_same_ground(tmp_path: Path) -> None:
    layer = layer_of(rasters.write(tmp_path / "a.tif", rasters.rgb()))
    context = QgsCoordinateTransformContext()
    there = QgsCoordinateReferenceSystem("EPSG:4326")
    from qgis.core import QgsCoordinateTransform

    around = QgsCoordinateTransform(layer.crs(), there, context).transformBoundingBox(
        QgsRectangle(*rasters.blob_bounds())
    )
    back = to_layer_extent(around, there, layer, context)
    blob = rasters.blob_bounds()
    assert back[0] <= blob[0] + 1e-3
    assert back[3] >= blob[3] - 1e-3
    assert back == pytest.approx(blob, abs=1.0)


def test_averaging_leaves_out_what_has_no_data() -> None:
    cell = np.zeros((2, 2, 4), np.uint8)
    cell[0, 0] = (200, 100, 50, 255)
    assert straight(averaged(cell, 2))[0, 0].tolist() == pytest.approx([200, 100, 50, 255], abs=4)


def test_keys_stay_out_of_provenance() -> None:
    assert "s3cret" not in without_secrets("type=xyz&url=https://a/{z}?api_key=s3cret&zmax=19")
    assert "s3cret" not in without_secrets("url=https://a/%3Ftoken%3Ds3cret%26x%3D1&zmin=0")
    assert without_secrets("/data/monkey=1/a.tif|layer=key").startswith("/data/")
