"""What Watchfloor asks of a chat model, and what it gets back. No library's types pass this line."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

import msgspec


class Picture(NamedTuple):
    """An image for the model: encoded bytes and media type. It is always sent as bytes, never as an address."""

    data: bytes
    media_type: str


# what a model is shown, in order: text, and pictures where they belong
Part: TypeAlias = str | Picture


class Usage(NamedTuple):
    """Tokens as the endpoint counts them."""

    prompt_tokens: int
    completion_tokens: int


class Piece(NamedTuple):
    """A few tokens of a reply as they come: their text, the natural logarithm of each one's probability where given, and, at the
    end, usage."""

    text: str
    logprobs: tuple[float, ...] = ()
    usage: Usage | None = None


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What an endpoint was found to be able to do. `context` is in tokens, `images` per prompt (0 = it sees none).

    `schema`: a JSON schema is kept to. `logprobs`: probabilities come with the tokens. `name` is the model as it is listed,
    `server` the server's name and version where it tells them, else "".
    """

    name: str
    context: int
    images: int
    schema: bool
    logprobs: bool
    server: str = ""


class Course:
    """The course of one request: until when it may run (seconds of the monotonic clock), and whether it is still wanted."""

    def __init__(self, until: float, stop: threading.Event | None = None) -> None:
        self.until = until
        self.stop = stop or threading.Event()

    def left(self) -> float:
        """Seconds left; never below 0, and 0 once it is not wanted any more."""
        return 0.0 if self.stop.is_set() else max(0.0, self.until - time.monotonic())

    def within(self, seconds: float) -> Course:
        """The same, but ending after `seconds` at the latest."""
        return Course(min(self.until, time.monotonic() + seconds), self.stop)


class ChatModel(Protocol):
    """Parts in, text out, piece by piece."""

    name: str

    def capabilities(self) -> Capabilities:
        """What the endpoint can do, asked of it once and kept. Raises ModelUnavailable while it cannot be asked."""

    def probe(self) -> Capabilities:
        """What the endpoint can do, asked of it now. Raises ModelUnavailable when it cannot be asked."""

    def stream(self, parts: Sequence[Part], schema: dict[str, Any], course: Course) -> Iterator[Piece]:
        """The reply to one user message, asked to fit the JSON schema, as it comes.

        Closing the iterator, or setting `course.stop`, ends the request at the endpoint too. Raises ModelUnavailable with a
        reason fit for a user: at once, between pieces, or when `course` is over.
        """

    def close(self) -> None:
        """Let go of connections. What is asked of it afterwards is answered all the same."""


def data_uri(picture: Picture) -> str:
    """A picture as a data: URI."""
    return f"data:{picture.media_type};base64,{base64.b64encode(picture.data).decode()}"
