"""How bytes reach the engine: a small interface and its HTTP implementation.

Standard library only, and ``http.client`` on purpose: it knows no proxy, so that a proxy set in
QGIS, in the system or in the environment cannot come between the plugin and the local engine.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from rsrefseg_qgis.errors import (
    EngineProtocolError,
    EngineTimeoutError,
    EngineUnreachableError,
    SettingError,
    tr,
)

from . import tls
from .proxy import Proxy

CONNECT_TIMEOUT_S = 10.0
# What http.client raises when the peer goes away, refuses, or the network does.
BROKEN = (OSError, http.client.HTTPException)


@dataclass(frozen=True)
class RawResponse:
    """Status and body of an answer."""

    status: int
    body: bytes


class Transport(Protocol):
    """What `EngineClient` needs; `MockTransport` is the one for tests."""

    def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> RawResponse:
        """Send a request and read the whole answer."""

    def stream(self, path: str, headers: Mapping[str, str], timeout_s: float) -> Iterator[bytes]:
        """GET a path and yield the lines of a 200 answer as they come.

        Raises:
            StreamRefused: the status is not 200.
        """

    def close(self) -> None:
        """Give up idle connections."""


class StreamRefusedError(Exception):
    """A stream was answered with an error; never reaches the user."""

    def __init__(self, response: RawResponse) -> None:
        super().__init__(f"HTTP status {response.status}")
        self.response = response


class HttpTransport:
    """HTTP/1.1 with kept connections; may be used from many threads at once.

    Args:
        base_url: ``http://127.0.0.1:PORT`` or ``https://host[:port][/prefix]``.
        trust: whom to trust for https; None for the system's certificate authorities.
        proxy: the way out for https; never for http, which is for this machine.
    """

    def __init__(
        self, base_url: str, trust: tls.Trust | None = None, proxy: Proxy | None = None
    ) -> None:
        parts = urlsplit(base_url)
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in ("http", "https") or not parts.hostname or port == -1:
            raise SettingError(
                tr(
                    "“{url}” is no address of an engine; give one like https://server:8443 "
                    "in the plugin's settings."
                ).format(url=base_url)
            )
        self.base_url = base_url.rstrip("/")
        self._secure = parts.scheme == "https"
        self._host = parts.hostname
        self._port = port or (443 if self._secure else 80)
        self._prefix = parts.path.rstrip("/")
        self._trust = trust or tls.Trust()
        self._proxy = proxy if self._secure else None
        self._context: ssl.SSLContext | None = None
        self._idle: list[http.client.HTTPConnection] = []
        self._closed = False
        self._lock = threading.Lock()

    def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> RawResponse:
        """Send a request and read the whole answer.

        A kept connection that the engine has closed meanwhile is replaced once; a fresh one that
        breaks is an error.
        """
        connection = self._take()
        if connection is not None:
            try:
                return self._exchange(connection, method, path, headers, body, timeout_s)
            except (ConnectionError, http.client.BadStatusLine):
                pass  # closed while idle: try on a fresh one
            except BROKEN as error:
                raise self._mapped(error) from error
        try:
            return self._exchange(self._connect(), method, path, headers, body, timeout_s)
        except BROKEN as error:
            raise self._mapped(error) from error

    def stream(self, path: str, headers: Mapping[str, str], timeout_s: float) -> Iterator[bytes]:
        """GET a path and yield the lines of a 200 answer as they come."""
        with self._stream_connection() as connection:
            try:
                self._request(connection, "GET", path, headers, b"", timeout_s)
                with connection.getresponse() as response:
                    if response.status != 200:
                        raise StreamRefusedError(RawResponse(response.status, response.read()))
                    while line := response.readline():
                        yield line
            except BROKEN as error:
                raise self._mapped(error) from error

    def close(self) -> None:
        """Give up idle connections; whoever is still asking gets the answer."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout_s: float,
    ) -> RawResponse:
        try:
            self._request(connection, method, path, headers, body, timeout_s)
            # Left open, a response cut off in the middle would hold its socket.
            with connection.getresponse() as response:
                answer = RawResponse(response.status, response.read())
        except BaseException:
            connection.close()
            raise
        with self._lock:
            keep = not (response.will_close or self._closed)
            if keep:
                self._idle.append(connection)
        if not keep:
            connection.close()
        return answer

    def _request(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout_s: float,
    ) -> None:
        if connection.sock is None:
            _open(connection)
        connection.sock.settimeout(timeout_s)
        try:
            connection.request(method, self._prefix + path, body or None, dict(headers))
        except ConnectionError:
            # An engine that refuses early (too big, bad token) answers before it has read all
            # and closes; its answer is still there to be read and says why.
            if not body or connection.sock is None:
                raise

    def _connect(self) -> http.client.HTTPConnection:
        if not self._secure:
            return http.client.HTTPConnection(self._host, self._port, timeout=CONNECT_TIMEOUT_S)
        if self._context is None:
            self._context = tls.make_context(self._host, self._port, self._trust, self._proxy)
        to = (self._proxy.host, self._proxy.port) if self._proxy else (self._host, self._port)
        connection = http.client.HTTPSConnection(
            *to, timeout=CONNECT_TIMEOUT_S, context=self._context
        )
        if self._proxy:
            self._proxy.tunnel(connection, self._host, self._port)
        return connection

    def _take(self) -> http.client.HTTPConnection | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    @contextmanager
    def _stream_connection(self) -> Iterator[http.client.HTTPConnection]:
        try:
            connection = self._connect()
        except BROKEN as error:
            raise self._mapped(error) from error
        try:
            yield connection
        finally:
            connection.close()

    def _mapped(self, error: Exception) -> Exception:
        """The plugin's error for one of the network's."""
        where = self.base_url
        if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
            self._context = None  # the server may have another certificate by now
            return tls.explain(error, where, self._host, self._port, self._trust, self._proxy)
        if "Tunnel connection failed" in str(error):
            return EngineUnreachableError(
                tr(
                    "The proxy did not let the connection to {url} through ({why}); check QGIS's "
                    "network settings."
                ).format(url=where, why=error)
            )
        # before Python 3.10 a socket's time-out was no TimeoutError
        if isinstance(error, (TimeoutError, socket.timeout)):
            return EngineTimeoutError(
                tr(
                    "The engine at {url} gave no answer in time; try a smaller extent or raise "
                    "the time limit in the plugin's settings."
                ).format(url=where)
            )
        if isinstance(error, socket.gaierror):
            return EngineUnreachableError(
                tr(
                    "The engine's address {url} is not known; check it in the plugin's settings "
                    "and check the network."
                ).format(url=where)
            )
        if isinstance(error, ConnectionRefusedError):
            return EngineUnreachableError(
                tr("Nothing answers at {url}; start the engine there and try again.").format(
                    url=where
                )
            )
        if isinstance(error, http.client.HTTPException) and not isinstance(
            error, (http.client.BadStatusLine, http.client.IncompleteRead)
        ):
            return EngineProtocolError(
                tr(
                    "What answers at {url} is no engine ({why}); check the address in the "
                    "plugin's settings."
                ).format(url=where, why=error)
            )
        return EngineUnreachableError(
            tr("The connection to the engine at {url} broke ({why}); try again.").format(
                url=where, why=error or type(error).__name__
            )
        )


def _open(connection: http.client.HTTPConnection) -> None:
    connection.connect()
    # A small request must not wait for Nagle, a long one must notice a vanished peer.
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
