"""QGIS's proxy settings, for a remote engine; the local one is never reached through a proxy."""

from __future__ import annotations

import base64
import http.client
import socket
import urllib.request
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from rsrefseg_qgis.errors import SettingError, tr
from rsrefseg_qgis.settings import Store, as_bool

TIMEOUT_S = 10.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Proxy:
    """An HTTP proxy that lets connections through (CONNECT)."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)

    def tunnel(self, connection: http.client.HTTPConnection, host: str, port: int) -> None:
        """Have a connection to this proxy go on to a server."""
        headers = {}
        if self.user:
            secret = f"{self.user}:{self.password}".encode()
            headers["Proxy-Authorization"] = "Basic " + base64.b64encode(secret).decode("ascii")
        connection.set_tunnel(host, port, headers)


def open_plain(host: str, port: int, proxy: Proxy | None) -> socket.socket:
    """A connection to a server, through the proxy if there is one; no TLS yet."""
    if proxy is None:
        return socket.create_connection((host, port), TIMEOUT_S)
    connection = http.client.HTTPConnection(proxy.host, proxy.port, timeout=TIMEOUT_S)
    proxy.tunnel(connection, host, port)
    connection.connect()
    opened: socket.socket = connection.sock
    return opened


def proxy_for(url: str, store: Store) -> Proxy | None:
    """The proxy that QGIS's settings want for an address; None for none.

    Args:
        url: the engine's address.
        store: QGIS's settings.

    Raises:
        SettingError: they want a kind of proxy that is not supported here.
    """
    host = urlsplit(url).hostname or ""
    if host in LOOPBACK or not _flag(store, "proxy/proxyEnabled"):
        return None
    excluded = [*_texts(store, "proxy/proxyExcludedUrls"), *_texts(store, "proxy/noProxyUrls")]
    if any(prefix and url.startswith(prefix) for prefix in excluded):
        return None
    kind = str(store.value("proxy/proxyType", "DefaultProxy"))
    if kind == "DefaultProxy":
        return _system_proxy(host)
    if kind not in ("HttpProxy", "HttpCachingProxy"):
        raise SettingError(
            tr(
                "QGIS's proxy is of the kind {kind}, which cannot reach a remote engine; use an "
                "HTTP proxy, or exclude {url} from it in QGIS's network settings."
            ).format(kind=kind, url=url)
        )
    port = str(store.value("proxy/proxyPort", "") or "8080")
    return Proxy(
        host=str(store.value("proxy/proxyHost", "") or ""),
        port=int(port) if port.isdigit() else 8080,
        user=str(store.value("proxy/proxyUser", "") or ""),
        password=str(store.value("proxy/proxyPassword", "") or ""),
    )


def _system_proxy(host: str) -> Proxy | None:
    found = urllib.request.getproxies().get("https", "")
    if not found or urllib.request.proxy_bypass(host):
        return None
    parts = urlsplit(found if "://" in found else f"http://{found}")
    if not parts.hostname:
        return None
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Proxy(parts.hostname, parts.port or 8080, user, password)


def _flag(store: Store, key: str) -> bool:
    try:
        return as_bool(store.value(key, False))
    except ValueError:
        return False


def _texts(store: Store, key: str) -> list[str]:
    value = store.value(key, [])
    if isinstance(value, str):
        return [part.strip() for part in value.split("|")]
    return [str(part).strip() for part in value or []]
