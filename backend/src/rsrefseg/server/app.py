"""Assembling the service."""

from __future__ import annotations

from collections.abc import Collection

from fastapi import FastAPI

from rsrefseg import __version__
from rsrefseg.server.errors import install_handlers
from rsrefseg.server.routes import build_router
from rsrefseg.server.security import LOOPBACK_HOSTS, Guard
from rsrefseg.server.service import EngineService


def create_app(
    service: EngineService, *, token: str, hosts: Collection[str] = LOOPBACK_HOSTS
) -> FastAPI:
    """The app on a service.

    Args:
        service: the engine.
        token: the bearer token that every call but one needs.
        hosts: names that this engine may be called by.
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
    app.add_middleware(Guard, token=token, hosts=hosts, max_body_bytes=service.limits.upload_bytes)
    return app
