from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from rsrefseg.data.cases import (
    CaseRecord,
    read_cases,
    read_mask,
    read_rgb,
    write_cases,
    write_mask,
)  # fmt: skip
from rsrefseg.errors import DataError


def test_round_trip(tmp_path: Path) -> None:
    records = [
        CaseRecord(tmp_path / "a" / "x.png", "the café", tmp_path / "m.png", "class"),
        CaseRecord(
            tmp_path / "y.png", "red roofs", tmp_path / "m.png", "colour",
            tmp_path / "c.png", "geneva", "east",
        ),
    ]  # fmt: skip
    path = tmp_path / "cases.jsonl"
    assert write_cases(path, records) == 2
    assert read_cases(path) == records
    first = json.loads(path.read_text(encoding="utf-8").splitlines()[0])
    assert first == {"image": "a/x.png", "phrase": "the café", "mask": "m.png", "kind": "class"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "line 1 is not JSON"),
        ("[1]", "not a JSON object"),
        ('{"image": "a", "phrase": "b", "mask": "c"}', "no 'kind'"),
        ('{"image": "a", "phrase": "", "mask": "c", "kind": "d"}', "no 'phrase'"),
    ],
)
def test_bad_lines_are_named(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text(text + "\n")
    with pytest.raises(DataError, match=says):
        read_cases(path)


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_cases(tmp_path / "none.jsonl")
    with pytest.raises(DataError, match="cannot be read"):
        read_mask(tmp_path / "none.png")
    with pytest.raises(DataError, match="cannot be read"):
        read_rgb(tmp_path / "none.png")


def test_paths_outside_are_refused(tmp_path: Path) -> None:
    record = CaseRecord(tmp_path / "x.png", "p", tmp_path / "m.png", "class")
    with pytest.raises(DataError, match="lies outside"):
        write_cases(tmp_path / "in" / "cases.jsonl", [record])


def test_masks_and_pictures(tmp_path: Path, rng_seed: int = 3) -> None:
    rng = np.random.default_rng(rng_seed)
    mask = rng.random((20, 30)) > 0.5
    write_mask(tmp_path / "new" / "m.png", mask)
    back = read_mask(tmp_path / "new" / "m.png")
    assert set(np.unique(back)) == {0, 255}
    assert np.array_equal(back > 0, mask)
    image = rng.integers(0, 256, (8, 9, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "i.png"), image[..., ::-1])
    assert np.array_equal(read_rgb(tmp_path / "i.png"), image)
