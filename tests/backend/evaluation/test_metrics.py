"""The metrics against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from rsrefseg.evaluation.metrics import CaseScore, grouped, score_case, summarise
from rsrefseg.evaluation.run import choose_presence_threshold


def mask(*rows: str) -> np.ndarray:
    return np.array([[c == "#" for c in row] for row in rows])


def test_iou_is_intersection_over_union():
    score = score_case(mask("##.."), mask(".##."), kind="class")
    assert (score.intersection, score.union, score.iou) == (1, 3, pytest.approx(1 / 3))


def test_empty_answer_to_absent_target_is_right_and_any_other_is_wrong():
    nothing = mask("....")
    assert score_case(nothing, nothing, kind="none").iou == 1.0
    assert score_case(mask("#..."), nothing, kind="none").iou == 0.0


def test_summary_keeps_absent_targets_out_of_the_published_metrics():
    scores = [
        CaseScore("class", "a", 6, 10, 8, 8),
        CaseScore("colour", "a", 1, 10, 2, 9),
        CaseScore("none", "b", 0, 0, 0, 0),
        CaseScore("none", "b", 0, 5, 0, 5),
    ]
    figures = summarise(scores)
    assert figures["gIoU"] == pytest.approx((0.6 + 0.1) / 2)
    assert figures["cIoU"] == pytest.approx(7 / 20)
    assert figures["Pr@0.5"] == 0.5
    assert figures["Pr@0.6"] == 0.0, "strictly above"
    assert figures["N-acc"] == 0.5
    assert figures["answered"] == 1.0
    assert (figures["n"], figures["n_present"], figures["n_absent"]) == (4, 2, 2)


def test_groups_hold_what_the_whole_holds():
    scores = [CaseScore("class", "a", 1, 2, 2, 1), CaseScore("colour", "b", 2, 2, 2, 2)]
    assert grouped(scores, "kind")["class"]["gIoU"] == 0.5
    assert grouped(scores, "source")["b"]["gIoU"] == 1.0


def test_nothing_to_average_is_none_and_not_zero():
    assert summarise([])["gIoU"] is None


def test_blind_baseline_is_the_iou_of_the_whole_class():
    score = score_case(mask("#..."), mask("#..."), kind="colour", class_mask=mask("####"))
    assert score.blind_iou == 0.25


def test_presence_threshold_keeps_the_asked_share_of_present_targets():
    outcomes = [(True, p) for p in np.linspace(0, 1, 101)] + [(False, 0.9)] * 500
    threshold = choose_presence_threshold(outcomes, keep=0.95)
    assert np.mean([p >= threshold for exists, p in outcomes if exists]) >= 0.95
    assert threshold == pytest.approx(0.05)
    assert choose_presence_threshold([(True, 0.3)], keep=0.95) == 0.3
    assert choose_presence_threshold([(False, 0.3)]) == 0


def test_presence_threshold_is_no_higher_than_silence_about_absent_targets_takes():
    outcomes = [(True, p) for p in np.linspace(0.6, 1, 101)]
    outcomes += [(False, p) for p in np.linspace(0, 0.5, 100)]
    threshold = choose_presence_threshold(outcomes, silent=0.93)
    assert np.mean([p < threshold for exists, p in outcomes if not exists]) == 0.93
