from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from rsrefseg.models.build import build_model
from torch.nn import functional

KINDS = ["rsrefseg2-tiny", "rsrefseg2-sam1-b", "rsrefseg2-t"]


@pytest.fixture(params=KINDS)
def model(request, reduced):
    torch.manual_seed(0)
    return build_model(reduced(request.param))


def tensors(answer):
    """All of an answer by name, what its places hold included."""
    places = {} if answer.places is None else vars(answer.places)
    return {k: v for k, v in vars(answer).items() if k != "places"} | places


def phrases(*lengths):
    longest = max(lengths)
    generator = torch.Generator().manual_seed(1)
    rows = [torch.randint(0, 299, (n,), generator=generator) for n in lengths]
    # What stands at padding must not matter: noise instead of zeros.
    ids = torch.stack([torch.cat([r, torch.randint(0, 299, (longest - len(r),))]) for r in rows])
    return ids, torch.tensor(lengths)


@torch.inference_mode()
def test_a_phrase_gets_the_same_alone_and_in_any_batch(model):
    side = model.preset.tile_px
    image = model.encode_image(torch.rand(1, 3, side, side))
    ids, lengths = phrases(3, 20, 1, 7, 7)
    together = model.ask(
        image.expand(torch.zeros(5, dtype=torch.long)), model.encode_text(ids, lengths)
    )
    for row, length in enumerate(lengths.tolist()):
        text = model.encode_text(ids[row : row + 1, :length], lengths[row : row + 1])
        alone = model.ask(image, text)
        for field, value in tensors(alone).items():
            if value is not None:
                batched = tensors(together)[field][row : row + 1]
                if field == "presence_logit":
                    # An untrained head's logit is a sum that cancels to nearly 0: the
                    # probability is what is promised to be the same.
                    batched, value = batched.sigmoid(), value.sigmoid()
                scale = value.abs().max()
                assert (batched - value).abs().max() <= 1e-5 * scale, field


@torch.inference_mode()
def test_what_helps_learning_from_few_images_begins_as_nothing(reduced):
    """Older weights go on in a preset with these options, and answer as before at first."""
    torch.manual_seed(0)
    helped = build_model(reduced("rsrefseg2-tiny"))
    preset = helped.preset
    plain = build_model(
        replace(
            preset,
            clip=replace(preset.clip, local_kernel=0),
            sam=replace(preset.sam, local_kernel=0, finer_maps=False),
        )
    )
    left = helped.load_state_dict(plain.state_dict(), strict=False)
    assert {key.split(".")[1] for key in left.missing_keys} == {"local", "project"}
    side = preset.tile_px
    tile, (ids, lengths) = torch.rand(1, 3, side, side), phrases(4)
    masks = [
        model.ask(model.encode_image(tile), model.encode_text(ids, lengths)).low_res_logits
        for model in (helped, plain)
    ]
    torch.testing.assert_close(*masks)
    before = helped.encode_image(tile)
    for part in (helped.clip_image.local[0].conv, helped.sam_encoder.local[0].conv):
        part.weight.normal_()
    after = helped.encode_image(tile)
    assert (after.clip_tokens - before.clip_tokens).abs().max() > 0.01
    assert (after.sam_embed - before.sam_embed).abs().max() > 0.01
    for part in helped.sam_encoder.project:
        part.weight.normal_()
        finer = helped.encode_image(tile)
        drawn = helped.ask(finer, helped.encode_text(ids, lengths)).low_res_logits
        assert (drawn - masks[0]).abs().max() > 1e-4
        masks[0] = drawn


@torch.inference_mode()
def test_images_do_not_mix(model):
    side = model.preset.tile_px
    tiles = torch.rand(2, 3, side, side)
    ids, lengths = phrases(4, 4)
    text = model.encode_text(ids, lengths)
    both = model.ask(model.encode_image(tiles).expand(torch.tensor([1, 0])), text)
    for row, tile in ((0, 1), (1, 0)):
        image = model.encode_image(tiles[tile : tile + 1])
        alone = model.ask(image, text.expand(torch.tensor([row])))
        torch.testing.assert_close(
            both.low_res_logits[row : row + 1], alone.low_res_logits, rtol=1e-4, atol=1e-5
        )


