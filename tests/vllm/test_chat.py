"""The client of app.model against a real vLLM: what it can do, pictures, schemas, limits, keys, and requests that are given up."""

from __future__ import annotations

import itertools
import json
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import httpx
import jsonschema
import pytest

from app.answer.reply import Reply, schema_of
from app.model.endpoint import ModelRefused
from app.model.guard import Guarded
from app.model.openai_chat import OpenAIChat
from app.model.pictures import plain, shrunk
from app.model.port import Capabilities, Course, Part, Picture, Piece
from app.model.vllm import FLOOR, below_floor
from retrieval.errors import ModelUnavailable

pytestmark = pytest.mark.vllm

Record = Callable[[str, object], None]
# a bounded schema ends by itself, whatever the weights would say
SHORT = {
    "type": "object",
    "properties": {
        "answer": {"type": "string", "enum": ["yes", "no", "unclear"]},
        "count": {"type": "integer", "minimum": 0, "maximum": 9},
        "words": {"type": "array", "items": {"type": "string", "maxLength": 8}, "minItems": 1, "maxItems": 3},
    },
    "required": ["answer", "count", "words"],
    "additionalProperties": False,
}
# nothing ends this one before its tokens do: each string is longer than they last
LONG = {
    "type": "object",
    "properties": {"text": {"type": "string", "minLength": 20_000}},
    "required": ["text"],
    "additionalProperties": False,
}
# how long the server may take to see that nobody waits; a loaded machine of two cores is slow to look
SOON_S = 5.0


def pieces(model: Any, parts: Sequence[Part], schema: dict[str, Any], seconds: float = 60.0) -> list[Piece]:
    return list(model.stream(parts, schema, Course(time.monotonic() + seconds)))


def picture(number: int, side: int = 64) -> Picture:
    return Picture(plain(number, side), "image/png")


@pytest.fixture
def chat(server: Any) -> Iterator[OpenAIChat]:
    made: OpenAIChat = server.chat()
    yield made
    made.close()


# --- what it can do ---


def test_its_abilities_are_found(server: Any, chat: OpenAIChat, record_property: Record) -> None:
    begun = time.monotonic()
    able = chat.capabilities()
    record_property("seconds to probe", round(time.monotonic() - begun, 2))
    record_property("abilities", able)
    assert able == Capabilities(
        name=server.name,
        context=server.context,
        images=server.images,
        schema=True,
        logprobs=True,
        server=f"vLLM {server.version}",
    )
    assert below_floor(server.version) == ""


