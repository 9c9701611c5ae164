"""The whole service over HTTP, wired as it is by `watchfloor serve`, with a real vLLM behind it."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import openai
import pytest

from app.answer import modelled
from app.http.app import create_app
from app.http.context import Options
from app.http.serve import Listener, free_port
from app.principals import local_principal
from app.settings import load
from app.wiring import build

pytestmark = pytest.mark.vllm

Record = Callable[[str, object], None]
SOON_S = 5.0
# longer than it takes to see that a reply is under way, and not so long that no evidence fits the context beside it
MOST_TOKENS = 600
QUESTION = "Why did pump P-101 trip?"
EVENTS = {"accept": "text/event-stream"}
SITE = """
site: {id: northgate, name: Northgate, timezone: UTC}
zones: [{id: zone-a, name: Zone A}]
assets: [{id: P-101, name: Pump P-101, type: pump, aliases: [feed pump], zone: zone-a}]
"""
REPORT = """# Incident report

Pump P-101 tripped because the mechanical seal failed on 4 March 2026. Maria Okafor replaced the seal with part S-4410.
The bearing of pump P-101 is greased with lithium grease every month. Nobody was hurt when pump P-101 tripped.
"""
ALERT = {
    "id": "A-17",
    "asset": "P-101",
    "severity": "high",
    "message": "vibration high",
    "raised": "2026-03-04T02:38:00Z",
}


def wording(**text: int) -> dict[str, Any]:
    """The schema of a reply with one claim, whose text has bounds."""
    cited = {"type": "array", "items": {"type": "string", "enum": ["E1"]}, "minItems": 1, "maxItems": 1}
    claim = {"type": "object", "properties": {"text": {"type": "string", **text}, "evidence": cited}}
    claims = {"type": "array", "items": {**claim, "required": ["text", "evidence"]}, "minItems": 1, "maxItems": 1}
    reply = {"claims": claims, "insufficient": {"type": "boolean", "const": False}}
    return {"type": "object", "properties": reply, "required": list(reply)}


class Reached(NamedTuple):
    """A service on loopback: its address, and a client for it."""

    url: str
    http: httpx.Client

    def ask(self, question: str = QUESTION, **given: Any) -> dict[str, Any]:
        reply = self.http.post("/v1/ask", json={"question": question, **given})
        assert reply.status_code == 200, reply.text
        told: dict[str, Any] = reply.json()
        return told


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    made = tmp_path_factory.mktemp("site")
    (made / "site.yaml").write_text(SITE)
    (made / "incident.md").write_text(REPORT)
    (made / "alerts.jsonl").write_text(json.dumps(ALERT) + "\n")
    return made


@pytest.fixture(scope="module")
def wired(_server: Any, folder: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reached]:
    model = {"base_url": _server.url, "name": _server.name, "api_key": _server.key, "probe_timeout_s": 30.0}
    settings = load(
        data_dir=tmp_path_factory.mktemp("data"),
        encoders={"image": "off", "detector": "off", "gpu": False},
        limits={"deadline_s": 60.0},
        model=model | {"max_tokens": MOST_TOKENS, "timeout_s": 60.0},
    )
    service, principal = build(settings), local_principal(settings)
    service.ingest([folder], principal)
    port = free_port("127.0.0.1")
    listener = Listener(create_app(service, principal, Options(settings.data_dir, deadline_s=60.0)), "127.0.0.1", port)
    thread = threading.Thread(target=lambda: asyncio.run(listener.serve()), daemon=True)
    thread.start()
    listener.wait(10)
    url = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=url, timeout=90, trust_env=False) as http:
        yield Reached(url, http)
    listener.stop()
    thread.join(20)
    service.close()
    assert not thread.is_alive()


@pytest.fixture
def service(server: Any, wired: Reached) -> Reached:
    """It is warm: encoders are loaded and what vLLM can do is known."""
    wired.ask()
    return wired


@pytest.fixture
def talkative(service: Reached, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first claim does not end before its tokens do."""
    monkeypatch.setattr(modelled, "schema_of", lambda kind: wording(minLength=20_000))


def events(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    """Server-sent events as name and JSON."""
    name = ""
    for line in lines:
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)


def test_health_tells_what_serves(server: Any, service: Reached) -> None:
    told = service.http.get("/v1/health").json()
    (line,) = [check for check in told["checks"] if check["name"] == "model"]
    assert line["state"] == "ok"
    assert line["detail"] == f"{server.name} on vLLM {server.version}, 2048 tokens, 2 pictures a prompt"


