"""A model that fails, behind the whole of Watchfloor: real store, real retrieval, real HTTP. The brief answers in time and says so.

Figures of the fault tests 9 and API10: an answer within the deadline + 0.5 s, less than 64 MiB of memory more; the breaker opens after at
most 5 failures and then costs nobody 50 ms; the model words answers again at most 5 s after it is back; whoever hangs up is not worked for.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from app.http.app import create_app
from app.http.context import Options
from app.http.serve import Listener, free_port
from app.principals import local_principal
from app.service import Watchfloor
from app.settings import load
from app.wiring import build
from eval.memory import PeakMemory, own
from eval.stub import (
    Cut,
    Fail,
    Script,
    StubModel,
    claims,
    cutting,
    dripping,
    endless,
    garbage,
    gigabyte,
    hanging,
    invalid_json,
    other_schema,
    saying,
)

DEADLINE_S, LATE_S, BACK_S = 1.5, 0.5, 5.0
MEMORY = 64 * 2**20
QUESTION = "What was replaced on pump P-101?"
NOTES = {
    "seal.md": "# Work on P-101\n\nThe mechanical seal of pump P-101 was replaced by part S-4410 on 4 March 2026.\n",
    "valve.md": "# Work on V-7\n\nThe valve V-7 was greased.\n",
}
COOL_DOWN_S = 3.0
SETTINGS = {"COOL_DOWN_S": str(COOL_DOWN_S), "CONCURRENCY": "3", "QUEUE": "4", "PROBE_TIMEOUT_S": "1"}
RIGHT = claims(("The mechanical seal of pump P-101 was replaced by part S-4410.", ["E1"]))


@dataclass
class House:
    """A Watchfloor on HTTP, the model behind it, what its brief says alone and the seconds that takes."""

    http: httpx.Client
    stub: StubModel
    service: Watchfloor
    own: dict[str, Any] = field(default_factory=dict)
    own_s: float = 0.0

    @property
    def deadline_s(self) -> float:
        """A deadline that leaves the model time: finding the evidence is not cut short by any."""
        return max(DEADLINE_S, 2 * self.own_s)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("faults")
    (folder / "in").mkdir()
    for name, text in NOTES.items():
        (folder / "in" / name).write_text(text)
    with pytest.MonkeyPatch.context() as environment:
        stub = StubModel(RIGHT)
        stub.__enter__()
        environment.setenv("WATCHFLOOR_MODEL__BASE_URL", stub.url)
        for name, value in SETTINGS.items():
            environment.setenv(f"WATCHFLOOR_MODEL__{name}", value)
        encoders = {"image": "off", "detector": "off"}
        settings = load(data_dir=folder / "data", encoders=encoders, limits={"concurrent_asks": 64})
        service = build(settings)
        service.ingest([folder / "in"], local_principal(settings))
        port = free_port("127.0.0.1")
        options = Options(settings.data_dir, deadline_s=settings.limits.deadline_s)
        listener = Listener(create_app(service, local_principal(settings), options), "127.0.0.1", port)
        thread = threading.Thread(target=lambda: asyncio.run(listener.serve()), daemon=True)
        thread.start()
        listener.wait(20)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as http:
            house = alone(House(http, stub, service))
            yield house
        house.stub.__exit__(None, None, None)
        listener.stop()
        thread.join(20)
        service.close()


def alone(house: House) -> House:
    """The same, with what the brief says, and how long it takes, when the model says nothing of use."""
    worded = ask(house, 60.0)
    assert worded["model"].startswith("Qwen"), worded["degraded"]
    house.stub.script = failing(400)
    took: list[float] = []
    for _ in range(5):
        started = time.monotonic()
        house.own = ask(house, 60.0)
        took.append(time.monotonic() - started)
    house.stub.script = RIGHT
    house.own_s = max(took)
    return house


@pytest.fixture(autouse=True)
def back(house: House) -> Iterator[None]:
    """Whatever a test did to the model, it words answers again soon after."""
    yield
    house.stub.script = RIGHT
    assert until_worded(house) < BACK_S + house.own_s


def ask(house: House, deadline_s: float | None = None) -> dict[str, Any]:
    reply = house.http.post("/v1/ask", json={"question": QUESTION, "deadline_s": deadline_s or house.deadline_s})
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


def until_worded(house: House) -> float:
    started = time.monotonic()
    while not ask(house, 20.0)["model"].startswith("Qwen"):
        assert time.monotonic() - started < 30, "the model is not asked again"
    return time.monotonic() - started


def failing(status: int) -> Script:
    def script(body: dict[str, Any]) -> Iterator[str]:
        raise Fail(status, "at http://10.0.0.7/v1 with key sk-1")
        yield ""

    return script


def cut_at_once(body: dict[str, Any]) -> Iterator[str]:
    raise Cut
    yield ""


def comments(body: dict[str, Any]) -> Iterator[bytes | str]:
    while True:
        yield b": and so on\n\n" * 100
        yield ""


FAULTS: dict[str, Script] = {
    "500": failing(500),
    "503": failing(503),
    "refuses": failing(400),
    "hangs": hanging(),
    "drips": dripping(0.02),
    "cuts before a word": cut_at_once,
    "cuts in a claim": cutting(),
    "invalid JSON": invalid_json(),
    "not JSON, not UTF-8": garbage(),
    "another schema": other_schema(),
    "NaN": saying('{"claims": [{"text": NaN, "evidence": [Infinity]}], "insufficient": NaN}'),
    "numbers for words": saying('{"claims": [{"text": 7, "evidence": "E1"}], "insufficient": 0}'),
    "deep": saying('{"claims": ' + "[" * 30_000),
    "never ends": endless(),
    "never ends, in comments": comments,
    "a gigabyte": gigabyte(),
    "half of a surrogate": saying('{"claims": [{"text": "\\ud800", "evidence": ["E1"]}], "insufficient": false}'),
}


@pytest.mark.parametrize("name", FAULTS)
def test_the_brief_answers_in_time_and_says_why(house: House, name: str) -> None:
    house.stub.script = FAULTS[name]
    with PeakMemory(own) as memory:
        started = time.monotonic()
        answer = ask(house)
        took = time.monotonic() - started
    assert took < house.deadline_s + LATE_S
    assert memory.more < MEMORY, f"{memory.more / 2**20:.0f} MiB more"
    assert (answer["verdict"], answer["claims"]) == (house.own["verdict"], house.own["claims"])
    (told,) = answer["degraded"]
    assert told.startswith("model: ") and told.endswith("the evidence brief answers")
    assert "10.0.0.7" not in told and "sk-1" not in told
    assert soon(lambda: house.stub.open == 0), "the model is left working for nobody"


def soon(holds: Any, seconds: float = 3.0) -> bool:
    until = time.monotonic() + seconds
    while not holds() and time.monotonic() < until:
        time.sleep(0.01)
    return bool(holds())


def test_nothing_wrong_is_told_of_what_came_before_a_cut(house: House) -> None:
    """A claim that came whole and stands is kept; half a claim is not, and the brief's own stand before both."""
    whole = '{"claims": [{"text": "The mechanical seal of pump P-101 was replaced.", "evidence": ["E1"]}, {"text": "The pump expl'
    house.stub.script = cutting(whole)
    answer = ask(house)
    assert answer["claims"][: len(house.own["claims"])] == house.own["claims"]
    assert "expl" not in json.dumps(answer["claims"]) and answer["degraded"]
    assert all(claim["support"] == "supported" for claim in answer["claims"])


