"""langchain-openai against servers on loopback that behave well, badly and maliciously: what is sent, what is said of failures."""

from __future__ import annotations

import base64
import http.server
import json
import logging
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import httpx
import pytest

from app.model.endpoint import Line, ModelRefused, bounded_client
from app.model.openai_chat import OpenAIChat
from app.model.pictures import plain
from app.model.port import Course, Part, Picture
from app.model.probe import Place, Wanted
from eval.stub import Fail, Finish, Script, StubModel, claims, cutting, garbage, images, saying
from retrieval.errors import ModelUnavailable

KEY = "sk-the-secret-key"
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
LEAK = f"upstream exploded at http://internal.example:9/v1 with {KEY}"


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    """langchain-openai takes seconds to import on a busy machine; time limits below are about asking."""
    import langchain_openai  # noqa: F401


@pytest.fixture
def stub() -> Iterator[StubModel]:
    with StubModel(saying('{"a": "b"}')) as stub:
        yield stub


def chat(stub: StubModel, **wanted: Any) -> OpenAIChat:
    return OpenAIChat(Place(stub.url, stub.name, KEY, probe_s=2.0), Wanted(**wanted))


def ask(model: OpenAIChat, parts: Iterable[Part] = ("What?",), seconds: float = 10.0) -> str:
    return "".join(p.text for p in model.stream(list(parts), SCHEMA, Course(time.monotonic() + seconds)))


def failing(model: OpenAIChat, seconds: float = 10.0) -> str:
    with pytest.raises(ModelUnavailable) as told:
        ask(model, seconds=seconds)
    return str(told.value)


def test_one_user_message_holds_text_and_pictures_in_place(stub: StubModel) -> None:
    data = plain(1)
    assert ask(chat(stub), ["before", Picture(data, "image/png"), "after"]) == '{"a": "b"}'
    (body,) = stub.requests
    (message,) = body["messages"]
    assert message["role"] == "user"
    before, shown, after = message["content"]
    assert (before["text"], after["text"]) == ("before", "after")
    head, _, sent = shown["image_url"]["url"].partition(",")
    assert head == "data:image/png;base64" and base64.b64decode(sent) == data
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True},
    }
    assert (body["model"], body["temperature"], body["max_completion_tokens"]) == (stub.name, 0.0, 1024)
    assert body["stream"] is True and body["stream_options"] == {"include_usage": True} and body["logprobs"] is True
    assert "tools" not in body and "functions" not in body
    assert stub.headers[-1]["authorization"] == f"Bearer {KEY}"


def test_only_what_the_endpoint_can_do_is_asked_of_it() -> None:
    with StubModel(saying("{}"), schema=False, logprobs=False, images=0, context=2048) as stub:
        model = chat(stub)
        able = model.capabilities()
        assert (able.schema, able.logprobs, able.images, able.context) == (False, False, 0, 2048)
        assert ask(model) == "{}"
        assert not {"response_format", "logprobs"} & stub.requests[-1].keys()


