"""Installs the engine: a virtual environment of its own in a folder of the user.

QGIS's Python is never touched. A marker file is written as the very last step, so that whatever was
interrupted counts as not installed and the next run goes on from what is there.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from rsrefseg_qgis.errors import CancelledError, InstallError, tr
from rsrefseg_qgis.paths import engine_source
from rsrefseg_qgis.settings import Settings

from . import venv
from .environment import clean_environment, kill_with_children, popen_options
from .lock import file_lock
from .pip_errors import classify
from .pythons import BasePython, find_base_python

Progress = Callable[[float, str], None]
Cancelled = Callable[[], bool]

# What an environment takes on the disk while pip still holds its downloads, measured roughly.
NEEDED_BYTES = {"cpu": 4_000_000_000, "cuda": 14_000_000_000}
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
CUDA_INDEX = "https://download.pytorch.org/whl/cu130"
# So many packages are collected; only for a progress bar that moves evenly.
EXPECTED_PACKAGES = 60
CHECK = "import torch, rasterio, shapely, fastapi, rsrefseg.predict.segmenter, rsrefseg.server.app"
POLL_S = 0.1


class Installer:
    """Makes, repairs and removes the engine's environment; blocking, for a task's thread.

    Args:
        settings: folder, base Python, build of PyTorch and folder of wheels are read from it.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.folder = self.settings.folder()
        self.log_path = self.folder / "logs" / "install.log"

    @property
    def is_installed(self) -> bool:
        """Whether the engine that comes with this plugin is completely installed."""
        return venv.installed_python(self.folder) is not None

    def install(
        self,
        progress: Progress = lambda fraction, message: None,
        cancelled: Cancelled = lambda: False,
        *,
        repair: bool = False,
    ) -> Path:
        """Install the engine, or go on where an earlier run stopped.

        Args:
            progress: called with 0 to 1 and what is being done.
            cancelled: asked often; the child process is ended when it says so.
            repair: start from an empty environment.

        Returns:
            The environment's Python.

        Raises:
            InstallError: with a sentence on the cause and the remedy.
            CancelledError: ``cancelled`` said so.
        """
        done = None if repair else venv.installed_python(self.folder)
        if done is not None:
            return done
        with self._locked():
            try:
                return self._install(progress, cancelled, repair)
            except OSError as error:
                raise classify(f"{error} {error!r}", str(self.folder)) from error

    def remove(self) -> None:
        """Delete the environment; logs and downloads stay.

        Raises:
            InstallError: another QGIS is installing, or a file is in use.
        """
        with self._locked():
            try:
                venv.remove_marker(self.folder)
                if venv.venv_folder(self.folder).exists():
                    shutil.rmtree(venv.venv_folder(self.folder))
            except OSError as error:
                raise classify(f"Permission denied: {error}", str(self.folder)) from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            lock = file_lock(self.folder / "install.lock")
            with lock as held:
                if not held:
                    raise InstallError(
                        tr(
                            "Another QGIS window is installing the engine; wait until it is "
                            "done and try again."
                        ),
                        reason="busy",
                    )
                yield
        except OSError as error:
            raise classify(f"Permission denied: {error}", str(self.folder)) from error

    def _install(self, progress: Progress, cancelled: Cancelled, repair: bool) -> Path:
        progress(0.0, tr("Looking for a Python"))
        base = find_base_python(self.settings.base_python)
        build = self.torch_build()
        self.check_space(build)
        venv.remove_marker(self.folder)
        progress(0.02, tr("Making an environment from {python}").format(python=base.path))
        with _log_file(self.log_path) as log:
            python = self._make_venv(base, cancelled, log, clear=repair)
            progress(0.05, tr("Installing packages, this takes minutes"))
            self._pip(python, build, progress, cancelled, log)
            progress(0.97, tr("Checking the engine"))
            self._run([str(python), "-c", CHECK], cancelled, log)
        marker = venv.Installed(venv.bundled_version(), venv.bundled_constraints_sha256(), build)
        venv.write_marker(self.folder, marker)
        progress(1.0, tr("The engine is installed"))
        return python

    def torch_build(self) -> str:
        """The build of PyTorch that is wanted: cpu or cuda."""
        chosen = self.settings.torch_build
        if chosen != "auto":
            return chosen
        return "cuda" if has_nvidia_driver() else "cpu"

    def check_space(self, build: str) -> None:
        """Refuse a disk that is too full.

        Raises:
            InstallError: with how much is needed and free.
        """
        free = free_bytes(self.folder)
        if free < NEEDED_BYTES[build]:
            raise InstallError(
                tr(
                    "The engine needs about {needed:.0f} GB and {free:.1f} GB are free; free some, "
                    "or choose another folder in the plugin's settings: {folder}"
                ).format(needed=NEEDED_BYTES[build] / 1e9, free=free / 1e9, folder=self.folder),
                reason="disk_full",
            )

    def _make_venv(
        self, base: BasePython, cancelled: Cancelled, log: Callable[[str], None], *, clear: bool
    ) -> Path:
        target = venv.venv_folder(self.folder)
        python = venv.venv_python(target)
        # What is there is gone on with when it still runs: its base may have been removed.
        if clear or not _runs(python):
            command = [str(base.path), "-I", "-m", "venv", "--clear", str(target)]
            self._run(command, cancelled, log)
        return python

    def _pip(
        self,
        python: Path,
        build: str,
        progress: Progress,
        cancelled: Cancelled,
        log: Callable[[str], None],
    ) -> None:
        counted = 0

        def read(line: str) -> None:
            nonlocal counted
            log(line)
            said = describe(line)
            if said is None:
                return
            counted += 1
            progress(0.05 + 0.9 * min(1.0, counted / EXPECTED_PACKAGES), said)

        with tempfile.TemporaryDirectory(prefix="rsrefseg-") as scratch:
            # Building leaves files beside the source, which may be read-only: from a copy.
            source = Path(scratch) / "engine"
            shutil.copytree(engine_source(), source, ignore=_not_needed)
            for command in pip_commands(python, source, build, self.settings.wheels_folder):
                self._run(command, cancelled, read)

    def _run(
        self, command: Sequence[str], cancelled: Cancelled, read: Callable[[str], None]
    ) -> None:
        """Run a step, its output line by line to ``read``; raise its cause when it fails."""
        tail: deque[str] = deque(maxlen=200)
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=clean_environment(for_pip=True),
            cwd=self.folder,
            **popen_options(),
        ) as process:
            reader = threading.Thread(
                target=_read_lines, args=(process.stdout, tail, read), daemon=True
            )
            reader.start()
            while process.poll() is None:
                if cancelled():
                    kill_with_children(process)
                    raise CancelledError
                time.sleep(POLL_S)
            reader.join(5.0)
        if process.returncode != 0:
            raise classify("\n".join(tail), str(self.folder))


