"""What ground plan an outline shows: "the L-shaped house" is told by its outline and not by words.

An addition of ours to RSRefSeg 2 (arXiv 2507.06231). Asked for L-shaped houses, a small model marks
houses; which of them have a wing at an angle shows in the outlines that it draws. A network of its
own looks at each outline, turned and mirrored, and at nothing else: so it serves any model, and has
a weights file of its own beside this module (`rsrefseg.training.ground_plan` makes it).
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

PLANS = ("other", "l-shaped", "u-shaped", "t-shaped")
"""What is told apart, in the order of the network's outputs."""
WEIGHTS = Path(__file__).with_name("ground_plans.safetensors")

CROP_PX = 32
# Side of what is looked at, as a multiple of the outline's longer side.
_AROUND = 1.5
# Outlines looked at together, each in eight ways.
_TOGETHER = 64


class GroundPlanNet(nn.Module):
    """Tells the ground plan of an outline."""

    def __init__(self, width: int = 24) -> None:
        """Make one that knows nothing yet."""
        super().__init__()
        wider, widest = 2 * width, 3 * width
        self.look = nn.Sequential(
            *_conv(1, width, 5), nn.MaxPool2d(2),
            *_conv(width, wider, 3), nn.MaxPool2d(2),
            *_conv(wider, wider, 3), nn.MaxPool2d(2),
            *_conv(wider, widest, 3), nn.Flatten(),
        )  # fmt: skip
        self.tell = nn.Sequential(
            nn.Dropout(0.3), nn.Linear(widest * (CROP_PX // 8) ** 2, 64), nn.GELU(),
            nn.Linear(64, len(PLANS)),
        )  # fmt: skip

    def forward(self, crops: Tensor) -> Tensor:
        """Logits (N, len(PLANS)) of outlines (N, 1, CROP_PX, CROP_PX), probabilities 0 to 1."""
        logits: Tensor = self.tell(self.look(crops - 0.5))
        return logits

    @torch.inference_mode()
    def plans(self, crops: Tensor) -> NDArray[np.float32]:
        """How likely each plan is, N x len(PLANS): the mean over turned and mirrored outlines."""
        found = [torch.zeros(0, len(PLANS))]
        for some in torch.split(crops, _TOGETHER):
            turned = [some.rot90(quarter, (2, 3)) for quarter in range(4)]
            ways = torch.stack([*turned, *(one.flip(3) for one in turned)])
            found.append(self(ways.flatten(0, 1)).softmax(1).unflatten(0, ways.shape[:2]).mean(0))
        told: NDArray[np.float32] = torch.cat(found).numpy()
        return told


@lru_cache(maxsize=1)
def load_ground_plan_net() -> GroundPlanNet:
    """The network with the weights that come with the package."""
    net = GroundPlanNet()
    net.load_state_dict(load_file(WEIGHTS))
    return net.eval()


def outline_crops(
    probability: NDArray[np.float32], label: NDArray[np.int64], boxes: NDArray[np.int64]
) -> Tensor:
    """Each outline by itself, in the middle of a square of one size: (N, 1, CROP_PX, CROP_PX).

    Args:
        probability: H x W.
        label: H x W, the outline of each pixel; -1 outside of all.
        boxes: N x 4, first row and column of each outline and those after its last.
    """
    crops = torch.zeros(len(boxes), 1, CROP_PX, CROP_PX)
    for i, (top, left, bottom, right) in enumerate(boxes.tolist()):
        side = max(CROP_PX // 4, round(_AROUND * max(bottom - top, right - left)))
        row, col = (top + bottom - side) // 2, (left + right - side) // 2
        at = (slice(max(0, row), row + side), slice(max(0, col), col + side))
        own = np.where((label[at] == i) | (label[at] < 0), probability[at], 0)
        square = np.zeros((side, side), dtype=np.float32)
        down, along = at[0].start - row, at[1].start - col
        square[down : down + own.shape[0], along : along + own.shape[1]] = own
        crops[i] = functional.interpolate(
            torch.from_numpy(square)[None, None], CROP_PX, mode="bilinear", antialias=True
        )[0]
    return crops


def _conv(inputs: int, outputs: int, size: int) -> tuple[nn.Module, ...]:
    return (
        nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.GELU(),
    )
