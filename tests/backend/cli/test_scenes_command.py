from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rsrefseg.cli import main
from rsrefseg.data.cases import read_cases, read_mask, read_rgb
from rsrefseg.geo.raster import open_raster
from rsrefseg.scenes import generate


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(["scenes", *arguments])
    return int(stop.value.code or 0)


def test_writes_georeferenced_scenes_with_cases(tmp_path: Path) -> None:
    sizes = ("--size", "96", "--phrases", "5")
    assert run("--seed", "40", "--count", "2", *sizes, "-o", str(tmp_path)) == 0
    records = read_cases(tmp_path / "cases.jsonl")
    assert len(records) == 10
    scene = generate(41, 96, phrases=5)
    mine = [r for r in records if r.place == "00000041"]
    assert [r.phrase for r in mine] == [c.phrase for c in scene.cases]
    for record, case in zip(mine, scene.cases, strict=True):
        assert record.kind == case.kind
        assert np.array_equal(read_mask(record.mask) > 0, case.mask)
        assert record.class_mask is not None
        assert np.array_equal(read_mask(record.class_mask) > 0, case.class_mask)
    assert np.array_equal(read_rgb(mine[0].image), scene.image)
    with open_raster(mine[0].image) as raster:
        assert raster.crs is not None
        assert raster.transform.a == pytest.approx(scene.resolution_m)


def test_same_seed_same_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert run("--count", "1", "--size", "64", "-o", str(tmp_path / name)) == 0
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*.*"))
    assert files
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_too_small_is_refused(tmp_path: Path) -> None:
    assert run("--size", "8", "-o", str(tmp_path)) != 0