def pip_commands(python: Path, source: Path, build: str, wheels_folder: str) -> list[list[str]]:
    """The calls of pip that install the engine with its locked versions.

    Args:
        python: the environment's interpreter.
        source: folder with the engine's ``pyproject.toml`` and ``constraints.txt``.
        build: cpu or cuda.
        wheels_folder: folder of wheels for a machine without a network; empty for the index.
    """
    pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    pip += ["--progress-bar", "off", "--constraint", str(source / "constraints.txt")]
    if wheels_folder:
        folder = str(Path(wheels_folder).expanduser())
        return [[*pip, "--no-index", "--find-links", folder, str(source)]]
    index = torch_index(build)
    if not index:
        return [[*pip, str(source)]]
    # First and alone: the many other packages must not be looked up in that index, which costs
    # minutes where a firewall lets only the usual one through. Then the usual one's build is taken.
    torch = [*pip, "--no-deps", "--retries", "2", "--extra-index-url", index]
    return [[*torch, "torch", "torchvision"], [*pip, str(source)]]


def free_bytes(folder: Path) -> int:
    """What is free where a folder is or will be."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def torch_index(build: str) -> str:
    """Where this system's wanted build of PyTorch is; empty for the usual index.

    A build with a suffix, such as ``+cpu``, sorts above the plain one, so that index wins.
    """
    if build == "cpu" and sys.platform != "darwin":
        return CPU_INDEX
    if build == "cuda" and sys.platform == "win32":
        return CUDA_INDEX  # on Linux the usual index has the CUDA build
    return ""


def has_nvidia_driver() -> bool:
    """Whether an NVIDIA driver answers and knows a GPU."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return False
    try:
        run = subprocess.run(
            [tool, "-L"],
            capture_output=True,
            timeout=20,
            check=False,
            stdin=subprocess.DEVNULL,
            env=clean_environment(),
            **popen_options(),
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return run.returncode == 0 and b"GPU" in run.stdout


def describe(line: str) -> str | None:
    """What a line of pip's output means to the user; None for most lines."""
    word, _, rest = line.strip().partition(" ")
    if word in ("Collecting", "Downloading"):
        name = rest.split(" ")[0].rsplit("/", 1)[-1]
        return tr("{step} {name}").format(step=word, name=name)
    if line.startswith("Installing collected packages"):
        return tr("Installing the downloaded packages")
    return None


def _runs(python: Path) -> bool:
    try:
        run = subprocess.run(
            [str(python), "-c", "import pip"],
            capture_output=True,
            timeout=60,
            check=False,
            stdin=subprocess.DEVNULL,
            env=clean_environment(),
            **popen_options(),
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return run.returncode == 0


def _read_lines(pipe: IO[bytes], tail: deque[str], read: Callable[[str], None]) -> None:
    for raw in iter(pipe.readline, b""):
        line = raw.decode("utf-8", "replace").rstrip()
        tail.append(line)
        read(line)


@contextmanager
def _log_file(path: Path) -> Iterator[Callable[[str], None]]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:

        def write(line: str) -> None:
            file.write(line + "\n")
            file.flush()

        write(time.strftime("--- %Y-%m-%d %H:%M:%S"))
        yield write


def _not_needed(folder: str, names: list[str]) -> set[str]:
    left_out = {"__pycache__", "build", "dist", "benchmarks"}
    return {name for name in names if name in left_out or name.endswith(".egg-info")}
