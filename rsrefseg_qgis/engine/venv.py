"""Where the engine's environment lies, and whether it is complete."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from rsrefseg_qgis.paths import engine_source

MARKER = "installed.json"


@dataclass(frozen=True)
class Installed:
    """What the marker file of a complete environment says.

    Attributes:
        version: the engine's version.
        constraints_sha256: of the constraints that it was installed with.
        torch_build: cpu or cuda.
    """

    version: str
    constraints_sha256: str
    torch_build: str


def venv_folder(folder: Path) -> Path:
    """The environment's folder below the user's folder."""
    return folder / "engine"


def venv_python(venv: Path) -> Path:
    """The interpreter of an environment."""
    if sys.platform == "win32":
        return venv / "Scripts" / "python.exe"
    return venv / "bin" / "python"


def read_marker(folder: Path) -> Installed | None:
    """The marker of a complete environment; None when there is none that can be read."""
    try:
        data = json.loads((venv_folder(folder) / MARKER).read_text(encoding="utf-8"))
        return Installed(
            version=str(data["version"]),
            constraints_sha256=str(data["constraints_sha256"]),
            torch_build=str(data["torch_build"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_marker(folder: Path, marker: Installed) -> None:
    """Say that the environment is complete; the last step of an installation."""
    path = venv_folder(folder) / MARKER
    part = path.with_suffix(".part")
    part.write_text(json.dumps(asdict(marker), indent=1), encoding="utf-8")
    part.replace(path)


def remove_marker(folder: Path) -> None:
    """Say that the environment is not complete; the first step of an installation."""
    (venv_folder(folder) / MARKER).unlink(missing_ok=True)


def bundled_version() -> str:
    """Version of the engine that comes with the plugin, empty when it has none."""
    try:
        source = (engine_source() / "src" / "rsrefseg" / "_version.py").read_text("utf-8")
    except OSError:
        return ""
    found = re.search(r'__version__\s*=\s*"([^"]+)"', source)
    return found.group(1) if found else ""


def bundled_constraints_sha256() -> str:
    """Hash of the constraints that come with the plugin, empty when it has none."""
    try:
        return hashlib.sha256((engine_source() / "constraints.txt").read_bytes()).hexdigest()
    except OSError:
        return ""


def is_current(marker: Installed) -> bool:
    """Whether the installed engine is the one that comes with this plugin."""
    return (
        marker.version == bundled_version()
        and marker.constraints_sha256 == bundled_constraints_sha256()
    )


def installed_python(folder: Path) -> Path | None:
    """The interpreter of a complete environment of this plugin's engine, else None."""
    python = venv_python(venv_folder(folder))
    marker = read_marker(folder)
    if marker is None or not is_current(marker) or not python.exists():
        return None
    return python
