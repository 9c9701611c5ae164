"""LLM10 through the whole of Watchfloor: fifty greedy clients of one asker, and another asker who must not notice them.

The store, the retrieval, the budget and the model's queue are real; the model is a server on loopback that takes a fixed time.
"""

from __future__ import annotations

import asyncio
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from app.http.app import create_app
from app.http.context import Options
from app.http.serve import Listener, free_port
from app.settings import load
from app.wiring import build
from eval.stub import Sent, StubModel, claims
from retrieval.types import Principal

CLIENTS, ASKS = 50, 6
# pieces a second: one reply of some thirty takes most of a second
RATE = 40.0
LIMITS = {"concurrent_asks": 4, "total_asks": 12}
QUESTION = {"question": "What was replaced on pump P-101?"}
NOTE = "# Work on P-101\n\nThe mechanical seal of pump P-101 was replaced by part S-4410 on 4 March 2026.\n"
REPLY = claims(("The mechanical seal of pump P-101 was replaced by part S-4410.", ["E1"]))


class Counting:
    """The model, which remembers how many questions were with it at once."""

    def __init__(self) -> None:
        self.most, self.stub = 0, StubModel(self, rate=RATE)

    def __call__(self, body: dict[str, Any]) -> Iterable[Sent]:
        self.most = max(self.most, self.stub.open)
        return REPLY(body)


class Askers(NamedTuple):
    """The addresses of the greedy one and of the other, before one and the same service, and the model behind it."""

    greedy: str
    ann: str
    model: Counting


@contextmanager
def listening(service: Any, subject: str, folder: Path) -> Iterator[str]:
    """The service on HTTP for one asker."""
    port = free_port("127.0.0.1")
    options = Options(folder, workers=LIMITS["total_asks"] + 8, deadline_s=30.0)
    listener = Listener(create_app(service, Principal("default", subject), options), "127.0.0.1", port)
    thread = threading.Thread(target=lambda: asyncio.run(listener.serve()), daemon=True)
    thread.start()
    listener.wait(20)
    yield f"http://127.0.0.1:{port}"
    listener.stop()
    thread.join(20)


@pytest.fixture(scope="module")
def askers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Askers]:
    folder = tmp_path_factory.mktemp("budget")
    (folder / "in").mkdir()
    (folder / "in" / "seal.md").write_text(NOTE)
    with ExitStack() as stack:
        model = Counting()
        stub = stack.enter_context(model.stub)
        encoders = {"image": "off", "detector": "off"}
        service = build(load(data_dir=folder / "data", encoders=encoders, model={"base_url": stub.url}, limits=LIMITS))
        stack.callback(service.close)
        service.ingest([folder / "in"], Principal("default"))
        urls = [stack.enter_context(listening(service, name, folder)) for name in ("greedy", "ann")]
        for url in urls:
            worded = httpx.post(f"{url}/v1/ask", json=QUESTION, trust_env=False, timeout=60).json()
            assert worded["model"].startswith("Qwen"), worded["degraded"]
        yield Askers(*urls, model)


@contextmanager
def greedy(url: str, seen: Counter[int]) -> Iterator[None]:
    """Fifty clients that ask again as soon as they are answered, and when they are told to wait, wait half as long as told."""
    over = threading.Event()

    async def client(http: httpx.AsyncClient) -> None:
        while not over.is_set():
            reply = await http.post("/v1/ask", json=QUESTION)
            seen[reply.status_code] += 1
            if reply.status_code == 429:
                assert int(reply.headers["retry-after"]) >= 1 and reply.json()["error"]["code"] == "over_budget"
                await asyncio.sleep(int(reply.headers["retry-after"]) / 2)

    async def all_of_them() -> None:
        limits = httpx.Limits(max_connections=CLIENTS)
        async with httpx.AsyncClient(base_url=url, trust_env=False, limits=limits, timeout=60) as http:
            await asyncio.gather(*(client(http) for _ in range(CLIENTS)))

    thread = threading.Thread(target=lambda: asyncio.run(all_of_them()))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(120)


def p95(url: str) -> float:
    """Seconds within which 95 % of an asker's questions are answered."""
    took = []
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as http:
        for _ in range(ASKS):
            started = time.perf_counter()
            reply = http.post("/v1/ask", json=QUESTION)
            took.append(time.perf_counter() - started)
            assert reply.status_code == 200 and reply.json()["claims"]
    return statistics.quantiles(took, n=20, method="inclusive")[-1]


def test_fifty_greedy_clients_do_not_slow_another_asker(askers: Askers) -> None:
    quiet, seen = p95(askers.ann), Counter[int]()
    with greedy(askers.greedy, seen):
        until = time.monotonic() + 30
        while seen[429] < CLIENTS - LIMITS["concurrent_asks"] and time.monotonic() < until:
            time.sleep(0.01)
        busy = p95(askers.ann)
    assert set(seen) == {200, 429}, dict(seen)
    assert 2 <= askers.model.most <= LIMITS["concurrent_asks"] + 1, f"{askers.model.most} were with the model at once"
    print(f"p95 {quiet:.3f} s alone, {busy:.3f} s beside {dict(seen)}")
    assert busy <= 2 * quiet, f"p95 {quiet:.3f} s alone, {busy:.3f} s beside {dict(seen)}"
