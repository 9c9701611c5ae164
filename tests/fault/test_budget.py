"""One greedy asker takes nothing from another: fifty clients without pause, over real HTTP, in the threads of one server."""

from __future__ import annotations

import asyncio
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from app.budget import Allowance, Budget
from app.fakes import MemoryService
from app.http.app import create_app
from app.http.context import Options
from app.http.serve import Listener, free_port
from app.ports import Ask, Event
from retrieval.types import Answer, Hit, Principal, Query

CLIENTS = 50
WORK_S = 0.2
ASKS = 12
ALLOWED = Allowance(concurrent=4, total=12)


class Working(MemoryService):
    """Works for a fixed time on each question, in the budget of whoever stands first in it ("ann: …")."""

    def begin(self, work_s: float) -> None:
        self.budget, self.work_s, self.release = Budget(ALLOWED), work_s, threading.Event()
        self.most = self.under_way = 0
        self.lock = threading.Lock()

    def ask(
        self,
        ask: Ask,
        principal: Principal,
        listen: Callable[[Event], None] | None = None,
        stop: threading.Event | None = None,
    ) -> Answer:
        with self.budget.taken(Principal("t", ask.question.partition(":")[0])):
            self._count(1)
            self.release.wait(self.work_s)
            self._count(-1)
            return super().ask(ask, principal)

    def search(self, query: Query, principal: Principal) -> list[Hit]:
        if query.text == "hang":
            self.release.wait(30)
        return super().search(query, principal)

    def _count(self, change: int) -> None:
        with self.lock:
            self.under_way += change
            self.most = max(self.most, self.under_way)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Working]:
    made = Working(tmp_path)
    made.begin(WORK_S)
    yield made
    made.release.set()


@pytest.fixture
def url(service: Working, tmp_path: Path) -> Iterator[str]:
    port = free_port("127.0.0.1")
    # a few threads more than the budget lets through, to refuse the others in: as the server itself has it
    options = Options(tmp_path, workers=ALLOWED.total + 8)
    listener = Listener(create_app(service, Principal("t"), options), "127.0.0.1", port)
    thread = threading.Thread(target=lambda: asyncio.run(listener.serve()), daemon=True)
    thread.start()
    listener.wait(10)
    yield f"http://127.0.0.1:{port}"
    service.release.set()
    listener.stop()
    thread.join(10)


@contextmanager
def greedy(url: str, seen: Counter[int]) -> Iterator[None]:
    """Fifty clients of one asker that ask again as soon as they are answered or refused."""
    over = threading.Event()

    async def client(http: httpx.AsyncClient) -> None:
        while not over.is_set():
            reply = await http.post("/v1/ask", json={"question": "greedy: pump"})
            seen[reply.status_code] += 1
            if reply.status_code == 429:
                assert int(reply.headers["retry-after"]) >= 1 and reply.json()["error"]["code"] == "over_budget"

    async def all_of_them() -> None:
        limits = httpx.Limits(max_connections=CLIENTS)
        async with httpx.AsyncClient(base_url=url, trust_env=False, limits=limits, timeout=30) as http:
            await asyncio.gather(*(client(http) for _ in range(CLIENTS)))

    thread = threading.Thread(target=lambda: asyncio.run(all_of_them()))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(60)


def p95(url: str) -> float:
    """Seconds within which 95 % of another asker's questions are answered."""
    took = []
    with httpx.Client(base_url=url, trust_env=False) as http:
        for _ in range(ASKS):
            started = time.perf_counter()
            assert http.post("/v1/ask", json={"question": "ann: pump"}).status_code == 200
            took.append(time.perf_counter() - started)
    return statistics.quantiles(took, n=20, method="inclusive")[-1]


def test_fifty_greedy_clients_do_not_slow_another_asker(service: Working, url: str) -> None:
    quiet, seen = p95(url), Counter[int]()
    with greedy(url, seen):
        while seen[429] < CLIENTS:
            time.sleep(0.01)
        busy = p95(url)
    assert busy <= 2 * quiet, f"p95 {quiet:.3f} s alone, {busy:.3f} s beside {dict(seen)}"
    assert set(seen) == {200, 429} and service.most <= ALLOWED.concurrent + 1


def test_questions_fill_no_threads_but_their_own(service: Working, url: str) -> None:
    service.work_s = 30
    seen = Counter[int]()

    async def ask(http: httpx.AsyncClient, n: int) -> None:
        seen[(await http.post("/v1/ask", json={"question": f"asker {n % 10}: pump"})).status_code] += 1

    async def everybody() -> list[int]:
        limits = httpx.Limits(max_connections=200)
        async with httpx.AsyncClient(base_url=url, trust_env=False, limits=limits, timeout=30) as http:
            asks = [asyncio.create_task(ask(http, n)) for n in range(100)]
            while seen[429] < 100 - ALLOWED.total:
                await asyncio.sleep(0.01)
            others = [await http.get("/v1/health"), await http.post("/v1/search", json={"text": "pump"})]
            service.release.set()
            await asyncio.gather(*asks)
            return [reply.status_code for reply in others]

    assert asyncio.run(everybody()) == [200, 200]
    assert seen == {200: ALLOWED.total, 429: 100 - ALLOWED.total} and service.most == ALLOWED.total


def test_searches_take_no_threads_from_other_requests(service: Working, url: str) -> None:
    """More of them than Python's default executor has threads (at most 32), none of which ends by itself."""

    async def everybody() -> tuple[int, list[int]]:
        limits = httpx.Limits(max_connections=100)
        async with httpx.AsyncClient(base_url=url, trust_env=False, limits=limits, timeout=30) as http:
            searches = [asyncio.create_task(http.post("/v1/search", json={"text": "hang"})) for _ in range(40)]
            await asyncio.sleep(0.2)
            health = await http.get("/v1/health", timeout=10)
            service.release.set()
            return health.status_code, [reply.status_code for reply in await asyncio.gather(*searches)]

    assert asyncio.run(everybody()) == (200, [200] * 40)
