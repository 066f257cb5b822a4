"""All settings of the plugin in one typed table.

A setting is read from QGIS's settings each time it is asked for, so that there is no copy that
could be stale and nothing is read at import. An environment variable, where a setting names one,
wins over the stored value: tests, the demo and administrators use that.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, cast, overload

from rsrefseg_qgis.errors import SettingError, tr
from rsrefseg_qgis.paths import user_folder

PREFIX = "rsrefseg"
Value = TypeVar("Value", str, bool, int, float)


class Store(Protocol):
    """What keeps the values: QgsSettings, or a stand-in in tests."""

    def value(self, key: str, default: Any = None) -> Any:
        """The stored value, or the default."""

    def setValue(self, key: str, value: Any) -> None:
        """Store a value."""

    def remove(self, key: str) -> None:
        """Forget a value."""


class Setting(Generic[Value]):
    """One row of the table: a typed attribute of `Settings`.

    Args:
        key: name in QGIS's settings, below ``rsrefseg/``.
        default: the value when nothing is stored; its type is the setting's type.
        doc: what it is for.
        env: environment variable that wins over the stored value.
        choices: the values that are allowed; empty for any.
        low: least allowed number.
        high: greatest allowed number.
    """

    def __init__(
        self,
        key: str,
        default: Value,
        doc: str,
        *,
        env: str = "",
        choices: tuple[Value, ...] = (),
        low: float = float("-inf"),
        high: float = float("inf"),
    ) -> None:
        self.key = f"{PREFIX}/{key}"
        self.default: Value = default
        self.doc = doc
        self.env = env
        self.choices: tuple[Value, ...] = choices
        self.low = low
        self.high = high

    @overload
    def __get__(self, owner: None, kind: type) -> Setting[Value]: ...

    @overload
    def __get__(self, owner: Settings, kind: type) -> Value: ...

    def __get__(self, owner: Settings | None, kind: type) -> Setting[Value] | Value:
        if owner is None:
            return self
        if self.env and os.environ.get(self.env):
            return self.parse(os.environ[self.env])
        stored = owner.store().value(self.key, None)
        if stored is None:
            return self.default
        try:
            return self.parse(stored)
        except SettingError:  # a hand-edited or outdated profile must not lock the user out
            return self.default

    def __set__(self, owner: Settings, value: Value) -> None:
        owner.store().setValue(self.key, self.parse(value))

    def parse(self, raw: object) -> Value:
        """Turn a stored value (QGIS gives back strings) into the setting's type.

        Raises:
            SettingError: it is not of that type or not allowed.
        """
        kind = type(self.default)
        try:
            value: object = as_bool(raw) if kind is bool else kind(cast("Any", raw))
        except (TypeError, ValueError) as error:
            raise self._refused(raw) from error
        if self.choices and value not in self.choices:
            raise self._refused(raw)
        if (
            isinstance(value, (int, float))
            and not isinstance(value, bool)
            and not self.low <= value <= self.high
        ):
            raise self._refused(raw)
        return cast("Value", value)

    def _refused(self, raw: object) -> SettingError:
        if self.choices:
            allowed = ", ".join(str(choice) for choice in self.choices)
        elif self.low > float("-inf") or self.high < float("inf"):
            allowed = f"{self.low:g} … {self.high:g}"
        else:
            allowed = type(self.default).__name__
        return SettingError(
            tr("The setting {key} cannot be “{value}”; allowed: {allowed}.").format(
                key=self.key, value=raw, allowed=allowed
            )
        )


class Draft:
    """A store for values that are not accepted yet, above the accepted ones.

    Args:
        below: where all that was not changed comes from.
    """

    def __init__(self, below: Store) -> None:
        self._below = below
        self._changed: dict[str, Any] = {}

    def value(self, key: str, default: Any = None) -> Any:
        """The changed value, else the accepted one, else the default."""
        return self._changed[key] if key in self._changed else self._below.value(key, default)

    def setValue(self, key: str, value: Any) -> None:
        """Change a value here only."""
        self._changed[key] = value

    def remove(self, key: str) -> None:
        """Let the default hold here."""
        self._changed[key] = None


def as_bool(raw: object) -> bool:
    """A stored value as a bool; raises ValueError when it is none."""
    if isinstance(raw, bool):
        return raw
    text = str(raw).strip().lower()
    if text in ("true", "1", "yes", "on"):
        return True
    if text in ("false", "0", "no", "off"):
        return False
    raise ValueError(text)


class Settings:
    """The table; reading an attribute reads QGIS's settings, setting one stores it.

    Args:
        store: where values are kept; None for QGIS's settings. QgsSettings may be used from any
            thread as long as each has its own, so one is made per access.
    """

    # -- the engine on this machine
    engine_python = Setting(
        "engine/python",
        "",
        "Python of an environment that has the engine; empty for the one the plugin installs.",
        env="RSREFSEG_ENGINE_PYTHON",
    )
    engine_folder = Setting(
        "engine/folder",
        "",
        "Folder for the engine's environment, logs and downloads; empty for the per-user folder.",
        env="RSREFSEG_ENGINE_FOLDER",
    )
    base_python = Setting(
        "engine/base_python",
        "",
        "Python 3.10 to 3.13 to make the engine's environment from; empty to look for one.",
    )
    torch_build = Setting(
        "engine/torch_build",
        "auto",
        "Which PyTorch to install; auto takes CUDA where an NVIDIA driver answers.",
        choices=("auto", "cpu", "cuda"),
    )
    wheels_folder = Setting(
        "engine/wheels_folder",
        "",
        "Folder of wheels to install from without a network; empty to use the package index.",
    )
    device = Setting(
        "engine/device",
        "auto",
        "Where the model runs.",
        env="RSREFSEG_DEVICE",
        choices=("auto", "cpu", "cuda", "mps"),
    )
    precision = Setting(
        "engine/precision",
        "auto",
        "Numbers that the model calculates with.",
        choices=("auto", "fp32", "bf16", "fp16"),
    )
    cache_mb = Setting(
        "engine/cache_mb",
        0,
        "Memory for encoded images; 0 for an eighth of the machine's.",
        low=0,
        high=1_000_000,
    )
    disk_cache_mb = Setting(
        "engine/disk_cache_mb",
        1024,
        "Disk for encoded images; 0 for none.",
        low=0,
        high=1_000_000,
    )
    weights = Setting(
        "engine/weights",
        "",
        "Weights file; empty for the ones that come with the plugin.",
        env="RSREFSEG_WEIGHTS",
    )
    start_timeout_s = Setting(
        "engine/start_timeout_s", 120.0, "Longest wait for the engine to start.", low=1, high=3600
    )
    # a whole scene on a CPU takes hours; who does not want to wait cancels
    request_timeout_s = Setting(
        "engine/request_timeout_s", 86400.0, "Longest wait for one answer.", low=1, high=604800
    )
    # -- a remote engine
    engine_url = Setting(
        "engine/url",
        "",
        "https:// address of a remote engine; empty for the engine on this machine.",
        env="RSREFSEG_ENGINE_URL",
    )
    engine_token = Setting(
        "engine/token",
        "",
        "Token of the remote engine in plain text, for scripts; people use the authentication "
        "database.",
        env="RSREFSEG_ENGINE_TOKEN",
    )
    engine_token_kept = Setting(
        "engine/token_kept",
        False,
        "Whether QGIS's authentication database has the token of the remote engine.",
    )
    engine_fingerprint = Setting(
        "engine/fingerprint",
        "",
        "SHA-256 fingerprint of the remote engine's own certificate; empty to use the system's.",
        env="RSREFSEG_ENGINE_FINGERPRINT",
    )
    engine_plain_http = Setting(
        "engine/plain_http",
        False,
        "Whether a remote engine may be asked without TLS, its token readable on the network.",
    )
    # -- what the panel and the algorithms start with
    encode_while_typing = Setting(
        "request/encode_while_typing",
        True,
        "Whether the extent is encoded while the phrase is being typed.",
    )
    result_style = Setting(
        "request/result_style", "", "QML style of result layers; empty for the plugin's own."
    )
    threshold = Setting(
        "request/threshold", 0.5, "Probability from which a pixel counts.", low=0.0, high=1.0
    )
    min_area_m2 = Setting("request/min_area_m2", 0.0, "Smaller polygons are left out.", low=0.0)
    simplify_m = Setting("request/simplify_m", 0.0, "Tolerance of outline simplification.", low=0.0)
    extent_mode = Setting(
        "panel/extent_mode",
        "canvas",
        "What the panel segments: the visible canvas, the whole layer or a drawn rectangle.",
        choices=("canvas", "layer", "drawn"),
    )
    export_folder = Setting("panel/export_folder", "", "Folder of the last export.")

    def __init__(self, store: Store | None = None) -> None:
        self._store = store

    def store(self) -> Store:
        """Where the values are kept."""
        if self._store is not None:
            return self._store
        from qgis.core import QgsSettings

        return cast("Store", QgsSettings())

    def reset(self) -> None:
        """Forget all stored values."""
        for setting in self.table():
            self.store().remove(setting.key)

    @classmethod
    def table(cls) -> Iterator[Setting[Any]]:
        """All rows."""
        return (row for row in vars(cls).values() if isinstance(row, Setting))

    def folder(self) -> Path:
        """The folder for the engine's environment, logs and downloads."""
        return Path(self.engine_folder).expanduser() if self.engine_folder else user_folder()
