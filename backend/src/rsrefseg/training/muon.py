"""Muon: momentum whose steps are made orthogonal, for the matrices of the image encoders.

Every direction of a matrix is then learnt at the same pace. An encoder that sees few images gets
further with that than with AdamW. The iteration and its numbers are Keller Jordan's
(kellerjordan.github.io/posts/muon), the scale that lets AdamW's learning rate and decay fit is
that of arXiv 2502.16982. torch's own Muon iterates in bf16, which most CPUs compute in software.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

_FACTORS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5
_MOMENTUM = 0.95
# Root mean square of AdamW's steps, in learning rates.
_ADAMW_RMS = 0.2


class Muon:
    """Optimises matrices in place.

    Args:
        matrices: with their gradients in `grad`.
        weight_decay: as AdamW's.
        rank: of this process; the processes of a run share the work.
        world: their number.
    """

    def __init__(
        self, matrices: Sequence[Tensor], *, weight_decay: float, rank: int = 0, world: int = 1
    ) -> None:
        self.matrices = list(matrices)
        self.momenta = [torch.zeros_like(m) for m in self.matrices]
        self.weight_decay = weight_decay
        self.rank, self.world = rank, world

    def step(self, rate: float, share: Callable[[Tensor], None] | None = None) -> None:
        """Updates the matrices.

        Args:
            rate: learning rate.
            share: averages a flat tensor over the processes, in place.
        """
        if not self.matrices:
            return
        flat = self.own_steps()
        if share is not None:
            share(flat)
            flat *= self.world
        parts = torch.split(flat, [m.numel() for m in self.matrices])
        steps = [part.view_as(m) for part, m in zip(parts, self.matrices, strict=True)]
        torch._foreach_mul_(self.matrices, 1 - rate * self.weight_decay)
        torch._foreach_add_(self.matrices, steps, alpha=-rate)

    def own_steps(self) -> Tensor:
        """Takes the gradients into the momenta; the steps of this process's share, else 0, flat."""
        gradients = [m.grad for m in self.matrices if m.grad is not None]
        torch._foreach_lerp_(self.momenta, gradients, 1 - _MOMENTUM)
        ahead = torch._foreach_lerp(gradients, self.momenta, _MOMENTUM)
        steps = [torch.zeros_like(m) for m in self.matrices]
        of_shape: dict[tuple[int, ...], list[int]] = {}
        for i, matrix in enumerate(self.matrices):
            of_shape.setdefault(tuple(matrix.shape), []).append(i)
        for shape, members in of_shape.items():
            own = members[self.rank :: self.world]
            if own:
                scale = _ADAMW_RMS * max(shape) ** 0.5
                for i, step in zip(
                    own, orthogonal(torch.stack([ahead[i] for i in own])), strict=True
                ):
                    steps[i] = scale * step
        return torch.cat([step.flatten() for step in steps])

    def state_dict(self) -> dict[str, Any]:
        """The momenta."""
        return {"momenta": self.momenta}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Puts saved momenta back."""
        if self.momenta:
            torch._foreach_copy_(self.momenta, state["momenta"])


def orthogonal(matrices: Tensor) -> Tensor:
    """The nearest matrices with all singular values about 1, by a Newton-Schulz iteration.

    Args:
        matrices: B x m x n.
    """
    first, second, third = _FACTORS
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(_ITERATIONS):
        a = x @ x.mT
        b = torch.baddbmm(a, a, a, beta=second, alpha=third)
        x = torch.baddbmm(x, b, x, beta=first)
    return x.mT if tall else x
