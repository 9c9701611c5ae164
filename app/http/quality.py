"""Data quality over time: as JSON, as a page, as metrics, and the thread of a running server that looks who is silent."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any

import msgspec
import structlog
from litestar import Litestar, MediaType, Response, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, QueryParameter

from app.http.beside import lasting
from app.http.context import AnyRequest, context_of
from app.http.guards import CSP
from app.http.requests import Failure
from app.ports import Service

_WEEK_S, _LONGEST_S = 7 * 86_400.0, 35 * 86_400.0
_LOOK_S = 15.0
_Since = Annotated[float, QueryParameter(gt=0, le=_LONGEST_S, description="how far back, in seconds")]
_FAILURES = {
    status: ResponseSpec(Failure, description=text, generate_examples=False)
    for status, text in ((400, "wrong input"), (503, "not now"))
}
_log = structlog.get_logger("watchfloor.quality")


class Forget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One that delivers no more, by the name it has in /v1/quality."""

    source: str


@get(
    "/v1/quality",
    tags=["house"],
    responses=_FAILURES,
    sync_to_thread=True,
    summary="Who delivers what, how late and how well, and who is silent; the worst first",
)
def quality(request: AnyRequest, since: _Since = _WEEK_S) -> dict[str, Any]:
    context = context_of(request)
    return context.service.quality(context.principal, since)


@post(
    "/v1/quality/forget",
    status_code=200,
    tags=["house"],
    responses=_FAILURES,
    sync_to_thread=True,
    summary="Watch one that delivers no more until it does again; its alarm ends",
)
def forget(request: AnyRequest, data: JSONBody[Forget]) -> dict[str, Any]:
    context = context_of(request)
    context.service.forget_source(data.source, context.principal)
    return {"forgotten": data.source}


@get("/quality", media_type=MediaType.HTML, include_in_schema=False, sync_to_thread=True)
def quality_page(request: AnyRequest, since: _Since = _WEEK_S) -> Response[str]:
    from app.quality_page import standing_page

    context = context_of(request)
    page = standing_page(context.service.quality(context.principal, since))
    # the page is one file: its styles stand in it
    headers = {"content-security-policy": f"{CSP}; style-src 'self' 'unsafe-inline'"}
    return Response(page, media_type=MediaType.HTML, headers=headers)


@get("/metrics", include_in_schema=False, sync_to_thread=True)
def metrics(request: AnyRequest) -> Response[bytes]:
    from prometheus_client import CONTENT_TYPE_LATEST

    from app.quality_metrics import exposition

    context = context_of(request)
    told = exposition(context.service.quality(context.principal, _WEEK_S))
    return Response(told, media_type=CONTENT_TYPE_LATEST)


QUALITY_ROUTES = [quality, forget, quality_page, metrics]


def watching_over(
    service: Service, every_s: float = _LOOK_S
) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    """A lifespan in which a thread looks every so many seconds who has fallen silent."""

    def watch(stop: threading.Event) -> None:
        while not stop.wait(every_s):
            service.look()

    return lasting("watch", watch, 0, _log, "looking who is silent failed; it is done again in a moment")
