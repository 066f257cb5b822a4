"""The field's metrics of referring segmentation.

Per-sample foreground IoU; gIoU (the papers' mIoU) is its mean; cIoU (oIoU) the sum of
intersections over the sum of unions; Pr@X the share of samples with IoU strictly above X. All of
these are over samples whose target exists, as in the published tables. Samples without a target
are counted apart: N-acc is the share of them that was answered with an empty mask.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PRECISION_THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class CaseScore:
    """How one case was answered.

    Attributes:
        kind: kind of phrase.
        source: where the image is from.
        intersection: pixels in both masks.
        union: pixels in either.
        target: pixels of the truth; 0 where the target does not exist.
        predicted: pixels of the answer.
        blind_iou: IoU of a perfect mask of the named class (the qualifier-blind baseline), or
            None where the data does not say it.
    """

    kind: str
    source: str
    intersection: int
    union: int
    target: int
    predicted: int
    blind_iou: float | None = None

    @property
    def iou(self) -> float:
        """IoU of the case; an empty answer to an absent target is 1."""
        return self.intersection / self.union if self.union else 1.0


def score_case(
    predicted: NDArray[np.bool_],
    truth: NDArray[np.bool_],
    *,
    kind: str,
    source: str = "",
    class_mask: NDArray[np.bool_] | None = None,
) -> CaseScore:
    """Compares two masks of one shape, bool H x W."""
    blind: float | None = None
    if class_mask is not None and truth.any():
        blind = float((class_mask & truth).sum() / max(1, (class_mask | truth).sum()))
    return CaseScore(
        kind=kind,
        source=source,
        intersection=int((predicted & truth).sum()),
        union=int((predicted | truth).sum()),
        target=int(truth.sum()),
        predicted=int(predicted.sum()),
        blind_iou=blind,
    )


def summarise(scores: Iterable[CaseScore]) -> dict[str, float | int | None]:
    """The metrics over some cases; None where there is nothing to average."""
    every = list(scores)
    present = [s for s in every if s.target > 0]
    absent = [s for s in every if s.target == 0]
    iou = np.array([s.iou for s in present])
    unions = sum(s.union for s in present)
    blind = [s.blind_iou for s in present if s.blind_iou is not None]
    result: dict[str, float | int | None] = {
        "n": len(every),
        "n_present": len(present),
        "n_absent": len(absent),
        "gIoU": _mean(iou),
        "cIoU": sum(s.intersection for s in present) / unions if unions else None,
    }
    for threshold in PRECISION_THRESHOLDS:
        result[f"Pr@{threshold}"] = _mean(iou > threshold)
    result["N-acc"] = _mean([s.predicted == 0 for s in absent])
    result["answered"] = _mean([s.predicted > 0 for s in present])
    result["blind_gIoU"] = _mean(blind)
    return result


def grouped(scores: Sequence[CaseScore], attribute: str) -> dict[str, dict[str, object]]:
    """`summarise` for every value of "kind" or "source", in alphabetical order."""
    values = sorted({getattr(s, attribute) for s in scores})
    return {
        v: dict(summarise(s for s in scores if getattr(s, attribute) == v)) for v in values if v
    }


def _mean(values: Sequence[float] | NDArray[np.generic]) -> float | None:
    return float(np.mean(np.asarray(values, dtype=np.float64))) if len(values) else None
