"""What every place of a rendered scene shows: labels for the image encoders, phrase or no phrase.

A phrase teaches one mask; the scene behind it knows the class and colour of every pixel, and the
ground plan and roof of the building that it belongs to. Both image encoders are made to tell these
through linear maps that exist in training only, which teaches them far more for each image than its
phrases do.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from rsrefseg.models.config import Preset
from rsrefseg.scenes.colours import COLOURS
from rsrefseg.scenes.phrases.lexicon import MATERIALS, SHAPES
from rsrefseg.scenes.phrases.speaker import YES, Attr, material, shape
from rsrefseg.scenes.taxonomy import IS_A
from rsrefseg.scenes.view import View

_QUALITIES: dict[str, Attr] = {
    f"{quality.kind} {quality.word}": quality
    for quality in (*map(shape, SHAPES), *map(material, MATERIALS))
}

LABELS: tuple[str, ...] = (
    *sorted(set().union(*IS_A.values())),
    *COLOURS,
    *_QUALITIES,
)
"""Classes, wider classes, colours, and what shape or material a thing surely is."""

_INDEX = {label: i for i, label in enumerate(LABELS)}
# A label is rare at first: what the sigmoid of this says.
_RARE = -4.0


def label_coverage(view: View, side: int) -> NDArray[np.float32]:
    """Share of each cell of a side x side grid that shows each label.

    Args:
        view: a square scene.
        side: divides the scene's side.

    Returns:
        L x side x side, 0..1.
    """
    table: NDArray[np.float32] = np.zeros((len(view.world.entities) + 1, len(LABELS)), np.float32)
    layers = [(ident, _INDEX[view.seen[ident].entity.cls]) for ident in view.layers]
    for ident, seen in view.seen.items():
        if ident < len(table):
            sure = (label for label, quality in _QUALITIES.items() if quality.test(seen) == YES)
            for label in (*IS_A[seen.entity.cls], *seen.sure, *sure):
                table[ident, _INDEX[label]] = 1.0
    return _coverage(view, table, layers, side)


def group_coverage(view: View, groups: Sequence[tuple[int, ...]], side: int) -> NDArray[np.float32]:
    """Share of each cell of a side x side grid that each group of entities covers.

    Args:
        view: a square scene.
        groups: entity ids.
        side: divides the scene's side.

    Returns:
        G x side x side, 0..1.
    """
    count = len(view.world.entities) + 1
    table: NDArray[np.float32] = np.zeros((count, len(groups)), np.float32)
    for column, ids in enumerate(groups):
        table[[i for i in ids if i < count], column] = 1.0
    layers = [(i, column) for column, ids in enumerate(groups) for i in ids if i >= count]
    return _coverage(view, table, layers, side)


def _coverage(
    view: View, table: NDArray[np.float32], layers: Sequence[tuple[int, int]], side: int
) -> NDArray[np.float32]:
    """Coverage by what a table says of each entity, and by land cover that is no entity.

    Args:
        view: a square scene.
        table: entities x L, 1 where an entity counts.
        layers: ids of `view.layers` with the row that each counts for.
        side: divides the scene's side.

    Returns:
        L x side x side.
    """
    coverage = _shares(view.ids, side, len(table)) @ table
    if view.parts is not view.ids:
        # Of a thing's parts (a panel on a roof) a pixel shows the part as well as the thing; where
        # both count for the same (a tree of a forest), it counts once.
        parts = table.copy()
        for entity in view.world.entities:
            if entity.part_of is not None:
                parts[entity.id] *= 1 - table[entity.part_of]
        parts[np.unique(view.ids)] = 0.0
        coverage += _shares(view.parts, side, len(table)) @ parts
    for ident, row in layers:
        mask = view.layers[ident]
        cells = mask.reshape(side, mask.shape[0] // side, side, -1).mean((1, 3))
        coverage[:, row] = np.maximum(coverage[:, row], cells.ravel())
    clipped = np.clip(coverage, 0.0, 1.0).T.reshape(-1, side, side)
    return np.ascontiguousarray(clipped, np.float32)


def _shares(ids: NDArray[np.int32], side: int, count: int) -> NDArray[np.float32]:
    """Share of each cell that each entity covers: side * side x count."""
    cell = ids.shape[0] // side
    rows = np.arange(ids.shape[0]) // cell
    cells = rows[:, None] * side + rows[None, :]
    pixels = np.bincount((cells * count + ids).ravel(), minlength=side * side * count)
    shares: NDArray[np.float32] = (pixels / cell**2).astype(np.float32)
    return shares.reshape(side * side, count)


class SurfaceHeads(nn.Module):
    """Linear maps from both encoders' features to the labels, and CLIP's own scale and bias."""

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        self.clip = nn.Linear(preset.clip.width, len(LABELS))
        self.sam = nn.Linear(preset.sam.d_model, len(LABELS))
        self.scale = nn.Parameter(torch.tensor(2.0))
        self.bias = nn.Parameter(torch.tensor(-2.0))
        for head in (self.clip, self.sam):
            nn.init.trunc_normal_(head.weight, std=0.02)
            nn.init.constant_(head.bias, _RARE)

    def surface_loss(
        self, clip_tokens: Tensor, sam_embed: Tensor, coverage: Tensor, known: Tensor
    ) -> Tensor:
        """How far the labels are missed: cross-entropy over all, Dice over those present.

        Args:
            clip_tokens: B x N x C, N a square number.
            sam_embed: B x D x h x w.
            coverage: B x L x s x s, see `label_coverage`.
            known: B, 1 where the coverage is known.
        """
        side = round(clip_tokens.shape[1] ** 0.5)
        clip_logits = self.clip(clip_tokens).transpose(1, 2).unflatten(2, (side, side))
        sam_logits = self.sam(sam_embed.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        losses = [_missed(logits.float(), coverage) for logits in (clip_logits, sam_logits)]
        return (torch.stack(losses).sum(0) * known).sum() / known.sum().clamp(min=1)

    def naming_loss(self, clip_tokens: Tensor, pooled: Tensor, of_class: Tensor) -> Tensor:
        """Whether CLIP's image tokens agree with the phrases that name what they show.

        Args:
            clip_tokens: P x N x C.
            pooled: P x C, the phrases.
            of_class: P x N, coverage by the named class, whatever else the phrase says.
        """
        image = functional.normalize(clip_tokens.float(), dim=-1)
        text = functional.normalize(pooled.float(), dim=-1)
        cosine = torch.einsum("pnc,pc->pn", image, text)
        logits = cosine * self.scale.float().exp() + self.bias.float()
        bce = functional.binary_cross_entropy_with_logits(logits, of_class)
        there = (of_class.sum(1) > 0).float()
        return bce + (_dice(logits.sigmoid(), of_class) * there).sum() / there.sum().clamp(min=1)


def _missed(logits: Tensor, coverage: Tensor) -> Tensor:
    """B x L x h x w -> B."""
    truth = functional.adaptive_avg_pool2d(coverage, (logits.shape[-2], logits.shape[-1]))
    bce = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    there = (truth.flatten(2).sum(2) > 0.05).float()
    dice = _dice(logits.sigmoid().flatten(2), truth.flatten(2))
    return bce.mean((2, 3)).sum(1) + (dice * there).sum(1) / there.sum(1).clamp(min=1)


def _dice(prob: Tensor, truth: Tensor) -> Tensor:
    """Dice loss over the last dimension."""
    overlap, total = (prob * truth).sum(-1), prob.sum(-1) + truth.sum(-1)
    return 1 - (2 * overlap + 0.1) / (total + 0.1)
