"""Vectors on a GPU beside the same library on this machine's processor: flat, approximate, and under filters."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from eval.bench.children import tell
from eval.bench.gpu_work import DIM, Bar, Goal, K, Skipped, Work, clustered, driver, overlap, timed
from eval.bench.retrieval_data import FILTERS, Material, make
from retrieval.adapters.faiss_vectors.device import Device, Gpus, Nearest
from retrieval.adapters.faiss_vectors.gpu import Gpu
from retrieval.adapters.faiss_vectors.gpu_likely import Likely, chosen
from retrieval.adapters.faiss_vectors.gpu_shelf import GpuShelf
from retrieval.adapters.faiss_vectors.library import library
from retrieval.types import Vector

RECALL = 0.95
_NEVER = 2**62
_PIECE = 20_000
_ONES = 200
_STARTS_S = 600.0
_SWEPT = (500, 2_000, 8_000, 32_000, 128_000)
Asked = Callable[[Vector, Any], Nearest | None]


class _Owner:
    """What the measured vectors belong to."""


def flat(work: Work) -> Goal:
    """All of 1,024 queries against everything, at once: the CPU's flat index with all its threads, and the GPU's."""
    faiss, n = library(), work.vectors[0]
    vectors, queries = clustered(n, work.queries)
    shelf = _filled(work, vectors)
    cpu = faiss.IndexFlatIP(DIM)
    cpu.add(vectors)
    tell(0, 2, f"flat, {n} vectors on the CPU")
    right, cpu_s = timed(lambda: cpu.search(queries, K)[1], min(2, work.rounds))
    tell(1, 2, f"flat, {n} vectors on the GPU")
    found, gpu_s = timed(lambda: shelf.search(0, queries, K).positions, work.rounds)
    shared = overlap(right, found)
    figures = {"n": n, "queries": len(queries), "cpu_s": cpu_s, "gpu_s": gpu_s, "gpu_qps": len(queries) / gpu_s}
    return Goal(figures, {"flat over CPU flat, times": Bar(50, cpu_s / gpu_s), "flat, same ids": Bar(0.999, shared)})


def likely(work: Work) -> Goal:
    """CAGRA or an inverted file against the CPU's HNSW, both at the least effort that finds 0.95 of the ten nearest."""
    each = {f"{n}": _likely(work, n) for n in work.vectors}
    bars: dict[str, Bar] = {}
    for n, of in each.items():
        bars[f"build over CPU HNSW, times, {n}"] = Bar(8, of["hnsw"]["build_s"] / of["gpu"]["build_s"])
        bars[f"batch over CPU HNSW, times, {n}"] = Bar(10, of["gpu"]["qps"] / of["hnsw"]["qps"])
        bars[f"recall of the ten nearest, {n}"] = Bar(RECALL, of["gpu"]["recall"])
        bars[f"one query, p50 ms, {n}"] = Bar(0.5, of["gpu"]["one_p50_ms"], at_most=True)
    return Goal(each, bars)


class _Built(NamedTuple):
    """An index and how it is searched: (queries, effort) → ids of shape (queries, 10)."""

    kind: str
    build_s: float
    efforts: list[int]
    search: Callable[[Vector, int], Any]


def _likely(work: Work, n: int) -> dict[str, Any]:
    vectors, queries = clustered(n, work.batch)
    shelf = _filled(work, vectors)
    blocks = range(0, len(queries), 1024)
    right = np.concatenate([shelf.search(0, queries[at : at + 1024], K).positions for at in blocks])
    tell(0, 2, f"GPU index over {n}")
    gpu = _gpu_index(work, vectors, shelf)
    found = {"gpu": _figures(gpu, queries, right, work)}
    shelf.close()
    tell(1, 2, f"CPU HNSW over {n}")
    found["hnsw"] = _figures(_hnsw(vectors), queries, right, work)
    return found


def _gpu_index(work: Work, vectors: Vector, shelf: GpuShelf) -> _Built:
    """The first kind that finds enough, as in service; the seconds are of building that one."""
    of, took = driver(work), list[float]()

    def made(kind: str) -> Likely:
        began = time.perf_counter()
        index = of.likely(vectors, kind)
        took.append(time.perf_counter() - began)
        return index

    found = chosen(of.kinds, made, vectors, lambda queries, k: shelf.search(0, queries, k))
    if found is None:
        raise Skipped(f"{', '.join(of.kinds)}: finds less than {RECALL} at every effort")
    index, least = found
    efforts = [effort for effort in index.efforts if effort >= least]
    return _Built(index.kind, took[-1], efforts, lambda queries, effort: index.search(queries, K, effort).positions)


def _hnsw(vectors: Vector) -> _Built:
    faiss = library()
    index = faiss.IndexHNSWFlat(DIM, 32, faiss.METRIC_INNER_PRODUCT)
    began = time.perf_counter()
    index.add(vectors)

    def search(queries: Vector, effort: int) -> Any:
        index.hnsw.efSearch = effort
        return index.search(queries, K)[1]

    return _Built("hnsw", time.perf_counter() - began, [16, 32, 64, 128, 256, 512], search)


