"""Serving: the socket, the ready line, the logs, and ending with whoever started it."""

from __future__ import annotations

import json
import logging
import os
import secrets
import socket
import sys
import threading
from pathlib import Path
from typing import TextIO

import uvicorn

from rsrefseg import __version__
from rsrefseg.errors import ConfigError
from rsrefseg.predict.types import Predictor
from rsrefseg.server.app import create_app
from rsrefseg.server.schemas import API_VERSION
from rsrefseg.server.service import EngineService

TOKEN_VARIABLE = "RSREFSEG_TOKEN"
TOKEN_BYTES = 32
# What a job that cannot be interrupted is given before the process ends regardless.
LAST_GRACE_S = 3.0

log = logging.getLogger("rsrefseg.server")


def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    weights: Path | None = None,
    device: str = "auto",
    precision: str = "auto",
    ignore_stdin: bool = False,
) -> None:
    """Serve until stdin closes or a signal comes.

    Args:
        host: the address to listen on; only a loopback one.
        port: the port; 0 for any free one.
        weights: a weights file; the bundled one when None.
        device: auto, cpu, cuda or mps.
        precision: auto, fp32, bf16 or fp16.
        ignore_stdin: go on when stdin closes.

    Raises:
        ConfigError: the address cannot be used.
    """
    _log_to_stderr()
    given = os.environ.pop(TOKEN_VARIABLE, "")
    token = given or secrets.token_urlsafe(TOKEN_BYTES)
    listener = _listen(host, port)

    def load() -> Predictor:
        from rsrefseg.predict.segmenter import Segmenter
        from rsrefseg.weights.files import bundled_weights

        return Segmenter.from_file(weights or bundled_weights(), device=device, precision=precision)

    service = EngineService(load)
    ready = _ready_line(listener, None if given else token)
    config = uvicorn.Config(
        create_app(service, token=token),
        log_config=None,
        access_log=False,
        server_header=False,
        # QGIS may be idle for long and then expects its connection to be there.
        timeout_keep_alive=3600,
        timeout_graceful_shutdown=2,
    )
    server = _Server(config, ready)
    if not ignore_stdin:
        threading.Thread(target=_end_with_stdin, args=(server,), daemon=True).start()
    server.run(sockets=[listener])
    if not service.jobs.stop(LAST_GRACE_S):
        # A native call is still at work in the device's thread; nothing of value is lost.
        _leave()


def _ready_line(listener: socket.socket, token: str | None) -> str:
    """What is printed once the service listens; with the token, if nobody else knows it."""
    address, port = listener.getsockname()[:2]
    named = f"[{address}]" if ":" in address else address
    ready = {
        "event": "ready",
        "url": f"http://{named}:{port}",
        "port": port,
        "api_version": API_VERSION,
        "engine_version": __version__,
        "pid": os.getpid(),
    }
    return json.dumps(ready if token is None else {**ready, "token": token})


class _Server(uvicorn.Server):
    """Says that it is ready once it is."""

    def __init__(self, config: uvicorn.Config, ready_line: str) -> None:
        super().__init__(config)
        self._ready_line = ready_line

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            sys.stdout.write(self._ready_line + "\n")
            sys.stdout.flush()


def _listen(host: str, port: int) -> socket.socket:
    if host not in ("127.0.0.1", "localhost", "::1"):
        raise ConfigError(f"The engine listens on this machine only, not on {host}: use 127.0.0.1.")
    family = socket.AF_INET6 if host == "::1" else socket.AF_INET
    # Named as TCP, or asyncio does not switch off Nagle's algorithm: 40 ms for every answer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"Port {port} cannot be listened on ({error.strerror}): choose another, or 0."
        ) from error
    return listener


def _end_with_stdin(server: uvicorn.Server) -> None:
    """Wait for the end of stdin, which comes when whoever started the engine is gone."""
    stdin: TextIO | None = sys.stdin
    if stdin is not None:
        try:
            # The raw file: a buffered reader holds a lock that would block the interpreter's end.
            while os.read(stdin.fileno(), 4096):
                pass
        except (OSError, ValueError):
            log.info("stdin cannot be read")
    log.info("stdin is closed, ending")
    server.should_exit = True
    timer = threading.Timer(2 * LAST_GRACE_S, _leave)
    timer.daemon = True
    timer.start()


def _leave() -> None:
    logging.shutdown()
    os._exit(0)


def _log_to_stderr() -> None:
    stream = sys.stderr
    if stream is None:  # a windowed interpreter has none
        stream = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
