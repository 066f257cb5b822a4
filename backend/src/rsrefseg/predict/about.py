"""What a user should know about a model."""

from __future__ import annotations

from rsrefseg.models.rsrefseg2 import RSRefSeg2
from rsrefseg.predict.types import ModelInfo
from rsrefseg.weights.files import ModelFile


def model_info(model: RSRefSeg2, file: ModelFile) -> ModelInfo:
    """What a user should know about a loaded model."""
    preset, metadata = model.preset, file.metadata
    threshold = metadata.get("presence_threshold")
    return ModelInfo(
        name=file.name,
        preset=file.preset_name,
        sha256=file.sha256,
        tile_px=preset.tile_px,
        min_resolution_m=preset.min_resolution_m,
        max_resolution_m=preset.max_resolution_m,
        default_resolution_m=preset.default_resolution_m,
        presence_threshold=None if threshold is None else float(threshold),
        vocabulary_examples=tuple(map(str, metadata.get("vocabulary_examples", ()))),
        compares_outlines=preset.compares_outlines,
    )
