"""Starting weights for training from scratch.

The towers of timm and open_clip and the decoders initialise themselves; what is left at zero, at
torch's defaults or uninitialised is drawn here.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from rsrefseg.models.layers import Attention
from rsrefseg.models.prompter import Prompter
from rsrefseg.models.rsrefseg2 import RSRefSeg2
from rsrefseg.models.sam import Sam1Encoder
from rsrefseg.models.spatial import initialise_spatial

_STD = 0.02


@torch.no_grad()
def initialise(model: RSRefSeg2) -> None:
    """Draws the starting weights of the prompter and of a SAM 1 encoder in place."""
    _initialise_prompter(model.prompter)
    if isinstance(model.sam_encoder, Sam1Encoder):
        _initialise_sam1(model.sam_encoder)


def _initialise_prompter(prompter: Prompter) -> None:
    for module in prompter.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=_STD)
            nn.init.zeros_(module.bias)
    for module in prompter.modules():
        if isinstance(module, Attention):
            for projection in (module.q, module.k, module.v):
                nn.init.xavier_uniform_(projection.weight)
            # What attention adds to a token is at first the same for all tokens. Under post-norm
            # it would crowd out what tells them apart, and the heat-map would stay flat.
            nn.init.trunc_normal_(module.out.weight, std=_STD / 4)
    if prompter.spatial is not None:
        initialise_spatial(prompter.spatial)
        # What was chosen is not to disturb the tokens before it means something.
        nn.init.zeros_(prompter.spatial_tokens.weight)
        nn.init.zeros_(prompter.spatial_presence.weight)
    nn.init.normal_(prompter.query_pe1, std=0.5)
    nn.init.normal_(prompter.query_pe2, std=0.5)
    # The prompt queries have no other content to tell them apart.
    nn.init.normal_(prompter.prompts, std=1.0)
    nn.init.normal_(prompter.prompt_pe, std=1.0)
    # The prompter's tokens have unit variance: positions must not drown in them.
    prompter.image_pe.copy_(_sine_positions(prompter.image_pe))


def _initialise_sam1(encoder: Sam1Encoder) -> None:
    nn.init.trunc_normal_(encoder.vit.pos_embed, std=_STD)
    for module in encoder.vit.blocks.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=_STD)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for parameter in encoder.project.parameters():
        nn.init.zeros_(parameter)  # the decoder begins without the finer maps


def _sine_positions(like: Tensor) -> Tensor:
    """Sines and cosines of rows and columns, shaped as `like` (1, C, h, w)."""
    _, width, height, columns = like.shape
    quarter = -(-width // 4)
    # Wavelengths from 2 cells to 4 times the longer side.
    longest = 4.0 * max(height, columns)
    steps = torch.arange(quarter) / max(quarter - 1, 1)
    frequency = math.pi * (2.0 / longest) ** steps  # (C / 4,)
    y = frequency[:, None] * torch.arange(height)
    x = frequency[:, None] * torch.arange(columns)
    rows = torch.cat([y.sin(), y.cos()])[:, :, None].expand(-1, -1, columns)
    cols = torch.cat([x.sin(), x.cos()])[:, None, :].expand(-1, height, -1)
    return torch.cat([rows, cols])[None, :width]
