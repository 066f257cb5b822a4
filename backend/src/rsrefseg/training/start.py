"""The model that a run begins with, and the weights that it leaves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from rsrefseg.models.build import build_model
from rsrefseg.models.config import load_preset
from rsrefseg.models.rsrefseg2 import RSRefSeg2
from rsrefseg.models.tokenizer import WordTokenizer, word_tokenizer
from rsrefseg.training.config import TrainConfig
from rsrefseg.weights.files import load_model, save_model


def start_model(config: TrainConfig) -> RSRefSeg2:
    """A fresh model, or the one that the run continues from; seeds the random numbers."""
    torch.manual_seed(config.seed)
    if config.init is None:
        return build_model(load_preset(config.preset))
    model = load_model(Path(config.init))[0]
    words = model.tokenizer
    if isinstance(words, WordTokenizer):
        # Words that were appended to the preset's list since are learnt from here on.
        bundled = word_tokenizer(load_preset(config.preset))
        if bundled.words[: len(words.words)] == words.words:
            model.tokenizer = bundled
    return model


def write_weights(model: RSRefSeg2, path: Path, metadata: Mapping[str, Any]) -> None:
    """Saves a trained model in fp16, as it is shipped."""
    save_model(model, path, dict(metadata), dtype=torch.float16)
