"""`rsrefseg train`: trains a model by a configuration file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rsrefseg.models.rsrefseg2 import RSRefSeg2
    from rsrefseg.training.config import TrainConfig
    from rsrefseg.training.loop import Trainer


# Phrases that the panel offers as examples.
EXAMPLES = (
    "the red-roofed building left of the road",
    "all buildings",
    "roads",
    "water",
    "trees",
    "swimming pools",
    "the largest building",
    "white cars",
)
# Margins above the 95 % of present targets that must be answered and the 90 % of absent ones that
# must not: a set of a hundred absent targets differs from the next by about three of them.
_KEEP, _SILENT = 0.96, 0.93
_CALIBRATION_SCENES = 200


def train(
    config: Annotated[Path, typer.Argument(help="Training configuration (JSON).")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder of the checkpoint, log and weights.")
    ],
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1 or mps.")] = "cpu",
    minutes: Annotated[
        float | None, typer.Option(help="Stop after so many minutes; run again to go on.")
    ] = None,
    export: Annotated[
        bool, typer.Option("--export", help="Do not train: write the checkpoint's weights.")
    ] = False,
) -> None:
    """Train a model. A run that was stopped goes on where it was when it is started again.

    On several GPUs: torchrun --nproc-per-node 4 -m rsrefseg train CONFIG -o DIR --device cuda
    """
    from rsrefseg.training.config import TrainConfig
    from rsrefseg.training.loop import Trainer
    from rsrefseg.training.start import start_model

    settings = TrainConfig.from_json(config)
    model, validate = start_model(settings), _validator(settings)
    trainer = Trainer(model, settings, out, validate=validate, device=device)
    step = trainer.step if export else trainer.run(max_minutes=minutes)
    if trainer.process.rank == 0:
        _write(trainer, out / "weights.safetensors")
        typer.echo(f"Step {step} of {settings.steps}; the weights are in {out}")


def _write(trainer: Trainer, path: Path) -> None:
    """Writes the averaged weights with the presence threshold chosen on scenes of its own."""
    from rsrefseg.evaluation.generated import calibrated_presence
    from rsrefseg.predict.loading import in_memory
    from rsrefseg.training.config import CALIBRATION_SEED
    from rsrefseg.training.start import write_weights

    model = trainer.averaged_model()
    seeds = range(CALIBRATION_SEED, CALIBRATION_SEED + _CALIBRATION_SCENES)
    presence = calibrated_presence(
        in_memory(model), seeds, keep=_KEEP, silent=_SILENT, sides=trainer.config.scene_px
    )
    metadata = {
        "training": trainer.config.to_json(),
        "steps_done": trainer.step,
        "presence_threshold": presence,
        "vocabulary_examples": list(EXAMPLES),
    }
    write_weights(model, path, metadata)


def _validator(settings: TrainConfig) -> Callable[[RSRefSeg2, int], Mapping[str, float]]:
    """Measures gIoU by kind on scenes that training never sees."""
    from rsrefseg.evaluation.generated import scene_scores
    from rsrefseg.evaluation.metrics import grouped, summarise
    from rsrefseg.predict.loading import in_memory
    from rsrefseg.training.config import VALIDATION_SEED

    def validate(model: RSRefSeg2, step: int) -> Mapping[str, float]:
        seeds = range(VALIDATION_SEED, VALIDATION_SEED + settings.validation_scenes)
        scores = scene_scores(in_memory(model), seeds, sides=settings.scene_px)
        by_kind = {k: v["gIoU"] for k, v in grouped(scores, "kind").items()}
        every = {"gIoU": summarise(scores)["gIoU"], **by_kind}
        return {k: float(v) for k, v in every.items() if isinstance(v, (int, float))}

    return validate
