"""The tests that the docs name are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
HERE = ROOT / "tests" / "backend" / "geo"  # where docs/rasters.md counts from


def test_every_kind_of_raster_has_its_test() -> None:
    text = (ROOT / "docs" / "rasters.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (?!Raster|Asked|---)(.*) \| (.*) \|$", text, re.M)
    assert len(rows) > 25
    for row, tests in rows:
        named = re.findall(r"`([^`]+)`", tests)
        assert named, f"no test for: {row}"
        file = ""
        for name in named:
            # `file.py`, `file.py::test`, or `test` for another one of the same file
            parts = name.split("::")
            if parts[0].endswith(".py"):
                file = (HERE / parts.pop(0)).read_text(encoding="utf-8")
            assert all(f"\ndef {test}(" in file for test in parts), f"{name} is not there"