def test_a_version_below_the_floor_would_not_be_used(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the stub's word but the real /version and list of models, against a floor that is above them."""
    from packaging.version import Version

    from app.model import vllm

    monkeypatch.setattr(vllm, "FLOOR", Version("9999"))
    with pytest.raises(ModelUnavailable, match=r"vLLM 0\.\d+\.\d+.* has known holes"):
        server.chat().capabilities()
    assert Version("9999") > FLOOR


# --- replies ---


def test_a_reply_streams_in_pieces_with_usage_last(chat: OpenAIChat) -> None:
    told = pieces(chat, ["Say something."], SHORT)
    assert sum(bool(piece.text) for piece in told) > 3
    assert [n for n, piece in enumerate(told) if piece.usage] == [len(told) - 1]
    usage = told[-1].usage
    chances = [chance for piece in told for chance in piece.logprobs]
    # one for every token, also for those that have no text of their own, such as the one that ends the reply
    assert usage is not None and usage.completion_tokens == len(chances) > 3 and usage.prompt_tokens > 5
    assert all(chance <= 0 and math.isfinite(chance) for chance in chances)


@pytest.mark.parametrize("question", ["What?", "Pump P-101: température 7,1 °C — ✓ 泵", "{" * 50, "x"])
def test_random_weights_keep_to_a_schema(chat: OpenAIChat, question: str) -> None:
    text = "".join(piece.text for piece in pieces(chat, [question], SHORT))
    jsonschema.validate(json.loads(text), SHORT)


def test_our_own_schema_of_a_reply_is_taken(chat: OpenAIChat) -> None:
    """A grammar is made of it, or vLLM would refuse the request; the weights may not find an end within their tokens."""
    schema = schema_of(Reply)
    told: list[Piece] = []
    try:
        told += chat.stream(["Is the pump well?"], schema, Course(time.monotonic() + 60))
    except ModelRefused as error:
        assert "cut off at its token limit" in str(error)
    text = "".join(piece.text for piece in told)
    assert text.startswith(('{"claims":[', '{"claims": ['))


def test_a_reply_that_does_not_end_is_cut_off_and_said_so(server: Any, chat: OpenAIChat) -> None:
    model = Guarded(chat, failures=1)
    heard: list[Piece] = []
    with pytest.raises(ModelRefused, match="cut off at its token limit"):
        for piece in model.stream(["Go on."], LONG, Course(time.monotonic() + 120)):
            heard.append(piece)
    assert heard[-1].usage is not None and heard[-1].usage.completion_tokens == 256
    assert model.state().level == "ok"


# --- pictures ---


def test_pictures_are_seen_up_to_the_limit(server: Any, chat: OpenAIChat) -> None:
    counted = []
    for shown in range(server.images + 1):
        parts: list[Part] = ["Before.", *(picture(n) for n in range(shown)), "After."]
        usage = pieces(chat, parts, SHORT)[-1].usage
        assert usage is not None
        counted.append(usage.prompt_tokens)
    # each adds as many tokens as the model's tower has patches
    assert [after - before for before, after in itertools.pairwise(counted)] == [(224 // 14) ** 2] * server.images


def test_pictures_of_every_shape_are_taken(chat: OpenAIChat) -> None:
    wide = Picture(shrunk(plain(3, 900), 336), "image/jpeg")
    for shown in (picture(1, 1), picture(2, 2000), wide):
        assert pieces(chat, ["What is it?", shown], SHORT)


def test_more_pictures_than_the_limit_are_refused_and_no_failure(server: Any, chat: OpenAIChat) -> None:
    model = Guarded(chat, failures=1)
    for _ in range(3):
        with pytest.raises(ModelRefused, match="HTTP status 400"):
            pieces(model, ["?", *(picture(n) for n in range(server.images + 1))], SHORT)
    assert model.state().level == "ok"
    assert pieces(model, ["?", picture(1)], SHORT)


def test_what_is_no_picture_is_refused_in_our_words(chat: OpenAIChat) -> None:
    with pytest.raises(ModelRefused) as told:
        pieces(chat, ["?", Picture(b"no picture at all", "image/png")], SHORT)
    assert str(told.value) == "the model's endpoint answered with HTTP status 400"


def test_no_address_is_fetched_from(server: Any) -> None:
    """With our command line vLLM refuses an address before it connects to it; we never send one."""
    shown = {"type": "image_url", "image_url": {"url": f"http://127.0.0.1:{server.port}/health"}}
    body = {"model": server.name, "max_tokens": 1, "messages": [{"role": "user", "content": [shown]}]}
    reply = httpx.post(
        f"{server.url}/chat/completions",
        json=body,
        headers={"authorization": f"Bearer {server.key}"},
        timeout=30,
        trust_env=False,
    )
    assert reply.status_code == 400 and "allowed domains" in reply.text


# --- limits and keys ---


@pytest.mark.parametrize("words", [3000, 100_000])
def test_a_prompt_longer_than_the_context_is_refused_and_no_failure(chat: OpenAIChat, words: int) -> None:
    model = Guarded(chat, failures=1)
    with pytest.raises(ModelRefused, match="HTTP status 400"):
        pieces(model, ["pump " * words], SHORT)
    assert model.state().level == "ok"
    assert pieces(model, ["pump"], SHORT)


def test_a_prompt_that_leaves_no_room_for_the_reply_is_refused(server: Any) -> None:
    with pytest.raises(ModelRefused):
        pieces(server.chat(max_tokens=server.context + 1), ["?"], SHORT)


def test_a_model_that_is_not_served_is_said(server: Any) -> None:
    with pytest.raises(ModelUnavailable) as told:
        server.chat(name="another").capabilities()
    assert str(told.value) == f"the model's endpoint does not list another; it lists {server.name}"


@pytest.mark.parametrize("key", ["sk-a-wrong-key", None])
def test_a_wrong_key_is_said_without_it(
    server: Any, key: str | None, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    model = Guarded(server.chat(api_key=key))
    with pytest.raises(ModelUnavailable) as told:
        pieces(model, ["?"], SHORT)
    assert str(told.value) == "the model's endpoint answered with HTTP status 401"
    assert model.state().level == "degraded"
    out, err = capfd.readouterr()
    assert "wrong-key" not in out + err + caplog.text


# --- requests that are given up ---


@pytest.mark.parametrize("way", ["closing", "withdrawing", "time"])
def test_giving_up_ends_the_request_at_the_server(server: Any, way: str, record_property: Record) -> None:
    stop, before = threading.Event(), server.metric("generation_tokens")
    stream = server.chat(max_tokens=1500).stream(["Go on."], LONG, Course(time.monotonic() + 60, stop))
    next(stream)
    assert server.busy() == 1
    if way == "closing":
        stream.close()
    elif way == "withdrawing":
        stop.set()
        with pytest.raises(ModelUnavailable, match="withdrawn"):
            list(stream)
    else:
        stream.close()
        with pytest.raises(ModelUnavailable, match="in time"):
            pieces(server.chat(max_tokens=1500), ["Go on."], LONG, 1.0)
    record_property("seconds until nothing ran there", round(server.until(lambda: server.busy() == 0, SOON_S), 3))
    said = server.metric("generation_tokens")
    time.sleep(0.5)
    # nothing is written for nobody, neither to the end nor a word more
    assert server.metric("generation_tokens") == said < before + 1500


def test_giving_up_one_does_not_touch_another(server: Any) -> None:
    stop = threading.Event()
    chat = server.chat(max_tokens=300)
    given_up, stays = (chat.stream(["Go on."], LONG, Course(time.monotonic() + 60, s)) for s in (stop, None))
    next(given_up), next(stays)
    stop.set()
    with pytest.raises(ModelUnavailable, match="withdrawn"):
        list(given_up)
    with pytest.raises(ModelRefused, match="token limit"):
        list(stays)


def test_eight_at_once_are_all_answered(server: Any, record_property: Record) -> None:
    """Four run, four wait at the server; none is lost, none gets another's reply."""
    chat, took, most = Guarded(server.chat(max_tokens=200)), dict[int, float](), 0.0
    chat.capabilities()
    replies: dict[int, str] = {}

    def ask(number: int) -> None:
        begun = time.monotonic()
        schema = {**SHORT, "properties": {**SHORT["properties"], "count": {"type": "integer", "const": number}}}  # type: ignore[dict-item]
        replies[number] = "".join(piece.text for piece in pieces(chat, [f"Question {number}"] * 40, schema))
        took[number] = round(time.monotonic() - begun, 2)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        most = max(most, server.metric("num_requests_running"))
    for thread in threads:
        thread.join(60)
    assert {number: json.loads(reply)["count"] for number, reply in replies.items()} == {n: n for n in range(8)}
    assert most <= server.at_once
    server.until(lambda: server.busy() == 0, SOON_S)
    record_property("seconds of each of 8 at once", sorted(took.values()))


# --- the cache of prefixes ---


def test_a_prompt_that_begins_alike_is_taken_from_the_cache(
    server: Any, chat: OpenAIChat, record_property: Record
) -> None:
    rules = f"Rules of {time.monotonic_ns()}: " + "say only what the evidence shows. " * 60
    evidence = [rules, picture(5), picture(6)]
    chat.capabilities()
    before = server.metric("prefix_cache_hits")
    pieces(chat, [*evidence, "What is on the left?"], SHORT)
    fresh = server.metric("prefix_cache_hits") - before
    usage = pieces(chat, [*evidence, "And on the right?"], SHORT)[-1].usage
    hits = server.metric("prefix_cache_hits") - before - fresh
    # on a CPU the cache holds blocks of 128 tokens: all but the question and the block it begins in
    assert usage is not None and fresh == 0 and usage.prompt_tokens - 2 * 128 < hits < usage.prompt_tokens
    record_property("tokens from the cache, of the prompt's", f"{hits:.0f} of {usage.prompt_tokens}")
