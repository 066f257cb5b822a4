from __future__ import annotations

import pytest
import torch
from rsrefseg.models.build import build_model

# Only clicks and boxes, or SAM 2's object score, would use these; and what is added to all keys of
# a few queries alike changes nothing.
NOT_IN_A_PHRASE = (
    "point_embeddings",
    "not_a_point_embed",
    "no_mask_embed",
    "pred_obj_score_head",
    "prompt_image.attention.k.bias",
    "final_attn_token_to_image.k_proj.bias",
)
OTHER_MASKS = tuple(f"output_hypernetworks_mlps.{i}." for i in (1, 2, 3))


@pytest.mark.parametrize("name", ["rsrefseg2-tiny", "rsrefseg2-sam1-b", "rsrefseg2-t"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_every_weight_gets_a_gradient(name, dtype, reduced):
    torch.manual_seed(0)
    model = build_model(reduced(name)).train().to(dtype)
    side = model.preset.tile_px
    ids, lengths = torch.randint(1, 299, (4, 6)), torch.tensor([6, 2, 4, 6])
    image = model.encode_image(torch.rand(2, 3, side, side))
    answer = model.ask(image.expand(torch.tensor([0, 0, 1, 1])), model.encode_text(ids, lengths))
    loss = answer.low_res_logits.float().square().mean() + answer.iou.float().mean()
    if answer.presence_logit is not None:
        loss = loss + answer.presence_logit.float().mean()
    loss.backward()
    without = [
        key
        for key, parameter in model.named_parameters()
        if parameter.grad is None and not any(p in key for p in (*NOT_IN_A_PHRASE, *OTHER_MASKS))
    ]
    assert not without
