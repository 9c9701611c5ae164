"""The Litestar application over a Service."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, YamlRenderPlugin

from app.http.context import Context, Options
from app.http.errors import HANDLERS
from app.http.guards import check_caller, secure_headers
from app.http.pages import VendoredSwagger, home, schema_styles, static_routers
from app.http.routes import ROUTES
from app.ports import Service
from retrieval.types import Principal


def create_app(service: Service, principal: Principal, options: Options) -> Litestar:
    """Everything HTTP offers, asked for by `principal`. The caller closes the service."""
    return Litestar(
        route_handlers=[home, *ROUTES, *options.handlers, *static_routers()],
        state=State({"watchfloor": Context(service, principal, options)}),
        before_request=check_caller,
        before_send=[secure_headers],
        exception_handlers=HANDLERS,
        lifespan=list(options.lifespan),
        openapi_config=_openapi(),
        debug=False,
        logging_config=None,
    )


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