def test_a_deadline_of_its_own(house: House) -> None:
    house.stub.script = hanging()
    for more_s in (0.5, 1.0, 3.0):
        deadline_s, started = house.own_s + more_s, time.monotonic()
        assert ask(house, deadline_s)["degraded"]
        assert time.monotonic() - started < deadline_s + LATE_S


def test_the_breaker_opens_and_then_costs_nothing(house: House) -> None:
    house.stub.script = failing(500)
    asked, began = len(house.stub.requests), time.monotonic()
    answers = [ask(house) for _ in range(10)]
    # on a slow machine the cool-down ends in between, and each time one question tries the model again
    trials = (time.monotonic() - began) // COOL_DOWN_S
    assert len(house.stub.requests) - asked <= 5 + trials
    spared = [answer["timings_ms"] for answer in answers if "tried again in" in answer["degraded"][0]]
    behind = [round(ms["total"] - ms["evidence"], 1) for ms in spared]
    assert len(spared) >= 5 - trials and max(behind) < 50, f"milliseconds behind retrieval: {behind}"
    health = house.http.get("/v1/health").json()
    assert health["ready"] and any(line.startswith("model: ") for line in health["degraded"])


def test_no_more_are_with_the_model_than_may_be(house: House) -> None:
    """Thirty at once before a hanging model: three are with it, four wait, the brief answers the others; memory stays."""
    house.stub.script = hanging()
    asked_before, most = len(house.stub.requests), 0
    with ThreadPoolExecutor(30) as pool, PeakMemory(own) as memory:
        asked = [pool.submit(ask, house) for _ in range(30)]
        # looked at before time is up: the endpoint hears of an end a moment later than the queue
        until = time.monotonic() + 0.6 * house.deadline_s
        while time.monotonic() < until:
            most = max(most, house.stub.open)
            time.sleep(0.005)
        told = [one.result()["degraded"][0] for one in asked]
    assert all("evidence brief answers" in line for line in told) and memory.more < MEMORY
    assert most <= 3 and 1 <= len(house.stub.requests) - asked_before < 30


@pytest.mark.parametrize(
    ("path", "body", "accept"),
    [
        ("/v1/ask", {"question": QUESTION}, "application/json"),
        ("/v1/ask", {"question": QUESTION}, "text/event-stream"),
        (
            "/v1/chat/completions",
            {"model": "watchfloor", "messages": [{"role": "user", "content": QUESTION}]},
            "application/json",
        ),
        (
            "/v1/chat/completions",
            {"model": "watchfloor", "messages": [{"role": "user", "content": QUESTION}], "stream": True},
            "text/event-stream",
        ),
    ],
)
def test_hanging_up_reaches_the_model(house: House, path: str, body: dict[str, Any], accept: str) -> None:
    house.stub.script = hanging()
    cut = house.stub.cut
    line = called(str(house.http.base_url), path, body, accept)
    assert soon(lambda: house.stub.open == 1, 20.0)
    line.close()
    assert soon(lambda: house.stub.cut == cut + 1 and house.stub.open == 0), "the model works for nobody"


def called(url: str, path: str, body: dict[str, Any], accept: str) -> socket.socket:
    """A connection on which a question was asked."""
    where, content = urlsplit(url), json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: {where.netloc}\r\nAccept: {accept}\r\nContent-Type: application/json\r\n"
    line = socket.create_connection((where.hostname or "", where.port or 0), timeout=10)
    line.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
    return line


def test_dead_and_back(house: House) -> None:
    """The server goes away in the middle of its life and comes back at the same address."""
    first = house.stub
    first.__exit__(None, None, None)
    try:
        answers = [ask(house) for _ in range(7)]
    finally:
        house.stub = StubModel(RIGHT, port=first.port)
        house.stub.__enter__()
    assert all(answer["claims"] == house.own["claims"] and answer["degraded"] for answer in answers)
    assert until_worded(house) < BACK_S + house.own_s
