"""Answers through a model that fails, hangs, breaks off or is told to stop: the brief answers, and nothing leaks."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.ports import Ask
from eval.stub import (
    Cut,
    Fail,
    Finish,
    StubModel,
    claims,
    dripping,
    gigabyte,
    hanging,
    images,
    saying,
)
from retrieval.types import (
    Answer,
    Filter,
    Kind,
    Support,
    Verdict,
)

KEY = "sk-the-secret-key"
ASKED = 1_772_784_000_000_000
QUESTION = "Why was the vibration of pump P-101 high?"
TIMEOUT = 1.5
HIGH = "The vibration of pump P-101 was at 7.1 mm/s."


LEAK = f"upstream exploded at http://internal.example:9/v1 with {KEY}"


def failing(status: int, body: str, **headers: str) -> Any:
    def script(body_: dict[str, Any]) -> Iterable[str]:
        raise Fail(status, body, **headers)

    return script


def ending(reason: str) -> Any:
    def script(body: dict[str, Any]) -> Iterable[str]:
        yield '{"claims": ['
        raise Finish(reason)

    return script


BAD: dict[str, Any] = {
    "invalid json": saying("I think that the pump is fine."),
    "other json": saying('{"answer": 1}'),
    "deep json": saying('{"claims":' + "[" * 30_000),
    "http 500": failing(500, json.dumps({"error": {"message": LEAK}})),
    "http 400": failing(400, json.dumps({"error": {"message": LEAK}})),
    "http 401": failing(401, json.dumps({"error": {"message": LEAK}})),
    "error in 200": failing(200, json.dumps({"error": {"message": LEAK}, "choices": None})),
    "html": failing(200, f"<html>{LEAK}</html>", content_type="text/html"),
    "no json at all": failing(200, "\x00\x01"),
    "null choices": failing(200, '{"choices": null}'),
    "cut off": ending("length"),
    "redirect": failing(307, "{}", location="http://127.0.0.1:1/steal"),
    "packed": failing(200, "\x1f", content_encoding="gzip"),
    "garbage": lambda body: [b"data: {not json \xff\xfe\x00\n\n"],
    "gigabyte": gigabyte(),
    "nothing": saying(""),
}


def failed(answer: Answer, own: Answer) -> None:
    """The brief's answer, and one line that says the model failed, without what the endpoint said or where it is."""
    assert (answer.claims, answer.verdict, answer.model) == (own.claims, own.verdict, own.model)
    assert [line.startswith("model: ") and "evidence brief" in line for line in answer.degraded] == [True]
    told = msgspec.json.encode(answer).decode()
    for secret in (KEY, "exploded", "internal.example", "127.0.0.1", "Traceback"):
        assert secret not in told


@pytest.mark.parametrize("name", BAD)
def test_a_failing_model_leaves_the_brief(
    filled: Any,
    stub: StubModel,
    name: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    ask: Any,
) -> None:
    caplog.set_level(logging.WARNING)
    own = filled.ask(QUESTION)
    assert own.claims
    stub.script = BAD[name]
    failed(ask(filled, stub), own)
    out, err = capfd.readouterr()
    assert all(secret not in out + err + caplog.text for secret in (KEY, "exploded", "internal.example", stub.url))


def test_nobody_listens(filled: Any, ask: Any) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}/v1"
        answer = ask(filled, url)
    failed(answer, filled.ask(QUESTION))
    assert "cannot be reached" in answer.degraded[0]


@pytest.mark.parametrize("script", [hanging(), dripping()], ids=["hanging", "dripping"])
def test_a_slow_model_is_not_waited_for(filled: Any, stub: StubModel, script: Any, ask: Any) -> None:
    own = filled.ask(QUESTION)
    stub.script = script
    started = time.perf_counter()
    answer = ask(filled, stub, timeout_s=TIMEOUT)
    assert time.perf_counter() - started < TIMEOUT + 0.5
    failed(answer, own)


def test_the_deadline_of_a_question_is_kept(filled: Any, stub: StubModel, ask: Any) -> None:
    own = filled.ask(QUESTION)
    stub.script = hanging()
    started = time.perf_counter()
    answer = ask(filled, stub, deadline_s=1.0)
    assert time.perf_counter() - started < 1.5
    failed(answer, own)
    # nothing is asked when no time is left
    asked = len(stub.requests)
    failed(ask(filled, stub, deadline_s=1e-6), own)
    assert len(stub.requests) == asked


def test_what_was_verified_before_the_line_broke_is_kept(
    filled: Any, stub: StubModel, ask: Any, labels_by_word: Any
) -> None:
    of = labels_by_word(filled, stub)
    own = filled.ask(QUESTION)

    def script(body: dict[str, Any]) -> Iterable[str]:
        yield '{"claims": [' + json.dumps({"text": HIGH, "evidence": [of["A-17"]]}) + ', {"text": "The'
        raise Cut

    stub.script = script
    answer = ask(filled, stub)
    assert answer.claims[: len(own.claims)] == own.claims and answer.verdict is own.verdict
    assert [(c.text, c.support) for c in answer.claims[len(own.claims) :]] == [(HIGH, Support.SUPPORTED)]
    assert any("evidence brief answers" in line for line in answer.degraded)


def test_nobody_waits_any_more(filled: Any, stub: StubModel, answerer: Any) -> None:
    stub.script = hanging()
    gone, left = threading.Event(), list[float]()

    def leave() -> None:
        """Once the model has the question."""
        while not stub.requests:
            time.sleep(0.02)
        left.append(time.perf_counter())
        gone.set()

    threading.Thread(target=leave, daemon=True).start()
    answerer(filled, stub).answer(Ask(question=QUESTION, asked_at=ASKED), filled.me, lambda event: None, gone)
    assert time.perf_counter() - left[0] < 3
    until = time.monotonic() + 5
    while (stub.cut, stub.open) != (1, 0) and time.monotonic() < until:
        time.sleep(0.02)
    assert (stub.cut, stub.open) == (1, 0)


def test_a_picture_that_is_gone_is_said(filled: Any, stub: StubModel, ask: Any, labels_by_word: Any) -> None:
    of = labels_by_word(filled, stub)
    (gone,) = filled.catalog.scan(Filter(kinds=(Kind.FRAME,)), filled.me)
    Path(filled.blobs.path("t", gone.media)).unlink()
    stub.script = claims((HIGH, [of["A-17"]]))
    answer = ask(filled, stub)
    assert answer.verdict is Verdict.ANSWERED and answer.model == "Qwen/Qwen2.5-VL-7B-Instruct"
    assert any(gone.id in line for line in answer.degraded)
    assert images(stub.requests[-1]) == 0
