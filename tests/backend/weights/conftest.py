from __future__ import annotations

from pathlib import Path

import pytest
import torch

GOLDEN = Path(__file__).parents[2] / "data" / "golden"


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=["sam1", "sam2"])
def golden(request):
    """Paths of a fixture without their suffix: `.pth`, `.json`, `.expected.safetensors`."""
    return GOLDEN / f"official-{request.param}-a"


@pytest.fixture
def golden2():
    return GOLDEN / "official-sam2-a"


@pytest.fixture
def tampered(tmp_path, golden):
    """Writes the fixture's checkpoint with its state dict changed by a function."""

    def write(change) -> Path:
        state = torch.load(golden.with_suffix(".pth"), weights_only=True)["state_dict"]
        change(state)
        path = tmp_path / "tampered.pth"
        torch.save({"state_dict": state}, path)
        return path

    return write
