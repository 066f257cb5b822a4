from __future__ import annotations

import pytest
import torch

from tests.support.small_models import reduced_preset


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def reduced():
    return reduced_preset
