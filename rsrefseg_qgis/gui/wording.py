"""Sizes and choices in the user's words, where several pages say them."""

from __future__ import annotations

from qgis.PyQt.QtCore import QLocale

from rsrefseg_qgis.errors import tr


def size_text(count: float) -> str:
    """A number of bytes as people say it, in the user's number format."""
    locale = QLocale()
    if count >= 1e9:
        return tr("{size} GB").format(size=locale.toString(count / 1e9, "f", 1))
    return tr("{size} MB").format(size=locale.toString(count / 1e6, "f", 0))


def build_text(build: str) -> str:
    """A build of PyTorch."""
    return {
        "auto": tr("Automatic"),
        "cpu": tr("For the processor (CPU)"),
        "cuda": tr("For NVIDIA graphics cards (CUDA)"),
    }[build]