def test_an_answer_streams_over_http(server: Any, service: Reached) -> None:
    shown = server.metric("prompt_tokens")
    with service.http.stream("POST", "/v1/ask", json={"question": QUESTION}, headers=EVENTS) as reply:
        told = list(events(reply.iter_lines()))
    names = [name for name, _ in told]
    assert names[:2] == ["plan", "evidence"] and names[-1] == "answer" and set(names[2:-1]) <= {"claim"}
    answer = told[-1][1]
    assert server.metric("prompt_tokens") > shown
    supported = [claim["text"] for claim in answer["claims"] if claim["support"] == "supported"]
    # what the weights say is noise: what is stated as fact are the brief's sentences
    assert supported and all(text.startswith(("Alert A-17", "Pump P-101 tripped because")) for text in supported)


def test_chat_completions_of_openais_client(server: Any, service: Reached) -> None:
    with httpx.Client(timeout=90, trust_env=False) as http:
        client = openai.OpenAI(base_url=f"{service.url}/v1", api_key="none", max_retries=0, http_client=http)
        asked: Any = {"model": "watchfloor", "messages": [{"role": "user", "content": QUESTION}]}
        whole = client.chat.completions.create(**asked).choices[0].message.content
        chunks = client.chat.completions.create(**asked, stream=True)
        streamed = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert whole == streamed and "seal failed" in whole


@pytest.mark.usefixtures("talkative")
@pytest.mark.parametrize("accept", ["text/event-stream", "application/json"])
def test_a_client_that_hangs_up_ends_the_request_at_the_server(
    server: Any, service: Reached, accept: str, record_property: Record
) -> None:
    said = server.metric("generation_tokens")
    line = called(service.url, accept)
    server.until(lambda: server.metric("generation_tokens") > said, 20)
    line.close()
    record_property("seconds until nothing ran there", round(server.until(lambda: server.busy() == 0, SOON_S), 3))
    left = server.metric("generation_tokens")
    time.sleep(0.5)
    assert server.metric("generation_tokens") == left < said + MOST_TOKENS


def called(url: str, accept: str) -> socket.socket:
    """A connection on which a question was asked."""
    where, content = urlsplit(url), json.dumps({"question": QUESTION}).encode()
    head = f"POST /v1/ask HTTP/1.1\r\nHost: {where.netloc}\r\nAccept: {accept}\r\nContent-Type: application/json\r\n"
    line = socket.create_connection((where.hostname or "", where.port or 0), timeout=10)
    line.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
    return line


@pytest.mark.parametrize("schema", [None, wording(minLength=200, maxLength=300)], ids=["as it comes", "a long claim"])
def test_eight_questions_at_once_are_all_answered(
    server: Any, service: Reached, schema: Any, monkeypatch: pytest.MonkeyPatch, record_property: Record
) -> None:
    if schema:
        monkeypatch.setattr(modelled, "schema_of", lambda kind: schema)
    begun, took = time.monotonic(), dict[int, float]()
    answers: dict[int, dict[str, Any]] = {}
    most = 0.0

    def ask(number: int) -> None:
        answers[number] = service.ask(f"{QUESTION} I am number {number}.")
        took[number] = round(time.monotonic() - begun, 2)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        most = max(most, server.metric("num_requests_running"))
        time.sleep(0.01)
    assert {number: answer["question"] for number, answer in answers.items()} == {
        number: f"{QUESTION} I am number {number}." for number in range(8)
    }
    assert len({answer["id"] for answer in answers.values()}) == 8
    assert all(answer["verdict"] == "answered" and answer["claims"] for answer in answers.values())
    # every reply came, and is the noise it must be; none was late, refused or broken off
    degraded = {line for answer in answers.values() for line in answer["degraded"]}
    noise = {
        "nothing it said stands in the evidence",
        "the model's answer was cut off at its token limit",
        "the model's answer does not fit the schema",
    }
    of_the_model = {line for line in degraded if line.startswith("model: ")}
    assert of_the_model <= {f"model: {why}; the evidence brief answers" for why in noise} and most <= server.at_once
    # beside it an answer may say that it is not sure
    assert all(line.startswith("low confidence: ") for line in degraded - of_the_model)
    server.until(lambda: server.busy() == 0, SOON_S)
    record_property("seconds of each of 8 at once", sorted(took.values()))
    record_property("most seen running at once", most)
