"""The engine's process: started with a clean environment, watched, and never left behind.

The engine ends by itself when its standard input closes, so that a QGIS that crashes leaves no
orphan: this side holds the other end of that pipe and never writes to it.
"""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import os
import queue
import secrets
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import IO

from rsrefseg_qgis.errors import (
    CancelledError,
    EngineProtocolError,
    EngineStartError,
    tr,
)

from . import parse
from .client import check_version
from .environment import clean_environment, popen_options
from .wire import Ready

POLL_S = 0.05
LOG_BYTES = 1_000_000
LOG_FILES = 3
OLD_LOGS = 5


class EngineProcess:
    """One engine process of this QGIS.

    Args:
        python: Python of an environment that has the engine.
        weights: weights file; None for the engine's own.
        device: auto, cpu, cuda or mps.
        precision: auto, fp32, bf16 or fp16.
        cache_mb: memory for encoded images; None for the engine's own choice.
        disk_cache_mb: disk for encoded images, 0 for none; None for the engine's own choice.
        time_limit_s: the longest that a request may take; None for the engine's own choice.
        log_folder: where the engine's log goes; made when missing.
    """

    def __init__(
        self,
        python: Path,
        weights: Path | None,
        *,
        device: str = "auto",
        precision: str = "auto",
        cache_mb: int | None = None,
        disk_cache_mb: int | None = None,
        time_limit_s: float | None = None,
        log_folder: Path,
    ) -> None:
        self.python = python
        self.weights = weights
        self.device = device
        self.precision = precision
        self.cache_mb = cache_mb
        self.disk_cache_mb = disk_cache_mb
        self.time_limit_s = time_limit_s
        self.log_path = log_folder / f"engine-{os.getpid()}.log"
        self.token = secrets.token_urlsafe(32)
        self.ready: Ready | None = None
        self.was_stopped = False
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: queue.Queue[bytes] = queue.Queue()
        self._tail: deque[str] = deque(maxlen=20)
        self._readers: list[threading.Thread] = []

    def start(self, timeout_s: float, cancelled: Callable[[], bool] = lambda: False) -> Ready:
        """Start the engine and wait for its ready line; its model loads after that.

        Args:
            timeout_s: longest wait.
            cancelled: asked while waiting.

        Raises:
            EngineStartError: it did not start in time, or ended.
            CancelledError: ``cancelled`` said so.
        """
        self._spawn()
        try:
            self.ready = self._wait_ready(time.monotonic() + timeout_s, cancelled)
            check_version(self.ready.api_version)
        except BaseException:
            self.stop(grace_s=0.5)
            raise
        return self.ready

    @property
    def pid(self) -> int | None:
        """The process's id, None before the start."""
        return self._process.pid if self._process else None

    def poll(self) -> int | None:
        """The exit code of a process that ended, None while it runs or before the start."""
        return self._process.poll() if self._process else None

    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def last_lines(self) -> str:
        """The end of the engine's log."""
        for reader in self._readers:
            reader.join(0.5 if self.poll() is not None else 0)
        return "\n".join(self._tail)

    def stop(self, grace_s: float = 3.0) -> None:
        """End the process: ask by closing its input, then terminate, then kill."""
        process = self._process
        if process is None:
            return
        self.was_stopped = True
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
        for end in (None, process.terminate, process.kill):
            if end is not None:
                end()
            try:
                process.wait(grace_s)
                break
            except subprocess.TimeoutExpired:
                continue
        for reader in self._readers:
            reader.join(1.0)
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()

    def _spawn(self) -> None:
        environment = {**clean_environment(), "RSREFSEG_TOKEN": self.token}
        try:
            log = self._open_log()
            self._process = subprocess.Popen(
                self.command(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                cwd=self.log_path.parent,  # never a folder whose files shadow modules
                **popen_options(),
            )
        except OSError as error:
            raise EngineStartError(
                tr(
                    "The engine could not be started with {python} ({why}); repair the engine "
                    "in the plugin's settings."
                ).format(python=self.python, why=error)
            ) from error
        if self._process.stdout is None or self._process.stderr is None:
            raise EngineStartError(tr("The engine has no output; try again."))
        self._readers = [
            threading.Thread(target=work, args=args, daemon=True, name="rsrefseg-engine-output")
            for work, args in (
                (_each_line, (self._process.stdout, self._lines.put)),
                (self._keep_log, (self._process.stderr, log)),
            )
        ]
        for reader in self._readers:
            reader.start()

    def command(self) -> list[str]:
        """The engine's command line."""
        command = [str(self.python), "-m", "rsrefseg", "serve", "--host", "127.0.0.1"]
        command += ["--port", "0", "--device", self.device, "--precision", self.precision]
        if self.weights is not None:
            command += ["--weights", str(self.weights)]
        if self.cache_mb is not None:
            command += ["--cache-mb", str(self.cache_mb)]
        if self.disk_cache_mb is not None:
            command += ["--disk-cache-mb", str(self.disk_cache_mb)]
        if self.time_limit_s is not None:
            command += ["--time-limit-s", str(self.time_limit_s)]
        return command

    def _open_log(self) -> logging.Handler:
        folder = self.log_path.parent
        folder.mkdir(parents=True, exist_ok=True)
        _remove_old_logs(folder, keep=self.log_path)
        handler = logging.handlers.RotatingFileHandler(
            self.log_path, maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8", delay=True
        )
        # A full disk must not stop the reader: then the engine would block on its own log.
        handler.handleError = lambda record: None  # type: ignore[method-assign]
        return handler

    def _keep_log(self, pipe: IO[bytes], log: logging.Handler) -> None:
        def keep(raw: bytes) -> None:
            line = raw.decode("utf-8", "replace").rstrip()
            self._tail.append(line)
            log.emit(logging.LogRecord("engine", logging.INFO, "", 0, line, None, None))

        try:
            _each_line(pipe, keep)
        finally:
            log.close()

    def _wait_ready(self, deadline: float, cancelled: Callable[[], bool]) -> Ready:
        while True:
            if cancelled():
                raise CancelledError
            try:
                line = self._lines.get(timeout=POLL_S)
            except queue.Empty:
                self._check_start(deadline)
                continue
            try:
                message = parse.load(line)
                if message.get("event") == "ready":
                    return Ready.from_json(message)
            except EngineProtocolError:
                self._tail.append(line.decode("utf-8", "replace").rstrip())

    def _check_start(self, deadline: float) -> None:
        code = self.poll()
        if code is not None and self._lines.empty():
            raise EngineStartError(start_failure(code, self.last_lines(), self.log_path))
        if time.monotonic() > deadline:
            raise EngineStartError(
                tr(
                    "The engine did not start in time; try again, or raise the time limit in the "
                    "plugin's settings. Its log: {log}"
                ).format(log=self.log_path)
            )


def start_failure(code: int, log_tail: str, log_path: Path) -> str:
    """One sentence on why an engine that ended at its start did so."""
    if "No module named" in log_tail:
        return tr(
            "The engine is not complete in its environment ({why}); repair the engine in the "
            "plugin's settings."
        ).format(why=last_line(log_tail))
    return tr(
        "The engine ended at its start with code {code} ({why}); repair the engine in the "
        "plugin's settings, or see its log: {log}"
    ).format(code=code, why=last_line(log_tail) or tr("no message"), log=log_path)


def last_line(text: str) -> str:
    """The last line that says something, shortened."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][-300:] if lines else ""


def _each_line(pipe: IO[bytes], use: Callable[[bytes], None]) -> None:
    # the pipe may be closed under the reader when the process is stopped
    with contextlib.suppress(OSError, ValueError):
        for line in iter(pipe.readline, b""):
            use(line)


def _remove_old_logs(folder: Path, keep: Path) -> None:
    """Leave the newest few logs of other QGIS processes."""
    logs = [path for path in folder.glob("engine-*.log*") if not path.name.startswith(keep.name)]
    with contextlib.suppress(OSError):
        logs.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        for path in logs[OLD_LOGS:]:
            path.unlink()
