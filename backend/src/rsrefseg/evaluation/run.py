"""Runs a model over cases and collects its scores."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rsrefseg.data.cases import CaseRecord, read_mask, read_rgb
from rsrefseg.evaluation.metrics import CaseScore, grouped, score_case, summarise

Answer = tuple[NDArray[np.float32], float | None]
"""A probability map H x W and the presence of the target (None: the model has no such output)."""


class Answerer(Protocol):
    """What is evaluated: answers phrases about one image."""

    def __call__(self, image: NDArray[np.uint8], phrases: Sequence[str]) -> list[Answer]:
        """Answers phrases about an RGB image, H x W x 3."""


@dataclass(frozen=True)
class Outcome:
    """A case with its answer."""

    record: CaseRecord
    score: CaseScore
    presence: float | None
    predicted: NDArray[np.bool_]


def evaluate_cases(
    records: Iterable[CaseRecord],
    answer: Answerer,
    *,
    threshold: float = 0.5,
    presence_threshold: float | None = None,
    progress: Callable[[int], None] | None = None,
) -> Iterator[Outcome]:
    """Asks every case, image by image.

    Args:
        records: cases; those of one image are asked at once.
        answer: the model.
        threshold: probability above which a pixel belongs to the answer.
        presence_threshold: presence below which the answer is empty; None ignores presence.
        progress: called with the number of cases done after each image.
    """
    done = 0
    ordered = sorted(records, key=lambda r: str(r.image))
    for path, group in groupby(ordered, key=lambda r: r.image):
        cases = list(group)
        answers = answer(read_rgb(Path(path)), [c.phrase for c in cases])
        for case, (probability, presence) in zip(cases, answers, strict=True):
            absent = None not in (presence, presence_threshold) and presence < presence_threshold  # type: ignore[operator]
            predicted = np.zeros(probability.shape, bool) if absent else probability > threshold
            truth = read_mask(case.mask) > 0
            of_class = read_mask(case.class_mask) > 0 if case.class_mask else None
            score = score_case(
                predicted, truth, kind=case.kind, source=case.source or "", class_mask=of_class
            )
            yield Outcome(case, score, presence, predicted)
        done += len(cases)
        if progress is not None:
            progress(done)


def report_figures(scores: Sequence[CaseScore]) -> dict[str, object]:
    """The figures over all cases, `by_kind` and `by_source`."""
    return {
        **summarise(scores),
        "by_kind": grouped(scores, "kind"),
        "by_source": grouped(scores, "source"),
    }


def choose_presence_threshold(
    outcomes: Sequence[tuple[bool, float]], *, keep: float = 0.95, silent: float = 0.9
) -> float:
    """The lowest presence threshold that stays silent for a share of the absent targets.

    Silence about what is there is a fault too, so it is no higher than that takes, and never so
    high that less than a share of the present targets is answered.

    Args:
        outcomes: (target exists, presence) of cases that nothing else is measured on.
        keep: share of the present targets that must be answered.
        silent: share of the absent targets that should get no answer (N-acc).
    """
    present = np.array([p for exists, p in outcomes if exists])
    absent = np.sort([p for exists, p in outcomes if not exists])
    if not len(present):
        return 0.0
    most = float(np.quantile(present, 1 - keep, method="lower"))
    if not len(absent):
        return most
    last = absent[math.ceil(silent * len(absent)) - 1]
    return min(most, float(np.nextafter(last, 1.0)))
