"""Surface labels: what each cell of a rendered scene shows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from rsrefseg.models.config import load_preset
from rsrefseg.scenes import generate
from rsrefseg.scenes.taxonomy import IS_A
from rsrefseg.training.surfaces import LABELS, SurfaceHeads, group_coverage, label_coverage


@pytest.mark.parametrize("seed", [3, 8, 21])
def test_coverage_is_the_share_of_pixels_of_each_class(seed):
    view = generate(seed, phrases=1).view
    coverage = label_coverage(view, 32)
    assert coverage.shape == (len(LABELS), 32, 32)
    assert coverage.min() >= 0 and coverage.max() <= 1
    shown = {s.entity.cls for s in view.seen.values()}
    for cls in shown:
        members = tuple(s.id for s in view.seen.values() if cls in IS_A[s.entity.cls])
        cells = view.mask(members).reshape(32, 8, 32, 8).mean((1, 3))
        assert np.allclose(coverage[LABELS.index(cls)], cells, atol=1e-6), cls
    named = set().union(*(IS_A[cls] for cls in shown))
    for label in sorted(set(IS_A) - named):
        assert coverage[LABELS.index(label)].max() == 0, label


def test_ground_plans_and_roofs_are_labels_where_they_can_be_told():
    known = set()
    for seed in range(1000, 1006):
        view = generate(seed, phrases=1).view
        coverage = label_coverage(view, 32)
        for label in ("shape l-shaped", "material metal"):
            quality, word = label.split()
            have = [s for s in view.seen.values() if getattr(s.entity, quality) == word]
            mask = view.mask(tuple(s.id for s in have)).reshape(32, 8, 32, 8).mean((1, 3))
            found = coverage[LABELS.index(label)]
            assert (found <= mask + 1e-6).all(), label  # what is cut or small stays out
            known |= {label} if found.any() else set()
            plain = [s for s in have if s.pixels >= 80 and s.shown >= 0.75 and not s.cut]
            if len(plain) == len(have):
                assert np.allclose(found, mask, atol=1e-6), label
    assert known == {"shape l-shaped", "material metal"}


@pytest.mark.parametrize("seed", [3, 21, 700])
def test_what_a_phrase_names_covers_the_cells_that_its_mask_covers(seed):
    scene = generate(seed, phrases=24)
    groups = [g for c in scene.cases for g in (c.target_ids, c.among_ids, *c.anchor_ids)]
    for coverage, ids in zip(group_coverage(scene.view, groups, 32), groups, strict=True):
        cells = scene.view.mask(ids).reshape(32, 8, 32, 8).mean((1, 3))
        assert np.allclose(coverage, cells, atol=1e-6)


def test_a_phrase_chooses_among_what_holds_its_target_and_by_something_else():
    chosen = by = 0
    for seed in range(6):
        for case in generate(seed, phrases=24).cases:
            chosen += bool(case.target_ids)
            by += bool(case.anchor_ids)
            assert set(case.target_ids) <= set(case.among_ids), case.phrase
            for ids in case.anchor_ids if case.kind == "relation" else ():
                assert ids and not set(ids) & set(case.target_ids), case.phrase
    assert chosen > 80 and by > 8


def test_losses_reward_the_truth_and_ignore_what_is_unknown():
    heads = SurfaceHeads(load_preset("rsrefseg2-tiny"))
    width, depth = heads.clip.in_features, heads.sam.in_features
    tokens, embed = torch.zeros(2, 256, width), torch.zeros(2, depth, 32, 32)
    coverage = torch.zeros(2, len(LABELS), 32, 32)
    coverage[:, 0] = 1
    known = torch.tensor([1.0, 0.0])
    wrong = heads.surface_loss(tokens, embed, coverage, known)
    coverage[1] = 1 - coverage[1]
    assert torch.equal(wrong, heads.surface_loss(tokens, embed, coverage, known))
    with torch.no_grad():
        heads.clip.bias[0] = heads.sam.bias[0] = 8.0
    assert heads.surface_loss(tokens, embed, coverage, known) < 0.2 * wrong
    assert heads.surface_loss(tokens, embed, coverage, torch.zeros(2)) == 0


def test_naming_rewards_tokens_that_agree_with_the_phrase_where_its_class_is():
    heads = SurfaceHeads(load_preset("rsrefseg2-tiny"))
    width = heads.clip.in_features
    of_class = torch.zeros(1, 256)
    of_class[:, :64] = 1
    phrase = torch.randn(1, width)
    tokens = torch.where(of_class[..., None] > 0, phrase[:, None], -phrase[:, None])
    assert heads.naming_loss(tokens, phrase, of_class) < 0.1
    assert heads.naming_loss(-tokens, phrase, of_class) > 1.0
