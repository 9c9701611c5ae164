"""A request body in OpenAI's shape → a question."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec
from msgspec import Struct

from app.http.errors import Unfit
from app.http.pictures import pictures_in
from app.ports import Ask, Turn
from app.unwire import ask_in, deadline_in
from app.wire import AskOptions
from retrieval.errors import BadQuery
from retrieval.types import Micros

MODEL = "watchfloor"
_MOST_TURNS = 20
# of a turn, for each of its two sides; the service holds them to the length of a question as well
_TURN_CHARS = 10_000
# every other field of the request as OpenAI describes it: taken, and passed over
_PASSED_OVER = frozenset(
    "metadata temperature top_p user safety_identifier prompt_cache_key prompt_cache_retention prompt_cache_options service_tier "
    "verbosity reasoning_effort max_completion_tokens frequency_penalty presence_penalty store moderation stop logit_bias "
    "max_tokens prediction seed tools parallel_tool_calls functions".split()
)


class TextPart(Struct, frozen=True, tag="text", tag_field="type"):
    text: str


class RefusalPart(Struct, frozen=True, tag="refusal", tag_field="type"):
    refusal: str


class PictureAt(Struct, frozen=True):
    url: str


class PicturePart(Struct, frozen=True, tag="image_url", tag_field="type"):
    image_url: PictureAt


Part: TypeAlias = TextPart | PicturePart | RefusalPart


class Message(Struct, frozen=True):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None

    def text(self) -> str:
        """Its words; parts stand below each other."""
        if self.content is None or isinstance(self.content, str):
            return (self.content or "").strip()
        return "\n".join(part.text for part in self.content if isinstance(part, TextPart)).strip()

    def pictures(self) -> list[str]:
        """The addresses of its pictures."""
        if not isinstance(self.content, list):
            return []
        return [part.image_url.url for part in self.content if isinstance(part, PicturePart)]


class StreamOptions(Struct, frozen=True):
    include_usage: bool | None = None


class Format(Struct, frozen=True):
    type: str


class Body(Struct, frozen=True):
    model: str
    messages: list[Message]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    tool_choice: Any = None
    function_call: Any = None
    response_format: Format | None = None
    modalities: list[str] | None = None
    audio: Any = None
    web_search_options: Any = None
    watchfloor: AskOptions | None = None


class Wanted(NamedTuple):
    """The question, how it is to be answered, and what of the request was passed over."""

    ask: Ask
    stream: bool
    include_usage: bool
    ignored: tuple[str, ...]


def wanted_in(content: bytes, now: Micros, deadline_s: float | None) -> Wanted:
    """A request body → what is wanted. `deadline_s` holds where the request names none. Raises Unfit, BadQuery."""
    fields = _fields(content)
    body = _body(fields)
    if body.model != MODEL:
        raise no_model(body.model)
    _refuse(body)
    return Wanted(
        ask=_ask(body, now, deadline_s),
        stream=bool(body.stream),
        include_usage=bool(body.stream_options and body.stream_options.include_usage),
        ignored=_ignored(fields, body),
    )


def no_model(name: str) -> Unfit:
    return Unfit(f"the model {name[:80]!r} does not exist here; ask for {MODEL!r}", "model", "model_not_found", 404)


def _fields(content: bytes) -> dict[str, Any]:
    try:
        fields = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Unfit("the body is not valid JSON", code="invalid_json") from None
    if not isinstance(fields, dict):
        raise Unfit("the body must be a JSON object", code="invalid_json")
    return fields


def _body(fields: dict[str, Any]) -> Body:
    """The fields with their types. Raises Unfit naming the one that is wrong."""
    try:
        return msgspec.convert(fields, Body)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `")
        param = path.removesuffix("`").removeprefix("$").removeprefix(".")
        missing = re.search(r"missing required field `(\w+)`", message)
        if missing:
            param = f"{param}.{missing[1]}".removeprefix(".")
        raise Unfit(f"{param or 'body'}: {message}", param or None, "invalid_type") from None


def _refuse(body: Body) -> None:
    """Raises Unfit for what would make another reply than there is."""
    said = body.response_format
    refused = {
        "n": (body.n not in (None, 1), "one choice is all there is; leave n at 1"),
        "logprobs": (bool(body.logprobs), "the answer has no log-probabilities"),
        "top_logprobs": (bool(body.top_logprobs), "the answer has no log-probabilities"),
        "tool_choice": (body.tool_choice not in (None, "auto", "none"), "no tool is ever called"),
        "function_call": (body.function_call not in (None, "auto", "none"), "no function is ever called"),
        "response_format": (
            said is not None and said.type != "text",
            "the answer is text; its JSON is in `watchfloor`",
        ),
        "modalities": (not set(body.modalities or ()) <= {"text"}, "text is all there is"),
        "audio": (body.audio is not None, "text is all there is"),
        "web_search_options": (
            body.web_search_options is not None,
            "nothing is searched but the evidence taken in here",
        ),
    }
    for param, (wrong, why) in refused.items():
        if wrong:
            raise Unfit(f"{param}: {why}", param, "unsupported_value")


def _ask(body: Body, now: Micros, deadline_s: float | None) -> Ask:
    ours, last = body.watchfloor or AskOptions(), len(body.messages) - 1
    if last < 0 or body.messages[last].role != "user":
        raise Unfit("the last message must be the user's: it is the question", "messages")
    question = body.messages[last].text()
    if not question:
        raise Unfit("the last message has no text; ask something", f"messages[{last}].content")
    try:
        deadline_in(ours.deadline_s)
    except BadQuery as error:
        raise Unfit(str(error), "watchfloor.deadline_s") from None
    ask = ask_in(question, ours, now, deadline_s, _pictures(body.messages))
    return msgspec.structs.replace(ask, before=_before(body.messages[:last], ask.asked_at))


def _pictures(messages: Sequence[Message]) -> tuple[bytes, ...]:
    """The pictures of the last message. Every message's are checked: none may be an address. Raises Unfit."""
    found: tuple[bytes, ...] = ()
    for n, message in enumerate(messages):
        found = pictures_in(message.pictures(), f"messages[{n}].content")
    return found


def _before(messages: Sequence[Message], asked_at: Micros) -> tuple[Turn, ...]:
    """What was said so far, a turn for each question, the newest twenty. Its replies are the caller's word, not evidence."""
    turns: list[Turn] = []
    for n, message in enumerate(messages):
        if message.role in ("tool", "function"):
            raise Unfit(
                "no tool was ever called, so it cannot have replied", f"messages[{n}].role", "unsupported_value"
            )
        if message.role == "user":
            turns.append(Turn(question=message.text()[:_TURN_CHARS], asked_at=asked_at))
        elif message.role == "assistant" and turns:
            said = "\n".join(filter(None, (turns[-1].reply, message.text())))[:_TURN_CHARS]
            turns[-1] = msgspec.structs.replace(turns[-1], reply=said)
    return tuple(turn for turn in turns if turn.question)[-_MOST_TURNS:]


def _ignored(fields: Mapping[str, Any], body: Body) -> tuple[str, ...]:
    """Names of what was passed over; fields nobody knows under one name, since theirs are the caller's to choose."""
    names = sorted(name for name in fields if name in _PASSED_OVER and fields[name] not in (None, [], {}))
    roles = {message.role for message in body.messages}
    names += [f"{role} messages" for role in ("system", "developer") if role in roles]
    if any(message.pictures() for message in body.messages[:-1]):
        names.append("earlier pictures")
    unknown = fields.keys() - _PASSED_OVER - set(Body.__struct_fields__)
    return (*names, *(("unknown fields",) if unknown else ()))
