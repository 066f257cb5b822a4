"""The released layout: both fixtures at every stage, and every way in which a file may not fit."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch
from rsrefseg.errors import ConfigError, WeightsError
from rsrefseg.models.config import Preset, load_preset
from rsrefseg.weights.released import ReleasedCheckpoint, fit_shape, load_released
from rsrefseg.weights.verify import STAGES, TOLERANCE, verify
from torch.nn import functional

CLIP = "clip_vision_encoder.base_model.model.model"
TEXT = "clip_text_encoder.base_model.model"
TUNED = f"{CLIP}.encoder.layers.0.self_attn.q_proj"


def preset_of(golden) -> Preset:
    return load_preset(golden.with_suffix(".json"))


def test_every_stage_agrees_with_the_reference(golden):
    stages = verify(
        golden.with_suffix(".pth"), preset_of(golden), golden.with_suffix(".expected.safetensors")
    )
    assert [s.stage for s in stages] == list(STAGES)
    assert max(s.error for s in stages) < TOLERANCE / 10


@pytest.mark.parametrize(
    "key",
    [
        "prompter.prompt_embedding",
        "prompter.dense_prompt_conv.1.running_var",
        f"{TUNED}.base_layer.weight",
        f"{TUNED}.base_layer.bias",
        f"{TUNED}.lora_A.default.weight",
        f"{TUNED}.lora_B.default.weight",
        f"{CLIP}.post_layernorm.weight",
        f"{TEXT}.logit_scale",
        f"{TEXT}.model.final_layer_norm.bias",
    ],
)
def test_a_missing_key_is_named(golden, tampered, key):
    path = tampered(lambda state: state.pop(key))
    with pytest.raises(WeightsError, match=f"lacks '{key}'".replace(".", r"\.")):
        load_released(path, preset_of(golden))


def test_every_needed_key_is_missed(golden):
    state = torch.load(golden.with_suffix(".pth"), weights_only=True)["state_dict"]
    preset = preset_of(golden)
    # A few of each kind would do; one of every layer's kind is taken.
    for key in list(state)[::97]:
        if (".head." in key and key.startswith("clip_vision")) or key.startswith("decode_head"):
            continue
        rest = {k: v for k, v in state.items() if k != key}
        with pytest.raises(WeightsError, match="lacks"):
            _plan(rest, preset)


def _plan(state, preset):
    from rsrefseg.weights import released

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(released, "read_checkpoint", lambda _: state)
        return released.plan_conversion(None, preset)


@pytest.mark.parametrize(
    "key",
    [
        "prompter.surprise",
        f"{CLIP}.encoder.layers.9.layer_norm1.weight",
        f"{CLIP}.post_layernorm.extra",
        "backbone.model.other.weight",
        "decode_head.other",
        "optimizer.step",
    ],
)
def test_a_leftover_key_is_named(golden, tampered, key):
    path = tampered(lambda state: state.update({key: torch.zeros(2)}))
    with pytest.raises(WeightsError, match=f"has '{key}'".replace(".", r"\.")):
        load_released(path, preset_of(golden))


def test_a_leftover_lora_is_named(golden, tampered):
    key = f"{CLIP}.post_layernorm.lora_A.default.weight"

    def change(state):
        state[key] = torch.zeros(4, 64)
        state[key.replace("lora_A", "lora_B")] = torch.zeros(64, 4)

    with pytest.raises(WeightsError, match="does not fit the layer"):
        load_released(tampered(change), preset_of(golden))


def test_a_second_adapter_is_named(golden, tampered):
    def change(state):
        for half in "AB":
            first = state[f"{TUNED}.lora_{half}.default.weight"]
            state[f"{TUNED}.lora_{half}.other.weight"] = first.clone()

    with pytest.raises(WeightsError, match=r"twice.*lora_A\.default.*lora_A\.other"):
        load_released(tampered(change), preset_of(golden))


def test_what_no_answer_needs_may_be_missing(golden, tampered):
    def change(state):
        for key in [k for k in state if k.startswith(("decode_head", f"{CLIP}.head."))]:
            del state[key]

    load_released(tampered(change), preset_of(golden))


def test_a_wrong_shape_is_named_with_both_shapes(golden, tampered):
    def change(state):
        state["prompter.prompt_embedding"] = torch.zeros(8, 64)

    with pytest.raises(WeightsError, match=r"prompt_embedding.*\(8, 64\).*\(9, 64\)"):
        load_released(tampered(change), preset_of(golden))


def test_transposed_is_a_wrong_shape(golden, tampered):
    key = "prompter.sparse_prompt_mlp.layers.0.weight"

    def change(state):
        state[key] = state[key].T.contiguous()

    with pytest.raises(WeightsError, match="sparse_prompt_mlp"):
        load_released(tampered(change), preset_of(golden))


def test_the_wrong_backbone_is_said(golden):
    values = preset_of(golden).to_json()
    other = "sam2" if values["sam"]["kind"] == "sam1" else "sam1"
    values["sam"] = json.loads(
        (golden.parent / f"official-{other}-a.json").read_text(encoding="utf-8")
    )["sam"]
    with pytest.raises(WeightsError, match="lacks 'backbone"):
        load_released(golden.with_suffix(".pth"), Preset.from_json(values))


def test_our_own_options_are_not_in_released_checkpoints(golden):
    preset = preset_of(golden)
    prompter = dataclasses.replace(preset.prompter, presence=True)
    with pytest.raises(WeightsError, match="presence"):
        load_released(golden.with_suffix(".pth"), dataclasses.replace(preset, prompter=prompter))


def test_broken_numbers_are_refused(golden, tampered):
    def change(state):
        state["prompter.prompt_embedding"][0, 0] = float("nan")

    with pytest.raises(WeightsError, match=r"prompter\.prompt_embedding.*not finite"):
        load_released(tampered(change), preset_of(golden))


@pytest.mark.parametrize("golden", ["sam1"], indirect=True)
def test_twins_must_agree(tampered, golden):
    key = "backbone.model.shared_image_embedding.positional_embedding"

    def change(state):
        state[key] = state[key] + 1

    with pytest.raises(WeightsError, match="differ"):
        load_released(tampered(change), preset_of(golden))
    with pytest.raises(WeightsError, match=f"lacks '{key}'"):
        load_released(tampered(lambda state: state.pop(key)), preset_of(golden))


def test_a_checkpoint_without_lora_is_read_too(golden, tampered):
    expected = load_released(golden.with_suffix(".pth"), preset_of(golden)).state_dict()

    def merge(state):
        source = ReleasedCheckpoint(dict(state))
        names = {
            k: k.replace(".base_model.model.", ".").replace(".base_layer.", ".") for k in state
        }
        plain = {n: source.tensor(n) for k, n in names.items() if ".lora_" not in k}
        state.clear()
        state.update(plain)

    found = load_released(tampered(merge), preset_of(golden)).state_dict()
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value)


def test_lora_is_merged_with_its_scale():
    base, down, up = torch.randn(6, 4), torch.randn(2, 4), torch.randn(6, 2)
    state = {
        "m.base_layer.weight": base,
        "m.lora_A.default.weight": down,
        "m.lora_B.default.weight": up,
    }
    torch.testing.assert_close(ReleasedCheckpoint(state).tensor("m.weight"), base + up @ down)
    torch.testing.assert_close(
        ReleasedCheckpoint(state, lora_alpha=8).tensor("m.weight"), base + 4 * up @ down
    )


@pytest.mark.parametrize("alpha", ["16", 0, True])
def test_an_unusable_lora_alpha_is_said(golden, alpha):
    preset = dataclasses.replace(preset_of(golden), extra={"lora_alpha": alpha})
    with pytest.raises(ConfigError, match="lora_alpha"):
        load_released(golden.with_suffix(".pth"), preset)


def test_lora_of_a_convolution():
    conv = torch.nn.Conv2d(4, 6, 3, bias=False)
    down, up = torch.nn.Conv2d(4, 2, 3, bias=False), torch.nn.Conv2d(2, 6, 1, bias=False)
    state = {
        "m.base_layer.weight": conv.weight.detach(),
        "m.lora_A.default.weight": down.weight.detach(),
        "m.lora_B.default.weight": up.weight.detach(),
    }
    image = torch.randn(1, 4, 8, 8)
    merged = functional.conv2d(image, ReleasedCheckpoint(state).tensor("m.weight"))
    torch.testing.assert_close(merged, conv(image) + up(down(image)), rtol=1e-4, atol=1e-5)


def test_a_forged_lora_asks_for_no_memory():
    state = {
        "m.base_layer.weight": torch.zeros(6, 4),
        "m.lora_A.default.weight": torch.zeros(1).expand(10**11, 4),
        "m.lora_B.default.weight": torch.zeros(1).expand(6, 10**11),
    }
    with pytest.raises(WeightsError, match="does not fit"):
        ReleasedCheckpoint(state).tensor("m.weight")


def test_position_tables_of_another_grid_are_resized():
    table = torch.randn(16, 8)
    source = "clip_vision_encoder.model.embeddings.position_embedding.weight"
    expected = functional.interpolate(
        table.T.reshape(1, 8, 4, 4), size=(6, 6), mode="bicubic", align_corners=False
    )
    found = fit_shape(source, table, (1, 36, 8))
    torch.testing.assert_close(found, expected.flatten(2).transpose(1, 2))
    relative = fit_shape("vision_encoder.layers.0.attn.rel_pos_h", torch.randn(7, 4), (9, 4))
    assert relative.shape == (9, 4)
    assert fit_shape("vision_encoder.pos_embed", torch.randn(1, 4, 4, 8), (1, 5, 5, 8)).ndim == 4
    with pytest.raises(WeightsError, match="position_embedding"):
        fit_shape(source, torch.randn(15, 8), (1, 36, 8))


def test_a_position_map_of_another_grid_is_kept(golden, tampered):
    def change(state):
        state["prompter.img_pe"] = torch.randn(1, 64, 6, 6)

    model = load_released(tampered(change), preset_of(golden))
    assert model.preset.prompter.image_grid == (6, 6)
    assert model.prompter.image_pe.shape == (1, 64, 6, 6)
