"""The addresses of API version 1."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from rsrefseg.server import answers
from rsrefseg.server.errors import UnknownRequestError
from rsrefseg.server.jobs import FINAL_STATES, Job
from rsrefseg.server.schemas import (
    API_VERSION,
    ERROR_RESPONSES,
    MAX_TEXT,
    AreaRequest,
    CancelAnswer,
    EncodeAnswer,
    EncodeRequest,
    HealthAnswer,
    ImageAnswer,
    PolygonsBody,
    ReadyAnswer,
    RegulariseAnswer,
    RegulariseBody,
    RequestId,
    SegmentAnswer,
    SegmentBody,
)
from rsrefseg.server.service import EngineService

CLIENT_HEADER = "x-client-id"
CLIENT_PATTERN = re.compile(r"[A-Za-z0-9._-]{1,64}")
# How often a waiting request looks whether its client is still there.
DISCONNECT_CHECK_S = 0.2
EVENT_CHECK_S = 0.05
EVENT_KEEP_ALIVE_S = 15.0
# How long events wait for a request that has not come yet.
EXPECT_S = 10.0


PhraseQuery = Annotated[
    str | None,
    Query(max_length=MAX_TEXT, description="One of the request's phrases; the first when absent."),
]
TIFF_RESPONSE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/tiff": {"schema": {"type": "string", "format": "binary"}}}}
}


def build_router(service: EngineService) -> APIRouter:
    """All routes on a service."""
    router = APIRouter(prefix="/v1", responses=ERROR_RESPONSES)

    @router.get("/ready", summary="Whether the engine listens (needs no token)")
    async def ready() -> ReadyAnswer:
        return ReadyAnswer(api_version=API_VERSION, state=service.state)

    @router.get("/health", summary="How the engine is")
    async def health() -> HealthAnswer:
        return answers.health(service)

    @router.post(
        "/images",
        status_code=201,
        summary="Upload a GeoTIFF",
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"image/tiff": {"schema": {"type": "string", "format": "binary"}}},
            }
        },
    )
    async def put_image(request: Request) -> ImageAnswer:
        data = await request.body()
        return answers.image(await run_in_threadpool(service.images.put, data))

    @router.post("/encode", summary="Prepare an extent for phrases to come")
    async def encode(body: EncodeRequest, request: Request) -> EncodeAnswer:
        request_id = _request_id(body, request)
        job = service.encode(request_id, body, _client(request))
        windows, timings = await _outcome(service, job, request)
        return EncodeAnswer(
            request_id=request_id, windows=windows, timings=answers.timings(timings)
        )

    @router.post("/segment", summary="Find phrases", response_model=SegmentAnswer)
    async def segment(body: SegmentBody, request: Request) -> Response:
        request_id = _request_id(body, request)
        write = partial(answers.segment_json, request_id)
        job = service.segment(request_id, body, _client(request), write)
        return Response(await _outcome(service, job, request), media_type="application/json")

    _add_result_routes(router, service)
    _add_request_routes(router, service)
    _add_tool_routes(router, service)
    return router


def _add_result_routes(router: APIRouter, service: EngineService) -> None:
    """The routes on what a request's model run left: polygons and maps."""

    @router.post(
        "/requests/{request_id}/polygons",
        summary="Draw a request's polygons again, without the model",
        response_model=SegmentAnswer,
    )
    async def polygons(request_id: RequestId, body: PolygonsBody, request: Request) -> Response:
        request.state.request_id = request_id

        def draw() -> bytes:
            return answers.segment_json(request_id, *service.polygons(request_id, body))

        return Response(await run_in_threadpool(draw), media_type="application/json")

    @router.get(
        "/requests/{request_id}/probability",
        summary="A phrase's probability as a GeoTIFF (float32, 0 to 1, NaN: no data)",
        response_class=Response,
        responses=TIFF_RESPONSE,
    )
    async def probability(
        request_id: RequestId, request: Request, phrase: PhraseQuery = None
    ) -> Response:
        request.state.request_id = request_id
        content = await run_in_threadpool(service.map_tiff, request_id, phrase, "probability")
        return Response(content, media_type="image/tiff")

    @router.get(
        "/requests/{request_id}/heat",
        summary="Where the model looked for a phrase, as a GeoTIFF (float32, 0 to 1)",
        response_class=Response,
        responses=TIFF_RESPONSE,
    )
    async def heat(request_id: RequestId, request: Request, phrase: PhraseQuery = None) -> Response:
        request.state.request_id = request_id
        content = await run_in_threadpool(service.map_tiff, request_id, phrase, "heat")
        return Response(content, media_type="image/tiff")


def _add_tool_routes(router: APIRouter, service: EngineService) -> None:
    """The routes that need no image and no model."""

    @router.post("/regularise", summary="Give outlines right angles")
    async def regularise(body: RegulariseBody) -> RegulariseAnswer:
        return RegulariseAnswer(geometries=await run_in_threadpool(service.regularise, body))


def _add_request_routes(router: APIRouter, service: EngineService) -> None:
    """The routes on requests that are under way."""

    @router.post("/requests/{request_id}/cancel", status_code=202, summary="Stop a request")
    async def cancel(request_id: RequestId) -> CancelAnswer:
        job = service.jobs.cancel(request_id)
        return CancelAnswer(request_id=request_id, cancelled=job.state not in ("done", "failed"))

    @router.get(
        "/requests/{request_id}/events",
        summary="Follow a request (server-sent events)",
        response_class=StreamingResponse,
        responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
    )
    async def events(request_id: RequestId) -> StreamingResponse:
        job = service.jobs.expect(request_id)
        waited = 0.0
        while job.state == "expected":
            if waited >= EXPECT_S:
                raise UnknownRequestError(
                    f"No request with the id '{request_id}' has come: send it first."
                )
            await asyncio.sleep(EVENT_CHECK_S)
            waited += EVENT_CHECK_S
            job = service.jobs.expect(request_id)
        return StreamingResponse(
            _events(job), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )


def _request_id(body: AreaRequest, request: Request) -> str:
    request_id = body.request_id or str(uuid.uuid4())
    request.state.request_id = request_id
    return request_id


def _client(request: Request) -> str:
    """Whose request it is: what it says itself, or else where it comes from."""
    said = request.headers.get(CLIENT_HEADER, "")
    if CLIENT_PATTERN.fullmatch(said):
        return said
    return request.client.host if request.client else ""


async def _outcome(service: EngineService, job: Job, request: Request) -> Any:
    """Wait for a job; a client that goes away cancels it, and so does its time limit."""
    future = asyncio.wrap_future(job.future)
    while True:
        finished, _ = await asyncio.wait({future}, timeout=DISCONNECT_CHECK_S)
        if finished:
            return job.take()
        if job.overdue:
            service.jobs.expire(job)
        elif await request.is_disconnected():
            service.jobs.cancel(job.request_id)


async def _events(job: Job) -> AsyncIterator[str]:
    sent = -1
    quiet_s = 0.0
    while True:
        state, version = job.state, job.version
        if state in FINAL_STATES:
            yield _event("progress", {"fraction": job.fraction, "message": job.message})
            error = job.error
            data = {} if error is None else {"code": error.code, "message": str(error)}
            yield _event(state, data)
            return
        if version != sent:
            sent, quiet_s = version, 0.0
            yield _event("progress", {"fraction": job.fraction, "message": job.message})
        elif quiet_s >= EVENT_KEEP_ALIVE_S:
            quiet_s = 0.0
            yield ": still here\n\n"
        await asyncio.sleep(EVENT_CHECK_S)
        quiet_s += EVENT_CHECK_S


def _event(name: str, data: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"
