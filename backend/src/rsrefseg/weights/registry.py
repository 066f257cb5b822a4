"""The known weights: where each lies, under which licence, and how it is checked."""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rsrefseg.errors import WeightsError

REGISTRY = Path(__file__).parent / "registry.json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class RemoteFile:
    """One file of a model.

    Attributes:
        role: `checkpoint` or `tokenizer` or `weights`.
        name: its name on disk.
        url: where it is published.
        size: its length in bytes, where published.
        sha256: its hash, where published.
    """

    role: str
    name: str
    url: str
    size: int | None = None
    sha256: str | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise WeightsError(f"The registry's file name '{self.name}' is not a plain file name.")
        if urlsplit(self.url).scheme not in ("http", "https"):
            raise WeightsError(f"The registry's address '{self.url}' is not http or https.")
        if self.sha256 is not None and not _SHA256.fullmatch(self.sha256):
            raise WeightsError(f"The registry's SHA-256 of '{self.name}' is not one.")


@dataclass(frozen=True)
class KnownModel:
    """A published model.

    Attributes:
        name: what to call it in `rsrefseg models download`.
        preset: the preset that it was trained with.
        layout: `released` (import it after the download) or `rsrefseg` (ready for use).
        trained_on: data and ground resolution.
        licence: SPDX name.
        citation: what to cite.
        files: what is downloaded.
    """

    name: str
    preset: str
    layout: str
    trained_on: str
    licence: str
    citation: str
    files: tuple[RemoteFile, ...]

    def file(self, role: str) -> RemoteFile | None:
        """The model's file with a role, if it has one."""
        return next((f for f in self.files if f.role == role), None)


def read_registry(path: Path = REGISTRY) -> dict[str, KnownModel]:
    """The known models by name.

    Raises:
        WeightsError: the registry cannot be read.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        models = [_model(values) for values in content["models"]]
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise WeightsError(f"The registry '{path}' cannot be read: {error}.") from error
    except (KeyError, TypeError) as error:
        raise WeightsError(
            f"The registry '{path}' is not as expected ({error!r}): correct it."
        ) from error
    return {model.name: model for model in models}


def _model(values: dict[str, Any]) -> KnownModel:
    if not _NAME.fullmatch(values["name"]):
        raise WeightsError(f"The registry's model name '{values['name']}' is not a plain name.")
    files = tuple(RemoteFile(**file) for file in values["files"])
    return KnownModel(**{**values, "files": files})


def find_model(name: str, path: Path = REGISTRY) -> KnownModel:
    """A known model by name.

    Raises:
        WeightsError: there is none of that name; the message lists those there are.
    """
    models = read_registry(path)
    if name not in models:
        raise WeightsError(f"No model '{name}' is known; known are: {', '.join(sorted(models))}.")
    return models[name]


def weights_dir() -> Path:
    """Where downloads go: `RSREFSEG_WEIGHTS_DIR`, else the user's cache folder."""
    chosen = os.environ.get("RSREFSEG_WEIGHTS_DIR")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "rsrefseg" / "weights"
