"""One piece stored and found again, beside a bare SQLite transaction and a bare add to a flat index, round by round."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from app.wiring_store import StoreRooms
from eval.bench.answer import percentile, spread
from eval.bench.encoders import unit
from eval.bench.retrieval_data import DIM, K, Material
from eval.bench.retrieval_finding import Ours, settle
from eval.bench.retrieval_store import ASKER, BEGIN, SPACE, TENANT, Who, evidence, follow, settings_at, store
from eval.bench.talking import now
from retrieval.errors import InputError
from retrieval.ports import Unit
from retrieval.projector import Projector
from retrieval.types import Embedding, Filter, Interval, Vector

Progress = Callable[[int, int, str], None]
# pieces added a round, and how many before the first round nobody counts
_ADDED, _WARM = 20, 10
_SEED = 97


class Took(NamedTuple):
    """Milliseconds of one addition: the commit (on disk), the index, and the search that finds it."""

    commit: float
    apply: float
    find: float

    @property
    def whole(self) -> float:
        return sum(self)


class Additions:
    """Stores one more piece at a time, each a source of its own, and asks for it by its vector among what its source has."""

    def __init__(self, rooms: StoreRooms, follower: Projector) -> None:
        self._rooms, self._follower, self._ours = rooms, follower, Ours(rooms)
        self._who = Who(TENANT, rooms.book.tenant_key(TENANT))
        self._rng = np.random.default_rng(_SEED + rooms.book.sequence())

    def one(self) -> Took:
        """Raises InputError where what was stored is not found at once."""
        unit_, vector = self._new()
        source = unit_.source
        started = now()
        store(self._rooms.book, [unit_])
        committed = now()
        self._follower.catch_up()
        applied = now()
        hits = self._ours.searcher.nearest(SPACE, vector, Filter(sources=(source,)), ASKER, K)
        found = now()
        if [hit.evidence.source for hit in hits] != [source]:
            raise InputError(f"what was just stored was not found: {source}")
        return Took((committed - started) * 1e3, (applied - committed) * 1e3, (found - applied) * 1e3)

    def _new(self) -> tuple[Unit, Vector]:
        vector = unit(self._rng.standard_normal((1, DIM), np.float32))[0]
        source = f"file:///plant/late-{self._rng.integers(2**60):016x}.csv"
        valid = Interval(BEGIN, BEGIN + 1)
        piece = evidence(self._who, source, "1", f"seal leaks, read late from {source}", valid, (1, 1))
        return Unit(TENANT, source, source, "bench 1", [piece], [Embedding(piece.id, SPACE, vector)]), vector


class Bare:
    """The least that could be done: a row and its vector in one SQLite transaction (WAL, synchronous FULL), a flat add, a flat search
    among the one. As many vectors lie in it as in ours."""

    def __init__(self, folder: Path, material: Material) -> None:
        self._faiss: Any = import_module("faiss")
        self._index = self._faiss.IndexFlatIP(DIM)
        self._index.add(np.ascontiguousarray(material.vectors))
        self._rng = np.random.default_rng(_SEED)
        self._base = sqlite3.connect(folder / "bare.sqlite3", isolation_level=None)
        for statement in (
            "PRAGMA journal_mode=WAL",
            "PRAGMA synchronous=FULL",
            "CREATE TABLE kept (row INTEGER PRIMARY KEY, body TEXT, vector BLOB)",
        ):
            self._base.execute(statement)

    def close(self) -> None:
        self._base.close()

    def one(self) -> float:
        """Milliseconds."""
        vector = unit(self._rng.standard_normal((1, DIM), np.float32))
        number = self._index.ntotal
        started = now()
        self._base.execute("BEGIN IMMEDIATE")
        self._base.execute("INSERT INTO kept VALUES (?, ?, ?)", (number, "{}", vector.tobytes()))
        self._base.execute("COMMIT")
        self._index.add(vector)
        among = self._faiss.SearchParameters(sel=self._faiss.IDSelectorArray(np.array([number], np.int64)))
        _, found = self._index.search(vector, 1, params=among)
        ended = now()
        if int(found[0, 0]) != number:
            raise InputError("the bare index does not find what was just added")
        return (ended - started) * 1e3


def run(
    stores: tuple[Path, Path], materials: tuple[Material, Material], rounds: int, progress: Progress
) -> dict[str, Any]:
    """Both stores are written to: {ms, commit_ms, apply_ms, find_ms, small_ms, bare_ms, over_bare, growth}; the first store is the large
    one. `over_bare` and `growth` are of each round's own medians."""
    import_module("faiss").omp_set_num_threads(1)
    rooms = [StoreRooms(settings_at(folder)) for folder in stores]
    try:
        followers = [follow(each, progress) for each in rooms]
        for each in rooms:
            settle(each, progress)
        large, small = (Additions(each, by) for each, by in zip(rooms, followers, strict=True))
        with (
            TemporaryDirectory(prefix="watchfloor-bare-", dir=stores[0].parent) as folder,
            closing(Bare(Path(folder), materials[0])) as bare,
        ):
            return _rounds(large, small, bare, rounds, progress)
    finally:
        for each in rooms:
            each.close()


def _rounds(large: Additions, small: Additions, bare: Bare, rounds: int, progress: Progress) -> dict[str, Any]:
    for _ in range(_WARM):
        large.one(), small.one(), bare.one()
    found: list[tuple[list[Took], list[Took], list[float]]] = []
    for number in range(rounds):
        # one after the other, so that all three meet the same moments of the disk
        ours, few, least = zip(*((large.one(), small.one(), bare.one()) for _ in range(_ADDED)), strict=True)
        found.append((list(ours), list(few), list(least)))
        progress(number + 1, rounds, "added")
    return summary(found)


def summary(rounds: list[tuple[list[Took], list[Took], list[float]]]) -> dict[str, Any]:
    """Medians and worst of the rounds' medians."""
    large = [percentile([one.whole for one in ours], 50) for ours, _, _ in rounds]
    small = [percentile([one.whole for one in few], 50) for _, few, _ in rounds]
    bare = [percentile(least, 50) for _, _, least in rounds]
    parts = {
        f"{name}_ms": spread([percentile([getattr(one, name) for one in ours], 50) for ours, _, _ in rounds], worst=max)
        for name in Took._fields
    }
    return {
        "ms": spread(large, worst=max),
        **parts,
        "small_ms": spread(small, worst=max),
        "bare_ms": spread(bare, worst=max),
        "over_bare": spread([ours / least for ours, least in zip(large, bare, strict=True)], worst=max),
        "growth": spread([ours / few for ours, few in zip(large, small, strict=True)], worst=max),
    }
