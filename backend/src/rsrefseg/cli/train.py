"""`rsrefseg train`: trains a model by a configuration file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rsrefseg.models.rsrefseg2 import RSRefSeg2
    from rsrefseg.training.config import TrainConfig


def train(
    config: Annotated[Path, typer.Argument(help="Training configuration (JSON).")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder of the checkpoint, log and weights.")
    ],
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1 or mps.")] = "cpu",
    minutes: Annotated[
        float | None, typer.Option(help="Stop after so many minutes; run again to go on.")
    ] = None,
) -> None:
    """Train a model. A run that was stopped goes on where it was when it is started again.

    On several GPUs: torchrun --nproc-per-node 4 -m rsrefseg train CONFIG -o DIR --device cuda
    """
    import torch

    from rsrefseg.training.config import TrainConfig
    from rsrefseg.training.loop import Trainer
    from rsrefseg.weights.files import save_model

    settings = TrainConfig.from_json(config)
    model = _start(settings)
    trainer = Trainer(model, settings, out, validate=_validator(settings), device=device)
    step = trainer.run(max_minutes=minutes)
    metadata = {"training": settings.to_json(), "steps_done": step}
    weights = out / "weights.safetensors"
    save_model(trainer.averaged_model(), weights, metadata, dtype=torch.float16)
    typer.echo(f"Step {step} of {settings.steps}; the averaged weights are in {weights}")


def _start(settings: TrainConfig) -> RSRefSeg2:
    """A fresh model, or the one that the run continues from."""
    import torch

    from rsrefseg.models.build import build_model
    from rsrefseg.models.config import load_preset
    from rsrefseg.weights.files import load_model

    torch.manual_seed(settings.seed)
    if settings.init is not None:
        return load_model(Path(settings.init))[0]
    return build_model(load_preset(settings.preset))


def _validator(settings: TrainConfig):  # type: ignore[no-untyped-def]
    """Measures gIoU by kind on scenes that training never sees."""
    from rsrefseg.evaluation.generated import scene_scores
    from rsrefseg.evaluation.metrics import grouped, summarise
    from rsrefseg.training.config import VALIDATION_SEED

    def validate(model: RSRefSeg2, step: int) -> Mapping[str, float]:
        scores = scene_scores(
            model, range(VALIDATION_SEED, VALIDATION_SEED + settings.validation_scenes)
        )
        by_kind = {k: v["gIoU"] for k, v in grouped(scores, "kind").items()}
        every = {"gIoU": summarise(scores)["gIoU"], **by_kind}
        return {k: float(v) for k, v in every.items() if isinstance(v, (int, float))}

    return validate
