"""The chat model behind any OpenAI-compatible endpoint (vLLM is the one we mean). LangChain's types stop at this file."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future
from contextvars import copy_context
from typing import Any

import httpx

from app.model.endpoint import Line, ModelRefused, bounded_client, failure, refusal
from app.model.port import Capabilities, Course, Part, Piece, Usage, data_uri
from app.model.probe import Place, Prober, Wanted, response_format
from prompts import load
from retrieval.errors import ModelUnavailable

# an answer is a few kilobytes of JSON; an endpoint that sends more is broken or hostile
_MOST_CHARS = 2**16
# a token comes in an event of some 300 bytes, 450 with its probability
_BYTES_A_TOKEN = 1024
_PROBES = 12
_WAIT_S = 0.05


class OpenAIChat:
    """A chat model through langchain-openai. Threads may share it.

    Made without a request: the first question, or `capabilities`, finds out what the endpoint can do. That is kept until the endpoint
    cannot be reached or answers with an error.
    """

    def __init__(self, place: Place, wanted: Wanted | None = None, max_tokens: int = 1024) -> None:
        self.name = place.name
        self._place, self._wanted, self._max_tokens = place, wanted or Wanted(), max_tokens
        self._lock = threading.Lock()
        self._found: Future[Capabilities] | None = None
        self._http: httpx.Client | None = None
        self._made: Any = None

    def capabilities(self) -> Capabilities:
        """What the endpoint can do; asked of it by the first who calls, while the others wait."""
        return self._able(Course(math.inf))

    def probe(self) -> Capabilities:
        """What the endpoint can do, asked of it now, on the caller's thread; questions go by it from then on."""
        found: Future[Capabilities] = Future()
        self._find(found)
        able = _result(found)
        with self._lock:
            self._found = found
        return able

    def stream(self, parts: Sequence[Part], schema: dict[str, Any], course: Course) -> Iterator[Piece]:
        """The reply as it comes. Everything happens on the caller's thread, between one piece and the next."""
        able = self._able(course)
        line, context, whole = Line(course), copy_context(), False
        # what is set inside (our line, no tracing) must not reach the caller between two pieces
        chunks = self._chunks(line, parts, schema, able)
        try:
            yield from _capped(iter(lambda: context.run(next, chunks, None), None), course)
            whole = True
        except ModelUnavailable as error:
            self._forget(error, course)
            raise
        finally:
            if not whole:
                line.hang_up()
            context.run(chunks.close)

    def close(self) -> None:
        """Close its connections; the next question makes new ones."""
        with self._lock:
            client, self._http, self._made = self._http, None, None
        if client:
            client.close()

    def _able(self, course: Course) -> Capabilities:
        with self._lock:
            found = self._found
            if found is None or (found.done() and found.exception()):
                found = self._found = Future()
                threading.Thread(target=self._find, args=(found,), name="model-probe", daemon=True).start()
        while not found.done():
            if course.left() <= 0:
                raise failure(ModelUnavailable(), course)
            _wait(found, min(_WAIT_S, course.left()))
        return _result(found)

    def _find(self, found: Future[Capabilities]) -> None:
        """Importing langchain-openai takes seconds: that too is done here, where nobody has to wait longer than they want."""
        try:
            httpx.URL(self._place.base_url)
            prober = Prober(self._client()[0], self._place, self._wanted, load("probe", 1))
            found.set_result(prober.probe(Course(time.monotonic() + _PROBES * self._place.probe_s)))
        except httpx.InvalidURL:
            found.set_exception(ModelUnavailable("the model's endpoint cannot be reached: its address is not one"))
        except BaseException as error:  # noqa: BLE001 - the edge of a thread: it is raised again where the result is awaited
            found.set_exception(error)

    def _forget(self, error: ModelUnavailable, course: Course) -> None:
        """After a failure the endpoint may come back as another one; a slow reply or a refused request says nothing of the kind."""
        if course.left() > 0 and not isinstance(error, ModelRefused):
            with self._lock:
                self._found = None

    def _client(self) -> tuple[httpx.Client, Any]:
        """The client for HTTP, and langchain-openai's over it."""
        # langchain-openai takes a second to import: only those who use a model pay for it
        from langchain_openai import ChatOpenAI

        with self._lock:
            if self._http is None:
                self._http = bounded_client(max(2**20, _BYTES_A_TOKEN * self._max_tokens))
                self._made = ChatOpenAI(**self._given(), http_client=self._http)
                self._made.client = _Untyped(self._made.root_client)
            return self._http, self._made

    def _given(self) -> dict[str, Any]:
        return {
            "base_url": self._place.base_url,
            "model": self._place.name,
            "api_key": self._place.api_key or "none",
            "max_retries": 0,
            "temperature": 0.0,
            "max_tokens": self._max_tokens,
            "stream_usage": True,
            # the endpoint is asked the one way that every compatible server knows, whatever the environment holds
            "use_responses_api": False,
            "openai_proxy": "",
            "http_socket_options": (),
        }

    def _chunks(
        self, line: Line, parts: Sequence[Part], schema: dict[str, Any], able: Capabilities
    ) -> Generator[tuple[Piece, str | None], None, None]:
        """The reply's pieces and, with the last, why it ended. The endpoint's own error text is not passed on."""
        from langchain_core.messages import HumanMessage
        from langsmith.run_helpers import tracing_context
        from openai import APIStatusError, OpenAIError

        asked: dict[str, Any] = {"logprobs": True} if able.logprobs else {}
        # as plain fields: langchain-openai's own way looks up the types of every kind of block for each block of a prompt, and parses
        # the whole reply anew with each chunk
        plain: dict[str, Any] = {"messages": [{"role": "user", "content": _content(parts)}]}
        if able.schema:
            plain["response_format"] = response_format(schema)
        try:
            # evidence goes to the configured endpoint alone, whatever tracing the environment asks for
            with line.open(), tracing_context(enabled=False):
                for chunk in self._client()[1].stream([HumanMessage(content="")], extra_body=plain, **asked):
                    yield _piece(chunk), chunk.response_metadata.get("finish_reason")
        except APIStatusError as error:
            raise refusal(error.status_code) from None
        # a reply that is JSON but no chat completion comes out of langchain-openai as one of the plain kinds
        except (
            OpenAIError, httpx.HTTPError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError
        ) as error:  # fmt: skip
            raise failure(error, line.course) from None


