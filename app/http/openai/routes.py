"""The routes that speak as OpenAI's do: chat completions and models."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Stream

from app.http.context import AnyRequest, Context, context_of
from app.http.openai.faults import fault_json
from app.http.openai.replies import Completion
from app.http.openai.wanted import MODEL, Wanted, no_model, wanted_in
from app.http.pictures import BODY_BYTES
from app.http.streaming import QUIET, Step, Tell, begun
from app.ports import Event
from retrieval.types import Answer, Claim

_DONE = b"data: [DONE]\n\n"
_QUIET_LINE = b": still working\n\n"


@post(
    "/v1/chat/completions",
    status_code=200,
    request_max_body_size=BODY_BYTES,
    tags=["as OpenAI"],
    summary="Ask a question as a chat completion",
    description="OpenAI's chat completions over the native answer: supported claims with [n] markers, annotations, streaming.",
)
async def chat(request: AnyRequest) -> Response[Any]:
    context = context_of(request)
    content, now = await request.body(), context.options.now()
    wanted = await asyncio.to_thread(wanted_in, content, now, context.options.deadline_s)
    completion = Completion(str(request.base_url), now)
    headers = {"x-watchfloor-ignored": ", ".join(wanted.ignored)} if wanted.ignored else {}
    if wanted.stream:
        return await _streamed(request, wanted, completion, headers)

    def work(stop: threading.Event) -> Answer:
        return context.service.ask(wanted.ask, context.principal, None, stop)

    return Response(completion.whole(await context.workers.run(request, work)), headers=headers)


async def _streamed(
    request: AnyRequest, wanted: Wanted, completion: Completion, headers: dict[str, str]
) -> Response[Any]:
    context = context_of(request)

    def work(tell: Tell, stop: threading.Event) -> Event:
        def listen(event: Event) -> None:
            if event.name != "answer":
                tell(event)

        return Event("answer", context.service.ask(wanted.ask, context.principal, listen, stop))

    lines = _lines(await begun(request, work), completion, wanted.include_usage)
    return Stream(lines, media_type="text/event-stream", headers={"cache-control": "no-cache", **headers})


async def _lines(
    steps: AsyncGenerator[Step, None], completion: Completion, include_usage: bool
) -> AsyncGenerator[bytes, None]:
    try:
        yield _line(completion.chunk({"role": "assistant", "content": ""}), include_usage)
        async for step in steps:
            if step is QUIET:
                yield _QUIET_LINE
            elif isinstance(step, Exception):
                yield _line(fault_json(step))
            else:
                for chunk in _chunks(step, completion):
                    yield _line(chunk, include_usage)
                if step.name == "answer":
                    if include_usage:
                        yield _line(completion.usage(step.data))
                    yield _DONE
    finally:
        await steps.aclose()


def _chunks(event: Event, completion: Completion) -> list[dict[str, Any]]:
    """What an event adds to the reply: a claim its sentence, the answer what is left to say and the end."""
    if event.name == "answer":
        added = completion.prose.close(event.data)
        return [*([completion.chunk({"content": added})] if added else []), completion.last(event.data)]
    added = completion.prose.add(event.data) if event.name == "claim" and isinstance(event.data, Claim) else ""
    return [completion.chunk({"content": added})] if added else []


def _line(chunk: dict[str, Any], include_usage: bool = False) -> bytes:
    """One server-sent event. Where usage was asked for, the chunks without it say so with null."""
    body = {**chunk, "usage": chunk.get("usage")} if include_usage else chunk
    return b"data: " + msgspec.json.encode(body) + b"\n\n"


@get("/v1/models", tags=["as OpenAI"], sync_to_thread=True, summary="The models that can be asked")
def models(request: AnyRequest) -> dict[str, Any]:
    return {"object": "list", "data": [_model(context_of(request))]}


@get("/v1/models/{name:str}", tags=["as OpenAI"], sync_to_thread=True, summary="One model")
def model(request: AnyRequest, name: FromPath[str]) -> dict[str, Any]:
    if name != MODEL:
        raise no_model(name)
    return _model(context_of(request))


def _model(context: Context) -> dict[str, Any]:
    """The one model there is, and what stands behind it now: `answers` is "model" while one words the answers, else "brief"."""
    found = context.service.model_check()
    behind = {"answers": "model" if found.state == "ok" else "brief", "state": found.state, "detail": found.detail}
    head = {"id": MODEL, "object": "model", "created": context.since // 1_000_000, "owned_by": "watchfloor"}
    return {**head, "watchfloor": behind}


OPENAI_PATHS = ("/v1/chat", "/v1/models")
OPENAI_ROUTES = [chat, models, model]
