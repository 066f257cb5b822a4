"""Loading a model onto the device, and in the precision, that serve it best."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rsrefseg.errors import DeviceError
from rsrefseg.models.rsrefseg2 import RSRefSeg2
from rsrefseg.predict import device as devices
from rsrefseg.predict import probe
from rsrefseg.predict.diskcache import DiskOptions
from rsrefseg.predict.segmenter import Segmenter
from rsrefseg.predict.types import DeviceKind, EncodedImage, Precision
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

    def load(chosen: Precision, sentence: str = why) -> Segmenter:
        return _load(path, kind, sentence, chosen, cache_budget_bytes, disk)

    if kind != "cpu":
        segmenter = load(candidates[0])
        _encode_and_ask(segmenter)  # compiles kernels now and not at the first phrase
        return segmenter
    cores = devices.use_all_cores()
    if os.environ.get("OMP_NUM_THREADS") and len(candidates) == 1:
        return load(candidates[0])
    folder = disk.folder if disk is not None and disk.budget_bytes > 0 else None
    known = None if folder is None else probe.remembered(folder, Path(path), precision)
    if known is not None and known.precision in candidates:
        return _planned(load(known.precision, known.describe(why)), known)
    return _probed(Path(path), precision, why, candidates, cores, folder, load)


def _probed(
    path: Path,
    choice: str,
    why: str,
    candidates: list[Precision],
    cores: int,
    folder: Path | None,
    load: Callable[..., Segmenter],
) -> Segmenter:
    """The model in the precision, and on the threads, that a trial found best."""
    best: probe.CpuPlan | None = None
    segmenter: Segmenter | None = None
    for candidate in candidates:
        segmenter = None  # one at a time: two large models would not fit
        segmenter = load(candidate)
        found = _trial(segmenter, candidate, cores)
        best = found if best is None else probe.better(best, found)
    if best is None or segmenter is None:
        raise DeviceError("No precision is left to compute in: choose auto.")
    if folder is not None:
        probe.remember(folder, path, choice, best)
    if segmenter.device.precision != best.precision:
        segmenter = None
        segmenter = load(best.precision)
    segmenter.explain(best.describe(why))
    return _planned(segmenter, best)


def _planned(segmenter: Segmenter, plan: probe.CpuPlan) -> Segmenter:
    if not os.environ.get("OMP_NUM_THREADS"):
        segmenter.threads = (plan.encode_threads, plan.ask_threads)
    return segmenter


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


def _trial(segmenter: Segmenter, precision: Precision, cores: int) -> probe.CpuPlan:
    """How the model runs best in its precision."""
    noise = _noise(segmenter)
    encoded: list[EncodedImage] = []

    def encode() -> None:
        segmenter.forget()
        encoded[:] = [segmenter.encode(noise, keep=False)]

    found = probe.measure(
        precision, encode, lambda: segmenter.ask(encoded[0], [_TRIAL_PHRASE]), cores
    )
    segmenter.forget()
    return found


def _encode_and_ask(segmenter: Segmenter) -> None:
    segmenter.ask(segmenter.encode(_noise(segmenter), keep=False), [_TRIAL_PHRASE])
    segmenter.forget()


def _noise(segmenter: Segmenter) -> NDArray[np.uint8]:
    side = segmenter.info.tile_px
    return np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