def test_abilities_are_asked_once_by_many_and_hold_nothing_of_a_user(stub: StubModel) -> None:
    model = chat(stub)
    threads = [threading.Thread(target=ask, args=(model, ["my secret question"])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(stub.requests) == 8
    assert sorted(images(body) for body in stub.probes) == [0, 1, 4]
    assert "secret" not in json.dumps(stub.probes)


def test_the_number_of_pictures_is_found() -> None:
    with StubModel(saying("{}"), images=5) as stub:
        assert chat(stub, max_images=8).capabilities().images == 5


def test_a_model_that_is_not_served_is_said(stub: StubModel) -> None:
    told = failing(OpenAIChat(Place(stub.url, "another")))
    assert told == f"the model's endpoint does not list another; it lists {stub.name}"


def test_abilities_are_found_anew_when_the_endpoint_comes_back_as_another() -> None:
    with StubModel(saying("{}"), images=8) as stub:
        model, port = chat(stub), stub.port
        assert model.capabilities().images == 4
    assert failing(model) == "the model's endpoint cannot be reached"
    with StubModel(saying("{}"), images=1, port=port):
        assert ask(model) == "{}"
        assert model.capabilities().images == 1


def test_connections_are_used_again(stub: StubModel, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    connect = socket.create_connection
    monkeypatch.setattr(socket, "create_connection", lambda *a, **k: made.append(1) or connect(*a, **k))
    model = chat(stub)
    for _ in range(5):
        ask(model)
    assert len(made) == 1


def raising(error: Exception) -> Script:
    def script(body: dict[str, Any]) -> Iterator[str]:
        raise error
        yield ""

    return script


def ending(text: str, why: str) -> Script:
    def script(body: dict[str, Any]) -> Iterator[str]:
        yield text
        raise Finish(why)

    return script


def event(told: Any) -> Script:
    return lambda body: [b"data: " + json.dumps(told).encode() + b"\n\n"]


ERROR = json.dumps({"error": {"message": LEAK}})
BAD: dict[str, tuple[Script, str]] = {
    "http 500": (raising(Fail(500, ERROR)), "HTTP status 500"),
    "http 400": (raising(Fail(400, ERROR)), "HTTP status 400"),
    "http 401": (raising(Fail(401, ERROR)), "HTTP status 401"),
    "http 429": (raising(Fail(429, ERROR)), "HTTP status 429"),
    "redirect": (raising(Fail(307, "{}", location="http://127.0.0.1:1/steal")), "HTTP status 307"),
    "packed": (raising(Fail(200, b"\x1f\x8b\x08", content_encoding="gzip")), "packed"),
    "packed error": (raising(Fail(500, b"\x1f\x8b\x08", content_encoding="gzip")), "packed"),
    "error in 200": (raising(Fail(200, ERROR)), "no chat completion"),
    "html": (raising(Fail(200, f"<html>{LEAK}</html>", content_type="text/html")), "no chat completion"),
    "nothing": (raising(Fail(200, "")), "no chat completion"),
    "no json at all": (raising(Fail(200, b"\x00\xff\xfe")), "no chat completion"),
    "not json in an event": (garbage(), "no chat completion"),
    "error in an event": (event({"error": {"message": LEAK}}), "no chat completion"),
    "no reason given for its end": (lambda body: ["a", b"data: [DONE]\n\n"], "broke off its reply"),
    "choices of another kind": (event({"choices": 7}), "no chat completion"),
    "delta of another kind": (event({"choices": [{"delta": [1]}]}), "no chat completion"),
    "list": (event([1, 2]), "no chat completion"),
    "deep json": (lambda body: [b"data: " + b"[" * 100_000 + b"\n\n"], "no chat completion"),
    "cut off": (ending('{"claims": [', "length"), "cut off at its token limit"),
    "cut": (cutting(), "broke off its reply"),
    "long": (lambda body: ["x" * 1000] * 100, "longer than 64 KiB"),
    "many bytes": (lambda body: [b": comment " + b"x" * 10_000 + b"\n\n"] * 200, "1 MiB"),
    "long error": (raising(Fail(500, b"x" * 2**21)), "1 MiB"),
}


@pytest.mark.parametrize("name", BAD)
def test_failures_are_told_in_our_words(
    stub: StubModel, name: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    model = chat(stub)
    assert ask(model)
    caplog.clear()
    stub.script, words = BAD[name]
    with pytest.raises(ModelUnavailable) as told:
        ask(model)
    assert words in str(told.value)
    out, err = capfd.readouterr()
    # what the endpoint said stands neither in the reason, nor in what is printed or logged with it
    shown = "".join(
        (str(told.value), out, err, logging.Formatter().formatException(told._excinfo or (None, None, None)))
    )
    warned = "".join(r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING)
    for secret in (KEY, "exploded", "internal.example", "127.0.0.1"):
        assert secret not in str(told.value) + warned
    for secret in (KEY, "exploded", "internal.example"):
        assert secret not in shown
    stub.script = saying("well")
    assert ask(model) == "well"


def test_what_cannot_be_helped_by_waiting_is_a_refusal(stub: StubModel) -> None:
    model = chat(stub)
    for script in (BAD["http 400"][0], BAD["cut off"][0]):
        stub.script = script
        with pytest.raises(ModelRefused):
            ask(model)


@pytest.mark.parametrize(
    "event_of", [{}, {"choices": None}, {"choices": []}, {"choices": [{"delta": None}]}, {"choices": [{"delta": {}}]}]
)
def test_empty_events_add_nothing(stub: StubModel, event_of: Any) -> None:
    stub.script = lambda body: ["a", b"data: " + json.dumps(event_of).encode() + b"\n\n", "b"]
    assert ask(chat(stub)) == "ab"


def test_tool_calls_of_the_model_are_no_text_and_are_not_made(stub: StubModel) -> None:
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "send_it", "arguments": "{}"}}
    stub.script = lambda body: ["a", {"tool_calls": [call]}, "b"]
    assert ask(chat(stub)) == "ab"


@pytest.mark.parametrize("logprob", [float("nan"), float("-inf"), 3.0])
def test_probabilities_are_at_most_one(stub: StubModel, logprob: float) -> None:
    told = {
        "choices": [
            {"index": 0, "delta": {"content": "a"}, "logprobs": {"content": [{"token": "a", "logprob": logprob}]}}
        ]
    }
    stub.script = event(told)
    pieces = chat(stub).stream(["?"], SCHEMA, Course(time.monotonic() + 5))
    assert all(-1e9 < chance <= 0 for piece in pieces for chance in piece.logprobs)


def test_a_token_without_text_keeps_its_probability(stub: StubModel) -> None:
    """vLLM sends half a character as no text, and the end of a reply as a token of its own."""
    half = {"token": "", "logprob": -2.0, "bytes": [], "top_logprobs": []}
    told = {"choices": [{"index": 0, "delta": {"content": ""}, "logprobs": {"content": [half]}}]}
    stub.script = lambda body: [b"data: " + json.dumps(told).encode() + b"\n\n", "é"]
    pieces = list(chat(stub).stream(["?"], SCHEMA, Course(time.monotonic() + 5)))
    assert [piece.text for piece in pieces] == ["", "é", ""]
    assert [chance for piece in pieces for chance in piece.logprobs] == [-2.0, -0.0625]


def test_a_vllm_with_known_holes_gets_no_question() -> None:
    with StubModel(saying("{}"), version="0.14.0") as stub:
        assert "0.14.1 or later" in failing(chat(stub))
        assert stub.requests == stub.probes == []


def test_a_vllm_that_tells_no_version_gets_no_question() -> None:
    with StubModel(saying("{}"), version=None) as stub:
        assert failing(chat(stub)) == "vLLM tells no version that can be read; at least 0.14.1 is needed"
        assert stub.requests == stub.probes == []


def test_a_probe_asks_anew_and_questions_go_by_it(stub: StubModel) -> None:
    model = chat(stub)
    assert model.capabilities().images == 4
    stub.images = 1
    assert model.capabilities().images == 4
    assert model.probe().images == model.capabilities().images == 1
    stub.version = "0.14.0"
    with pytest.raises(ModelUnavailable, match="known holes"):
        model.probe()
    # a probe that fails takes nothing away
    assert ask(model) == '{"a": "b"}'


def test_closing_leaves_no_connection_and_a_later_question_makes_one(stub: StubModel) -> None:
    model = chat(stub)
    ask(model)
    client = model._http
    model.close()
    assert client is not None and client.is_closed
    model.close()
    assert ask(model) == '{"a": "b"}'


def test_nobody_listens() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        model = OpenAIChat(Place(f"http://127.0.0.1:{held.getsockname()[1]}/v1", "m"))
        assert failing(model) == "the model's endpoint cannot be reached"


@pytest.mark.parametrize("url", ["foo", "ftp://127.0.0.1/v1", "http://[::1", "http://127.0.0.1:99999/v1"])
def test_what_is_no_address_is_said(url: str) -> None:
    assert "cannot be reached" in failing(OpenAIChat(Place(url, "m")))


def test_proxies_and_tracing_of_the_environment_are_not_used(stub: StubModel, monkeypatch: pytest.MonkeyPatch) -> None:
    hits: list[str] = []

    class Trap(http.server.BaseHTTPRequestHandler):
        def _hit(self) -> None:
            hits.append(self.path)
            self.send_error(502)

        do_GET = do_POST = do_CONNECT = _hit

    trap = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Trap)
    threading.Thread(target=trap.serve_forever, args=(0.02,), daemon=True).start()
    address = f"http://127.0.0.1:{trap.server_address[1]}"
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "OPENAI_PROXY", "LANGSMITH_ENDPOINT", "OPENAI_BASE_URL"):
        monkeypatch.setenv(name, address)
    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    monkeypatch.setenv("LANGSMITH_API_KEY", "ls-key")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-somebody")
    try:
        assert ask(chat(stub)) == '{"a": "b"}'
        time.sleep(0.3)
    finally:
        trap.shutdown()
        trap.server_close()
    assert hits == []
    assert "org-of-somebody" not in json.dumps(stub.headers)


def test_a_name_that_takes_for_ever_to_look_up_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()

    def connect(*given: Any, **more: Any) -> socket.socket:
        done.wait(10)
        raise OSError("no such name")

    monkeypatch.setattr(socket, "create_connection", connect)
    started = time.monotonic()
    line = Line(Course(started + 0.3))
    with line.open(), pytest.raises(httpx.ReadTimeout):
        bounded_client(2**20).get("http://model.test/")
    assert time.monotonic() - started < 0.8
    done.set()


def test_a_caller_sees_nothing_of_our_context(stub: StubModel) -> None:
    from langsmith.run_helpers import get_tracing_context

    stub.script = claims(("a", ["E1"]))
    before = get_tracing_context()
    pieces = chat(stub).stream(["?"], SCHEMA, Course(time.monotonic() + 10))
    next(pieces)
    assert get_tracing_context() == before
    pieces.close()  # type: ignore[attr-defined]
    assert get_tracing_context() == before
