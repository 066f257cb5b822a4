"""Where things lie: the plugin's own files and the user's folder for the engine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

PLUGIN_FOLDER = Path(__file__).resolve().parent


def resource(name: str) -> Path:
    """Path of a file of the plugin's resources, such as ``icons/rsrefseg.svg``.

    In the zip the resources lie in the plugin's folder; in the source tree beside it.
    """
    inside = PLUGIN_FOLDER / "resources" / name
    return inside if inside.exists() else PLUGIN_FOLDER.parent / "resources" / name


def guide(language: str = "") -> Path:
    """The user guide in a language such as ``de`` or ``de_AT``, in English where there is none."""
    inside = PLUGIN_FOLDER / "docs"
    folder = inside if inside.is_dir() else PLUGIN_FOLDER.parent / "docs"
    translated = folder / f"guide.{language[:2]}.md"
    return translated if language and translated.is_file() else folder / "guide.md"


def engine_source() -> Path:
    """Folder with the engine's ``pyproject.toml``, ``src`` and ``constraints.txt``."""
    inside = PLUGIN_FOLDER / "engine_dist"
    return inside if inside.is_dir() else PLUGIN_FOLDER.parent / "backend"


def bundled_weights() -> Path | None:
    """The weights that come with the plugin, or None when this copy has none."""
    path = resource("weights/rsrefseg2-tiny.safetensors")
    return path if path.is_file() else None


def user_folder() -> Path:
    """The per-user folder for the engine's venv, logs and downloads; not made by this call.

    Local, not roaming: a venv of a gigabyte has no place in a synchronised profile.
    """
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA")
        return (Path(base) if base else Path.home() / "AppData" / "Local") / "rsrefseg"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "rsrefseg"
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "rsrefseg"
