"""Serving: the process, the ready line, the logs, and ending with whoever started it."""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import uvicorn

from rsrefseg import __version__
from rsrefseg.geo.harden import only_plain_files
from rsrefseg.predict.types import COMPILING, Predictor
from rsrefseg.server import binding
from rsrefseg.server.app import create_app
from rsrefseg.server.binding import Access
from rsrefseg.server.images import Limits
from rsrefseg.server.schemas import API_VERSION
from rsrefseg.server.service import EngineService

TOKEN_VARIABLE = "RSREFSEG_TOKEN"
# What a job that cannot be interrupted is given before the process ends regardless.
LAST_GRACE_S = 3.0
MAX_CONNECTIONS = 512

log = logging.getLogger("rsrefseg.server")


@dataclass(frozen=True)
class ModelChoice:
    """Which model runs, and how.

    Attributes:
        weights: a weights file; the bundled one when None.
        device: auto, cpu, cuda or mps.
        precision: auto, fp32, bf16 or fp16.
        cache_bytes: memory for encoded images; an eighth of the device's when None.
        disk_cache_bytes: disk for encoded images; 0 for none.
    """

    weights: Path | None = None
    device: str = "auto"
    precision: str = "auto"
    cache_bytes: int | None = None
    disk_cache_bytes: int = 0

    def load(self) -> Predictor:
        """The model in its place.

        Raises:
            WeightsError: the file cannot be used.
            DeviceError: the device or precision is not there.
        """
        from rsrefseg.predict.diskcache import DiskOptions, default_folder
        from rsrefseg.predict.segmenter import Segmenter
        from rsrefseg.weights.files import bundled_weights

        segmenter = Segmenter.from_file(
            self.weights or bundled_weights(),
            device=self.device,
            precision=self.precision,
            cache_budget_bytes=self.cache_bytes,
            disk=DiskOptions(default_folder(), self.disk_cache_bytes),
        )
        segmenter.ask_single_phrases_faster()
        return segmenter


def serve(
    access: Access, model: ModelChoice, limits: Limits, *, ignore_stdin: bool = False
) -> None:
    """Serve until stdin closes or a signal comes.

    Args:
        access: who is listened to.
        model: what answers.
        limits: how much is taken.
        ignore_stdin: go on when stdin closes.

    Raises:
        ConfigError: the address, the certificate or the token cannot be used.
    """
    _log_to_stderr()
    only_plain_files()
    given = os.environ.pop(TOKEN_VARIABLE, "")
    token = given or binding.new_token()
    binding.check_access(access, token)
    listener = binding.listen(access.host, access.port)
    service = EngineService(model.load, limits)
    app = create_app(
        service,
        token=token,
        hosts=binding.allowed_names(access),
        any_address=not access.is_local,
    )
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        ssl_certfile=access.tls_cert,
        ssl_keyfile=access.tls_key,
        limit_concurrency=MAX_CONNECTIONS,
        # QGIS may be idle for long and then expects its connection to be there.
        timeout_keep_alive=3600,
        timeout_graceful_shutdown=2,
    )
    server = _Server(config, _ready_line(access, listener, None if given else token))
    if not ignore_stdin:
        threading.Thread(target=_end_with_stdin, args=(server,), daemon=True).start()
    server.run(sockets=[listener])
    stopped = service.stop(LAST_GRACE_S)
    if not stopped or any(thread.name == COMPILING for thread in threading.enumerate()):
        # A native call is still at work in another thread; nothing of value is lost.
        _leave()


def _ready_line(access: Access, listener: socket.socket, token: str | None) -> str:
    """What is printed once the service listens; with the token, if nobody else knows it."""
    ready: dict[str, Any] = {
        "event": "ready",
        "url": binding.public_url(access, listener),
        "port": listener.getsockname()[1],
        "api_version": API_VERSION,
        "engine_version": __version__,
        "pid": os.getpid(),
    }
    if token is not None:
        ready["token"] = token
    if access.tls_cert is not None:
        ready["fingerprint"] = binding.fingerprint(access.tls_cert)
    return json.dumps(ready)


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
