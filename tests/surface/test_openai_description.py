"""Bodies of chat completions, models and failures, held against OpenAI's own description of its API."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import yaml

from app.ports import Service
from retrieval.types import Answer, Citation, Claim, Kind, PageBox, Support, Verdict

DATA = Path(os.environ.get("WATCHFLOOR_TEST_DATA", str(Path(__file__).parents[3] / "shared" / "data")))
SPEC = DATA / "conformance" / "openai-openapi" / "openapi.yaml"
USER = [{"role": "user", "content": "smoke near pump"}]
CITED = Citation(f"ev_{'a' * 40}", Kind.PASSAGE, "file:///site/shift%20log.pdf", PageBox(1), None, "a quote")
pytestmark = pytest.mark.data


def answer_of(verdict: Verdict, *claims: Claim, **more: Any) -> Answer:
    kept = {"timeline": (), "coverage": (), "confidence": None, "as_of": 0, "sequence": 1, "model": "scripted"}
    return Answer(id="an_1", question="q", verdict=verdict, claims=claims, **{**kept, **more})


@pytest.fixture
def url(scripted: Service, granian: Callable[[Service], str]) -> str:
    return granian(scripted)


def _nullable(node: Any) -> Any:
    """`nullable: true` is older than the description's version, in which null is one more type: put it that way."""
    if isinstance(node, list):
        return [_nullable(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {key: _nullable(value) for key, value in node.items() if key != "nullable"}
    return {"anyOf": [kept, {"type": "null"}]} if node.get("nullable") is True else kept


@pytest.fixture(scope="module")
def valid() -> Callable[[str, Any], None]:
    """Hold a body against a schema of OpenAI's description. Raises jsonschema.ValidationError."""
    if not SPEC.is_file():
        pytest.skip("the description of OpenAI's API is not here (WATCHFLOOR_TEST_DATA)")
    text = SPEC.read_text(encoding="utf-8")
    schemas = yaml.load(text[text.index("\ncomponents:") :], Loader=yaml.CSafeLoader)["components"]["schemas"]
    components = {"components": {"schemas": _nullable(schemas)}}

    def hold(name: str, body: Any) -> None:
        schema = {"$ref": f"#/components/schemas/{name}", **components}
        jsonschema.Draft202012Validator(schema).validate(body)

    with pytest.raises(jsonschema.ValidationError):
        hold("CreateChatCompletionResponse", {"object": "chat.completion"})
    return hold


def events_in(text: str) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    assert lines.pop() == "[DONE]"
    return [json.loads(line) for line in lines]


def test_bodies_fit_the_description(scripted: Any, url: str, valid: Callable[[str, Any], None]) -> None:
    claims = [Claim(f"Claim {n}.", Support.SUPPORTED, (CITED,)) for n in range(3)]
    body: dict[str, Any] = {"model": "watchfloor", "messages": USER}
    with httpx.Client(base_url=f"{url}/v1", trust_env=False) as http:
        for answer in (None, answer_of(Verdict.ANSWERED, *claims, usage=(9, 9)), answer_of(Verdict.INSUFFICIENT)):
            scripted.script = None
            if answer is not None:
                scripted.saying(answer)
            valid("CreateChatCompletionResponse", http.post("/chat/completions", json=body).json())
            for options in ({}, {"stream_options": {"include_usage": True}}):
                reply = http.post("/chat/completions", json={**body, **options, "stream": True})
                assert reply.headers["content-type"].startswith("text/event-stream")
                for chunk in events_in(reply.text):
                    valid("CreateChatCompletionStreamResponse", chunk)
        valid("ListModelsResponse", http.get("/models").json())
        valid("Model", http.get("/models/watchfloor").json())


def test_failures_fit_the_description(url: str, valid: Callable[[str, Any], None]) -> None:
    post, get = "/chat/completions", "/models/none"
    bodies = [b"", b"{", b"[]", b"null", b'{"model": 3}', b"\xff", b"[" * 100_000, b'{"model": "x", "messages": []}']
    with httpx.Client(base_url=f"{url}/v1", trust_env=False) as http:
        replies = [http.post(post, content=body) for body in bodies]
        replies += [http.get(get), http.post(post, content=b" " * (17 * 2**20))]
        replies += [http.post(post, json={}, headers={"origin": "https://example.com"})]
        replies += [http.get(post), http.get("/models/a/b"), http.post("/chat")]
    assert [reply.status_code for reply in replies] == [400] * 7 + [404, 404, 413, 403, 405, 404, 404]
    for reply in replies:
        valid("ErrorResponse", reply.json())
