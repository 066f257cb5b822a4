"""Gives whoever asks a client of a working engine: starts it on first use, restarts a dead one."""

from __future__ import annotations

import enum
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from rsrefseg_qgis.errors import (
    CancelledError,
    EngineDiedError,
    EngineError,
    EngineNotInstalledError,
    EngineStartError,
    EngineStoppedError,
    EngineUnreachableError,
    RsRefSegPluginError,
    SettingError,
    tr,
)
from rsrefseg_qgis.paths import bundled_weights
from rsrefseg_qgis.settings import Settings

from . import tls
from .client import EngineClient
from .process import EngineProcess, last_line
from .proxy import LOOPBACK, proxy_for
from .token import read_token
from .transport import HttpTransport
from .venv import installed_python
from .wire import Health

logger = logging.getLogger(__name__)

LOCK_POLL_S = 0.1
HEALTH_POLL_S = 0.15
# A process that was killed may need a moment until its exit code is there.
DEATH_WAIT_S = 2.0


class EngineState(enum.Enum):
    """What a user may want to know about the engine."""

    STOPPED = "stopped"
    STARTING = "starting"
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True)
class EngineConfig:
    """What the engine in use depends on; when it changes, another engine is needed."""

    url: str
    token: str
    fingerprint: str
    python: Path | None
    weights: Path | None
    device: str
    precision: str
    cache_mb: int | None
    disk_cache_mb: int
    log_folder: Path

    @classmethod
    def from_settings(cls, settings: Settings) -> EngineConfig:
        """Read the settings; the environment on disk is looked for when none is set."""
        chosen = settings.engine_python
        remote = settings.engine_url.strip()
        return cls(
            url=remote,
            token=read_token(settings) if remote else "",
            fingerprint=settings.engine_fingerprint.strip(),
            python=None
            if remote
            else (Path(chosen).expanduser() if chosen else installed_python(settings.folder())),
            weights=Path(settings.weights).expanduser() if settings.weights else bundled_weights(),
            device=settings.device,
            precision=settings.precision,
            cache_mb=settings.cache_mb or None,
            disk_cache_mb=settings.disk_cache_mb,
            log_folder=settings.folder() / "logs",
        )


