"""Errors that only the service knows, and how every error goes over the wire."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from rsrefseg.errors import InputError, RsRefSegError

log = logging.getLogger("rsrefseg.server")


class UnknownImageError(InputError):
    """An image id that is not (or no longer) in the store."""

    code = "unknown_image"
    http_status = 404


class UnknownRequestError(InputError):
    """A request id that nothing is known about."""

    code = "unknown_request"
    http_status = 404


class DuplicateRequestError(InputError):
    """A request id that is in use."""

    code = "duplicate_request"
    http_status = 409


class BusyError(RsRefSegError):
    """More requests wait than the engine takes."""

    code = "busy"
    http_status = 503


class TimeLimitError(RsRefSegError):
    """A request took longer than it may."""

    code = "time_limit"
    http_status = 504


def over_time(limit_s: float) -> TimeLimitError:
    """The error of a request that took longer than its limit."""
    return TimeLimitError(
        f"The request took longer than its limit of {limit_s:g} s: choose a smaller extent or a "
        "coarser ground resolution, or raise the limit."
    )


class TooLargeError(InputError):
    """An upload over the limits."""

    code = "too_large"
    http_status = 413


class SlowBodyError(InputError):
    """A body that stopped coming."""

    code = "slow_body"
    http_status = 408


class PathError(InputError):
    """A path that may not or cannot be read."""

    code = "bad_path"


class UnauthorisedError(InputError):
    """A missing or wrong token."""

    code = "unauthorised"
    http_status = 401


class ForbiddenHostError(InputError):
    """A Host header that is not this engine's."""

    code = "forbidden_host"
    http_status = 403


def error_body(error: RsRefSegError, request_id: str | None = None) -> dict[str, Any]:
    """An error as it goes over the wire."""
    return {"error": {"code": error.code, "message": str(error), "request_id": request_id}}


def install_handlers(app: FastAPI) -> None:
    """Map every error to a status and a sentence."""

    @app.exception_handler(RsRefSegError)
    async def known(request: Request, error: RsRefSegError) -> JSONResponse:
        return JSONResponse(error_body(error, _id_of(request)), error.http_status)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        sentence = f"The request is not understood: {_problem(error.errors())}."
        body = {"code": "bad_request", "message": sentence, "request_id": _id_in(error.body)}
        return JSONResponse({"error": body}, 422)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        sentences = {
            404: ("not_found", "There is nothing at this address: check the API's version."),
            405: ("bad_method", "This address does not take this method: check the API."),
        }
        unreadable = "The request's body cannot be read: send JSON in UTF-8."
        code, sentence = sentences.get(error.status_code, ("bad_request", unreadable))
        body = {"code": code, "message": sentence, "request_id": None}
        return JSONResponse({"error": body}, error.status_code, headers=error.headers)

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> JSONResponse:
        log.error("unforeseen error in %s %s", request.method, request.url.path, exc_info=error)
        return JSONResponse(error_body(internal_error(), _id_of(request)), 500)


def internal_error() -> RsRefSegError:
    """What the client is told about an error that nobody foresaw."""
    return RsRefSegError(
        "The engine met an error that it did not foresee: see the engine's log, and report it."
    )


def _id_of(request: Request) -> str | None:
    value = getattr(request.state, "request_id", None)
    return value if isinstance(value, str) else None


def _id_in(body: object) -> str | None:
    value = body.get("request_id") if isinstance(body, dict) else None
    return value if isinstance(value, str) and len(value) <= 64 else None


def _problem(errors: Sequence[Any]) -> str:
    """The first problem, as 'where: what'."""
    if not errors:
        return "its body is malformed"
    first = errors[0]
    if first.get("type") == "json_invalid":
        return "its body is not JSON"
    where = ".".join(str(part) for part in first.get("loc", ()) if part != "body") or "body"
    what = str(first.get("msg", "is not valid")).removeprefix("Value error, ")
    return json.dumps(f"{where}: {what}", ensure_ascii=False)[1:-1]
