"""The engine's calls: one method per endpoint, no logic beyond reading and writing messages."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from rsrefseg_qgis.errors import (
    CancelledError,
    EngineAnswerError,
    EngineError,
    EngineProtocolError,
    EngineTokenError,
    EngineUnreachableError,
    EngineVersionError,
    tr,
)

from . import parse
from .transport import HttpTransport, RawResponse, StreamRefusedError, Transport
from .wire import (
    API_VERSION,
    EncodeRequest,
    EncodeResponse,
    ErrorInfo,
    Event,
    Health,
    ImageInfo,
    PolygonsRequest,
    SegmentRequest,
    SegmentResponse,
)

SHORT_TIMEOUT_S = 30.0


class EngineClient:
    """Asks one engine; blocking, and safe to use from many threads.

    Args:
        base_url: where the engine listens.
        token: its bearer token.
        transport: how to get there; None for HTTP.
        timeout_s: longest wait for an upload, an encode or a segment.
        explain: turns a broken connection into what really happened, such as a dead process.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        transport: Transport | None = None,
        *,
        timeout_s: float = 3600.0,
        explain: Callable[[EngineUnreachableError], EngineError] | None = None,
    ) -> None:
        if not token.isascii() or not token.isprintable():
            raise EngineTokenError(
                tr(
                    "The engine's token holds characters that no token has; copy it again into "
                    "the plugin's settings."
                )
            )
        self.base_url = base_url
        self._headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/json",
            # the engine is fair between clients, and cancels only one's own stale work
            "X-Client-Id": uuid.uuid4().hex,
        }
        self._transport = transport or HttpTransport(base_url)
        self._timeout_s = timeout_s
        self._explain = explain

    def is_ready(self) -> bool:
        """Whether something answers there; needs no token."""
        return self._send("GET", "/v1/ready", b"", SHORT_TIMEOUT_S).status == 200

    def health(self) -> Health:
        """How the engine is.

        Raises:
            EngineVersionError: it speaks another version of the API.
        """
        health = parse.load(self._call("GET", "/v1/health", timeout_s=SHORT_TIMEOUT_S))
        check_version(parse.integer(health, "api_version"))
        return Health.from_json(health)

    def put_image(self, tiff: bytes) -> ImageInfo:
        """Give the engine a GeoTIFF; the same bytes get the same id."""
        body = self._call("POST", "/v1/images", tiff, "image/tiff")
        return ImageInfo.from_json(parse.load(body))

    def encode(self, request: EncodeRequest) -> EncodeResponse:
        """Have an image encoded ahead of the first phrase."""
        return EncodeResponse.from_json(self._post("/v1/encode", request.to_json()))

    def segment(self, request: SegmentRequest) -> SegmentResponse:
        """Find phrases in an image.

        Raises:
            CancelledError: somebody called `cancel` with this request's id.
        """
        return SegmentResponse.from_json(self._post("/v1/segment", request.to_json()))

    def polygons(self, request: PolygonsRequest) -> SegmentResponse:
        """Draw a request's polygons again, from the probabilities that the engine keeps.

        Raises:
            EngineAnswerError: with the code ``unknown_request`` when they are no longer kept.
        """
        path = _path(request.request_id, "polygons")
        return SegmentResponse.from_json(self._post(path, request.to_json()))

    def probability(self, request_id: str, phrase: str | None = None) -> bytes:
        """A phrase's probability as a GeoTIFF: float32, 0 to 1, NaN where there is no data."""
        return self._call("GET", _path(request_id, "probability", phrase))

    def heat(self, request_id: str, phrase: str | None = None) -> bytes:
        """Where the model looked for a phrase, as a GeoTIFF: float32, 0 to 1."""
        return self._call("GET", _path(request_id, "heat", phrase))

    def regularise(
        self, geometries: Sequence[Mapping[str, Any]], crs: str | None, tolerance_m: float
    ) -> tuple[Mapping[str, Any], ...]:
        """Polygons with right angles where they nearly have them, in the same order.

        Args:
            geometries: GeoJSON Polygons or MultiPolygons, 1,000 at most.
            crs: of their coordinates as WKT; None for none.
            tolerance_m: how far an outline may move.
        """
        message = {"crs": crs, "tolerance_m": tolerance_m, "geometries": list(geometries)}
        answer = self._post("/v1/regularise", message)
        return parse.items(answer, "geometries", parse.as_object)

    def cancel(self, request_id: str) -> None:
        """Ask the engine to drop a request."""
        self._call("POST", _path(request_id, "cancel"), timeout_s=SHORT_TIMEOUT_S)

    def events(self, request_id: str) -> Iterator[Event]:
        """The events of a request, until it is done, failed or cancelled."""
        path = _path(request_id, "events")
        headers = {**self._headers, "Accept": "text/event-stream"}
        lines = self._transport.stream(path, headers, self._timeout_s)
        try:
            for event in read_events(lines):
                yield event
                if event.is_last:
                    return
        except StreamRefusedError as refused:
            raise _answer_error(refused.response) from refused
        except EngineUnreachableError as error:
            raise self._explained(error) from error

    def close(self) -> None:
        """Give up idle connections."""
        self._transport.close()

    def _post(self, path: str, message: Mapping[str, Any]) -> parse.Json:
        body = json.dumps(message, allow_nan=False).encode("ascii")
        return parse.load(self._call("POST", path, body, "application/json"))

    def _call(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        content_type: str = "",
        timeout_s: float | None = None,
    ) -> bytes:
        response = self._send(method, path, body, timeout_s or self._timeout_s, content_type)
        if 200 <= response.status < 300:
            return response.body
        error = _answer_error(response)
        if isinstance(error, EngineUnreachableError):
            raise self._explained(error)
        raise error

    def _send(
        self, method: str, path: str, body: bytes, timeout_s: float, content_type: str = ""
    ) -> RawResponse:
        headers = dict(self._headers)
        if content_type:
            headers["Content-Type"] = content_type
        try:
            return self._transport.send(method, path, headers, body, timeout_s)
        except EngineUnreachableError as error:
            raise self._explained(error) from error

    def _explained(self, error: EngineUnreachableError) -> EngineError:
        return self._explain(error) if self._explain else error


