"""A GPU that is lost, hangs, lies or runs out of memory: no search fails, every answer is the CPU's, and no row is anyone else's.

The GPU is a fake over faiss on the CPU. In a process of its own it really ends as faiss ends it on a CUDA error: by abort.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.settings import Settings
from app.wiring import Parts
from retrieval.adapters.faiss_vectors import FaissVectors, Gpus
from retrieval.adapters.faiss_vectors.gpu import GpuLost
from retrieval.adapters.faiss_vectors.gpu_process import GpuProcess, Patience
from retrieval.adapters.faiss_vectors.plan import Thresholds
from retrieval.fakes import MemoryLog
from retrieval.fakes.gpu import fake_gpu
from retrieval.types import Embedding, Evidence, Filter, Kind, Principal, Provenance, RowKey

DIM, SPACE = 8, "text:test"
FAKE = "retrieval.fakes.gpu:fake_gpu"
TENANTS = ("acme", "other")
CUES = st.lists(
    st.tuples(st.integers(0, 12), st.sampled_from(["full", "lost", "others", "short", "scores", "nan"])), max_size=4
)
GPUS = st.fixed_dictionaries(
    {
        "cues": CUES,
        "selectors": st.sampled_from(["honoured", "ignored", "refused"]),
        "lends": st.booleans(),
        "room": st.none() | st.integers(0, 200),
        "gathered": st.integers(3, 60),
    }
)


def piece(number: int, tenant: str) -> Evidence:
    kind = (Kind.ALERT, Kind.PASSAGE, Kind.ROW)[number % 3]
    return Evidence(
        id=f"{tenant}-{number}",
        tenant=tenant,
        source="file:///a",
        kind=kind,
        locator=RowKey("t", f"{number}"),
        text="",
        provenance=Provenance("test"),
    )


def vectors(rng: np.random.Generator, count: int) -> np.ndarray:
    rows = rng.standard_normal((count, DIM)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class Pair:
    """The same evidence in an index with a GPU and in one without."""

    def __init__(self, gpus: Gpus, seed: int, gpu: FaissVectors | None = None) -> None:
        self.rng, self.log = np.random.default_rng(seed), MemoryLog()
        self.gpu, self.cpu = gpu or FaissVectors(gpu=gpus), FaissVectors(gpu=False)
        self._next = 0

    def add(self, count: int) -> None:
        for tenant in TENANTS:
            new = [piece(self._next + n, tenant) for n in range(count)]
            rows = vectors(self.rng, count)
            self.log.add(new, [Embedding(each.id, SPACE, row) for each, row in zip(new, rows, strict=True)])
        self._next += count
        self.follow()

    def remove(self) -> None:
        if self._next:
            self.log.remove("acme", [f"acme-{self.rng.integers(self._next)}"])
            self.follow()

    def follow(self) -> None:
        for index in (self.gpu, self.cpu):
            index.apply(self.log.log(index.applied(), 10_000), self.log)

    def same(self, k: int, kinds: tuple[Kind, ...], query: np.ndarray | None = None) -> None:
        """One search of both: equal rows, which are random and so without ties, and the asker's own."""
        asked = vectors(self.rng, 1)[0] if query is None else query
        found, right = (i.search(SPACE, asked, k, Filter(kinds=kinds), Principal("acme")) for i in (self.gpu, self.cpu))
        assert found.rows.tolist() == right.rows.tolist()
        np.testing.assert_allclose(found.scores, right.scores, rtol=1e-4, atol=1e-6)
        mine = {row for row, item in self.log.evidence().items() if item.tenant == "acme"}
        assert set(found.rows.tolist()) <= mine

    def close(self) -> None:
        self.gpu.close()
        self.cpu.close()


@pytest.fixture
def in_process():
    """A pair whose GPU is a process of its own, started and filled; the cues count from its first call."""
    made: list[Pair] = []

    def make(
        cues: list[tuple[int, str]], answer_s: float = 2.0, rest_s: float = 600.0
    ) -> tuple[Pair, list[GpuProcess]]:
        started: list[GpuProcess] = []

        def start() -> GpuProcess:
            arguments = {"cues": [] if started else cues}
            started.append(GpuProcess(FAKE, arguments, Patience(start_s=60, answer_s=answer_s)))
            return started[-1]

        pair = Pair(Gpus(start, few=0, rest_s=rest_s), seed=5)
        made.append(pair)
        pair.add(300)
        return pair, started

    yield make
    for pair in made:
        pair.close()


def until_on_gpu(pair: Pair) -> None:
    until = time.monotonic() + 60
    while "fake GPU" not in pair.gpu.device:
        assert time.monotonic() < until, pair.gpu.trouble or pair.gpu.device
        pair.same(5, ())
        time.sleep(0.02)


def test_whatever_happens_to_it_the_rows_are_those_of_the_cpu(full):
    story = given(data=st.data(), starts=st.lists(GPUS, min_size=1, max_size=3), seed=st.integers(0, 2**16))(_told)
    # printed when it fails, so that the failure can be had again
    settings(
        max_examples=2000 if full else 60, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
    )(story)()


