"""Jobs over HTTP, ingests that are answered before they are done, and the worker of a running server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Annotated

import msgspec
import structlog
from litestar import Litestar, Response, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter

from app.http.beside import lasting
from app.http.context import AnyRequest, context_of
from app.http.requests import Failure
from app.jobs.wire import WireJob, job_out
from app.ports import Service

# how long the worker rests after a mistake
_REST_S = 5.0
_FAILURES = {
    status: ResponseSpec(Failure, description=text, generate_examples=False)
    for status, text in ((404, "no job of yours"), (409, "not in a state for it"), (503, "not now"))
}
_log = structlog.get_logger("watchfloor.jobs")


class Jobs(msgspec.Struct, frozen=True):
    """Jobs, the newest first, without their sources."""

    jobs: list[WireJob]


@get("/v1/jobs", tags=["taking in"], responses=_FAILURES, sync_to_thread=True, summary="Ingests, the newest first")
def jobs(request: AnyRequest, limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 50) -> Jobs:
    context = context_of(request)
    return Jobs([job_out(job) for job in context.service.jobs.listed(context.principal, limit)])


@get(
    "/v1/jobs/{job_id:str}",
    tags=["taking in"],
    responses=_FAILURES,
    sync_to_thread=True,
    summary="One ingest: its state, how far it is, what became of each source",
)
def job(request: AnyRequest, job_id: FromPath[str]) -> WireJob:
    context = context_of(request)
    return job_out(context.service.jobs.one(job_id, context.principal), whole=True)


@post(
    "/v1/jobs/{job_id:str}/cancel",
    status_code=200,
    tags=["taking in"],
    responses=_FAILURES,
    sync_to_thread=True,
    summary="Stop an ingest before its next commit",
    description="What is committed stays, and nothing is left half-written. `cancelling` until its worker has heard.",
)
def cancel(request: AnyRequest, job_id: FromPath[str]) -> WireJob:
    context = context_of(request)
    return job_out(context.service.jobs.cancel(job_id, context.principal))


@post(
    "/v1/jobs/{job_id:str}/resume",
    status_code=200,
    tags=["taking in"],
    responses=_FAILURES,
    sync_to_thread=True,
    summary="Queue a cancelled or failed ingest again, to go on where it stopped",
)
def resume(request: AnyRequest, job_id: FromPath[str]) -> WireJob:
    context = context_of(request)
    return job_out(context.service.jobs.resume(job_id, context.principal))


JOB_ROUTES = [jobs, job, cancel, resume]


def wanted_later(request: AnyRequest) -> bool:
    """Whether the caller does not wait: `?wait=false`, or `Prefer: respond-async` (RFC 7240)."""
    preferred = {each.partition(";")[0].strip().lower() for each in request.headers.get("prefer", "").split(",")}
    return request.query_params.get("wait", "").lower() in ("false", "0") or "respond-async" in preferred


async def accepted(request: AnyRequest, paths: Sequence[Path]) -> Response[WireJob]:
    """Queue the paths: 202 with the job, and where to ask after it."""
    context = context_of(request)
    queued = await asyncio.to_thread(context.service.jobs.submit, paths, context.principal)
    headers = {"location": f"/v1/jobs/{queued.id}", "preference-applied": "respond-async"}
    return Response(job_out(queued), status_code=202, headers=headers)


def working_off(service: Service, rest_s: float = _REST_S) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    """A lifespan in which a thread works jobs off, one at a time; after a mistake of its own it rests for `rest_s` seconds."""

    # a reader that does not end in time is left to its lease: the job goes on at the next start
    return lasting("jobs", lambda stop: service.work(stop), rest_s, _log, "the worker failed; it goes on in a moment")
