"""Finds a Python that the engine's environment can be made from.

QGIS's own ``sys.executable`` is never taken as it is: on Windows it is ``qgis-bin.exe``, and
running that opens another QGIS. Every candidate is asked what it is before it is used.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rsrefseg_qgis.errors import InstallError, tr

from .environment import clean_environment, popen_options

# Newest last: 3.11 first, since that is what the locked versions were measured with.
VERSIONS = ((3, 11), (3, 12), (3, 13), (3, 10))
PROBE_TIMEOUT_S = 20.0
PROBE = """
import importlib.util, json, struct, sys, sysconfig
print(json.dumps({
    "version": list(sys.version_info[:2]),
    "bits": struct.calcsize("P") * 8,
    "venv": all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")),
    "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
}))
"""


@dataclass(frozen=True)
class BasePython:
    """A Python as it described itself."""

    path: Path
    version: tuple[int, int]
    bits: int
    has_venv: bool
    free_threaded: bool

    @property
    def objection(self) -> str:
        """Why no environment can be made from it; empty when one can."""
        name = ".".join(map(str, self.version))
        if self.version not in VERSIONS:
            return tr("it is Python {version}, 3.10 to 3.13 is needed").format(version=name)
        if self.bits != 64:
            return tr("it is a 32-bit Python, 64 bits are needed")
        if self.free_threaded:
            return tr("it is a free-threaded Python, which PyTorch does not fit")
        if not self.has_venv:
            return tr(
                "its venv module is missing (Debian, Ubuntu: sudo apt install python{version}-venv)"
            ).format(version=name)
        return ""


def find_base_python(chosen: str = "") -> BasePython:
    """A usable Python 3.10 to 3.13.

    Args:
        chosen: the one that the user set; empty to look for one.

    Raises:
        InstallError: there is none; the sentence says what to install.
    """
    if chosen:
        probed = probe(Path(chosen).expanduser())
        objection = tr("it does not run") if probed is None else probed.objection
        if probed is None or objection:
            raise InstallError(
                tr(
                    "The Python chosen in the plugin's settings cannot be used ({why}): {path}"
                ).format(why=objection, path=chosen),
                reason="no_python",
            )
        return probed
    seen: list[BasePython] = []
    for path in candidates():
        probed = probe(path)
        if probed is None:
            continue
        if not probed.objection:
            return probed
        seen.append(probed)
    raise InstallError(_none_found(seen), reason="no_python")


def probe(path: Path) -> BasePython | None:
    """Ask an executable whether it is a Python, and which; None when it is none."""
    if not path.is_file() or not path.stem.lower().startswith(("python", "pypy")):
        return None  # not even run: it may be QGIS
    try:
        run = subprocess.run(
            [str(path), "-I", "-c", PROBE],
            capture_output=True,
            env=clean_environment(),
            timeout=PROBE_TIMEOUT_S,
            check=True,
            stdin=subprocess.DEVNULL,
            **popen_options(),
        )
        said = json.loads(run.stdout)
        return BasePython(
            path=path,
            version=(int(said["version"][0]), int(said["version"][1])),
            bits=int(said["bits"]),
            has_venv=bool(said["venv"]),
            free_threaded=bool(said["free_threaded"]),
        )
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError):
        return None


def candidates() -> Iterator[Path]:
    """Executables that may be a Python, the likeliest first, each once."""
    seen: set[Path] = set()
    for path in _places():
        try:
            # a symlink of a venv leads to its base; two names of one file are one candidate
            real = path.resolve()
            exists = real.is_file()
        except OSError:
            continue
        if exists and real not in seen:
            seen.add(real)
            yield path


def _places() -> Iterator[Path]:
    if sys.platform == "win32":
        yield from _windows_registry()
        yield from _expand(
            os.environ.get("LOCALAPPDATA", ""), "Programs/Python/Python3{minor}/python.exe"
        )
        yield from _expand(os.environ.get("PROGRAMFILES", ""), "Python3{minor}/python.exe")
        # the one that QGIS brings, as a program of its own: newer QGIS have a fitting version
        yield Path(sys.exec_prefix) / "python.exe"
        return
    names = [f"python{major}.{minor}" for major, minor in VERSIONS]
    folders = [*_path_folders(), "/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"]
    if sys.platform == "darwin":
        framework = "/Library/Frameworks/Python.framework/Versions"
        folders += [f"{framework}/{major}.{minor}/bin" for major, minor in VERSIONS]
    for name in names:
        yield from (Path(folder) / name for folder in folders)
    home = Path.home()
    for pattern in (
        ".local/share/uv/python/cpython-3.{minor}*/bin/python3",
        ".pyenv/versions/3.{minor}.*/bin/python3",
        "miniforge3/bin/python3",
        "miniconda3/bin/python3",
    ):
        yield from _expand(str(home), pattern)
    found = shutil.which("python3")
    if found:
        yield Path(found)


def _path_folders() -> list[str]:
    return [folder for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]


def _expand(folder: str, pattern: str) -> Iterator[Path]:
    if not folder:
        return
    for _, minor in VERSIONS:
        yield from sorted(Path(folder).glob(pattern.format(minor=minor)))


if sys.platform == "win32":
    import winreg

    def _windows_registry() -> Iterator[Path]:
        """Installed Pythons as PEP 514 has them registered."""
        for root in (winreg.HKEY_CURRENT_USER, winreg.HKEY_LOCAL_MACHINE):
            for major, minor in VERSIONS:
                key = rf"Software\Python\PythonCore\{major}.{minor}\InstallPath"
                try:
                    yield Path(winreg.QueryValue(root, key)) / "python.exe"
                except OSError:
                    continue

else:

    def _windows_registry() -> Iterator[Path]:
        return iter(())


def _none_found(seen: Iterable[BasePython]) -> str:
    for python in seen:
        if python.version in VERSIONS:  # nearly usable: say what is missing
            return tr("The Python at {path} cannot be used: {why}; then try again.").format(
                path=python.path, why=python.objection
            )
    if sys.platform.startswith("linux"):
        return tr(
            "No Python 3.10 to 3.13 was found; install one (Debian, Ubuntu: sudo apt install "
            "python3 python3-venv) or choose one in the plugin's settings."
        )
    return tr(
        "No Python 3.10 to 3.13 was found; install one from https://www.python.org/downloads "
        "or choose one in the plugin's settings."
    )
