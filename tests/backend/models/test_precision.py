"""Half precision draws the masks that fp32 draws, on models that have learnt to draw one."""

from __future__ import annotations

import copy

import pytest
import torch
from rsrefseg.models.build import build_model
from torch.nn import functional

from tests.support.small_models import reduced_preset

KINDS = ["rsrefseg2-tiny", "rsrefseg2-sam1-b", "rsrefseg2-t"]
IDS, LENGTHS = torch.tensor([[40, 41, 1]]), torch.tensor([3])


def answer(model, image):
    text = model.encode_text(IDS.to(image.device), LENGTHS.to(image.device))
    return model.ask(model.encode_image(image), text).low_res_logits.float().cpu()


@pytest.fixture(scope="module", params=KINDS)
def trained(request):
    """A reduced model that has learnt to draw the dark square of one image."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = build_model(reduced_preset(request.param)).train()
    side = model.preset.tile_px
    image = torch.full((1, 3, side, side), 0.45)
    image[..., side // 8 : side // 2, side // 8 : side // 2] = 0.05
    truth = (image[:, :1] < 0.2).float()
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for _ in range(35):
        logits = answer(model, image)
        target = functional.interpolate(truth, size=logits.shape[-2:], mode="area").round()
        loss = functional.binary_cross_entropy_with_logits(logits, target)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    return model.eval(), image, target


def iou(first, second):
    first, second = first > 0, second > 0
    return float((first & second).sum() / (first | second).sum())


@torch.inference_mode()
def test_it_learnt(trained):
    model, image, target = trained
    assert iou(answer(model, image), target - 0.5) > 0.8


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("way", ["weights", "autocast"])
@torch.inference_mode()
def test_half_precision_agrees_with_fp32(trained, dtype, way):
    model, image, _ = trained
    expected = answer(model, image)
    if way == "weights":
        found = answer(copy.deepcopy(model).to(dtype), image)
    else:
        with torch.autocast("cpu", dtype):
            found = answer(model, image)
    assert iou(found, expected) >= 0.99


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@torch.inference_mode()
def test_cuda_agrees_with_the_cpu(trained, dtype):
    model, image, _ = trained
    found = answer(copy.deepcopy(model).to("cuda", dtype), image.cuda())
    assert iou(found, answer(model, image)) >= 0.99


@pytest.mark.skipif(not torch.backends.mps.is_available(), reason="no MPS device")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@torch.inference_mode()
def test_mps_agrees_with_the_cpu(trained, dtype):
    model, image, _ = trained
    found = answer(copy.deepcopy(model).to("mps", dtype), image.to("mps"))
    assert iou(found, answer(model, image)) >= 0.99
