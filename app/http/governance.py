"""Erasing, legal holds and retention over HTTP, and the thread of a running server that removes what is hidden.

Whoever changes anything here must show the token of serve.json: that they may read the data directory at all.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Annotated

import msgspec
import structlog
from litestar import Litestar, Response, delete, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody, QueryParameter

from app.governance.port import Again, Retained
from app.governance.receipts import Signed
from app.governance.wire import WireErasure, WireHold, WireTarget, erasure_out, hold_in, hold_out, target_in
from app.http.beside import lasting
from app.http.context import AnyRequest, context_of
from app.http.guards import check_token
from app.http.requests import Failure
from app.ports import Service
from retrieval.erasure.values import Tally

_BODY_BYTES = 2 << 20
_AGAIN_S = 2.0
_FAILURES = {
    status: ResponseSpec(Failure, description=text, generate_examples=False)
    for status, text in (
        (400, "wrong input"),
        (403, "without the token of serve.json"),
        (404, "none of yours"),
        (409, "a legal hold keeps all of it"),
        (503, "not now"),
    )
}
_log = structlog.get_logger("watchfloor.governance")


class Erased(msgspec.Struct, frozen=True):
    """What was begun; none where there was nothing to erase."""

    erasure: WireErasure | None


class Erasures(msgspec.Struct, frozen=True):
    """The newest first, and the key that verifies this store's receipts, in hex."""

    erasures: list[WireErasure]
    key: str


class Receipted(msgspec.Struct, frozen=True):
    """None while the bytes are not gone."""

    receipt: Signed | None


class Holds(msgspec.Struct, frozen=True):
    """The oldest first."""

    holds: list[WireHold]


class AgainFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may be taken in again: sources by uri, pieces by evidence id, persons by the id of their entity."""

    sources: list[str] = []
    evidence: list[str] = []
    entities: list[str] = []


class Allowed(msgspec.Struct, frozen=True):
    """How many marks against it went."""

    allowed: int


@post(
    "/v1/erasures/count",
    status_code=200,
    tags=["governance"],
    responses=_FAILURES,
    sync_to_thread=True,
    request_max_body_size=_BODY_BYTES,
    summary="What an erasure would take, and what is held; nothing changes",
)
def count(request: AnyRequest, data: JSONBody[WireTarget]) -> Tally:
    check_token(request)
    context = context_of(request)
    return context.service.governance.count(target_in(data), context.principal)


@post(
    "/v1/erasures",
    status_code=202,
    tags=["governance"],
    responses=_FAILURES,
    sync_to_thread=True,
    request_max_body_size=_BODY_BYTES,
    summary="Erase",
    description="Hidden when this returns; the bytes are removed beside answering, then the receipt waits to be fetched.",
)
def erase(request: AnyRequest, data: JSONBody[WireTarget]) -> Erased:
    check_token(request)
    context = context_of(request)
    made = context.service.governance.erase(target_in(data), context.principal)
    return Erased(None if made is None else erasure_out(made))


@get(
    "/v1/erasures", tags=["governance"], responses=_FAILURES, sync_to_thread=True, summary="Erasures, the newest first"
)
def erasures(request: AnyRequest, limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 50) -> Erasures:
    context = context_of(request)
    book = context.service.governance
    return Erasures([erasure_out(each) for each in book.erasures(context.principal, limit)], book.public_key())


@get(
    "/v1/erasures/{erasure_id:str}",
    tags=["governance"],
    responses=_FAILURES,
    sync_to_thread=True,
    summary="One erasure, and how far it is",
)
def erasure(request: AnyRequest, erasure_id: FromPath[str]) -> WireErasure:
    context = context_of(request)
    return erasure_out(context.service.governance.erasure(erasure_id, context.principal))


@post(
    "/v1/erasures/{erasure_id:str}/receipt",
    status_code=200,
    tags=["governance"],
    responses=_FAILURES,
    sync_to_thread=True,
    summary="Fetch the signed receipt",
    description="The first time with its salt, which the store then forgets: only with it can bytes be looked for later.",
)
def receipt(request: AnyRequest, erasure_id: FromPath[str]) -> Receipted:
    check_token(request)
    context = context_of(request)
    return Receipted(context.service.governance.receipt(erasure_id, context.principal))


@post(
    "/v1/erasures/again",
    status_code=200,
    tags=["governance"],
    responses=_FAILURES,
    sync_to_thread=True,
    request_max_body_size=_BODY_BYTES,
    summary="Let what was erased be taken in again",
)
def again(request: AnyRequest, data: JSONBody[AgainFields]) -> Allowed:
    check_token(request)
    context = context_of(request)
    wanted = Again(data.sources, data.evidence, data.entities)
    return Allowed(context.service.governance.allow(wanted, context.principal))


@get(
    "/v1/holds", tags=["governance"], responses=_FAILURES, sync_to_thread=True, summary="Legal holds, the oldest first"
)
def holds(
    request: AnyRequest, released: Annotated[bool, QueryParameter(description="those released too")] = False
) -> Holds:
    context = context_of(request)
    found = context.service.governance.holds(context.principal, all_=released)
    return Holds([hold_out(each) for each in found])


@post(
    "/v1/holds",
    status_code=201,
    tags=["governance"],
    responses=_FAILURES,
    sync_to_thread=True,
    request_max_body_size=_BODY_BYTES,
    summary="Place a legal hold",
)
def hold(request: AnyRequest, data: JSONBody[WireHold]) -> WireHold:
    check_token(request)
    context = context_of(request)
    return hold_out(context.service.governance.hold(hold_in(data), context.principal))


@delete(
    "/v1/holds/{hold_id:str}",
    status_code=200,
    tags=["governance"],
    responses=_FAILURES,
    sync_to_thread=True,
    summary="Release a legal hold",
)
def release(request: AnyRequest, hold_id: FromPath[str]) -> WireHold:
    check_token(request)
    context = context_of(request)
    return hold_out(context.service.governance.release_hold(hold_id, context.principal))


@post(
    "/v1/retention",
    status_code=200,
    tags=["governance"],
    responses=_FAILURES,
    sync_to_thread=True,
    summary="Apply the retention rules now",
)
def retention(request: AnyRequest) -> Response[Retained]:
    check_token(request)
    context = context_of(request)
    return Response(context.service.governance.retain(context.principal))


GOVERNANCE_ROUTES = [count, erase, erasures, erasure, receipt, again, holds, hold, release, retention]


def governing(service: Service, again_s: float = _AGAIN_S) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    """A lifespan in which a thread removes what is hidden and applies the rules."""

    failed = "removing what was erased failed; it is gone on with in a moment"
    return lasting("governance", lambda stop: service.governance.keep(stop), again_s, _log, failed)