@torch.inference_mode()
def test_asking_does_not_encode_the_image_again(model, monkeypatch):
    side = model.preset.tile_px
    image = model.encode_image(torch.rand(1, 3, side, side))

    def fail(*_):
        raise AssertionError("the image was encoded again")

    monkeypatch.setattr(model.clip_image, "forward", fail)
    monkeypatch.setattr(model.sam_encoder, "forward", fail)
    ids, lengths = phrases(4, 2)
    model.ask(image.expand(torch.zeros(2, dtype=torch.long)), model.encode_text(ids, lengths))


@torch.inference_mode()
def test_clicks_and_boxes_are_prompts(model):
    side = model.preset.tile_px
    image = model.encode_image(torch.rand(1, 3, side, side))
    text = model.encode_text(*phrases(4))
    plain = model.ask(image, text).low_res_logits
    click = {"points": torch.tensor([[[0.25, 0.5]]]), "point_labels": torch.tensor([[1]])}
    clicked = model.ask(image, text, **click).low_res_logits
    boxed = model.ask(image, text, boxes=torch.tensor([[0.1, 0.2, 0.6, 0.7]])).low_res_logits
    assert not torch.allclose(plain, clicked)
    assert not torch.allclose(plain, boxed)
    assert not torch.allclose(clicked, boxed)


def test_prompt_tokens_are_segment_anythings(reduced):
    from segment_anything.modeling import PromptEncoder

    model = build_model(reduced("rsrefseg2-sam1-b"))
    ours = model.sam_decoder.prompts
    theirs = PromptEncoder(32, (8, 8), (128, 128), 16)
    theirs.load_state_dict(ours.encoder.state_dict())
    pixels, labels = torch.tensor([[[31.0, 63.0], [5.0, 6.0]]]), torch.tensor([[1, 0]])
    box = torch.tensor([[4.0, 8.0, 99.0, 100.0]])
    expected, _ = theirs(points=(pixels, labels), boxes=box, masks=None)
    found = ours.sparse((pixels + 0.5) / 128, labels, (box + 0.5) / 128, torch.float32)
    torch.testing.assert_close(torch.cat(found, dim=1), expected)
    torch.testing.assert_close(ours.positions((8, 8), torch.float32), theirs.get_dense_pe())
    absent = ours.sparse(pixels, torch.tensor([[-1, -1]]), None, torch.float32)[0]
    torch.testing.assert_close(absent[0, 0], theirs.not_a_point_embed.weight[0])


@torch.inference_mode()
def test_tiles_of_another_size_are_answered(model):
    side = model.preset.tile_px * 3 // 2
    image = model.encode_image(torch.rand(1, 3, side, side))
    answer = model.ask(image, model.encode_text(*phrases(4)))
    rows = image.sam_embed.shape[-1]
    assert answer.low_res_logits.shape[-2:] == (4 * rows, 4 * rows)


def test_upsampling_crops_the_padding(model):
    logits = torch.randn(2, 1, 16, 16)
    full = functional.interpolate(logits, size=(64, 64), mode="bilinear", align_corners=False)
    expected = functional.interpolate(
        full[..., :48, :60], size=(96, 120), mode="bilinear", align_corners=False
    )
    torch.testing.assert_close(model.upsample(logits, 64, (48, 60), (96, 120)), expected)
    torch.testing.assert_close(model.upsample(logits, (64, 64), (64, 64), (64, 64)), full)


def test_building_draws_fresh_weights_each_time(reduced):
    preset = reduced("rsrefseg2-tiny")
    first, second = build_model(preset), build_model(preset)
    assert not torch.equal(first.prompter.prompts, second.prompter.prompts)
    assert all(p.isfinite().all() for p in first.parameters())
