"""Our own side of `bench retrieval`: the public call with the query's vector given, from the filter as words to ten hits.

In it are: reading the filter's fields, candidates, search, the catalog's check of tenant and labels, and text and locator of each hit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from app.http.serve import collect_rarely, one_blas_thread
from app.unwire import query_in
from app.wire import SearchFields
from app.wiring_store import StoreRooms
from eval.bench.answer import percentile
from eval.bench.retrieval_data import FILTERS, WINDOW_S, K, Material
from eval.bench.retrieval_rounds import Plan, Scan, Way, measure
from eval.bench.retrieval_store import (
    ASKER,
    BEGIN,
    SPACE,
    asset_id,
    follow,
    number_of,
    settings_at,
    source_uri,
    zone_id,
)
from eval.bench.talking import now
from retrieval.errors import InputError
from retrieval.search import Indexes, Models, Searcher, load_weights
from retrieval.times import iso
from retrieval.types import Filter, Hit, Vector

Progress = Callable[[int, int, str], None]
_SECOND = 1_000_000
_PATIENCE_S = 3600.0


class Asking(msgspec.Struct, frozen=True):
    """A search's filter as a client words it. `sources` stand beside the fields of a request, which has none."""

    fields: SearchFields
    sources: tuple[str, ...] = ()

    def parsed(self) -> Filter:
        """Raises BadQuery, as over HTTP."""
        found = query_in(self.fields).filter
        return msgspec.structs.replace(found, sources=self.sources) if self.sources else found


@lru_cache(65536)
def asking(name: str, value: int) -> Asking:
    """The words of one of the bench's filters: made beforehand, read inside the measured call."""
    words: dict[str, Any] = {"text": "by its vector", "k": K}
    if name == "time":
        start, end = (iso(BEGIN + second * _SECOND) for second in (value, value + WINDOW_S - 1))
        return Asking(SearchFields(**words, start=start, end=end))
    if name in ("asset", "apart"):
        entity = asset_id(value) if name == "asset" else zone_id(value)
        return Asking(SearchFields(**words, entities=(entity,)))
    return Asking(SearchFields(**words), (source_uri(value),) if name == "source" else ())


class Ours:
    """The searcher over an opened store."""

    def __init__(self, rooms: StoreRooms) -> None:
        self.searcher = Searcher(Indexes(rooms.book, rooms.vectors, rooms.words), Models(None), load_weights())

    def hits(self, query: Vector, name: str, value: int) -> list[Hit]:
        """The measured call."""
        return self.searcher.nearest(SPACE, query, asking(name, value).parsed(), ASKER, K)

    def search(self, query: Vector, name: str, value: int) -> Sequence[int]:
        """The same as piece numbers. A hit without its text is no hit: -1, as a decoy is."""
        return [number_of(hit.evidence) if hit.evidence.text else -1 for hit in self.hits(query, name, value)]


def run(folder: Path, material: Material, storage: str, plan: Plan, progress: Progress) -> dict[str, Any]:
    """Every filter against the scan, and what the call takes beside the vector library (`tax_ms` of each filter)."""
    one_blas_thread()
    collect_rarely()
    import_module("faiss").omp_set_num_threads(1)
    rooms = StoreRooms(settings_at(folder, storage))
    try:
        started = now()
        follow(rooms, progress)
        settle(rooms, progress)
        opened = now() - started
        ours = Ours(rooms)
        for name in FILTERS:
            # the words are made here, so that the rounds only read them
            for value in material.values[name]:
                asking(name, value)
        found = measure([Way("ours", ours.search)], material, Scan(material), plan, progress)
        return {"index_s": round(opened, 2), **found, "tax_ms": {name: _tax(ours, material, name) for name in FILTERS}}
    finally:
        rooms.close()


def settle(rooms: StoreRooms, progress: Progress) -> None:
    """Wait for what an index still builds behind its searches. Raises InputError where that does not come to an end."""
    progress(0, 1, "waiting for the index to settle")
    if not rooms.vectors.settle(_PATIENCE_S):
        raise InputError(
            f"the index has not settled within {_PATIENCE_S:.0f} s: {rooms.vectors.trouble or 'it still builds'}"
        )


class Inside:
    """Milliseconds spent inside the vector library's own searches."""

    def __init__(self) -> None:
        self.ms = 0.0

    def timed(self, search: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **more: Any) -> Any:
            started = now()
            try:
                return search(*args, **more)
            finally:
                self.ms += (now() - started) * 1e3

        return wrapped


@contextmanager
def inside_library() -> Iterator[Inside]:
    """While it is open every search of the library notes its time: whatever the plan, the bare call is the one that was made."""
    library, inside = import_module("faiss"), Inside()
    # the library's own, without what its wrapper in Python does before
    kinds = [kind for kind in vars(library).values() if isinstance(kind, type) and "search_c" in vars(kind)]
    before: list[tuple[Any, str, Callable[..., Any]]] = [
        *((kind, "search_c", vars(kind)["search_c"]) for kind in dict.fromkeys(kinds)),
        # comparing with rows that were copied out is a function there, not an index
        *((library, name, function) for name, function in list(vars(library).items()) if name.startswith("knn")),
    ]
    try:
        for owner, name, search in before:
            setattr(owner, name, inside.timed(search))
        yield inside
    finally:
        for owner, name, search in before:
            setattr(owner, name, search)


def _tax(ours: Ours, material: Material, name: str) -> dict[str, float]:
    """The whole call less the library's search, over all queries: {p50, p95}."""
    beside: list[float] = []
    with inside_library() as inside:
        for query, value in zip(material.queries, material.values[name], strict=True):
            inside.ms, started = 0.0, now()
            ours.hits(query, name, value)
            beside.append((now() - started) * 1e3 - inside.ms)
    return {"p50": round(percentile(beside, 50), 4), "p95": round(float(np.percentile(beside, 95)), 4)}
