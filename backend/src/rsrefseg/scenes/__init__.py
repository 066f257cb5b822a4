"""Procedural overhead scenes with referring phrases and exact masks."""

from __future__ import annotations

from rsrefseg.scenes.phrases import KINDS, vocabulary
from rsrefseg.scenes.scene import Case, Scene, generate

__all__ = ["KINDS", "Case", "Scene", "generate", "vocabulary"]
