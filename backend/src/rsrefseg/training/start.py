"""The model that a run begins with, and the weights that it leaves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rsrefseg.models.build import build_model
from rsrefseg.models.config import load_preset
from rsrefseg.models.layers import resize_like
from rsrefseg.models.rsrefseg2 import RSRefSeg2
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
    # A part that the preset has made anew since, or added, starts from scratch.
    own, known = model.state_dict(), before.state_dict()
    known |= {k: _resized(known[k], v) for k, v in own.items() if k.endswith("vit.pos_embed")}
    kept = {k: v for k, v in known.items() if k in own and own[k].shape == v.shape}
    model.load_state_dict({**own, **kept})
    return model


def _resized(positions: Tensor, like: Tensor) -> Tensor:
    """SAM's position embeddings (1, h, w, C) for another side of the tile."""
    if positions.shape == like.shape:
        return positions
    size = (like.shape[1], like.shape[2])
    moved = positions.permute(0, 3, 1, 2)
    return resize_like(moved, size, "bicubic", align_corners=False).permute(0, 2, 3, 1)


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
