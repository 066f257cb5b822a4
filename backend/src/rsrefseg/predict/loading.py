"""Loading a model onto the device, and in the precision, that serve it best."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rsrefseg.models.rsrefseg2 import RSRefSeg2
from rsrefseg.predict import device as devices
from rsrefseg.predict.diskcache import DiskOptions
from rsrefseg.predict.segmenter import Segmenter
from rsrefseg.predict.types import DeviceKind, Precision
from rsrefseg.weights.files import ModelFile, load_model

_TRIAL_PHRASE = "the red-roofed building left of the road"


def load_segmenter(
    path: Path | str,
    device: str,
    precision: str,
    cache_budget_bytes: int | None,
    disk: DiskOptions | None,
) -> Segmenter:
    """See `Segmenter.from_file`."""
    kind, why = devices.choose_device(device)
    candidates = devices.candidate_precisions(kind, precision)
    if kind == "cpu":
        devices.use_all_cores()
    best = _load(path, kind, why, candidates[0], cache_budget_bytes, disk)
    if len(candidates) == 1:
        return best
    seconds = _trial_s(best)
    for candidate in candidates[1:]:
        other = _load(path, kind, why, candidate, cache_budget_bytes, disk)
        other_seconds = _trial_s(other)
        if other_seconds * devices.WORTHWHILE_GAIN < seconds:
            best, seconds = other, other_seconds
    return best


def in_memory(model: RSRefSeg2) -> Segmenter:
    """A segmenter around a model that is being trained: on the CPU, in fp32.

    Args:
        model: in evaluation mode, on the CPU.
    """
    file = ModelFile("in memory", model.preset.name, sha256="")
    described = devices.describe("cpu", "It is being trained.", "fp32")
    return Segmenter(model, file, described)


def _load(
    path: Path | str,
    kind: DeviceKind,
    why: str,
    precision: Precision,
    cache_budget_bytes: int | None,
    disk: DiskOptions | None,
) -> Segmenter:
    model, file = load_model(Path(path), device=kind, dtype=devices.DTYPES[precision])
    described = devices.describe(kind, why, precision)
    return Segmenter(model, file, described, cache_budget_bytes=cache_budget_bytes, disk=disk)


def _trial_s(segmenter: Segmenter) -> float:
    """Seconds for one encoding and one phrase, the caches aside."""
    side = segmenter.info.tile_px
    noise = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)

    def step() -> None:
        segmenter.forget()
        segmenter.ask(segmenter.encode(noise, keep=False), [_TRIAL_PHRASE])

    seconds = devices.measure_s(step)
    segmenter.forget()
    return seconds
