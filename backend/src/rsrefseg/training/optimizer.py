"""AdamW and Muon over fp32 master copies of bfloat16 weights, with a moving average.

On a CPU the memory traffic of the weights limits training, so forward and backward use bfloat16
weights; an update smaller than their rounding would be lost, so it is made on fp32 copies.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from rsrefseg.training.muon import Muon

# Where Muon's matrices are: the layers of the image encoders.
_ENCODERS = (".clip_image.", ".sam_encoder.")


class MasterOptimizer:
    """An optimiser whose state and weights are fp32 whatever the model's own precision.

    Args:
        model: its trainable parameters are optimised, in place.
        weight_decay: on matrices; vectors (norms, biases) and embeddings' scales have none.
        ema_decay: decay per step of the moving average, which warms up from 0.
        muon: whether Muon optimises the matrices of the image encoders' layers; the rest, or all,
            is AdamW's.
        rank: of this process among those that share Muon's work.
        world: their number.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        weight_decay: float,
        ema_decay: float,
        muon: bool = False,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
        self.names = [n for n, _ in named]
        self.parameters: list[Tensor] = [p for _, p in named]
        self.masters = [p.detach().float().clone() for p in self.parameters]
        # One flat buffer of gradients: several processes add theirs up in a single message.
        self.gradients = torch.zeros(
            sum(m.numel() for m in self.masters), device=self.masters[0].device
        )
        for master, view in zip(self.masters, self._views(), strict=True):
            master.grad = view
        self.average = [m.clone() for m in self.masters]
        self.ema_decay = ema_decay
        self.steps = 0
        named_masters = zip(self.names, self.masters, strict=True)
        orthogonal = [m for n, m in named_masters if muon and m.ndim == 2 and _in_encoder(n)]
        self.muon = Muon(orthogonal, weight_decay=weight_decay, rank=rank, world=world)
        taken = {id(m) for m in orthogonal}
        matrices = [m for m in self.masters if m.ndim >= 2 and id(m) not in taken]
        vectors = [m for m in self.masters if m.ndim < 2]
        self.adamw = torch.optim.AdamW(
            [
                {"params": matrices, "weight_decay": weight_decay},
                {"params": vectors, "weight_decay": 0.0},
            ],
            betas=(0.9, 0.98),
            fused=True,
        )

    def _views(self) -> list[Tensor]:
        sizes = [m.numel() for m in self.masters]
        parts = torch.split(self.gradients, sizes)
        return [part.view_as(m) for part, m in zip(parts, self.masters, strict=True)]

    @torch.no_grad()
    def step(
        self, rate: float, clip_norm: float, share: Callable[[Tensor], None] | None = None
    ) -> float:
        """Takes the gradients off the model, updates it, and gives the gradient's norm.

        Args:
            rate: learning rate.
            clip_norm: the gradient is scaled down to this norm.
            share: averages the flat fp32 gradient over the processes of the run, in place.
        """
        for parameter, gradient in zip(self.parameters, self._views(), strict=True):
            if parameter.grad is None:
                gradient.zero_()
            else:
                gradient.copy_(parameter.grad)
            parameter.grad = None
        if share is not None:
            share(self.gradients)
        norm = float(nn.utils.clip_grad_norm_(self.masters, clip_norm))
        if not norm < float("inf"):  # NaN or Inf: a step that would poison the weights
            return norm
        for group in self.adamw.param_groups:
            group["lr"] = rate
        self.adamw.step()
        self.muon.step(rate, share)
        self.steps += 1
        torch._foreach_copy_(self.parameters, self.masters)
        decay = min(self.ema_decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(self.average, self.masters, 1 - decay)
        return norm

    def averaged(self) -> dict[str, Tensor]:
        """The moving average by parameter name, fp32."""
        return dict(zip(self.names, self.average, strict=True))

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed run needs."""
        return {
            "masters": self.masters,
            "average": self.average,
            "adamw": self.adamw.state_dict(),
            "muon": self.muon.state_dict(),
            "steps": self.steps,
        }

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Puts a saved state back, into the model's parameters too."""
        torch._foreach_copy_(self.masters, state["masters"])
        torch._foreach_copy_(self.average, state["average"])
        torch._foreach_copy_(self.parameters, self.masters)
        self.adamw.load_state_dict(state["adamw"])
        self.muon.load_state_dict(state["muon"])
        self.steps = state["steps"]


def _in_encoder(name: str) -> bool:
    return ".blocks." in name and any(part in f".{name}" for part in _ENCODERS)
