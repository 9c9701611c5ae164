"""The chat model behind any OpenAI-compatible endpoint (vLLM is the one we mean). LangChain's types stop at this file."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple, Protocol, TypeVar

from app.endpoint import ReplyTooLong, bounded_client
from retrieval.errors import ModelUnavailable

T = TypeVar("T")
# an answer is a few kilobytes of JSON; an endpoint that sends a megabyte is broken or hostile
_MOST_BYTES = 2**20


class Picture(NamedTuple):
    """An image for the model: encoded bytes, media type and label ("E3"). It is always sent as bytes, never as an address."""

    data: bytes
    media_type: str
    label: str = ""


class ChatModel(Protocol):
    """One prompt with pictures in, text out."""

    name: str

    def complete(
        self, prompt: str, pictures: Sequence[Picture], schema: dict[str, Any], within_s: float | None = None
    ) -> str:
        """The model's text, asked to fit the JSON schema, within `within_s` seconds (None = the model's own limit).

        Raises ModelUnavailable with a reason fit for a user.
        """


class OpenAIChat:
    """A chat model through langchain-openai."""

    def __init__(self, base_url: str, name: str, api_key: str | None, timeout_s: float, max_tokens: int = 1024) -> None:
        self.name = name
        self._timeout_s = timeout_s
        self._made: Any = None
        self._given = {
            "base_url": base_url,
            "model": name,
            "api_key": api_key or "none",
            "timeout": timeout_s,
            "max_retries": 0,
            "temperature": 0.0,
            "max_tokens": max_tokens,
            # the endpoint is asked the one way that every compatible server knows
            "use_responses_api": False,
        }

    def _client(self) -> Any:
        # langchain-openai takes a second to import: only those who use a model pay for it
        if self._made is None:
            from langchain_openai import ChatOpenAI

            self._made = ChatOpenAI(**self._given, http_client=bounded_client(self._timeout_s, _MOST_BYTES))
        return self._made

    def complete(
        self, prompt: str, pictures: Sequence[Picture], schema: dict[str, Any], within_s: float | None = None
    ) -> str:
        """The model's text. The endpoint's own error text is not passed on: it may hold addresses or keys."""
        limit = min(self._timeout_s, self._timeout_s if within_s is None else within_s)
        if limit <= 0:
            raise ModelUnavailable("no time was left to ask the model")
        content: list[str | dict[str, Any]] = [{"type": "text", "text": prompt}]
        for picture in pictures:
            content.append({"type": "text", "text": f"Picture of {picture.label}:"})
            content.append({"type": "image_url", "image_url": {"url": data_uri(picture)}})
        response_format = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}
        reply = _in_time(limit, lambda: self._ask(content, response_format))
        if not isinstance(reply, str):
            raise ModelUnavailable("the model answered with something that is not text")
        return reply

    def _ask(self, content: list[str | dict[str, Any]], response_format: dict[str, Any]) -> object:
        from langchain_core.messages import HumanMessage
        from langsmith.run_helpers import tracing_context
        from openai import OpenAIError

        try:
            # evidence goes to the configured endpoint alone, whatever tracing the environment asks for
            with tracing_context(enabled=False):
                return self._client().invoke([HumanMessage(content=content)], response_format=response_format).content
        # a reply that is JSON but no chat completion comes out of langchain-openai as one of the plain kinds
        except (OpenAIError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            raise ModelUnavailable(_reason(error)) from error


def _reason(error: Exception) -> str:
    """Why the model failed, in our words."""
    from openai import APIConnectionError, APIStatusError, APITimeoutError, LengthFinishReasonError

    if any(isinstance(cause, ReplyTooLong) for cause in _causes(error)):
        return f"the model's reply is longer than {_MOST_BYTES // 2**20} MiB"
    if isinstance(error, APITimeoutError):
        return "the model did not answer in time"
    if isinstance(error, APIConnectionError):
        return "the model's endpoint cannot be reached"
    if isinstance(error, APIStatusError):
        return f"the model's endpoint answered with HTTP status {error.status_code}"
    if isinstance(error, LengthFinishReasonError):
        return "the model's answer was cut off at its token limit"
    return f"the model's endpoint sent what is no chat completion ({type(error).__name__})"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it was raised from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _in_time(seconds: float, make: Callable[[], T]) -> T:
    """What `make` gives, made in a thread. Raises ModelUnavailable after `seconds`; the thread then ends by its own time-outs.

    A socket's time-out counts from the last byte, so that alone a reply could trickle in for ever.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(make())
        except BaseException as error:  # noqa: BLE001 - the edge of a thread: it is raised again where the answer is awaited
            future.set_exception(error)

    threading.Thread(target=run, name="model", daemon=True).start()
    try:
        return future.result(seconds)
    except TimeoutError:
        raise ModelUnavailable(f"the model did not answer within {seconds:g} s") from None


def data_uri(picture: Picture) -> str:
    """A picture as a data: URI."""
    return f"data:{picture.media_type};base64,{base64.b64encode(picture.data).decode()}"