def _path(request_id: str, part: str, phrase: str | None = None) -> str:
    query = "" if phrase is None else f"?phrase={quote(phrase, safe='')}"
    return f"/v1/requests/{quote(request_id, safe='')}/{part}{query}"


def check_version(api_version: int) -> None:
    """Refuse an engine of another API version.

    Raises:
        EngineVersionError: with which side to update.
    """
    if api_version == API_VERSION:
        return
    older = tr("the engine") if api_version < API_VERSION else tr("the plugin")
    raise EngineVersionError(
        tr(
            "The engine speaks version {theirs} of the protocol and the plugin version {ours}; "
            "update {older}."
        ).format(theirs=api_version, ours=API_VERSION, older=older)
    )


def read_events(lines: Iterator[bytes]) -> Iterator[Event]:
    """Read server-sent events: ``event:`` and ``data:`` lines, a blank line ends each."""
    kind = ""
    data: list[str] = []
    for raw in lines:
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        if not line:
            if kind:
                yield Event.from_json(kind, parse.load("\n".join(data).encode() or b"{}"))
            kind, data = "", []
            continue
        name, _, value = line.partition(":")
        if name == "event":
            kind = value.strip()
        elif name == "data":
            data.append(value.strip())


def _answer_error(response: RawResponse) -> EngineError | CancelledError:
    """The error for an answer that is no success."""
    if response.status == 401:
        return EngineTokenError(
            tr("The engine refuses the token; set the engine's token in the plugin's settings.")
        )
    try:
        error = parse.as_object(parse.load(response.body).get("error"), "error")
        info = ErrorInfo.from_json(error)
    except EngineProtocolError:
        if response.status >= 500:  # an engine on its way out, or a gateway before a dead one
            return EngineUnreachableError(
                tr("The engine broke off (HTTP status {status}); try again.").format(
                    status=response.status
                )
            )
        return EngineProtocolError(
            tr(
                "What answers is no engine, or one that this plugin does not understand "
                "(HTTP status {status}); check the address and the engine's version."
            ).format(status=response.status)
        )
    if info.code == "cancelled":
        return CancelledError()
    return EngineAnswerError(
        info.message, code=info.code, status=response.status, request_id=info.request_id
    )
