"""Times a way of searching against one bare flat scan of the same vectors in the same process, and holds what it found to the truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np

from eval.bench.answer import percentile, spread
from eval.bench.retrieval_data import FILTERS, K, Material
from eval.bench.talking import now
from retrieval.types import Vector

# (query vector of shape (dim,), name of the filter, its value) → piece numbers, best first; -1 and below is nothing of ours
Search: TypeAlias = Callable[[Vector, str, int], Sequence[int]]
_SCANS, _WARM, _FEWEST = 25, 3, 3
Round: TypeAlias = list["Asked"]


class Way(NamedTuple):
    """One way of searching, and the filters it is asked under."""

    name: str
    search: Search
    filters: tuple[str, ...] = tuple(FILTERS)


class Asked(NamedTuple):
    """One search: which query, how long in milliseconds, and what came."""

    query: int
    ms: float
    found: tuple[int, ...]


class Control(Protocol):
    def times_ms(self, count: int = ...) -> list[float]: ...


class Scan:
    """`IndexFlatIP.search` over the material's own vectors, k = 10, one query, one thread, called as anybody would call it."""

    def __init__(self, material: Material) -> None:
        # the control is the library itself, as in control.py
        self._faiss: Any = import_module("faiss")
        self._index = self._faiss.IndexFlatIP(material.vectors.shape[1])
        self._index.add(np.ascontiguousarray(material.vectors))
        self._queries = material.queries

    def times_ms(self, count: int = _SCANS) -> list[float]:
        """Milliseconds of so many scans."""
        before = self._faiss.omp_get_max_threads()
        self._faiss.omp_set_num_threads(1)
        try:
            return [self._timed(self._queries[n % len(self._queries)][None]) for n in range(count)]
        finally:
            self._faiss.omp_set_num_threads(before)

    def _timed(self, query: Vector) -> float:
        started = now()
        self._index.search(query, K)
        return (now() - started) * 1e3


class Plan(NamedTuple):
    """How much is asked: rounds, and seconds that one filter may take in a round (at least three searches are made)."""

    rounds: int = 5
    budget_s: float = 5.0


def measure(
    ways: Sequence[Way], material: Material, scan: Control, plan: Plan, progress: Callable[[int, int, str], None]
) -> dict[str, Any]:
    """Way → filter → figures (`figures`), and the scans' own. Every round is set against the scans just before and just after it."""
    asked: dict[tuple[str, str], list[Round]] = {}
    scans: list[list[float]] = []
    for number in range(plan.rounds):
        before = scan.times_ms(_SCANS)
        for way in ways:
            for name in way.filters:
                asked.setdefault((way.name, name), []).append(_round(way.search, material, name, number, plan))
            progress(number + 1, plan.rounds, way.name)
        scans.append(before + scan.times_ms(_SCANS))
    p50 = [percentile(times, 50) for times in scans]
    found: dict[str, Any] = {way.name: {} for way in ways}
    for (way_name, name), rounds in asked.items():
        found[way_name][name] = figures(rounds, p50, material, name)
    return {"scan_p50_ms": spread(p50, worst=max), "ways": found}


def _round(search: Search, material: Material, name: str, number: int, plan: Plan) -> Round:
    """As many queries as the budget lets, each round beginning elsewhere."""
    count, done = len(material.queries), list[Asked]()
    begin = number * count // plan.rounds
    for n in range(_WARM if number == 0 else 1):
        search(material.queries[n], name, material.values[name][n])
    ends = now() + plan.budget_s
    for n in range(count):
        query = (begin + n) % count
        started = now()
        found = search(material.queries[query], name, material.values[name][query])
        ended = now()
        done.append(Asked(query, (ended - started) * 1e3, tuple(int(each) for each in found)))
        if ended > ends and len(done) >= _FEWEST:
            break
    return done


def figures(rounds: Sequence[Round], scans_p50: Sequence[float], material: Material, name: str) -> dict[str, Any]:
    """{p50_ms, p95_ms, ratio (p50 over the round's scans), recall (of the true ten), short, foreign, searches}.

    `short` counts answers with fewer than there are, `foreign` pieces that do not pass the filter or are not the asker's.
    """
    p50 = [percentile([one.ms for one in each], 50) for each in rounds]
    p95 = [percentile([one.ms for one in each], 95) for each in rounds]
    everything = [one for each in rounds for one in each]
    judged = [_judged(one, material, name) for one in everything]
    return {
        "p50_ms": spread(p50, worst=max),
        "p95_ms": spread(p95, worst=max),
        "ratio": spread([ours / bare for ours, bare in zip(p50, scans_p50, strict=True)], worst=max),
        "recall": round(sum(each.hits for each in judged) / max(1, sum(each.there for each in judged)), 4),
        "short": sum(each.short for each in judged),
        "foreign": sum(each.foreign for each in judged),
        "searches": len(everything),
    }


class _Judged(NamedTuple):
    hits: int
    there: int
    short: bool
    foreign: int


def _judged(one: Asked, material: Material, name: str) -> _Judged:
    truth = {int(each) for each in material.truth[name][one.query] if each >= 0}
    given = one.found[:K]
    passes = material.mask(name, material.values[name][one.query])
    foreign = sum(1 for each in given if not (0 <= each < material.n and passes[each]))
    return _Judged(len(truth & set(given)), len(truth), len(set(given)) < len(truth), foreign)


def recall(search: Search, material: Material, name: str = "none") -> float:
    """Recall@10 of one pass over all queries."""
    asked = [
        Asked(n, 0.0, tuple(int(each) for each in search(query, name, material.values[name][n])))
        for n, query in enumerate(material.queries)
    ]
    judged = [_judged(one, material, name) for one in asked]
    return sum(each.hits for each in judged) / max(1, sum(each.there for each in judged))


def tuned(search: Search, material: Material, choose: Callable[[int], None], grid: Sequence[int], target: float) -> int:
    """The first setting of the grid that reaches the recall without a filter; the last where none does."""
    for setting in grid:
        choose(setting)
        if recall(search, material) >= target:
            return setting
    return grid[-1]
