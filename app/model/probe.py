"""Finding out what an endpoint can do by trying it. Nothing of a user's is ever in a probe."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import httpx

from app.model.endpoint import Line, failure, refusal
from app.model.pictures import plain
from app.model.port import Capabilities, Course, Picture, data_uri
from app.model.vllm import below_floor
from prompts import Prompt
from retrieval.errors import ModelUnavailable

# where an endpoint does not tell its context: what small local servers are commonly started with
UNTOLD_CONTEXT = 8192
_WORD = "ready"
_SCHEMA = {
    "type": "object",
    "properties": {"state": {"type": "string", "enum": [_WORD]}},
    "required": ["state"],
    "additionalProperties": False,
}
_TOKENS = 32
# a list costs a server nothing: one that takes longer hangs
_LIST_S = 2.0
# one separator at a time: no name has "://" in it
_NAME = re.compile(r"(?=.{1,80}$)[\w.@+-]+(?:[/:][\w.@+-]+)*")
_VERSION = re.compile(r"[\w.+-]{1,40}")


class Wanted(NamedTuple):
    """What is known beforehand (None = probe it), and how many pictures a prompt should be able to carry."""

    max_images: int = 4
    context: int | None = None
    images: int | None = None
    schema: bool | None = None
    logprobs: bool | None = None


class Place(NamedTuple):
    """The endpoint: address up to /v1, the model's name there, the key sent to it, and how long one probe may take, in seconds."""

    base_url: str
    name: str
    api_key: str | None = None
    probe_s: float = 5.0


class _Said(NamedTuple):
    """A reply to a probe: the status of the request, the text, whether probabilities came, tokens of the prompt where counted."""

    status: int
    text: str = ""
    logprobs: bool = False
    prompt_tokens: int | None = None

    @property
    def well(self) -> bool:
        return self.status == httpx.codes.OK


