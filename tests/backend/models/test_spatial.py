"""Spatial reasoning: what the kernels say, what is shared, what a phrase gets alone."""

from __future__ import annotations

import torch
from rsrefseg.models.build import build_model
from rsrefseg.models.config import load_preset
from rsrefseg.models.features import TextFeatures
from rsrefseg.models.spatial import KERNELS, SpatialReasoning, kernel_sums

GRID = (5, 6)


def amounts_of(row: int, column: int) -> torch.Tensor:
    """What each kernel says of every place when a map is one cell: (KERNELS, rows, columns)."""
    there = torch.zeros(GRID)
    there[row, column] = 1
    return (there.flatten() @ kernel_sums(GRID)).view(KERNELS, *GRID)


def test_the_kernels_tell_on_which_side_a_thing_lies():
    amounts = amounts_of(2, 3)
    left, right, above, below = amounts[4:8]  # half-planes
    assert left[:, :3].min() > 0.5 > left[:, 3:].max()
    assert right[:, 4:].min() > 0.5 > right[:, :4].max()
    assert above[:2].min() > 0.5 > above[2:].max()
    assert below[3:].min() > 0.5 > below[:3].max()
    cone = amounts[0]
    assert cone[2, 0] > 0.9 and cone[0, 2] < 0.1
    band = amounts[8]
    assert band[2, 0] > 0.9 and band[0, 0] < 0.1


def test_discs_fall_off_with_the_distance_the_wide_ones_slowly():
    narrow, wide = amounts_of(2, 3)[-4], amounts_of(2, 3)[-1]
    assert narrow[2, 3] == wide[2, 3] == 1
    assert narrow[2, 0] < 0.01 < 0.5 < wide[2, 0] < 1


def reasoning() -> SpatialReasoning:
    torch.manual_seed(3)
    spatial = build_model(load_preset("rsrefseg2-tiny")).prompter.spatial
    assert spatial is not None
    return spatial


def inputs(count: int) -> tuple[torch.Tensor, tuple[int, int], TextFeatures]:
    torch.manual_seed(5)
    tokens, embed = torch.randn(1, 256, 192), torch.randn(1, 128, 32, 32)
    ground = reasoning().ground(tokens, (16, 16), embed)
    assert ground.shape == (1, 192, 32, 32)
    text = TextFeatures(
        torch.randn(count, 7, 192), torch.randn(count, 192), torch.ones(count, 7).bool()
    )
    return ground.expand(count, -1, -1, -1), (16, 16), text


def test_an_image_shared_by_phrases_is_read_once_and_gives_each_what_it_gets_alone():
    spatial = reasoning()
    ground, grid, text = inputs(3)
    together = spatial(ground, grid, text)
    copied = spatial(ground.clone(), grid, text)
    torch.testing.assert_close(together.choice, copied.choice, atol=1e-5, rtol=1e-5)
    second = TextFeatures(text.tokens[1:2], text.pooled[1:2], text.mask[1:2])
    alone = spatial(ground[:1], grid, second)
    torch.testing.assert_close(together.choice[1:2], alone.choice, atol=1e-5, rtol=1e-5)
    assert together.things.shape == (3, 3, 32, 32) and together.choice.shape == (3, 32, 32)
    assert together.states.shape == (3, 256, spatial.state_width)


def test_all_parts_of_a_name_must_hold():
    spatial = reasoning()
    with torch.no_grad():
        spatial.name_second.weight.zero_()
        spatial.name_second.bias.zero_()
        spatial.name_bias[:] = torch.tensor([[4.0, 4.0], [4.0, -4.0], [-4.0, -4.0]])
    seen = spatial(*inputs(1)).things.sigmoid().mean((0, 2, 3))
    one = torch.tensor(4.0).sigmoid()
    expected = torch.stack([one * one, one * (1 - one), (1 - one) ** 2])
    torch.testing.assert_close(seen, expected, atol=1e-4, rtol=1e-3)
