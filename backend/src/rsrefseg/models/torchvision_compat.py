"""Lets torchvision be imported when its compiled operators do not fit this torch.

timm, open_clip, segment-anything and sam2 import torchvision, though nothing here uses its
compiled operators. When torch and torchvision come from different builds (a CPU torch beside the
CUDA wheel from PyPI is the common case), `import torchvision` dies with "operator
torchvision::nms does not exist". Declaring the two operators that its import asks for is enough:
torchvision itself refuses to run them and says why.
"""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import Literal

import torch

Outcome = Literal["native", "declared", "absent"]


def _loads_natively(package_dir: Path) -> bool:
    libraries = sorted(p for pattern in ("_C*.so", "_C*.pyd") for p in package_dir.glob(pattern))
    if not libraries:
        return False
    try:
        torch.ops.load_library(str(libraries[0]))  # type: ignore[no-untyped-call]
    except OSError:
        return False
    return True


@functools.cache
def ensure_torchvision() -> Outcome:
    """Makes `import torchvision` work; does nothing where it works already.

    Returns:
        `native` (its own operators loaded), `declared` (stand-ins registered) or `absent`.
    """
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return "absent"
    if _loads_natively(Path(spec.origin).parent):
        return "native"
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for name in ("nms", "qnms"):
        schema = f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        library.define(schema)  # type: ignore[no-untyped-call]
    _ALIVE.append(library)
    return "declared"


# An operator is unregistered when its Library is collected.
_ALIVE: list[torch.library.Library] = []
