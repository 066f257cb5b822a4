"""Training: the stream is a function of the step, resuming is exact, the loss goes down."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch
from rsrefseg.errors import ConfigError, WeightsError
from rsrefseg.models.build import build_model
from rsrefseg.models.config import load_preset
from rsrefseg.models.tokenizer import WordTokenizer, word_tokenizer
from rsrefseg.training.batch import Grids
from rsrefseg.training.checkpoint import load_checkpoint
from rsrefseg.training.config import TrainConfig
from rsrefseg.training.loop import Trainer
from rsrefseg.training.start import start_model, write_weights
from rsrefseg.training.stream import BatchStream, batches

CONFIG = TrainConfig(
    steps=4,
    images_per_step=1,
    phrases_per_image=4,
    loader_workers=0,
    validate_every=0,
    warmup_steps=1,
    log_every=1,
)
GRIDS = Grids(tile_px=256, mask=128, tokens=16, sam=32)


@pytest.fixture(scope="module")
def tokenizer():
    return build_model(load_preset("rsrefseg2-tiny")).words


def make_trainer(out, config=CONFIG, preset=None):
    torch.manual_seed(config.seed)
    return Trainer(build_model(preset or load_preset(config.preset)), config, out)


def smaller_tile():
    """The tiny preset with a tile of 256 pixels, which learns in half the time."""
    preset = load_preset("rsrefseg2-tiny")
    return dataclasses.replace(preset, sam=dataclasses.replace(preset.sam, image_size=256))


def test_a_step_gives_the_same_batch_every_time_and_other_steps_another(tokenizer):
    stream = BatchStream(CONFIG, tokenizer, GRIDS)
    again = BatchStream(CONFIG, tokenizer, GRIDS)
    assert torch.equal(stream[3].images, again[3].images)
    assert torch.equal(stream[3].targets.mask, again[3].targets.mask)
    assert not torch.equal(stream[2].images, stream[3].images)


def test_processes_of_one_run_see_different_images(tokenizer):
    parts = [BatchStream(CONFIG, tokenizer, GRIDS, rank=r, world=2)[0].images for r in range(2)]
    assert not torch.equal(parts[0], parts[1])


def test_worker_processes_make_the_same_batches(tokenizer):
    config = dataclasses.replace(CONFIG, loader_workers=2, steps=3)
    stream = BatchStream(config, tokenizer, GRIDS)
    made = list(batches(stream, 1))
    assert len(made) == 2
    for step, batch in zip((1, 2), made, strict=True):
        own = stream[step]
        assert torch.equal(batch.images, own.images)
        assert all(torch.equal(v, getattr(own.targets, k)) for k, v in vars(batch.targets).items())


def test_a_batch_is_bytes_until_it_is_ready(tokenizer):
    batch = BatchStream(CONFIG, tokenizer, GRIDS)[0]
    ready = batch.ready(torch.device("cpu"))
    for bytes_, numbers in (
        (batch.images, ready.images),
        (batch.labels, ready.labels),
        (batch.targets.mask, ready.targets.mask),
    ):
        assert bytes_.dtype == torch.uint8 and int(bytes_.max()) == 255
        assert numbers.dtype == torch.float32 and float(numbers.max()) == 1.0
    assert torch.equal(ready.token_ids, batch.token_ids)


def test_targets_and_likes_do_not_overlap(tokenizer):
    targets = BatchStream(CONFIG, tokenizer, GRIDS)[0].ready(torch.device("cpu")).targets
    assert targets.mask.shape[1:] == (128, 128)
    assert float((targets.tokens + targets.likes).max()) <= 1 + 1 / 255  # each is rounded


def test_scenes_of_another_side_are_scaled_to_the_tile(tokenizer):
    small = BatchStream(dataclasses.replace(CONFIG, scene_px=(128,)), tokenizer, GRIDS)[0]
    assert small.images.shape == (1, 3, 256, 256)
    assert small.targets.mask.shape[1:] == (128, 128)
    # What a place shows adds up as it does in the scene: somewhere a class covers a cell.
    assert int(small.labels.amax()) == 255
    with pytest.raises(ConfigError, match="multiple of 32"):
        BatchStream(dataclasses.replace(CONFIG, scene_px=(100,)), tokenizer, GRIDS)


def test_resumed_run_equals_the_unbroken_one(tmp_path):
    config = dataclasses.replace(CONFIG, optimizer="muon")  # all but the encoders is AdamW's
    make_trainer(tmp_path / "whole", config).run()
    first = make_trainer(tmp_path / "parts", config)
    assert first.run(max_minutes=0) == 1, "stops after its first step"
    make_trainer(tmp_path / "parts", config).run()
    whole = load_checkpoint(tmp_path / "whole" / "checkpoint.pt")["optimizer"]
    parts = load_checkpoint(tmp_path / "parts" / "checkpoint.pt")["optimizer"]
    for a, b in zip(whole["masters"], parts["masters"], strict=True):
        assert torch.equal(a, b)


def test_encoder_steps_leave_the_prompter_alone(tmp_path):
    config = dataclasses.replace(
        CONFIG, steps=2, encoder_steps=1, encoder_images=2, weight_decay=0.0
    )
    trainer = make_trainer(tmp_path, config)
    # bfloat16 weights may not show one step; the fp32 masters do.
    masters = dict(zip(trainer.optimizer.names, trainer.optimizer.masters, strict=True))
    before = {name: master.clone() for name, master in masters.items()}

    def moved() -> set[str]:
        changed = (n for n, master in masters.items() if not torch.equal(before[n], master))
        return {name.removeprefix("model.").split(".")[0] for name in changed}

    trainer.run(max_minutes=0)
    assert moved() == {"clip_image", "clip_text", "sam_encoder", "heads"}
    trainer.run()
    assert moved() == {"clip_image", "clip_text", "sam_encoder", "heads", "prompter", "sam_decoder"}
    assert not any(name.startswith("heads") for name in trainer.averaged_model().state_dict())


def test_encoders_that_are_frozen_stay_as_they_are(tmp_path):
    config = dataclasses.replace(CONFIG, steps=2, frozen_steps=1, drawn_phrases=2, weight_decay=0.0)
    trainer = make_trainer(tmp_path, config)
    masters = dict(zip(trainer.optimizer.names, trainer.optimizer.masters, strict=True))
    before = {name: master.clone() for name, master in masters.items()}

    def moved(part: str) -> bool:
        mine = [n for n in masters if n.startswith(f"model.{part}.")]
        return any(not torch.equal(before[n], masters[n]) for n in mine)

    trainer.run(max_minutes=0)
    assert [moved(p) for p in ("clip_image", "sam_encoder", "prompter")] == [False, False, True]
    trainer.run()
    assert moved("clip_image") and moved("sam_encoder")


def test_run_goes_on_from_weights_of_an_older_preset_with_what_fits(tmp_path):
    preset = load_preset("rsrefseg2-tiny")
    older = dataclasses.replace(
        preset, prompter=dataclasses.replace(preset.prompter, spatial_maps=0, dense_hidden=None)
    )
    torch.manual_seed(77)
    before = build_model(older)
    write_weights(before, tmp_path / "init.safetensors", {})
    config = dataclasses.replace(CONFIG, init=str(tmp_path / "init.safetensors"))
    model = start_model(config)
    assert model.prompter.spatial is not None
    for part in ("clip_image", "clip_text", "sam_encoder", "sam_decoder"):
        own, old = getattr(model, part).state_dict(), getattr(before, part).state_dict()
        assert all(torch.allclose(own[k], old[k], atol=1e-3) for k in old), part


def test_run_goes_on_from_weights_of_a_smaller_tile_with_its_positions_stretched(tmp_path):
    before = build_model(smaller_tile())
    with torch.no_grad():
        before.sam_encoder.vit.pos_embed.copy_(torch.linspace(-1, 1, 32)[None, :, None, None])
    write_weights(before, tmp_path / "smaller.safetensors", {})
    model = start_model(TrainConfig(init=str(tmp_path / "smaller.safetensors")))
    positions = model.sam_encoder.vit.pos_embed
    assert positions.shape[1:3] == (48, 48)
    assert bool((positions[0, 1:, 5, 7] > positions[0, :-1, 5, 7]).all())


def test_rate_warms_up_stays_and_falls_to_zero():
    config = dataclasses.replace(CONFIG, steps=100, warmup_steps=10, decay_fraction=0.2)
    rates = [config.rate(s) / config.learning_rate for s in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert [rates[10], rates[80]] == pytest.approx([1, 1])
    assert rates[90] == pytest.approx(0.5)
    assert rates[100] == 0.0


def test_rate_falls_in_time_for_the_end_by_the_clock():
    config = dataclasses.replace(CONFIG, steps=1000, minutes=10, decay_fraction=0.5)
    rates = [config.rate(50, 60 * m) / config.learning_rate for m in (0, 5, 7.5, 10, 11)]
    assert rates == pytest.approx([1, 1, 0.5, 0, 0])
    assert config.rate(900, 60) / config.learning_rate == pytest.approx(0.2), "few steps are left"


def test_run_ends_by_the_clock_and_stays_ended(tmp_path):
    config = dataclasses.replace(CONFIG, steps=1000, minutes=1e-4)
    assert make_trainer(tmp_path, config).run() == 1
    again = make_trainer(tmp_path, config)
    assert again.run() == 1
    last = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()][-1]
    assert last["rate"] == 0.0
    with pytest.raises(ConfigError, match="minutes must be above 0"):
        dataclasses.replace(CONFIG, minutes=0)


def test_run_that_goes_on_from_weights_learns_words_appended_since(tmp_path):
    preset = load_preset("rsrefseg2-tiny")
    bundled = word_tokenizer(preset)
    for words, kept in ((bundled.words[:-3], bundled.words), (("other", "words"),) * 2):
        older = WordTokenizer(words, preset.clip.vocab_size, preset.clip.context_length)
        write_weights(build_model(preset, tokenizer=older), tmp_path / "init.safetensors", {})
        config = dataclasses.replace(CONFIG, init=str(tmp_path / "init.safetensors"))
        assert start_model(config).words.words == tuple(kept)


def test_unknown_key_in_a_configuration_is_named(tmp_path):
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"learning_rat": 1e-3}))
    with pytest.raises(ConfigError, match="learning_rat"):
        TrainConfig.from_json(path)


def test_broken_checkpoint_is_refused_with_a_remedy(tmp_path):
    (tmp_path / "checkpoint.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(WeightsError, match="remove it"):
        make_trainer(tmp_path)


@pytest.mark.slow
def test_two_minutes_of_training_learn_its_own_small_set(tmp_path):
    """Overfits two scenes: the loss must fall and the masks must be found."""
    from rsrefseg.evaluation.generated import scene_scores
    from rsrefseg.evaluation.metrics import summarise
    from rsrefseg.predict.loading import in_memory

    config = TrainConfig(
        steps=60,
        images_per_step=2,
        phrases_per_image=6,
        loader_workers=0,
        validate_every=0,
        warmup_steps=10,
        optimizer="muon",
        learning_rate=2e-3,
        ema_decay=0.9,
        log_every=1,
        repeat_scenes=2,
        kind_stages=(),
    )
    trainer = make_trainer(tmp_path, config, smaller_tile())
    trainer.run()
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    losses = [entry["loss"]["total"] for entry in log]
    assert sum(losses[-10:]) < 0.5 * sum(losses[:10])
    scores = scene_scores(in_memory(trainer.averaged_model()), range(2), phrases=6)
    assert summarise(scores)["gIoU"] > 0.45
