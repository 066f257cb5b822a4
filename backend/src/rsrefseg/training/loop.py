"""The training loop: the same on a CPU, a GPU, and several GPUs (started by torchrun)."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from rsrefseg.models.build import build_model
from rsrefseg.models.features import ImageFeatures
from rsrefseg.models.prompter import Prompts
from rsrefseg.models.rsrefseg2 import RSRefSeg2
from rsrefseg.predict.device import cpu_has_bf16
from rsrefseg.training.batch import Batch, Grids
from rsrefseg.training.checkpoint import load_checkpoint, save_checkpoint
from rsrefseg.training.config import TrainConfig
from rsrefseg.training.losses import Targets, drawing_losses, prompt_losses, weighted
from rsrefseg.training.optimizer import MasterOptimizer
from rsrefseg.training.stream import BatchStream, batches
from rsrefseg.training.surfaces import SurfaceHeads

# Name of the model among what is trained; the rest is dropped when weights are written.
_MODEL = "model"

Validate = Callable[[RSRefSeg2, int], Mapping[str, float]]
"""Measures a model at a step; gives figures by name for the log."""


@dataclass(frozen=True)
class Process:
    """This process among those of the run."""

    rank: int = 0
    world: int = 1

    @classmethod
    def join(cls) -> Process:
        """Joins the group that torchrun started, or stays alone."""
        if "WORLD_SIZE" not in os.environ or int(os.environ["WORLD_SIZE"]) == 1:
            return cls()
        if not dist.is_initialized():
            dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
        return cls(dist.get_rank(), dist.get_world_size())

    def agree(self, seconds: float, device: torch.device) -> float:
        """The same time for all processes, so that all stop at the same step."""
        if self.world == 1:
            return seconds
        shared = torch.tensor([seconds], device=device)
        self.average(shared)
        return float(shared)

    def average(self, gradients: Tensor) -> None:
        """Averages a tensor over the processes, in place."""
        dist.all_reduce(gradients)
        gradients /= self.world


def grids_of(model: RSRefSeg2) -> Grids:
    """The sides of a model's grids, found by asking it once."""
    side = model.preset.tile_px
    with torch.no_grad():
        image = model.encode_image(torch.zeros(1, 3, side, side))
        text = model.encode_text(*model.words.batch(["x"]))
        out = model.ask(image, text)
    return Grids(
        side,
        mask=out.low_res_logits.shape[-1],
        tokens=out.dense_token_logits.shape[-1],
        sam=image.sam_embed.shape[-1],
    )


