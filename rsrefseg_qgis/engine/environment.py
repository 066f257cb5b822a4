"""The environment of child processes: QGIS's own Python and libraries must not leak into them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

# Each of these makes a foreign Python load QGIS's modules, libraries or data files.
_NAMES = frozenset(
    {
        "LD_LIBRARY_PATH",
        "LD_PRELOAD",
        "DYLD_LIBRARY_PATH",
        "DYLD_FRAMEWORK_PATH",
        "DYLD_FALLBACK_LIBRARY_PATH",
        "DYLD_INSERT_LIBRARIES",
        "GDAL_DATA",
        "GDAL_DRIVER_PATH",
        "PROJ_LIB",
        "PROJ_DATA",
        "QT_PLUGIN_PATH",
        "VIRTUAL_ENV",
        "CONDA_PREFIX",
        "__PYVENV_LAUNCHER__",
    }
)
_PREFIXES = ("PYTHON", "PIP_", "QGIS_", "RSREFSEG_")
# How the user's network is reached; an installer without it fails behind a company's proxy.
_PIP_NETWORK = frozenset(
    {
        "PIP_CONFIG_FILE",
        "PIP_INDEX_URL",
        "PIP_EXTRA_INDEX_URL",
        "PIP_FIND_LINKS",
        "PIP_TRUSTED_HOST",
        "PIP_PROXY",
        "PIP_CERT",
        "PIP_CLIENT_CERT",
        "PIP_DEFAULT_TIMEOUT",
    }
)


def clean_environment(
    base: Mapping[str, str] | None = None, *, for_pip: bool = False
) -> dict[str, str]:
    """A copy of an environment without what QGIS set for itself.

    Args:
        base: the environment to clean; None for this process's.
        for_pip: keep pip's variables that say how the network is reached (pip's configuration
            files work in any case); options such as PIP_TARGET are dropped even then.
    """
    source = os.environ if base is None else base
    kept = {
        name: value
        for name, value in source.items()
        if name.upper() not in _NAMES
        and (not name.upper().startswith(_PREFIXES) or (for_pip and name in _PIP_NETWORK))
    }
    kept["PYTHONUTF8"] = "1"  # log lines and paths in any script, whatever the locale
    kept["PYTHONNOUSERSITE"] = "1"  # ~/.local may hold another torch
    return kept


def popen_options() -> dict[str, Any]:
    """Options for `subprocess.Popen`: no console window, out of reach of Ctrl+C in a terminal."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}


def kill_with_children(process: subprocess.Popen[bytes]) -> None:
    """End a process that was started with `popen_options`, and what it has started, at once."""
    if sys.platform == "win32":
        subprocess.run(
            ["taskkill", "/F", "/T", "/PID", str(process.pid)],
            capture_output=True,
            check=False,
            **popen_options(),
        )
        process.kill()
    else:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its session began with it
    process.wait()