class _Untyped:
    """openai's chat completions, with chunks as the JSON they come as, which is what langchain-openai makes of them anyway: to build
    openai's typed model of each, and to take it apart again, took half the time of a piece."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def create(self, *, extra_body: dict[str, Any] | None = None, **payload: Any) -> Any:
        """The stream of chunks, to be entered and left. Raises OpenAIError."""
        from openai import Stream

        body = {**payload, **(extra_body or {})}
        return self._client.post("/chat/completions", cast_to=object, body=body, stream=True, stream_cls=Stream[object])


def _capped(chunks: Iterator[tuple[Piece, str | None]], course: Course) -> Iterator[Piece]:
    """The pieces until their end, a limit, or the end of the course."""
    taken, ended = 0, None
    for piece, why in chunks:
        ended = why or ended
        taken += len(piece.text)
        if taken > _MOST_CHARS:
            raise ModelUnavailable(f"the model's reply is longer than {_MOST_CHARS // 2**10} KiB")
        if course.left() <= 0:
            raise failure(ModelUnavailable(), course)
        # a token may have a probability and no text: half a character, or the end
        if any(piece):
            yield piece
    if ended is None:
        raise ModelUnavailable("the model's endpoint broke off its reply")
    if ended == "length":
        raise ModelRefused("the model's answer was cut off at its token limit")


def _content(parts: Sequence[Part]) -> list[str | dict[str, Any]]:
    return [
        {"type": "text", "text": part}
        if isinstance(part, str)
        else {"type": "image_url", "image_url": {"url": data_uri(part)}}
        for part in parts
    ]


def _piece(chunk: Any) -> Piece:
    """Raises TypeError and the like for what is no piece of a chat completion."""
    if not isinstance(chunk.content, str):
        raise TypeError("not text")
    told = (chunk.response_metadata.get("logprobs") or {}).get("content") or ()
    chances = tuple(float(token["logprob"]) for token in told)
    counted = chunk.usage_metadata
    usage = Usage(counted["input_tokens"], counted["output_tokens"]) if counted else None
    return Piece(chunk.content, tuple(min(0.0, c) for c in chances if math.isfinite(c)), usage)


def _result(found: Future[Capabilities]) -> Capabilities:
    """What was found. Raises ModelUnavailable anew: one error object must not be raised on many threads, each adds to its traceback."""
    error = found.exception()
    if isinstance(error, ModelUnavailable):
        raise type(error)(str(error))
    return found.result()


def _wait(found: Future[Capabilities], seconds: float) -> None:
    """Until it is there or the time is over, whatever it holds."""
    try:
        found.exception(seconds)
    except TimeoutError:
        return
