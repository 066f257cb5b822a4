"""Assembles a model from a preset."""

from __future__ import annotations

from rsrefseg.models.clip import ClipImageTower, ClipTextTower
from rsrefseg.models.config import Preset, Sam1Config
from rsrefseg.models.initialise import initialise
from rsrefseg.models.prompter import Prompter
from rsrefseg.models.rsrefseg2 import RSRefSeg2
from rsrefseg.models.sam import Sam1Decoder, Sam1Encoder
from rsrefseg.models.sam2 import Sam2Decoder, Sam2Encoder
from rsrefseg.models.subword import MissingTokenizer
from rsrefseg.models.tokenizer import Tokenizer, word_tokenizer


def build_model(
    preset: Preset, *, tokenizer: Tokenizer | None = None, random_init: bool = True
) -> RSRefSeg2:
    """Builds a model, in evaluation mode.

    Args:
        preset: dimensions and options.
        tokenizer: the phrases' tokenizer; by default the bundled one where the preset uses words.
        random_init: whether to draw starting weights fit for training from scratch; False where
            weights are loaded anyway.
    """
    prompter = Prompter(
        preset.prompter,
        width=preset.clip.width,
        prompt_width=preset.sam.d_model,
        image_grid=preset.clip.grid,
        logit_scale=preset.clip.init_logit_scale,
        logit_bias=preset.clip.init_logit_bias,
    )
    encoder, decoder = _build_sam(preset)
    model = RSRefSeg2(
        preset,
        ClipImageTower(preset.clip),
        ClipTextTower(preset.clip),
        prompter,
        encoder,
        decoder,
        tokenizer or _default_tokenizer(preset),
    )
    if random_init:
        initialise(model)
    return model.eval()


def _default_tokenizer(preset: Preset) -> Tokenizer:
    if preset.clip.tokenizer == "words":
        return word_tokenizer(preset)
    return MissingTokenizer(preset.clip.context_length)


def _build_sam(preset: Preset) -> tuple[Sam1Encoder | Sam2Encoder, Sam1Decoder | Sam2Decoder]:
    if isinstance(preset.sam, Sam1Config):
        return Sam1Encoder(preset.sam), Sam1Decoder(preset.sam)
    return Sam2Encoder(preset.sam), Sam2Decoder(preset.sam)
