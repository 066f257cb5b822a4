"""The real engine in a process of its own, asked by the plugin's real client."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rsrefseg_qgis.engine.client import EngineClient

# A machine that others keep busy may take minutes for what an idle one does in seconds.
PATIENCE_S = 600


@dataclass
class Running:
    """An engine that listens."""

    process: subprocess.Popen
    url: str
    token: str
    pid: int

    def client(self) -> EngineClient:
        return EngineClient(self.url, self.token, timeout_s=120)


def start(weights: Path, *arguments: str, **environment: str) -> Running:
    """Start an engine and wait until its model is loaded."""
    process = subprocess.Popen(
        [sys.executable, "-m", "rsrefseg", "serve", "--weights", str(weights), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
    )
    ready = json.loads(process.stdout.readline())
    running = Running(process, ready["url"], ready["token"], ready["pid"])
    try:
        _wait_for_model(running)
    except BaseException:
        end(running)
        raise
    return running


def _wait_for_model(running: Running) -> None:
    with contextlib.closing(running.client()) as client:
        deadline = time.monotonic() + PATIENCE_S
        while client.health().state == "loading":
            assert time.monotonic() < deadline, "the model did not load"
            time.sleep(0.05)


def end(running: Running) -> None:
    """Kill it, if it is still there, and close its pipes."""
    running.process.kill()
    running.process.wait(10)
    for pipe in (running.process.stdin, running.process.stdout):
        with contextlib.suppress(OSError):
            pipe.close()


@contextlib.contextmanager
def engine(weights: Path, *arguments: str, **environment: str) -> Iterator[Running]:
    """An engine for the length of a block."""
    running = start(weights, *arguments, **environment)
    try:
        yield running
    finally:
        end(running)
