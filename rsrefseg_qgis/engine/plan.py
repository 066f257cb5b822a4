"""What an installation will bring, from where and whereto, said before it begins."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from rsrefseg_qgis.errors import InstallError
from rsrefseg_qgis.paths import engine_source

from . import venv
from .install import NEEDED_BYTES, Installer, free_bytes, torch_index
from .pythons import find_base_python

# Measured on Linux with the locked versions: the wheels, and the environment made of them. What a
# CUDA build takes differs from system to system, so no figure is promised there.
DOWNLOAD_BYTES = {"cpu": 393_000_000}
INSTALLED_BYTES = {"cpu": 1_546_000_000}
USUAL_INDEX = "pypi.org"
SHOWN_PACKAGES = ("torch", "open_clip_torch", "segment-anything", "rasterio", "fastapi")


@dataclass(frozen=True)
class InstallPlan:
    """What an installation will do.

    Attributes:
        folder: where.
        installed: whether the engine that comes with this plugin is already complete there.
        used_bytes: what lies in the environment's folder now.
        build: cpu or cuda.
        packages: names and versions of the biggest parts.
        sources: hosts that packages come from; the folder of wheels when there is one.
        python: interpreter that the environment is made from; empty when none was found.
        python_version: its version, such as 3.11.
        free_bytes: free where it goes.
        problem: why it cannot be done, with the remedy; empty when it can.
    """

    folder: Path
    installed: bool
    used_bytes: int
    build: str
    packages: tuple[str, ...]
    sources: tuple[str, ...]
    python: str
    python_version: str
    free_bytes: int
    problem: str

    @property
    def download_bytes(self) -> int | None:
        """What is downloaded, None when no figure is known."""
        return DOWNLOAD_BYTES.get(self.build)

    @property
    def installed_bytes(self) -> int | None:
        """What it takes when it is done, None when no figure is known."""
        return INSTALLED_BYTES.get(self.build)

    @property
    def needed_bytes(self) -> int:
        """What must be free while it is installed."""
        return NEEDED_BYTES[self.build]


def make_plan(installer: Installer) -> InstallPlan:
    """Find out what an installation would do; asks other programs, so not on the main thread."""
    settings = installer.settings
    build = installer.torch_build()
    problem = python = version = ""
    try:
        base = find_base_python(settings.base_python)
        python, version = str(base.path), ".".join(map(str, base.version))
        installer.check_space(build)
    except InstallError as error:
        problem = str(error)
    return InstallPlan(
        folder=installer.folder,
        installed=installer.is_installed,
        used_bytes=folder_bytes(venv.venv_folder(installer.folder)),
        build=build,
        packages=tuple(pinned_versions()),
        sources=sources(build, settings.wheels_folder),
        python=python,
        python_version=version,
        free_bytes=free_bytes(installer.folder),
        problem=problem,
    )


def sources(build: str, wheels_folder: str) -> tuple[str, ...]:
    """Where packages come from."""
    if wheels_folder:
        return (wheels_folder,)
    extra = torch_index(build)
    return (*([extra.split("/")[2]] if extra else []), USUAL_INDEX)


def pinned_versions() -> list[str]:
    """The biggest parts with their locked versions, such as ``torch 2.13.0``."""
    try:
        text = (engine_source() / "constraints.txt").read_text(encoding="utf-8")
    except OSError:
        return []
    locked = dict(re.findall(r"^([\w.-]+)==([\w.]+)$", text, re.MULTILINE))
    return [f"{name} {locked[name]}" for name in SHOWN_PACKAGES if name in locked]


def folder_bytes(folder: Path) -> int:
    """What the files of a folder take; files that vanish meanwhile take nothing."""
    total = 0
    for path in folder.rglob("*"):
        try:
            if path.is_file() and not path.is_symlink():
                total += path.stat().st_size
        except OSError:
            continue
    return total
