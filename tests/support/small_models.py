"""Presets at dimensions that run in milliseconds."""

from __future__ import annotations

import dataclasses

from rsrefseg.models.config import Preset, Sam1Config, load_preset


def reduced_preset(name: str, **prompter) -> Preset:
    """A preset with its options and kinds of layers, but few and narrow ones."""
    preset = load_preset(name)
    clip = dataclasses.replace(
        preset.clip, width=32, heads=2, image_size=64, vision_layers=2, vision_mlp=48,
        text_layers=2, text_mlp=48, vocab_size=max(300, preset.clip.vocab_size % 2000),
    )  # fmt: skip
    if isinstance(preset.sam, Sam1Config):
        sam = dataclasses.replace(
            preset.sam, d_model=32, image_size=8 * preset.sam.patch_size, embed_dim=24, depth=2,
            num_heads=2, mlp_dim=48, window_size=3, global_attn_indexes=(1,), decoder_mlp=64,
        )  # fmt: skip
    else:
        sam = dataclasses.replace(
            preset.sam, d_model=32, image_size=128, embed_dim=8, num_heads=1,
            stages=(1, 2, 3, 1), global_att_blocks=(4,), decoder_mlp=64,
        )  # fmt: skip
    small = dataclasses.replace(
        preset.prompter, num_heads=2, mlp_dim=40, internal_dim=16, **prompter
    )
    return dataclasses.replace(preset, clip=clip, sam=sam, prompter=small)
