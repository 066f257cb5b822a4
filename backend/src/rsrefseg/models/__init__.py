"""The RSRefSeg 2 architecture: CLIP towers, second-order prompter, SAM, and their presets."""
