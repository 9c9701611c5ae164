"""The page at /, and the OpenAPI page at /schema; every file of both comes from this package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from litestar import MediaType, Response, Router, get
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.static_files import create_static_files_router

from app.http.context import AnyRequest
from app.http.guards import CSP

ASSETS = Path(__file__).parent / "assets"
WEB = Path(__file__).parents[1] / "web"

_SCHEMA_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Watchfloor API</title>
<link rel="icon" type="image/png" href="/assets/favicon-32x32.png">
<link rel="stylesheet" href="/assets/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/assets/swagger-ui-bundle.js"></script>
<script src="/assets/start.js"></script>
</body>
</html>
"""


class VendoredSwagger(OpenAPIRenderPlugin):
    """Swagger UI from our own assets: no script, style or picture of another host."""

    def __init__(self) -> None:
        super().__init__(path="/", favicon="", style="")

    def render(self, request: AnyRequest, openapi_schema: dict[str, Any]) -> bytes:
        return _SCHEMA_PAGE.encode()


async def schema_styles(response: Response[Any]) -> Response[Any]:
    """Swagger UI sets style attributes; its pages, and no others, may."""
    response.headers["content-security-policy"] = f"{CSP}; style-src 'self' 'unsafe-inline'"
    return response


@get("/", media_type=MediaType.HTML, include_in_schema=False, sync_to_thread=False)
def home() -> bytes:
    return (WEB / "index.html").read_bytes()


def static_routers() -> list[Router]:
    """The files of the page and of Swagger UI."""
    return [
        create_static_files_router(path="/web", directories=[WEB], name="web"),
        create_static_files_router(path="/assets", directories=[ASSETS], name="assets"),
    ]
