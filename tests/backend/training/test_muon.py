from __future__ import annotations

import pytest
import torch
from rsrefseg.training.muon import Muon, orthogonal
from rsrefseg.training.optimizer import MasterOptimizer
from torch import nn


@pytest.mark.parametrize("shape", [(5, 24, 40), (3, 16, 48), (2, 48, 16)])
def test_directions_come_out_with_about_the_same_length(shape):
    generator = torch.Generator().manual_seed(0)
    matrices = torch.randn(shape, generator=generator) * 1e-3
    singular = torch.linalg.svdvals(orthogonal(matrices))
    assert singular.min() > 0.6
    assert singular.max() < 1.3


def made(rank=0, world=1):
    generator = torch.Generator().manual_seed(1)
    matrices = [torch.randn(*shape, generator=generator) for shape in [(8, 8)] * 3 + [(4, 12)] * 2]
    for matrix in matrices:
        matrix.grad = torch.randn(matrix.shape, generator=generator)
    return Muon(matrices, weight_decay=0.1, rank=rank, world=world)


def test_processes_share_the_work_and_get_the_same():
    alone = made().own_steps()
    first, second = (made(rank, 2).own_steps() for rank in range(2))
    torch.testing.assert_close(first + second, alone)
    assert not torch.equal(first, alone)
    assert first.abs().sum() > 0
    whole, part = made(), made(1, 2)
    whole.step(0.01)

    def share(flat):  # what the processes give on average
        flat += first
        flat /= 2

    part.step(0.01, share)
    torch.testing.assert_close(part.matrices, whole.matrices)


def test_a_step_is_as_long_as_adamw_s():
    muon = made()
    before = [m.clone() for m in muon.matrices]
    muon.step(0.01)
    for matrix, old in zip(muon.matrices, before, strict=True):
        step = (matrix - (1 - 0.01 * 0.1) * old).square().mean().sqrt()
        assert 0.6 * 0.2 * 0.01 < step < 1.3 * 0.2 * 0.01


class Encoders(nn.Module):
    def __init__(self):
        super().__init__()
        self.clip_image = nn.ModuleDict({"blocks": nn.ModuleList([nn.Linear(6, 6)])})
        self.prompter = nn.ModuleDict({"blocks": nn.ModuleList([nn.Linear(6, 6)])})


def test_only_the_matrices_of_the_encoders_are_muon_s():
    model = Encoders()
    chosen = MasterOptimizer(model, weight_decay=0.1, ema_decay=0.9, muon=True)
    (own,) = chosen.muon.matrices
    assert torch.equal(own, model.clip_image["blocks"][0].weight)
    every = [p for group in chosen.adamw.param_groups for p in group["params"]]
    assert len(every) == 3
    assert not any(p is own for p in every)
    assert not MasterOptimizer(model, weight_decay=0.1, ema_decay=0.9).muon.matrices