class EngineManager:
    """Keeps one engine for this QGIS, local or remote. All methods may be called from any thread.

    Args:
        settings: where to read what engine is wanted; None for QGIS's settings.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.last_error = ""
        self._lock = threading.Lock()
        self._config: EngineConfig | None = None
        self._process: EngineProcess | None = None
        self._client: EngineClient | None = None
        self._health: Health | None = None
        self._state = EngineState.STOPPED
        self._listeners: list[Callable[[EngineState], None]] = []

    @property
    def state(self) -> EngineState:
        """The engine's state as far as known; a death is noticed here too."""
        if self._state is not EngineState.FAILED and self._has_died():
            return EngineState.STOPPED
        return self._state

    @property
    def health(self) -> Health | None:
        """What the engine said of itself when it became ready."""
        return self._health

    @property
    def log_path(self) -> Path | None:
        """The log of the engine that runs or ran last."""
        return self._process.log_path if self._process else None

    @property
    def pid(self) -> int | None:
        """Process id of a local engine."""
        return self._process.pid if self._process else None

    @property
    def is_remote(self) -> bool:
        """Whether the settings name an engine elsewhere, which cannot read this machine's paths."""
        return bool(self.settings.engine_url.strip())

    def subscribe(self, listener: Callable[[EngineState], None]) -> None:
        """Have a function called at each change of state, from whatever thread made it."""
        self._listeners.append(listener)

    def unsubscribe(self, listener: Callable[[EngineState], None]) -> None:
        """Stop calling a function."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def ensure(
        self,
        cancelled: Callable[[], bool] = lambda: False,
        *,
        wait_for_model: bool = True,
    ) -> EngineClient:
        """A client of a working engine; starts one when there is none. Never on the main thread.

        Args:
            cancelled: asked while waiting.
            wait_for_model: whether to wait until the model is loaded; uploads need no model.

        Raises:
            EngineNotInstalledError: there is no environment with the engine yet.
            EngineError: it did not start, or its model cannot be loaded.
            CancelledError: ``cancelled`` said so.
        """
        with self._locked(cancelled):
            try:
                client = self._running_client(cancelled)
                if wait_for_model and self._state is not EngineState.READY:
                    self._wait_for_model(client, cancelled)
            except CancelledError:
                if self._client is None:
                    self._change(EngineState.STOPPED)
                raise
            except RsRefSegPluginError as error:
                self.last_error = str(error)
                self._drop()
                self._change(EngineState.FAILED)
                raise
        return client

    def stop(self) -> None:
        """End a local engine and forget the client; the next `ensure` starts anew."""
        with self._lock:
            self._drop()
            self._change(EngineState.STOPPED)

    def mark_unreachable(self, error: EngineError) -> None:
        """A request did not reach a remote engine: that is its state until the next `ensure`.

        Does nothing while another thread is just about to reach it.
        """
        if not self.is_remote or not self._lock.acquire(blocking=False):
            return
        try:
            self.last_error = str(error)
            self._drop()
            self._change(EngineState.FAILED)
        finally:
            self._lock.release()

    @contextmanager
    def _locked(self, cancelled: Callable[[], bool]) -> Iterator[None]:
        while not self._lock.acquire(timeout=LOCK_POLL_S):
            if cancelled():
                raise CancelledError
        try:
            yield
        finally:
            self._lock.release()

    def _running_client(self, cancelled: Callable[[], bool]) -> EngineClient:
        config = EngineConfig.from_settings(self.settings)
        if self._client is not None and config == self._config and not self._has_died():
            return self._client
        self._drop()
        self._config = config
        self._change(EngineState.STARTING)
        if config.url:
            self._client = self._remote_client(config)
        else:
            self._client = self._start_local(config, cancelled)
        self._change(EngineState.LOADING)
        return self._client

    def _remote_client(self, config: EngineConfig) -> EngineClient:
        parts = urlsplit(config.url)
        plain = parts.scheme == "http" and parts.hostname not in LOOPBACK
        if plain and not self.settings.engine_plain_http:
            raise SettingError(
                tr(
                    "http:// would show the engine's token to the network; use https:// in the "
                    "plugin's settings, or a tunnel to 127.0.0.1: {url}"
                ).format(url=config.url)
            )
        fingerprint = tls.parse_fingerprint(config.fingerprint)
        trust = tls.Trust(fingerprint, "" if fingerprint else tls.qgis_authorities())
        proxy = proxy_for(config.url, self.settings.store())
        return EngineClient(
            config.url,
            config.token,
            HttpTransport(config.url, trust, proxy),
            timeout_s=self.settings.request_timeout_s,
        )

    def _start_local(self, config: EngineConfig, cancelled: Callable[[], bool]) -> EngineClient:
        if config.python is None:
            raise EngineNotInstalledError(
                tr(
                    "The engine is not installed yet; press “Install engine…” in the RSRefSeg "
                    "panel (about 1.5 GB, once)."
                )
            )
        process = EngineProcess(
            config.python,
            config.weights,
            device=config.device,
            precision=config.precision,
            cache_mb=config.cache_mb,
            disk_cache_mb=config.disk_cache_mb,
            time_limit_s=self.settings.request_timeout_s,
            log_folder=config.log_folder,
        )
        self._process = process
        ready = process.start(self.settings.start_timeout_s, cancelled)
        return EngineClient(
            ready.url,
            process.token,
            timeout_s=self.settings.request_timeout_s,
            explain=lambda error: explain_loss(process, error),
        )

    def _wait_for_model(self, client: EngineClient, cancelled: Callable[[], bool]) -> None:
        deadline = time.monotonic() + self.settings.start_timeout_s
        while True:
            health = client.health()
            if health.state == "ready":
                self._health = health
                self._change(EngineState.READY)
                return
            if health.state == "failed":
                raise EngineStartError(
                    health.error.message
                    if health.error
                    else tr("The engine could not load its model; see its log.")
                )
            if time.monotonic() > deadline:
                raise EngineStartError(
                    tr(
                        "The engine did not load its model in time; try again, or raise the time "
                        "limit in the plugin's settings."
                    )
                )
            if cancelled():
                raise CancelledError
            time.sleep(HEALTH_POLL_S)

    def _has_died(self) -> bool:
        process = self._process
        local = self._config is not None and not self._config.url
        return local and process is not None and process.poll() is not None

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
        if self._process is not None:
            self._process.stop()
        self._client = None
        self._health = None

    def _change(self, state: EngineState) -> None:
        if state is self._state:
            return
        self._state = state
        for listener in list(self._listeners):
            listener(state)


def explain_loss(process: EngineProcess, error: EngineUnreachableError) -> EngineError:
    """What a broken connection to a local engine means: mostly that its process ended."""
    deadline = time.monotonic() + DEATH_WAIT_S
    while process.is_running() and time.monotonic() < deadline:
        time.sleep(0.05)
    code = process.poll()
    if code is None:
        return error
    if process.was_stopped:
        return EngineStoppedError(
            tr("The engine was stopped while it worked; run it again, it starts anew by itself.")
        )
    why = last_line(process.last_lines())
    logger.warning("engine %s ended with code %s: %s", process.pid, code, why)
    return EngineDiedError(
        tr(
            "The engine ended in the middle of the request ({why}); run it again, the engine "
            "starts anew by itself. Its log: {log}"
        ).format(why=_ending(code), log=process.log_path)
    )


def _ending(code: int) -> str:
    if code == -9:
        return tr("it was killed, perhaps for lack of memory")
    if code < 0:
        return tr("signal {number}").format(number=-code)
    return tr("code {code}").format(code=code)
