"""Assembling the service."""

from __future__ import annotations

from collections.abc import Collection

from fastapi import FastAPI

from rsrefseg import __version__
from rsrefseg.server.binding import LOOPBACK_NAMES
from rsrefseg.server.errors import install_handlers
from rsrefseg.server.routes import build_router
from rsrefseg.server.security import Guard
from rsrefseg.server.service import EngineService


def create_app(
    service: EngineService,
    *,
    token: str,
    hosts: Collection[str] = LOOPBACK_NAMES,
    any_address: bool = False,
) -> FastAPI:
    """The app on a service.

    Args:
        service: the engine.
        token: the bearer token that every call but one needs.
        hosts: names that this engine may be called by.
        any_address: whether it may also be called by any IP address.
    """
    app = FastAPI(
        title="RSRefSeg engine",
        version=__version__,
        summary="A phrase and an overhead image in, georeferenced polygons out.",
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.include_router(build_router(service))
    install_handlers(app)
    app.add_middleware(
        Guard,
        token=token,
        hosts=hosts,
        any_address=any_address,
        max_body_bytes=service.limits.upload_bytes,
        max_body_s=service.limits.request_s,
    )
    return app
