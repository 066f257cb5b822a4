"""Readers of labelled imagery, on small made-up copies of each source's layout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import rasterio
from affine import Affine
from rsrefseg.data.cases import read_cases, read_mask, read_rgb
from rsrefseg.data.real.colour_masks import read_dubai
from rsrefseg.data.real.convert import DEV_PLACES, convert
from rsrefseg.data.real.labelled import components, without_small_holes
from rsrefseg.data.real.polygons import read_banepa
from rsrefseg.data.real.roof_masks import read_geneva
from rsrefseg.data.real.tree_points import read_naip
from rsrefseg.errors import DataError
from rsrefseg.scenes import vocabulary
from rsrefseg.scenes.phrases.lexicon import split_words

SHARED = Path(os.environ.get("RSREFSEG_SHARED", Path(__file__).parents[4] / "shared"))
WEST, NORTH, STEP = 85.52, 27.63, 1.3e-6


def png(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image[..., ::-1] if image.ndim == 3 else image)


def make_banepa(folder: Path) -> None:
    image = np.full((128, 128, 3), 120, np.uint8)
    image[20:60, 10:50] = (200, 40, 40)
    image[80:110, 70:110] = (50, 100, 180)
    chip = folder / "chips" / "OAM-386690-220242-19.tif"
    chip.parent.mkdir(parents=True)
    with rasterio.open(
        chip, "w", driver="GTiff", width=128, height=128, count=3, dtype="uint8",
        transform=Affine(STEP, 0, WEST, 0, -STEP, NORTH), crs="EPSG:4326",
    ) as dataset:  # fmt: skip
        dataset.write(image.transpose(2, 0, 1))
    chip.with_name(chip.name + ".aux.xml").write_text(
        f"<PAMDataset><GeoTransform>{WEST}, {STEP}, 0, {NORTH}, 0, {-STEP}</GeoTransform>"
        "</PAMDataset>"
    )

    def box(x0: int, y0: int, x1: int, y1: int, material: str) -> dict[str, object]:
        ring = [[WEST + STEP * x, NORTH - STEP * y] for x, y in
                ((x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0))]  # fmt: skip
        return {
            "type": "Feature",
            "properties": {"roof:material": material},
            "geometry": {"type": "Polygon", "coordinates": [ring]},
        }

    features = [box(10, 20, 49, 59, "tin"), box(70, 80, 109, 109, "concrete")]
    (folder / "buildings.geojson").write_text(json.dumps({"features": features}))


def make_dubai(folder: Path) -> None:
    mask = np.full((200, 200, 3), (132, 41, 246), np.uint8)
    mask[20:80, 20:60] = (60, 16, 152)
    mask[:, 120:] = (226, 169, 41)
    mask[100:108, 100:] = (110, 193, 228)
    image = (mask // 2 + 60).astype(np.uint8)
    for name in ("tile3_001", "tile3_009"):
        (folder / "images").mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / "images" / f"{name}.jpg"), image[..., ::-1])
        png(folder / "masks" / f"{name}.png", mask)


def make_geneva(folder: Path) -> None:
    image = np.full((250, 250, 3), 100, np.uint8)
    roof = np.zeros((250, 250), np.uint8)
    roof[50:150, 40:160] = 255
    roof[80:86, 80:86] = 0
    image[roof > 0] = (150, 110, 90)
    png(folder / "image" / "DOP25_LV03_1_498500.0_120000.0.png", image)
    png(folder / "mask" / "DOP25_LV03_1_498500.0_120000.0_label.png", roof)


def make_naip(folder: Path) -> None:
    rng = np.random.default_rng(0)
    bands = np.full((4, 128, 128), 130, np.float32) + rng.normal(size=(4, 128, 128)) * 3
    points = [(x, y) for x in range(16, 128, 28) for y in range(16, 128, 28)]
    yy, xx = np.mgrid[:128, :128]
    for x, y in points:
        crown = (xx - x) ** 2 + (yy - y) ** 2 < 49
        bands[:, crown] = np.array([[50], [70], [50], [180]], np.float32)
    path = folder / "images" / "claremont_2020_1.tif"
    path.parent.mkdir(parents=True)
    transform = Affine(0.6, 0, 400_000, 0, -0.6, 3_700_000)
    with rasterio.open(
        path, "w", driver="GTiff", width=128, height=128, count=4, dtype="float32",
        transform=transform, crs="EPSG:26911",
    ) as dataset:  # fmt: skip
        dataset.write(bands.astype(np.float32))
    features = [
        {"geometry": {"type": "Point", "coordinates": list(transform @ (x + 0.5, y + 0.5))}}
        for x, y in points
    ]
    (folder / "json").mkdir()
    (folder / "json" / "claremont_2020_1.json").write_text(json.dumps({"features": features}))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    make_banepa(folder / "banepa")
    make_dubai(folder / "dubai")
    make_geneva(folder / "geneva")
    make_naip(folder / "naip")
    return folder


def test_polygons_land_on_their_pixels(source: Path) -> None:
    (chip,) = read_banepa(source / "banepa")
    red, blue = chip.instances
    assert (red.material, blue.material) == ("metal", "concrete")
    truth = np.zeros((128, 128), bool)
    truth[20:60, 10:50] = True
    assert (red.mask & truth).sum() / (red.mask | truth).sum() > 0.97
    assert chip.resolution_m == pytest.approx(0.128, abs=0.01)
    assert chip.place == "386690"


def test_colours_become_classes(source: Path) -> None:
    tile = next(iter(read_dubai(source / "dubai")))
    assert {"building", "water", "anyroad", "bare"} <= set(tile.areas)
    assert tile.areas["building"].sum() == 60 * 40
    assert any(i.cls == "bridge" for i in tile.instances)


def test_small_holes_in_roofs_are_filled(source: Path) -> None:
    (item,) = read_geneva(source / "geneva")
    assert item.areas["roof"].sum() == 100 * 120
    assert item.place == "east"


def test_tree_points_grow_to_crowns(source: Path) -> None:
    (item,) = read_naip(source / "naip")
    assert item.place == "claremont"
    trees = item.areas["trees"]
    assert trees.mean() == pytest.approx(16 * 149 / 128**2, rel=0.2)
    assert (trees & ~item.areas["vegetation"]).sum() < 0.05 * trees.sum()


def test_components_and_holes() -> None:
    mask = np.zeros((20, 20), bool)
    mask[2:8, 2:8] = True
    mask[12, 12] = True
    assert [int(c.sum()) for c in components(mask, 2)] == [36]
    mask[4, 4] = False
    assert without_small_holes(mask, 3)[4, 4]
    assert not without_small_holes(mask, 3)[15, 15]


def test_conversion_splits_by_place(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    counts = convert(source, out)
    assert min(counts.values()) > 5
    known = set(vocabulary())
    for split in ("train", "dev"):
        for record in read_cases(out / f"{split}.jsonl"):
            assert record.source is not None
            assert (record.place in DEV_PLACES[record.source]) == (split == "dev")
            mask = read_mask(record.mask)
            assert mask.shape == read_rgb(record.image).shape[:2]
            assert (record.kind == "none") == (not mask.any())
            assert set(split_words(record.phrase)) <= known, record.phrase
            assert record.class_mask is not None
            assert not ((mask > 0) & (read_mask(record.class_mask) == 0)).any()


def test_conversion_is_repeatable(source: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        convert(source, tmp_path / name)
    for split in ("train.jsonl", "dev.jsonl"):
        assert (tmp_path / "a" / split).read_bytes() == (tmp_path / "b" / split).read_bytes()


def test_command(source: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "rsrefseg.data.real"]
    empty = subprocess.run(
        [*command, str(tmp_path), "-o", str(tmp_path / "o")], capture_output=True, text=True
    )
    assert empty.returncode == 1
    assert "holds none of" in empty.stderr
    done = subprocess.run(
        [*command, str(source), "-o", str(tmp_path / "o")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "dev.jsonl" in done.stdout


def test_nothing_known_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds none of"):
        convert(tmp_path, tmp_path / "out")


@pytest.mark.skipif(not (SHARED / "realdata").is_dir(), reason="the real imagery is not here")
def test_real_sources_read() -> None:
    folder = SHARED / "realdata"
    chip = next(iter(read_banepa(folder / "banepa")))
    assert chip.image.shape == (512, 512, 3)
    assert len(chip.instances) > 5
    roof = next(iter(read_geneva(folder / "geneva")))
    assert roof.image.shape == (250, 250, 3)
    crop = next(iter(read_naip(folder / "naip")))
    assert "vegetation" in crop.areas