def _told(data: st.DataObject, starts: list[dict[str, Any]], seed: int) -> None:
    now, begun = [0.0], []

    def start():
        begun.append(starts[min(len(begun), len(starts) - 1)])
        return fake_gpu(**begun[-1])

    pair = Pair(Gpus(start, 0, 30.0, lambda: now[0]), seed)
    for _ in range(data.draw(st.integers(1, 12))):
        act = data.draw(st.sampled_from(["add", "remove", "wait", "search", "search", "search"]))
        if act == "add":
            pair.add(data.draw(st.integers(1, 60)))
        elif act == "remove":
            pair.remove()
        elif act == "wait":
            now[0] += 40.0
        else:
            pair.same(
                data.draw(st.integers(1, 30)), data.draw(st.sampled_from([(), (Kind.ALERT,), (Kind.ALERT, Kind.ROW)]))
            )
    pair.close()


def test_a_cuda_error_ends_its_process_and_no_search(in_process):
    pair, started = in_process([(6, "abort")])
    until_on_gpu(pair)
    for number in range(20):
        pair.same(10, (Kind.ALERT,) if number % 2 else ())
    assert "CUDA error 719" in pair.gpu.trouble
    assert pair.gpu.device == "cpu, selectors; the GPU rests"
    assert len(started) == 1


def test_a_lost_gpu_comes_back_when_it_has_rested(in_process):
    pair, started = in_process([(6, "abort")], rest_s=0.3)
    until_on_gpu(pair)
    for _ in range(8):
        pair.same(10, ())
    time.sleep(0.35)
    until_on_gpu(pair)
    pair.same(10, (Kind.ALERT,))
    assert len(started) == 2
    assert pair.gpu.trouble == ""


def test_a_process_killed_between_two_searches_is_answered_for(in_process):
    pair, started = in_process([])
    until_on_gpu(pair)
    os.kill(started[0].pid, signal.SIGKILL)
    pair.same(10, ())
    assert "the GPU is lost" in pair.gpu.trouble


def test_a_gpu_that_hangs_holds_up_one_search_and_no_longer_than_it_may(in_process):
    pair, _ = in_process([(6, "hang")], answer_s=0.5)
    until_on_gpu(pair)
    for _ in range(10):
        pair.same(10, ())
    assert "no answer within 0.5 s" in pair.gpu.trouble


def test_many_searches_at_once_while_it_is_lost_all_succeed(in_process):
    """Every answer is right; those that stand in line for a GPU go to the CPU instead."""
    pair, _ = in_process([(20, "abort")])
    until_on_gpu(pair)
    queries = vectors(np.random.default_rng(9), 200)
    right = [pair.cpu.search(SPACE, query, 10, Filter(), Principal("acme")).rows.tolist() for query in queries]
    gate = threading.Barrier(8)

    def ask(part: int) -> list[list[int]]:
        gate.wait(10)
        return [pair.gpu.search(SPACE, q, 10, Filter(), Principal("acme")).rows.tolist() for q in queries[part::8]]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, range(8)))
    assert [found[n % 8][n // 8] for n in range(200)] == right
    assert "CUDA error 719" in pair.gpu.trouble


def test_its_process_ends_with_the_one_that_started_it(in_process):
    pair, started = in_process([])
    until_on_gpu(pair)
    pair.gpu.close()
    assert started[0]._child.returncode is not None


def test_what_is_gone_from_the_index_is_gone_from_the_gpu(in_process):
    """Giving room back ends the process that held the copies; the next search begins a new one without what was dropped."""
    pair, started = in_process([])
    until_on_gpu(pair)
    for _ in range(20):
        pair.remove()
    pair.gpu.compact()
    assert started[0]._child.returncode is not None
    until_on_gpu(pair)
    pair.same(300, ())
    assert len(started) == 2


def test_its_process_ends_when_nobody_holds_the_other_end():
    gpu = GpuProcess(FAKE)
    until = time.monotonic() + 60
    while gpu.hello() is None:
        assert time.monotonic() < until
    gpu._socket.close()
    assert gpu._child.wait(timeout=10) == 0
    gpu.close()


def test_what_the_cpu_is_quick_with_is_built_once_the_gpu_is_lost():
    """Not before: codes and graph cost processor time that a GPU's owner need not spend."""
    at = Thresholds(exact=0, coded=1, graphed=2**62, gain=0)
    gpus = Gpus(lambda: fake_gpu(cues=[(2, "lost")]), few=0, rest_s=600.0)
    pair = Pair(gpus, 5, FaissVectors(gpu=gpus, at=at))
    pair.add(400)

    def way() -> str:
        assert pair.gpu.settle(60)
        return pair.gpu.explain(SPACE, vectors(pair.rng, 1)[0], 5, Filter(), Principal("acme")).plan

    assert "gpu" in way()
    assert "gpu" not in way()
    assert "codes" in way()
    pair.close()


def test_doctor_says_that_the_gpu_is_lost_and_that_nothing_else_is(tmp_path, in_process):
    pair, _ = in_process([(6, "abort")])
    parts = Parts(Settings(data_dir=tmp_path))
    parts._rooms.__dict__["vectors"] = pair.gpu
    until_on_gpu(pair)
    assert parts._searching().state == "ok" and "FAISS on gpu (fake GPU), gathered" in parts._searching().detail
    for _ in range(10):
        pair.same(10, ())
    check = parts._searching()
    assert check.state == "degraded"
    assert "FAISS on cpu" in check.detail and "CUDA error 719" in check.detail and "tried again" in check.detail


def test_what_cannot_be_made_is_told_in_its_own_words():
    gpu = GpuProcess("retrieval.fakes.gpu:none_such", patience=Patience(start_s=20))
    with pytest.raises(GpuLost, match=r"its process ended .1.*none_such"):
        while gpu.hello() is None:
            pass
    gpu.close()