class Trainer:
    """Trains a model and keeps its checkpoint, log and averaged weights in a folder.

    Args:
        model: in fp32; moved to the device and precision of the run.
        config: the run.
        out: folder of `checkpoint.pt`, `log.jsonl`, `config.json` and TensorBoard's events.
        validate: measures the averaged model, or None.
        device: "cpu", "cuda", "cuda:1" or "mps".
    """

    def __init__(
        self,
        model: RSRefSeg2,
        config: TrainConfig,
        out: Path,
        *,
        validate: Validate | None = None,
        device: str = "cpu",
    ) -> None:
        self.config, self.out, self.validate = config, out, validate
        self.process = Process.join()
        self.device = torch.device(device)
        self.grids = grids_of(model.eval())
        self.dtype = _dtype(config.precision, self.device)
        if self.device.type == "cuda":  # fp32's products by tensor cores, in TF32
            torch.set_float32_matmul_precision("high")
        self.model = model
        self.heads = SurfaceHeads(model.preset)
        trained = nn.ModuleDict({_MODEL: self.model, "heads": self.heads}).to(self.device)
        self.optimizer = MasterOptimizer(
            trained,
            weight_decay=config.weight_decay,
            ema_decay=config.ema_decay,
            muon=config.optimizer == "muon",
            rank=self.process.rank,
            world=self.process.world,
        )
        trained.to(self.dtype).train()
        self.step = 0
        self.seconds = 0.0
        self.checkpoint_path = out / "checkpoint.pt"
        out.mkdir(parents=True, exist_ok=True)
        self._board = _tensorboard(out) if self.process.rank == 0 else None
        if self.checkpoint_path.exists():
            self._resume()

    def run(self, *, max_minutes: float | None = None) -> int:
        """Trains to the configured end, or until the time is up; returns the step reached."""
        stream = BatchStream(
            self.config,
            self.model.words,
            self.grids,
            rank=self.process.rank,
            world=self.process.world,
        )
        (self.out / "config.json").write_text(json.dumps(self.config.to_json(), indent=2) + "\n")
        begun = saved = time.monotonic()
        before = self.seconds
        for batch in batches(stream, self.step):
            if self.config.done(self.step, self.seconds) >= 1:
                break
            figures = self._train_step(batch)
            self.step += 1
            now = time.monotonic()
            self.seconds = self.process.agree(before + now - begun, self.device)
            if self.step % self.config.log_every == 0:
                self._log({"loss": figures})
            if self.config.validate_every and self.step % self.config.validate_every == 0:
                self._measure()
            if now - saved > self.config.checkpoint_minutes * 60:
                self.save()
                saved = now
            if max_minutes is not None and self.seconds - before > max_minutes * 60:
                break
        self.save()
        return self.step

    def _train_step(self, batch: Batch) -> dict[str, float]:
        batch = batch.ready(self.device)
        targets = batch.targets
        frozen = self.step < self.config.frozen_steps
        with torch.set_grad_enabled(not frozen):
            encoded = self.model.encode_image(batch.images.to(self.dtype))
        if frozen:  # the encoders; what the prompter makes of them learns
            encoded = self.model.see_ground(encoded)
        # The finer maps are for drawing, which not all phrases come to.
        features = replace(encoded, high_res=()).expand(targets.image_index)
        text = self.model.encode_text(batch.token_ids, batch.lengths)
        parts = {
            "surface": self.heads.surface_loss(
                encoded.clip_tokens, encoded.sam_embed, batch.labels, batch.labelled
            ),
            "naming": self.heads.naming_loss(features.clip_tokens, text.pooled, targets.of_class),
        }
        if not self.config.encodes_only(self.step):
            prompts = self.model.prompt(features, text)
            parts |= prompt_losses(prompts, features.clip_tokens, targets)
            parts |= self._drawn(encoded, prompts, targets)
        loss = weighted(parts, self.config.loss)
        loss.backward()  # type: ignore[no-untyped-call]
        share = self.process.average if self.process.world > 1 else None
        rate = self.config.rate(self.step, self.seconds)
        norm = self.optimizer.step(rate, self.config.clip_norm, share)
        # All figures in one go: each that is read by itself makes a GPU wait.
        figures = torch.stack([*parts.values(), loss]).detach().tolist()
        return {**dict(zip([*parts, "total"], figures, strict=True)), "grad_norm": norm}

    def _drawn(
        self, encoded: ImageFeatures, prompts: Prompts, targets: Targets
    ) -> dict[str, Tensor]:
        """Draws the masks of some of the phrases, drawn by lot, and judges them."""
        count = len(targets.present)
        chosen = np.random.default_rng([self.config.seed, self.step, self.process.rank])
        index = torch.from_numpy(chosen.permutation(count)[: self.config.drawn_phrases])
        index = index.sort().values.to(self.device)
        rows = replace(encoded, ground=None).rows(targets.image_index[index])
        masks, iou = self.model.sam_decoder(
            rows.sam_embed, rows.high_res, prompts.sparse[index], prompts.dense[index]
        )
        return drawing_losses(masks, iou, targets.rows(index))

    def averaged_model(self) -> RSRefSeg2:
        """The model with the moving average of its weights, fp32, for measuring and shipping."""
        model = build_model(self.model.preset, tokenizer=self.model.tokenizer, random_init=False)
        state: dict[str, Tensor] = {k: v.float().cpu() for k, v in self.model.state_dict().items()}
        prefix = _MODEL + "."
        for name, average in self.optimizer.averaged().items():
            if name.startswith(prefix):
                state[name.removeprefix(prefix)] = average.cpu()
        model.load_state_dict(state)
        return model.eval()

    def _measure(self) -> None:
        if self.validate is not None and self.process.rank == 0:
            self._log({"validation": dict(self.validate(self.averaged_model(), self.step))})

    def _log(self, entry: dict[str, Any]) -> None:
        if self.process.rank != 0:
            return
        rate = self.config.rate(self.step, self.seconds)
        head = {"step": self.step, "minutes": round(self.seconds / 60, 2), "rate": rate}
        with (self.out / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps({**head, **entry}) + "\n")
        if self._board is not None:
            for group, figures in entry.items():
                for name, value in figures.items():
                    self._board.add_scalar(f"{group}/{name}", value, self.step)

    def save(self) -> None:
        """Writes the checkpoint that a later run goes on from."""
        if self.process.rank != 0:
            return
        buffers = dict(self.model.named_buffers())
        save_checkpoint(
            self.checkpoint_path,
            {
                "step": self.step,
                "seconds": self.seconds,
                "optimizer": self.optimizer.state_dict(),
                "buffers": {k: v.detach().cpu() for k, v in buffers.items()},
            },
        )

    def _resume(self) -> None:
        state = load_checkpoint(self.checkpoint_path)
        self.step, self.seconds = int(state["step"]), float(state["seconds"])
        self.optimizer.load_state_dict(state["optimizer"])
        for name, buffer in self.model.named_buffers():
            buffer.copy_(state["buffers"][name])


def _dtype(precision: str, device: torch.device) -> torch.dtype:
    """What forward and backward compute in."""
    if precision == "auto":
        on_gpu = device.type == "cuda" and torch.cuda.is_bf16_supported()
        fast = on_gpu or (device.type == "cpu" and cpu_has_bf16())
        return torch.bfloat16 if fast else torch.float32
    return torch.bfloat16 if precision == "bf16" else torch.float32


def _tensorboard(out: Path) -> Any:
    """A writer where TensorBoard is installed (an optional extra), else None."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(out / "tensorboard"))
