"""The training losses.

Mask, subspace and contrastive terms follow RSRefSeg 2 (arXiv 2507.06231); those of the choice, of
presence, of the predicted IoU and of the things that a phrase names are ours, as are those of
`surfaces`. All maps are low-resolution: a full-size map per phrase costs more memory traffic than
it teaches.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from rsrefseg.models.prompter import Prompts
from rsrefseg.training.config import LossWeights


@dataclass
class Targets:
    """What the phrases of a batch should have found; P phrases.

    Attributes:
        mask: P x h x w, coverage 0..1 of each low-resolution cell by the target.
        tokens: P x th x tw, the same at the token grid.
        likes: P x th x tw, coverage by objects of the same class that are not the target.
        fine: P x s x s, coverage by the target on SAM's grid.
        fine_likes: P x s x s, as `likes`, on SAM's grid.
        things: P x K x s x s, coverage of SAM's grid by each thing that the phrase names.
        things_known: P, 1 where these are known.
        present: P, 1 where the target exists.
        image_index: P, the image that each phrase is asked of.
    """

    mask: Tensor
    tokens: Tensor
    likes: Tensor
    fine: Tensor
    fine_likes: Tensor
    things: Tensor
    things_known: Tensor
    present: Tensor
    image_index: Tensor

    def rows(self, index: Tensor) -> Targets:
        """Those of some phrases."""
        return Targets(**{name: value[index] for name, value in vars(self).items()})

    @property
    def of_class(self) -> Tensor:
        """P x N, coverage of each token by the named class."""
        return (self.tokens + self.likes).clamp(0, 1).flatten(1)


def mask_losses(logits: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
    """Binary cross-entropy over all phrases and Dice loss over the present ones.

    Args:
        logits: P x h x w.
        targets: the batch's targets.
    """
    bce = functional.binary_cross_entropy_with_logits(logits, targets.mask)
    prob = logits.sigmoid()
    overlap = (prob * targets.mask).sum((1, 2))
    total = prob.sum((1, 2)) + targets.mask.sum((1, 2))
    dice = 1 - (2 * overlap + 1) / (total + 1)
    return bce, _mean_of(dice, targets.present)


def subspace_loss(queries1: Tensor, queries2: Tensor) -> Tensor:
    """Mean squared cosine between the means of the two query sets, each P x 3 x C."""
    cosine = functional.cosine_similarity(
        queries1.float().mean(1), queries2.float().mean(1), dim=-1
    )
    return cosine.square().mean()


def contrastive_loss(queries2: Tensor, clip_tokens: Tensor, targets: Targets) -> Tensor:
    """CLIP-style loss between the mean of set 2 and the mask-pooled image feature.

    Only pairs of one image are contrasted: across images a model from scratch learns to tell the
    images apart instead of the places. Pairs of nearly the same mask are no true negatives and
    are left out. Scale 1/0.07 as released.

    Args:
        queries2: P x 3 x C.
        clip_tokens: P x N x C image tokens of each phrase's image.
        targets: the batch's targets; only present ones take part.
    """
    keep = targets.present > 0
    if int(keep.sum()) < 2:
        return queries2.sum() * 0
    weight = targets.tokens[keep].flatten(1)  # p x N
    pooled = torch.einsum("pn,pnc->pc", weight, clip_tokens[keep].float())
    image = functional.normalize(pooled / (weight.sum(1, keepdim=True) + 1e-4), dim=-1)
    text = functional.normalize(queries2[keep].float().mean(1), dim=-1)
    scores = text @ image.T / 0.07
    index = targets.image_index[keep]
    inter = weight @ weight.T
    area = weight.square().sum(1)
    alike = inter / (area[:, None] + area[None, :] - inter + 1e-4) > 0.5
    left_out = alike | (index[:, None] != index[None, :])
    left_out.fill_diagonal_(False)
    scores = scores.masked_fill(left_out, -1e4)
    labels = torch.arange(len(scores), device=scores.device)
    return (
        functional.cross_entropy(scores, labels) + functional.cross_entropy(scores.T, labels)
    ) / 2


def choice_loss(token_logits: Tensor, tokens: Tensor, like: Tensor, present: Tensor) -> Tensor:
    """Makes the heat-map high on the target and low on its like.

    The softmax over all positions, and over the positions of the named class alone (hard
    negatives), should put its mass on the target; plus cross-entropy per position.

    Args:
        token_logits: P x th x tw, a heat-map.
        tokens: P x th x tw, coverage by the target.
        like: P x th x tw, coverage by others of its class.
        present: P, 1 where the target exists.
    """
    logits = token_logits.flatten(1).float()
    target, likes = tokens.flatten(1), like.flatten(1)
    on_target = torch.logsumexp(logits + (target + 1e-6).log(), 1)
    everywhere = torch.logsumexp(logits, 1)
    of_class = torch.logsumexp(logits + (target + likes + 1e-6).log(), 1)
    where = (everywhere - on_target).clamp(0, 10)
    which = (of_class - on_target).clamp(0, 10)
    per_position = functional.binary_cross_entropy_with_logits(logits, target.clamp(0, 1))
    return _mean_of(where + which, present) + 0.5 * per_position


def things_loss(logits: Tensor, targets: Targets) -> Tensor:
    """How far the things that the phrases name are missed: cross-entropy, Dice where there is one.

    Args:
        logits: P x K x s x s.
        targets: the batch's targets.
    """
    known = targets.things_known[:, None].expand(logits.shape[:2])
    bce = functional.binary_cross_entropy_with_logits(
        logits.float(), targets.things, reduction="none"
    ).mean((2, 3))
    prob, truth = logits.float().sigmoid().flatten(2), targets.things.flatten(2)
    overlap, total = (prob * truth).sum(2), prob.sum(2) + truth.sum(2)
    dice = 1 - (2 * overlap + 0.1) / (total + 0.1)
    there = known * (truth.sum(2) > 0)
    return 2 * _mean_of(bce, known) + _mean_of(dice, there)


def prompt_losses(prompts: Prompts, clip_tokens: Tensor, targets: Targets) -> dict[str, Tensor]:
    """The terms that judge where the prompter points, by the names of their weights.

    Args:
        prompts: of P phrases.
        clip_tokens: P x N x C.
        targets: the batch's targets.
    """
    parts = {
        "subspace": subspace_loss(prompts.text_queries1, prompts.text_queries2),
        "contrastive": contrastive_loss(prompts.text_queries2, clip_tokens, targets),
        "choice": choice_loss(prompts.dense_tokens, targets.tokens, targets.likes, targets.present),
    }
    if prompts.places is not None:
        parts["things"] = things_loss(prompts.places.things, targets)
        parts["places"] = choice_loss(
            prompts.places.choice, targets.fine, targets.fine_likes, targets.present
        )
    if prompts.presence_logit is not None:
        parts["presence"] = functional.binary_cross_entropy_with_logits(
            prompts.presence_logit.float().flatten(), targets.present
        )
    return parts


def drawing_losses(masks: Tensor, iou: Tensor, targets: Targets) -> dict[str, Tensor]:
    """The terms that judge masks, by the names of their weights.

    Args:
        masks: P x 1 x h x w logits.
        iou: P x 1, predicted.
        targets: these phrases' targets.
    """
    logits = masks[:, 0].float()
    bce, dice = mask_losses(logits, targets)
    estimate = _iou_loss(iou.float().flatten(), logits.detach(), targets)
    return {"bce": bce, "dice": dice, "iou": estimate}


def weighted(parts: dict[str, Tensor], weights: LossWeights) -> Tensor:
    """The weighted sum of named terms."""
    return torch.stack([getattr(weights, name) * term for name, term in parts.items()]).sum()


def _iou_loss(predicted: Tensor, logits: Tensor, targets: Targets) -> Tensor:
    """Squared error of SAM's predicted IoU against the IoU of the mask that it came with."""
    guess, truth = logits > 0, targets.mask > 0.5
    union = (guess | truth).flatten(1).sum(1)
    iou = (guess & truth).flatten(1).sum(1) / union.clamp(min=1)
    return _mean_of((predicted - iou).square(), targets.present)


def _mean_of(values: Tensor, chosen: Tensor) -> Tensor:
    return (values * chosen).sum() / chosen.sum().clamp(min=1)