def _figures(built: _Built, queries: Vector, right: Any, work: Work) -> dict[str, Any]:
    """At the least effort that finds enough, or at the most there is."""
    for effort in built.efforts:
        recall = overlap(right, built.search(queries, effort))
        if recall >= RECALL:
            break
    _, batch_s = timed(lambda: built.search(queries, effort), work.rounds)
    ones = [_ms(partial(built.search, query[None], effort)) for query in queries[:_ONES]]
    return {
        "kind": built.kind,
        "build_s": built.build_s,
        "effort": effort,
        "recall": recall,
        "qps": len(queries) / batch_s,
        "one_p50_ms": statistics.median(ones),
        "one_p95_ms": float(np.quantile(ones, 0.95)),
    }


def filters(work: Work) -> Goal:
    """The path that a filtered search takes, checks included: recall, foreign and missing ids against plain matrix products."""
    material, owner = make(work.vectors[0], min(100, work.queries)), _Owner()
    device = Device(Gpus(_starter(work), few=0))

    def asked(query: Vector, positions: Any) -> Nearest | None:
        return device.nearest(owner, material.vectors, query, K, positions)

    try:
        _until_there(device, partial(asked, material.queries[0], None))
        each = {name: _under(asked, material, name) for name in FILTERS}
        swept = _swept(asked, material)
        told = device.told
    finally:
        device.close()
    worst = min(of["recall"] for of in each.values())
    wrong = {key: sum(of[key] for of in each.values()) for key in ("foreign", "short", "unanswered")}
    figures = {"n": material.n, "way": told, "filters": each, "ms_by_candidates": swept}
    bars = {"worst recall under a filter": Bar(0.99, worst), "foreign ids": Bar(0, wrong["foreign"], at_most=True)}
    bars["short answers"] = Bar(0, wrong["short"], at_most=True)
    bars["searches the GPU did not answer"] = Bar(0, wrong["unanswered"], at_most=True)
    return Goal(figures, bars)


def _starter(work: Work) -> Callable[[], Gpu]:
    """In a process of its own, as in service."""
    from retrieval.adapters.faiss_vectors.gpu_process import FAISS, GpuProcess

    if not work.dry:
        driver(work)
    maker = "retrieval.fakes.gpu:fake_gpu" if work.dry else FAISS
    return lambda: GpuProcess(maker, {"likely_from": _NEVER})


def _until_there(device: Device, asked: Callable[[], Nearest | None]) -> None:
    """Until the whole store is on the GPU. Raises Skipped."""
    until = time.monotonic() + _STARTS_S
    while asked() is None:
        if device.trouble or time.monotonic() > until:
            raise Skipped(device.trouble or f"the GPU did not take the store within {_STARTS_S:.0f} s")
        time.sleep(0.01)


def _under(asked: Asked, material: Material, name: str) -> dict[str, Any]:
    scores = dict.fromkeys(("foreign", "short", "unanswered"), 0) | {"found": 0.0}
    gpu_ms, cpu_ms = [], []
    for row, value in enumerate(material.values[name]):
        mask, query = material.mask(name, value), material.queries[row]
        positions = None if name == "none" else np.flatnonzero(mask)
        began = time.perf_counter()
        there = asked(query, positions)
        gpu_ms.append((time.perf_counter() - began) * 1e3)
        cpu_ms.append(_cpu_ms(material.vectors, query, positions))
        if there is None:
            scores["unanswered"] += 1
            continue
        right = material.truth[name][row]
        right = right[right >= 0]
        scores["found"] += float(np.isin(right, there.positions).mean()) if right.size else 1.0
        scores["foreign"] += int((~mask[there.positions]).sum())
        scores["short"] += there.positions.size < right.size
    recall = scores.pop("found") / len(material.queries)
    return {
        "recall": recall,
        **scores,
        "gpu_p50_ms": statistics.median(gpu_ms),
        "cpu_p50_ms": statistics.median(cpu_ms),
    }


def _swept(asked: Asked, material: Material) -> dict[str, dict[str, float]]:
    """Median milliseconds by number of candidates: from where on the GPU is the quicker one."""
    rng, found = np.random.default_rng(1), {}
    for size in _SWEPT:
        if size > material.n:
            break
        positions = np.sort(rng.choice(material.n, size, replace=False))
        both: dict[str, list[float]] = {"gpu": [], "cpu": []}
        for query in material.queries[:30]:
            both["gpu"].append(_ms(partial(asked, query, positions)))
            both["cpu"].append(_cpu_ms(material.vectors, query, positions))
        found[f"{size}"] = {name: statistics.median(times) for name, times in both.items()}
    return found


def _cpu_ms(vectors: Vector, query: Vector, positions: Any) -> float:
    """One thread comparing the same candidates, as the service's own exact search does."""
    faiss = library()
    selector = faiss.IDSelectorAll() if positions is None else faiss.IDSelectorArray(positions)
    scores, ids = np.empty(K, np.float32), np.empty(K, np.int64)
    pointers = [faiss.swig_ptr(part) for part in (query, vectors, scores, ids)]
    return _ms(
        lambda: faiss.knn_inner_product(
            pointers[0], pointers[1], DIM, 1, len(vectors), K, pointers[2], pointers[3], selector
        )
    )


def _filled(work: Work, vectors: Vector) -> GpuShelf:
    shelf = GpuShelf(driver(work), likely_from=_NEVER)
    for at in range(0, len(vectors), _PIECE):
        shelf.put(0, vectors[at : at + _PIECE])
    return shelf


def _ms(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1e3
