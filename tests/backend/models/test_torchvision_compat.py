from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
from rsrefseg.models.torchvision_compat import ensure_torchvision
print(ensure_torchvision())
import torchvision
assert ensure_torchvision() == ensure_torchvision()
"""


def test_torchvision_can_be_imported_after_it():
    pytest.importorskip("torch")
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in ("native", "declared")
