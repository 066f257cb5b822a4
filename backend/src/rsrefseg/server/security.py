"""Who may ask: the token, the Host header, and how much may be sent."""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
import uuid
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rsrefseg.errors import RsRefSegError
from rsrefseg.server.binding import is_address
from rsrefseg.server.errors import (
    ForbiddenHostError,
    SlowBodyError,
    TooLargeError,
    UnauthorisedError,
    error_body,
)

log = logging.getLogger("rsrefseg.server")

# JSON that says what to do is small; only an image may be large.
MAX_MESSAGE_BYTES = 4_000_000
# How long the next part of a body may take to come.
BODY_WAIT_S = 60.0
UPLOAD_PATH = "/v1/images"
OPEN_PATHS = frozenset({"/v1/ready"})


class Guard:
    """Refuses what has the wrong Host, no right token, or too large a body; logs every answer.

    The Host is checked because a web page may point its own name at 127.0.0.1 (DNS rebinding);
    browsers cannot forge that header.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: str,
        hosts: Collection[str],
        max_body_bytes: int,
        max_body_s: float,
        any_address: bool = False,
    ) -> None:
        """Stand before an app.

        Args:
            app: what to guard.
            token: the bearer token.
            hosts: names that this engine may be called by, without port.
            max_body_bytes: the largest image that is read.
            max_body_s: how long a body may take to come.
            any_address: whether it may also be called by any IP address.
        """
        self._app = app
        self._token = token.encode()
        self._hosts = frozenset(host.lower() for host in hosts)
        self._max_body_bytes = max_body_bytes
        self._max_body_s = max_body_s
        self._any_address = any_address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        state = scope.setdefault("state", {})
        status = 0
        received = 0
        whole = False
        limit = self._limit(scope)

        async def counted() -> Message:
            nonlocal received, whole
            if whole:
                return await receive()
            left_s = self._max_body_s - (time.perf_counter() - start)
            try:
                message = await asyncio.wait_for(receive(), min(BODY_WAIT_S, left_s))
            except asyncio.TimeoutError:
                raise SlowBodyError(
                    f"The request's body did not go on for {BODY_WAIT_S:g} s, or took longer than "
                    f"{self._max_body_s:g} s: send it again."
                ) from None
            received += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if received > limit:
                raise self._too_large(limit)
            return message

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            self._check(scope)
            await self._app(scope, counted, watched)
        except (UnauthorisedError, ForbiddenHostError, TooLargeError, SlowBodyError) as error:
            await self._refuse(error, scope, receive, watched)
        finally:
            elapsed_ms = (time.perf_counter() - start) * 1000
            # What the client calls it, or a name of our own.
            name = state.get("request_id") or uuid.uuid4().hex[:12]
            what = (scope["method"], scope["path"], status, elapsed_ms)
            log.info("request %s: %s %s %d %.0f ms", name, *what)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        name = host if host.endswith("]") else host.rsplit(":", 1)[0]
        if name not in self._hosts and not (self._any_address and is_address(name)):
            raise ForbiddenHostError(
                "The engine does not answer to this host name: call it by its own address."
            )
        if scope["path"] not in OPEN_PATHS:
            scheme, _, given = headers.get("authorization", "").partition(" ")
            right = hmac.compare_digest(given.strip().encode(), self._token)
            if scheme.lower() != "bearer" or not right:
                raise UnauthorisedError(
                    "The token is missing or wrong: take the one that the engine was started with."
                )
        length = headers.get("content-length", "0")
        limit = self._limit(scope)
        if length.isdigit() and (len(length) > 18 or int(length) > limit):
            raise self._too_large(limit)

    def _limit(self, scope: Scope) -> int:
        if scope["path"] == UPLOAD_PATH:
            return self._max_body_bytes
        return min(MAX_MESSAGE_BYTES, self._max_body_bytes)

    def _too_large(self, limit: int) -> TooLargeError:
        return TooLargeError(
            f"The body is over the limit of {limit / 1e6:g} MB: choose a smaller extent or a "
            "coarser ground resolution."
        )

    async def _refuse(
        self, error: RsRefSegError, scope: Scope, receive: Receive, send: Send
    ) -> None:
        headers = {"WWW-Authenticate": "Bearer"} if error.http_status == 401 else {}
        if error.http_status in (408, 413):
            headers["Connection"] = "close"
        await JSONResponse(error_body(error), error.http_status, headers)(scope, receive, send)
