"""`import rsrefseg` and `rsrefseg --help` load no torch; the plugin does no work at import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "rasterio", "cv2", "fastapi", "open_clip", "timm")


def loaded_by(code: str) -> set[str]:
    probe = f"{code}\nimport sys\nprint(*(n for n in {HEAVY} if n in sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, cwd=ROOT, check=True
    )
    return set(run.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "code",
    [
        "import rsrefseg",
        "import rsrefseg.cli",
        "from rsrefseg.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass",
        "import rsrefseg_qgis",
        "import rsrefseg_qgis.engine.manager, rsrefseg_qgis.engine.install",
    ],
)
def test_nothing_heavy_is_loaded(code: str) -> None:
    assert loaded_by(code) == set()
