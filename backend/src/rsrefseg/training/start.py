"""The model that a run begins with, and the weights that it leaves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from rsrefseg.models.build import build_model
from rsrefseg.models.config import load_preset
from rsrefseg.models.rsrefseg2 import RSRefSeg2
from rsrefseg.models.sam import stretched
from rsrefseg.models.tokenizer import Tokenizer, WordTokenizer, word_tokenizer
from rsrefseg.training.config import TrainConfig
from rsrefseg.weights.files import load_model, save_model


def start_model(config: TrainConfig) -> RSRefSeg2:
    """A fresh model, or the one that the run continues from; seeds the random numbers."""
    torch.manual_seed(config.seed)
    if config.init is None:
        return build_model(load_preset(config.preset))
    before = load_model(Path(config.init))[0]
    model = build_model(load_preset(config.preset), tokenizer=_words(config, before.tokenizer))
    own, known = model.state_dict(), before.state_dict()
    # SAM's positions are stretched to another side of the tile.
    for name in [k for k in own if k.endswith("vit.pos_embed") and k in known]:
        known[name] = stretched(known[name], (own[name].shape[1], own[name].shape[2]))
    # A part that the preset has made anew since, or added, starts from scratch.
    kept = {k: v for k, v in known.items() if k in own and own[k].shape == v.shape}
    model.load_state_dict({**own, **kept})
    return model


def _words(config: TrainConfig, words: Tokenizer) -> Tokenizer:
    """The tokenizer of a run that goes on: words appended to the preset's list are learnt now."""
    if isinstance(words, WordTokenizer):
        bundled = word_tokenizer(load_preset(config.preset))
        if bundled.words[: len(words.words)] == words.words:
            return bundled
    return words


def write_weights(model: RSRefSeg2, path: Path, metadata: Mapping[str, Any]) -> None:
    """Saves a trained model in fp16, as it is shipped."""
    save_model(model, path, dict(metadata), dtype=torch.float16)
