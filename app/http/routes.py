"""The routes of version 1. Each turns a request into one call of the Service, and its value into JSON."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Annotated, Any

import msgspec
from litestar import HttpMethod, Response, delete, get, post, route
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.response import ServerSentEvent

from app.http.context import AnyRequest, Context, context_of
from app.http.governance import GOVERNANCE_ROUTES
from app.http.guards import check_token
from app.http.jobs import JOB_ROUTES, accepted, wanted_later
from app.http.media import media_response
from app.http.pictures import BODY_BYTES, pictures_in
from app.http.quality import QUALITY_ROUTES
from app.http.requests import (
    Alive,
    AskFields,
    Conversations,
    Failure,
    FeedbackRequest,
    Health,
    Hits,
    IngestReply,
    PathsRequest,
    SearchFields,
)
from app.http.streaming import Tell, stream
from app.http.uploads import Limits, Saved, forget, save_upload, too_large
from app.jobs.wire import WireJob
from app.ports import Advance, Ask, Event, IngestSummary, Media, SourceReport
from app.unwire import ask_in, query_in
from app.wire import (
    WireAnswer,
    WireConversation,
    WireEvidence,
    WireSamples,
    answer_json,
    answer_out,
    as_json,
    checks_json,
    claim_out,
    conversation_out,
    evidence_out,
    explained_out,
    hit_out,
    report_json,
    samples_out,
    summary_json,
)
from app.wire_moments import WireMoment, moment_out
from retrieval.errors import BadQuery, SourceRejected
from retrieval.types import Answer, Claim

_JSON_BYTES = 256 * 1024
_LABEL = Annotated[str | None, QueryParameter(max_length=200)]
_FAILURES = {
    status: ResponseSpec(Failure, description=text, generate_examples=False)
    for status, text in (
        (400, "wrong input"),
        (404, "not there, or not visible"),
        (413, "too large"),
        (429, "too much at once; see Retry-After"),
        (503, "not now"),
    )
}


@post(
    "/v1/ask",
    status_code=200,
    request_max_body_size=BODY_BYTES,
    tags=["asking"],
    responses={200: ResponseSpec(WireAnswer, generate_examples=False), **_FAILURES},
    summary="Ask a question",
    description="JSON, or server-sent events (plan, evidence, claim, sighting, answer, error) with Accept: text/event-stream.",
)
async def ask(request: AnyRequest, data: JSONBody[AskFields]) -> Response[Any]:
    context = context_of(request)
    pictures, options = pictures_in(data.pictures, "pictures"), context.options
    question = ask_in(data.question, data, options.now(), options.deadline_s, pictures)
    if "text/event-stream" in request.headers.get("accept", ""):
        return await _streamed(request, context, question)

    def work(stop: threading.Event) -> Answer:
        return context.service.ask(question, context.principal, None, stop)

    return Response(answer_out(await context.workers.run(request, work)))


async def _streamed(request: AnyRequest, context: Context, question: Ask) -> ServerSentEvent:
    def work(tell: Tell, stop: threading.Event) -> Event:
        def listen(event: Event) -> None:
            if isinstance(event.data, Claim):
                tell(Event(event.name, as_json(claim_out(event.data))))
            elif event.name != "answer":  # the whole answer is sent once, in the form of the JSON reply
                tell(event)

        return Event("answer", answer_json(context.service.ask(question, context.principal, listen, stop)))

    return await stream(request, work)


@get(
    "/v1/conversations",
    tags=["asking"],
    responses=_FAILURES,
    sync_to_thread=True,
    summary="Your conversations, the one spoken in last first",
)
def conversations(request: AnyRequest, limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 50) -> Conversations:
    context = context_of(request)
    return Conversations([conversation_out(talk) for talk in context.service.conversations(context.principal, limit)])


@get(
    "/v1/conversations/{conversation_id:str}",
    tags=["asking"],
    responses=_FAILURES,
    sync_to_thread=True,
    summary="One conversation with its turns",
)
def conversation(request: AnyRequest, conversation_id: FromPath[str]) -> WireConversation:
    context = context_of(request)
    return conversation_out(context.service.conversation(conversation_id, context.principal))


@delete(
    "/v1/conversations/{conversation_id:str}",
    status_code=204,
    tags=["asking"],
    responses=_FAILURES,
    sync_to_thread=True,
    summary="Delete a conversation and the answers given in it",
)
def forget_conversation(request: AnyRequest, conversation_id: FromPath[str]) -> None:
    context = context_of(request)
    context.service.forget_conversation(conversation_id, context.principal)


@post(
    "/v1/search",
    status_code=200,
    request_max_body_size=_JSON_BYTES,
    tags=["asking"],
    responses=_FAILURES,
    summary="Find evidence",
)
async def search(request: AnyRequest, data: JSONBody[SearchFields]) -> Hits:
    context, query = context_of(request), query_in(data)

    def work(stop: threading.Event) -> Hits:
        found = context.service.find(query, context.principal)
        told = context.service.explain(query, context.principal) if data.explain else None
        explained = None if told is None else [explained_out(each) for each in told]
        return Hits([hit_out(hit) for hit in found.hits], list(found.degraded), explained)

    return await context.workers.run(request, work)


@get(
    "/v1/evidence/{evidence_id:str}",
    tags=["evidence"],
    responses=_FAILURES,
    sync_to_thread=True,
    summary="One piece of evidence",
)
def evidence(request: AnyRequest, evidence_id: FromPath[str]) -> WireEvidence:
    context = context_of(request)
    return evidence_out(context.service.evidence(evidence_id, context.principal))


@route(
    "/v1/evidence/{evidence_id:str}/media",
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    tags=["evidence"],
    responses=_FAILURES,
    sync_to_thread=True,
    summary="Play evidence back",
    description="The frame or page picture, or the drawn chart of a window. Takes Range and If-None-Match.",
)
def media(request: AnyRequest, evidence_id: FromPath[str]) -> Response[Any]:
    context = context_of(request)
    return _played(request, context.service.media(evidence_id, context.principal))


@get(
    "/v1/evidence/{evidence_id:str}/moment",
    tags=["evidence"],
    responses=_FAILURES,
    sync_to_thread=True,
    summary="The moment a frame belongs to",
    description="A run of like frames; with `label`, as long as the label was seen without a break of over five seconds.",
)
def moment(request: AnyRequest, evidence_id: FromPath[str], label: _LABEL = None) -> WireMoment:
    context = context_of(request)
    return moment_out(context.service.moment(evidence_id, context.principal, label))


@route(
    "/v1/evidence/{evidence_id:str}/clip",
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    tags=["evidence"],
    responses=_FAILURES,
    sync_to_thread=True,
    summary="Play a moment",
    description="The recording itself where it is H.264 and still there, else its kept frames. Takes Range and If-None-Match.",
)
def clip(request: AnyRequest, evidence_id: FromPath[str], label: _LABEL = None) -> Response[Any]:
    context = context_of(request)
    return _played(request, context.service.clip(evidence_id, context.principal, label))


def _played(request: AnyRequest, found: Media) -> Response[Any]:
    headers = {name.lower(): value for name, value in request.headers.items()}
    return media_response(found, headers, body=request.method != "HEAD")


@get(
    "/v1/evidence/{evidence_id:str}/samples",
    tags=["evidence"],
    responses=_FAILURES,
    sync_to_thread=True,
    summary="The readings of a window",
)
def samples(request: AnyRequest, evidence_id: FromPath[str]) -> WireSamples:
    context = context_of(request)
    return samples_out(context.service.samples(evidence_id, context.principal))


@post(
    "/v1/ingest",
    status_code=200,
    request_max_body_size=None,
    tags=["taking in"],
    responses={200: ResponseSpec(IngestReply, generate_examples=False), **_FAILURES},
    summary="Upload files and ingest them",
    description="multipart/form-data; every part with a file name is a file. Files of one upload lie side by side. With `?wait=false`, or "
    "`Prefer: respond-async`, it is queued as a job: 202, and its Location.",
)
async def ingest(request: AnyRequest) -> Response[Any]:
    context = context_of(request)
    options = context.options
    if (request.content_length or 0) > options.max_upload_bytes:
        raise too_large(options.max_upload_bytes)
    limits = Limits(options.max_upload_bytes, options.max_files)
    uploads = options.data_dir / "uploads"
    saved = await save_upload(request.stream(), request.headers.get("content-type", ""), uploads, limits)
    if wanted_later(request):
        return await accepted(request, [saved.folder])
    return Response(await asyncio.to_thread(_ingest_upload, context, saved))


def _ingest_upload(context: Context, saved: Saved) -> dict[str, Any]:
    reports: list[SourceReport] = []

    def progress(step: Advance) -> None:
        if step.report is not None:
            reports.append(step.report)

    useful = False
    try:
        summary = context.service.ingest([saved.folder], context.principal, progress)
        useful = bool(summary.ingested or summary.unchanged)
    finally:
        if not useful:
            forget(saved)
    if not useful:
        raise _nothing_taken(summary)
    return {"sources": [report_json(report) for report in reports], **summary_json(summary)}


def _nothing_taken(summary: IngestSummary) -> SourceRejected:
    reasons = [f"{row['source'].rsplit('/', 1)[-1]}: {row['reason']}" for row in summary.rejected]
    return SourceRejected("; ".join(reasons[:5]) or "no file could be ingested")


@post(
    "/v1/ingest/local",
    status_code=200,
    request_max_body_size=_JSON_BYTES,
    tags=["taking in"],
    responses=_FAILURES,
    summary="Ingest files where they lie on this machine",
    description="For the command line: needs the token of serve.json. Server-sent events: progress, summary, error.",
)
async def ingest_local(request: AnyRequest, data: JSONBody[PathsRequest]) -> ServerSentEvent | Response[WireJob]:
    check_token(request)
    context = context_of(request)
    paths = [Path(path) for path in data.paths]
    if not paths or not all(path.is_absolute() for path in paths):
        raise BadQuery("give absolute paths, at least one")
    if wanted_later(request):
        return await accepted(request, paths)

    def work(tell: Tell, _: threading.Event) -> Event:
        def progress(step: Advance) -> None:
            tell(Event("progress", msgspec.to_builtins(step._asdict())))

        return Event("summary", msgspec.to_builtins(context.service.ingest(paths, context.principal, progress)))

    return await stream(request, work)


@post(
    "/v1/feedback",
    status_code=200,
    request_max_body_size=_JSON_BYTES,
    tags=["asking"],
    responses=_FAILURES,
    sync_to_thread=True,
    summary="Say whether an answer was accepted",
)
def feedback(request: AnyRequest, data: JSONBody[FeedbackRequest]) -> dict[str, Any]:
    context = context_of(request)
    context.service.feedback(data.answer, data.accepted, context.principal, data.note)
    return {"answer": data.answer, "accepted": data.accepted}


@get("/v1/stats", tags=["house"], sync_to_thread=True, summary="Asks by verdict, acceptance, time to first evidence")
def stats(request: AnyRequest) -> dict[str, Any]:
    context = context_of(request)
    return context.service.stats(context.principal)


@get(
    "/v1/health",
    tags=["house"],
    sync_to_thread=True,
    responses={
        200: ResponseSpec(Health, generate_examples=False),
        503: ResponseSpec(Health, description="a part has failed", generate_examples=False),
    },
    summary="Every part and how it is",
)
def health(request: AnyRequest) -> Response[Any]:
    body = {"live": True, **checks_json(context_of(request).service.checks())}
    return Response(body, status_code=200 if body["ready"] else 503)


@get("/v1/health/live", tags=["house"], sync_to_thread=False, summary="The process answers")
def live(request: AnyRequest) -> Alive:
    return Alive(live=True, instance=context_of(request).options.instance)


ROUTES = [
    ask,
    conversations,
    conversation,
    forget_conversation,
    search,
    evidence,
    media,
    moment,
    clip,
    samples,
    ingest,
    ingest_local,
    *JOB_ROUTES,
    feedback,
    stats,
    *QUALITY_ROUTES,
    *GOVERNANCE_ROUTES,
    health,
    live,
]
