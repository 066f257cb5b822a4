"""Naming images by their content."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray


def image_digest(image: NDArray[np.uint8]) -> bytes:
    """Names an image by its pixels; its shape belongs to a key as well."""
    return hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()
