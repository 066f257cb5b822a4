"""The training configuration: a JSON file that says everything a run depends on."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rsrefseg.errors import ConfigError

# Scenes with these seeds measure the model and are never trained on.
VALIDATION_SEED = 600_000
CALIBRATION_SEED = 650_000
TEST_SEED = 700_000


@dataclass(frozen=True)
class LossWeights:
    """Weights of the loss terms; the first four are the released settings (arXiv 2507.06231)."""

    bce: float = 5.0
    dice: float = 5.0
    subspace: float = 0.5
    contrastive: float = 0.5
    choice: float = 1.0
    presence: float = 1.0
    iou: float = 1.0
    surface: float = 1.0
    naming: float = 1.0
    things: float = 2.0
    places: float = 1.0


@dataclass(frozen=True)
class KindStage:
    """Weights of the phrase kinds from a share of the run on (a curriculum has several)."""

    from_fraction: float
    weights: dict[str, float]


@dataclass(frozen=True)
class TrainConfig:
    """One training run.

    Attributes:
        preset: name or path of the model preset.
        init: weights file to start from, or None to start from scratch.
        steps: optimiser steps of the whole run; the schedule is laid over them.
        minutes: the run ends after so many minutes of training, if its steps are not done by then,
            and the learning rate falls in time for that: for a machine that is lent by the hour.
            Such a run does not come out the same twice; `kind_stages` still follow the steps.
        images_per_step: images per step and process.
        phrases_per_image: phrases asked of each image at once.
        encoder_steps: so many steps at the beginning train the encoders alone, on what every place
            shows and what it is called (see `surfaces`): no phrase is answered, images are cheap.
        encoder_images: images per step and process in these.
        frozen_steps: in so many steps at the beginning the image encoders stay as they are.
        drawn_phrases: of so many phrases of a process's step the mask is drawn; the others only
            learn where to point, which is cheaper. None: of all.
        scene_seed: first seed of the rendered scenes; all stay below 600,000.
        scene_px: sides of the rendered scenes, drawn at random and scaled to the tile, each a
            multiple of SAM's grid; none: the tile's side.
        repeat_scenes: go over this many scenes again and again instead of rendering new ones.
        real_cases: cases.jsonl files of labelled imagery that is mixed in.
        real_share: share of the images in a batch that are taken from `real_cases`.
        optimizer: "muon" optimises the image encoders' matrices with Muon, all else with AdamW.
        learning_rate: peak learning rate.
        warmup_steps: linear warm-up.
        decay_fraction: share of the run, at its end, over which the rate falls to zero.
        precision: "bf16" keeps bfloat16 weights with fp32 master copies; "auto" does so where the
            device multiplies bf16 in hardware (in software it takes ten times as long).
        ema_decay: decay of the moving average of the weights that is validated and kept.
        checkpoint_minutes: wall-clock between checkpoints.
        validate_every: steps between validations (0: only at the end).
    """

    preset: str = "rsrefseg2-tiny"
    init: str | None = None
    steps: int = 4000
    minutes: float | None = None
    images_per_step: int = 4
    phrases_per_image: int = 16
    encoder_steps: int = 0
    encoder_images: int = 8
    frozen_steps: int = 0
    drawn_phrases: int | None = None
    scene_seed: int = 0
    scene_px: tuple[int, ...] = ()
    repeat_scenes: int | None = None
    real_cases: tuple[str, ...] = ()
    real_share: float = 0.0
    kind_stages: tuple[KindStage, ...] = ()
    loss: LossWeights = field(default_factory=LossWeights)
    optimizer: Literal["adamw", "muon"] = "adamw"
    learning_rate: float = 6e-4
    weight_decay: float = 0.05
    warmup_steps: int = 200
    decay_fraction: float = 0.3
    clip_norm: float = 3.0
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    ema_decay: float = 0.998
    seed: int = 1
    loader_workers: int = 1
    checkpoint_minutes: float = 5.0
    validate_every: int = 500
    validation_scenes: int = 48
    log_every: int = 20

    def __post_init__(self) -> None:
        """Refuses values that no run could use."""
        for name in ("steps", "images_per_step", "phrases_per_image", "encoder_images"):
            if getattr(self, name) < 1:
                raise ConfigError(f"The training configuration needs {name} of at least 1.")
        if self.optimizer not in ("adamw", "muon"):
            raise ConfigError(f"Optimizer {self.optimizer!r} is unknown; use adamw or muon.")
        if self.precision not in ("auto", "fp32", "bf16"):
            raise ConfigError(f"Precision {self.precision!r} is unknown; use auto, fp32 or bf16.")
        if not 0 <= self.real_share <= 1 or (self.real_share and not self.real_cases):
            raise ConfigError("real_share must be 0 to 1, and above 0 only with real_cases.")
        if self.minutes is not None and not self.minutes > 0:
            raise ConfigError("minutes must be above 0; leave it out for a run of so many steps.")
        if not 0 < self.decay_fraction <= 1:
            raise ConfigError("decay_fraction must be above 0 and at most 1.")

    @classmethod
    def from_json(cls, path: Path) -> TrainConfig:
        """Reads a configuration; relative paths inside are relative to the file."""
        try:
            raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"The configuration {path} could not be read: {error}.") from error
        known = {f.name for f in dataclasses.fields(cls)}
        unknown = sorted(set(raw) - known)
        if unknown:
            raise ConfigError(f"The configuration {path} has unknown keys: {', '.join(unknown)}.")
        base = path.resolve().parent
        raw["real_cases"] = tuple(str((base / p).resolve()) for p in raw.get("real_cases", ()))
        if raw.get("init"):
            raw["init"] = str((base / raw["init"]).resolve())
        try:
            raw["loss"] = LossWeights(**raw.get("loss", {}))
            raw["scene_px"] = tuple(raw.get("scene_px", ()))
            raw["kind_stages"] = tuple(KindStage(**s) for s in raw.get("kind_stages", ()))
            return cls(**raw)
        except TypeError as error:
            raise ConfigError(f"The configuration {path} is malformed: {error}.") from error

    def to_json(self) -> dict[str, Any]:
        """Plain values, for logs and for the weights' metadata; files by name, without folders."""
        values = dataclasses.asdict(self)
        values["real_cases"] = [Path(p).name for p in self.real_cases]
        values["init"] = None if self.init is None else Path(self.init).name
        return values

    def kind_weights(self, step: int) -> dict[str, float] | None:
        """Weights of the phrase kinds at a step: the last stage that has begun."""
        begun = [s for s in self.kind_stages if s.from_fraction * self.steps <= step]
        return begun[-1].weights if begun else None

    def encodes_only(self, step: int) -> bool:
        """Whether a step trains the encoders alone."""
        return step < self.encoder_steps

    def images_at(self, step: int) -> int:
        """Images of a step and process."""
        return self.encoder_images if self.encodes_only(step) else self.images_per_step

    def done(self, step: int, seconds: float) -> float:
        """Share of the run that is over after so many steps and seconds."""
        by_time = 0.0 if self.minutes is None else seconds / (60 * self.minutes)
        return max(step / self.steps, by_time)

    def rate(self, step: int, seconds: float = 0.0) -> float:
        """Learning rate: warm-up, plateau, then linear to zero over the last share of the run.

        The plateau makes a run extensible: a longer run shares its beginning with a shorter one
        (warm-up-stable-decay, arXiv 2404.06395).
        """
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        left = (1 - self.done(step, seconds)) / self.decay_fraction
        return self.learning_rate * min(1.0, max(0.0, left))
