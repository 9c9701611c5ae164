"""Where an object store, or a function that it triggers, tells of objects that came and went."""

from __future__ import annotations

import threading
from typing import Any

from litestar import Response, post
from litestar.openapi.datastructures import ResponseSpec

from app.http.context import AnyRequest, context_of
from app.http.errors import Refused
from app.http.requests import Failure
from app.ports import Notified

_MOST_BYTES = 1 << 20
_FAILURES = {
    status: ResponseSpec(Failure, description=text, generate_examples=False)
    for status, text in (
        (400, "wrong input, or no notifications are taken"),
        (413, "too large"),
        (503, "send it again"),
    )
}


@post(
    "/v1/notifications/s3",
    status_code=200,
    request_max_body_size=_MOST_BYTES,
    tags=["taking in"],
    responses={200: ResponseSpec(Notified, generate_examples=False), **_FAILURES},
    summary="Tell of objects that came or went",
    description="S3's event, EventBridge's or MinIO's as JSON, as a function trigger sends it. Answered once what it is about is on disk; "
    "after 503 send it again: the same event twice changes nothing.",
)
async def s3_notification(request: AnyRequest) -> Response[Any]:
    context = context_of(request)
    body = await request.body()
    if not body:
        raise Refused(400, "bad_input", "the body is empty; send one event as JSON")

    def work(_: threading.Event) -> Notified:
        return context.service.notified(body, context.principal)

    return Response(await context.workers.run(request, work))