class Prober:
    """Asks one endpoint what it can do, in few and small requests."""

    def __init__(self, client: httpx.Client, place: Place, wanted: Wanted, prompt: Prompt) -> None:
        self._client, self._place, self._wanted = client, place, wanted
        self._text = prompt.render()

    def probe(self, course: Course) -> Capabilities:
        """What it can do. Raises ModelUnavailable where it cannot be reached, does not list the model, does not chat or has known holes."""
        listed = self._listed(course)
        # before anything else is sent to it
        server = self._server(listed, course)
        plain_said, schema, logprobs = self._chat(course)
        images = self._images(plain_said, course) if self._wanted.images is None else self._wanted.images
        return Capabilities(
            name=self._place.name,
            context=self._wanted.context or _length(listed) or UNTOLD_CONTEXT,
            images=images,
            schema=schema if self._wanted.schema is None else self._wanted.schema,
            logprobs=logprobs if self._wanted.logprobs is None else self._wanted.logprobs,
            server=server,
        )

    def _listed(self, course: Course) -> Mapping[str, Any]:
        """What the list of models tells of ours. An endpoint without a list is taken at its word later."""
        status, told = self._request("GET", f"{self._root}/models", None, course.within(_LIST_S))
        if status in (401, 403) or status >= 500:
            raise refusal(status)
        listed = _models(told) if status == httpx.codes.OK else []
        found = next((about for about in listed if about["id"] == self._place.name), None)
        if listed and found is None:
            names = [about["id"] for about in listed if _NAME.fullmatch(about["id"])]
            raise ModelUnavailable(
                f"the model's endpoint does not list {self._place.name}; it lists {', '.join(names[:5]) or 'others'}"
            )
        return found or {}

    def _server(self, listed: Mapping[str, Any], course: Course) -> str:
        """vLLM says in its list that the model is its own, and tells its version beside /v1; others need not.

        Raises ModelUnavailable for a vLLM with known holes, or one that does not tell which it is.
        """
        if listed.get("owned_by") != "vllm":
            return ""
        url = httpx.URL(self._root).copy_with(path="/version", query=None)
        status, told = self._request("GET", str(url), None, course)
        version = told.get("version") if status == httpx.codes.OK and isinstance(told, dict) else None
        known = version if isinstance(version, str) and _VERSION.fullmatch(version) else ""
        why = below_floor(known)
        if why:
            raise ModelUnavailable(why)
        return f"vLLM {known}"

    def _chat(self, course: Course) -> tuple[_Said, bool, bool]:
        """A reply, whether it kept to a schema that says other than the prompt, and whether probabilities came with it."""
        both = self._ask(course, schema=True, logprobs=True)
        if both.well:
            return both, _fits(both.text), both.logprobs
        bare = self._ask(course)
        if not bare.well:
            raise refusal(bare.status)
        return bare, _fits(self._ask(course, schema=True).text), self._ask(course, logprobs=True).logprobs

    def _images(self, bare: _Said, course: Course) -> int:
        """How many pictures a prompt may carry, up to as many as are wanted."""
        wanted = self._wanted.max_images
        if wanted < 1 or not self._sees(1, bare, course):
            return 0
        if wanted == 1 or self._sees(wanted, bare, course):
            return wanted
        able, unable = 1, wanted
        while unable - able > 1:
            middle = (able + unable) // 2
            able, unable = (middle, unable) if self._sees(middle, bare, course) else (able, middle)
        return able

    def _sees(self, pictures: int, bare: _Said, course: Course) -> bool:
        """Whether so many pictures are taken in: accepted, and counted in the tokens of the prompt where those are told."""
        said = self._ask(course, pictures=pictures)
        if said.prompt_tokens is None or bare.prompt_tokens is None:
            return said.well
        return said.well and said.prompt_tokens > bare.prompt_tokens

    def _ask(self, course: Course, pictures: int = 0, schema: bool = False, logprobs: bool = False) -> _Said:
        shown = [Picture(plain(number), "image/png") for number in range(pictures)]
        content: list[dict[str, Any]] = [{"type": "text", "text": self._text}]
        content += [{"type": "image_url", "image_url": {"url": data_uri(picture)}} for picture in shown]
        body: dict[str, Any] = {"model": self._place.name, "messages": [{"role": "user", "content": content}]}
        body |= {"temperature": 0.0, "max_completion_tokens": 1 if pictures else _TOKENS}
        if schema:
            body["response_format"] = response_format(_SCHEMA)
        if logprobs:
            body["logprobs"] = True
        status, told = self._request("POST", f"{self._root}/chat/completions", body, course)
        return _read(told) if status == httpx.codes.OK else _Said(status)

    def _request(self, method: str, url: str, body: Mapping[str, Any] | None, course: Course) -> tuple[int, Any]:
        """Status and JSON (None where it is none). Raises ModelUnavailable where there is no reply."""
        short = course.within(self._place.probe_s)
        line = Line(short)
        try:
            with line.open():
                reply = self._client.request(method, url, json=body, headers=self._headers())
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            line.hang_up()
            raise failure(error, short) from None
        try:
            return reply.status_code, json.loads(reply.content)
        except (ValueError, RecursionError):
            return reply.status_code, None

    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._place.api_key or 'none'}"}

    @property
    def _root(self) -> str:
        return self._place.base_url.rstrip("/")


def response_format(schema: Mapping[str, Any]) -> dict[str, Any]:
    """How a reply that fits a schema is asked for."""
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}


def _length(listed: Mapping[str, Any]) -> int | None:
    length = listed.get("max_model_len")
    return length if isinstance(length, int) and length > 0 else None


def _models(told: Any) -> list[dict[str, Any]]:
    listed = told.get("data") if isinstance(told, dict) else None
    if not isinstance(listed, list):
        return []
    return [about for about in listed if isinstance(about, dict) and isinstance(about.get("id"), str)]


def _read(told: Any) -> _Said:
    """A chat completion as the pieces of it that matter. Raises ModelUnavailable for what is none."""
    try:
        choice = told["choices"][0]
        text = choice["message"].get("content") or ""
        chances = _logprobs(choice.get("logprobs"))
        counted = (told.get("usage") or {}).get("prompt_tokens")
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise failure(error, Course(math.inf)) from None
    return _Said(httpx.codes.OK, str(text), chances, counted if isinstance(counted, int) else None)


def _logprobs(told: Any) -> bool:
    given: Sequence[Any] | None = told.get("content") if isinstance(told, dict) else None
    return bool(given) and isinstance(given, list) and isinstance(given[0].get("logprob"), int | float)


def _fits(text: str) -> bool:
    try:
        return bool(json.loads(text) == {"state": _WORD})
    except (ValueError, RecursionError):
        return False
