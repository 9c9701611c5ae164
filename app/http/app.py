"""The Litestar application over a Service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from litestar import Litestar, Response, Router
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, YamlRenderPlugin

from app.http.context import AnyRequest, Context, Options
from app.http.errors import on_error
from app.http.guards import check_caller, secure_headers
from app.http.notifications import s3_notification
from app.http.openai.faults import on_fault
from app.http.openai.routes import OPENAI_PATHS, OPENAI_ROUTES
from app.http.pages import VendoredSwagger, home, schema_styles, static_routers
from app.http.reading import JsonRequest
from app.http.routes import ROUTES
from app.http.tus import mounted
from app.http.workers import Workers
from app.ports import Service
from retrieval.types import Principal


def create_app(service: Service, principal: Principal, options: Options) -> Litestar:
    """Everything HTTP offers, asked for by `principal`. The caller closes the service."""
    workers = Workers(options.workers)
    uploads, settling = mounted(service, principal, options)

    @asynccontextmanager
    async def working(_: Litestar) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await asyncio.to_thread(workers.close)

    return Litestar(
        route_handlers=[home, *ROUTES, s3_notification, *uploads, *OPENAI_ROUTES, *options.handlers, *static_routers()],
        state=State({"watchfloor": Context(service, principal, options, workers, options.now())}),
        request_class=JsonRequest,
        before_request=check_caller,
        before_send=[secure_headers],
        exception_handlers={Exception: _on_failure, HTTPException: _on_failure},
        lifespan=[*options.lifespan, working, settling],
        openapi_config=_openapi(),
        debug=False,
        logging_config=None,
    )


def _on_failure(request: AnyRequest, error: Exception) -> Response[Any]:
    """Every failure, in the shape of the API it happened in."""
    shaped = on_fault if request.url.path.startswith(OPENAI_PATHS) else on_error
    return shaped(request, error)


def _openapi() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Watchfloor",
        version=package_version(),
        description="Questions about operations, answered with claims bound to evidence that can be played back.",
        path="/schema",
        render_plugins=[VendoredSwagger(), JsonRenderPlugin(), YamlRenderPlugin()],
        openapi_router=Router("/schema", route_handlers=[], after_request=schema_styles, include_in_schema=False),
    )


def package_version() -> str:
    """The installed version; "0" when run from files that were never installed."""
    try:
        return version("watchfloor")
    except PackageNotFoundError:
        return "0"


__all__ = ["Options", "create_app"]
