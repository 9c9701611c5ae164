"""A store under random changes, with its codes and its graph at work, against brute force; and its thread."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest

from retrieval.adapters.faiss_vectors import builder as building
from retrieval.adapters.faiss_vectors.builder import Builder
from retrieval.adapters.faiss_vectors.device import Device
from retrieval.adapters.faiss_vectors.floats import Floats
from retrieval.adapters.faiss_vectors.plan import Thresholds, Way, broad
from retrieval.adapters.faiss_vectors.selection import Selection
from retrieval.adapters.faiss_vectors.store import Store
from retrieval.errors import ProjectionError
from retrieval.locks import ReadWriteLock

DIM = 16
LOW = Thresholds(exact=16, coded=64, graphed=64, worth=1, gain=0, loose=16, few_dead=32)
# codes from the start, and no graph
CODED = LOW._replace(graphed=2**62)
Vectors: TypeAlias = np.ndarray


def made(n: int, seed: int = 0) -> Vectors:
    """Loosely grouped unit vectors, shape (n, DIM)."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((12, DIM))[rng.integers(12, size=n)] + 0.6 * rng.standard_normal((n, DIM))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def frames(n: int, dim: int, cameras: int, alike: float) -> Vectors:
    """Unit vectors as of fixed cameras, shape (n, dim): two of one camera have about this cosine."""
    rng = np.random.default_rng(3)
    scenes, noise = rng.standard_normal((cameras, dim)), rng.standard_normal((n, dim))
    scenes /= np.linalg.norm(scenes, axis=1, keepdims=True)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    rows = scenes[rng.integers(cameras, size=n)] + np.sqrt(1 / alike - 1) * noise
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@contextmanager
def room(
    at: Thresholds = LOW, folder: Path | None = None, dim: int = DIM
) -> Iterator[tuple[Store, Builder, ReadWriteLock]]:
    """A store and the thread that tends it."""
    lock, store = ReadWriteLock(), Store(dim, Device(False), at, folder)
    builder = Builder(lock, lambda: [store])
    try:
        yield store, builder, lock
    finally:
        builder.close()
        store.close()


def tended(builder: Builder) -> None:
    builder.wake()
    assert builder.settle(60)
    assert builder.trouble == ""


class Oracle:
    """What should be held: slot → its vectors."""

    def __init__(self) -> None:
        self.held: dict[int, list[Vectors]] = {}

    def put(self, slots: Vectors, vectors: Vectors) -> None:
        for slot in np.unique(slots).tolist():
            self.held[slot] = list(vectors[slots == slot])

    def forget(self, slots: Vectors) -> None:
        for slot in slots.tolist():
            self.held.pop(slot, None)

    def best(self, query: Vectors, allowed: Vectors) -> list[tuple[float, int]]:
        """(score, slot) of what is allowed, best first."""
        passing = set(allowed.tolist()) & self.held.keys()
        return sorted(((max(float(v @ query) for v in self.held[slot]), slot) for slot in passing), reverse=True)


@pytest.mark.parametrize(("at", "mapped"), [(LOW, False), (CODED, False), (LOW, True)])
def test_random_changes_and_searches_are_brute_force(
    at: Thresholds, mapped: bool, full: bool, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    """Never short, never foreign, every score right; and over all, nearly every one of the nearest."""
    found = wanted = 0
    for seed in range(60 if full else 4):
        with subtests.test(seed=seed):
            more, right = told(seed, at, tmp_path if mapped else None)
            found, wanted = found + more, wanted + right
    assert found >= 0.97 * wanted


def told(seed: int, at: Thresholds, folder: Path | None) -> tuple[int, int]:
    """How many of the nearest a store found through a random life, and how many there were."""
    rng, oracle, found, wanted = np.random.default_rng(seed), Oracle(), 0, 0
    with room(at, folder) as (store, builder, lock):
        for turn in range(5):
            slots = rng.integers(0, 600, size=int(rng.integers(1, 300)))
            vectors = made(slots.size, seed * 100 + turn)
            gone = np.unique(rng.integers(0, 600, size=int(rng.integers(0, 150))))
            with lock.writing():
                store.put(slots, vectors)
                store.forget(gone)
            oracle.put(slots, vectors)
            oracle.forget(gone)
            if rng.random() < 0.7:
                tended(builder)
            for share, query in zip((1.0, 0.7, 0.3, 0.05), made(4, seed * 100 + 50 + turn), strict=True):
                allowed, k = np.flatnonzero(rng.random(600) < share), int(rng.integers(1, 12))
                with lock.reading():
                    got, scores = store.search(query, k, Selection.listed(allowed))[0]
                best = oracle.best(query, allowed)
                true = {slot: score for score, slot in best}
                assert got.size == min(k, len(best)), "short, or too many"
                assert set(got.tolist()) <= true.keys(), "foreign"
                np.testing.assert_allclose(scores, [true[slot] for slot in got.tolist()], rtol=1e-4, atol=1e-5)
                found += len(set(got.tolist()) & {slot for _, slot in best[:k]})
                wanted += got.size
        assert len(store) == sum(map(len, oracle.held.values()))
        tended(builder)
        assert store.canary(8, 1e-3) == []
    return found, wanted


def test_each_way_is_taken_and_shown() -> None:
    with room() as (store, builder, _):
        store.put(np.arange(3000), made(3000))
        everything, few = Selection.listed(np.arange(3000)), Selection.listed(np.arange(5))
        query = made(1, 9)[0]
        assert store.search(query, 5, everything)[1].way is Way.SCAN
        tended(builder)
        assert store.graph is not None
        assert store.search(query, 5, everything)[1].way is Way.GRAPH
        assert store.search(query, 5, few)[1].way is Way.CANDIDATES
        assert store.search(query, 5, Selection.listed(np.arange(300)))[1].way is Way.CODES
        assert store.search(query, 5, Selection.listed(np.zeros(0, np.int64)))[1].way is Way.NOTHING


def test_a_filter_that_holds_only_what_is_far_is_answered_in_full() -> None:
    """Half of all passes, but none of what the graph sees near the query."""
    vectors = made(4000)
    query = vectors[0]
    far = np.sort(np.argsort(vectors @ query)[:2000])
    right = far[np.argsort(-(vectors[far] @ query))[:10]]
    with room() as (store, builder, _):
        store.put(np.arange(4000), vectors)
        tended(builder)
        (got, _), plan = store.search(query, 10, Selection.listed(far))
        assert got.tolist() == right.tolist()
        assert plan.way is Way.CODES
        assert "too few of the nearest pass" in plan.why


def test_new_vectors_are_found_before_they_have_a_place_and_after() -> None:
    with room() as (store, builder, lock):
        store.put(np.arange(1000), made(1000))
        tended(builder)
        more = made(40, 77)
        with lock.writing():
            store.put(np.arange(1000, 1040), more)
        everything = Selection.listed(np.arange(1040))
        for done in (False, True):
            if done:
                tended(builder)
            linked = 0 if store.graph is None else len(store.graph)
            assert (linked == 1040) is done
            for number, vector in enumerate(more):
                assert store.search(vector, 1, everything)[0][0].tolist() == [1000 + number]


def test_the_room_of_the_dead_is_given_back_while_searches_go_on(tmp_path: Path) -> None:
    for folder in (None, tmp_path):
        with room(LOW, folder) as (store, builder, lock):
            vectors = made(2000)
            store.put(np.arange(2000), vectors)
            tended(builder)
            with lock.writing():
                store.forget(np.arange(0, 2000, 2))
            kept, stop, wrong = Selection.listed(np.arange(1, 2000, 2)), threading.Event(), list[int]()

            def look(store=store, lock=lock, kept=kept, stop=stop, wrong=wrong, vectors=vectors) -> None:
                while not stop.is_set():
                    for slot in range(1, 2000, 100):
                        with lock.reading():
                            got = store.search(vectors[slot], 1, kept)[0][0].tolist()
                        wrong.extend(got if got != [slot] else [])

            reader = threading.Thread(target=look)
            reader.start()
            tended(builder)
            stop.set()
            reader.join()
            assert (wrong, store.places.size, len(store), store.generation) == ([], 1000, 1000, 1)
            assert np.array_equal(store.floats.rows, vectors[1::2])


def test_of_a_listed_selection_what_has_no_code_yet_is_found_too() -> None:
    with room(CODED) as (store, builder, lock):
        vectors = made(400)
        store.put(np.arange(400), vectors)
        tended(builder)
        with lock.writing():
            store.put(np.arange(400, 410), made(10, 5))
        for selection in (Selection.listed(np.arange(410)), Selection.masked(np.ones(500, np.bool_))):
            (got, _), plan = store.search(made(10, 5)[3], 1, selection)
            assert (got.tolist(), plan.way) == ([403], Way.CODES)


def test_a_graph_that_would_not_find_enough_is_not_used() -> None:
    """Directions at random in many dimensions are the hardest there are."""
    rng = np.random.default_rng(3)
    vectors = rng.standard_normal((5000, 256)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    lock, store = ReadWriteLock(), Store(256, Device(False), LOW)
    builder = Builder(lock, lambda: [store])
    store.put(np.arange(5000), vectors)
    tended(builder)
    assert (store.graph, store.unfit_at) == (None, 5000)
    query = rng.standard_normal(256).astype(np.float32)
    (got, _), plan = store.search(query, 10, Selection.listed(np.arange(5000)))
    assert plan.way is Way.CODES
    assert len(set(got.tolist()) & set(np.argsort(-(vectors @ query))[:10].tolist())) >= 9
    builder.close()


def test_a_graph_is_not_judged_by_the_last_to_come_alone() -> None:
    """A document like no other came last, and lies near nothing; everything else is found by graph as before."""
    rng = np.random.default_rng(8)
    vectors = np.concatenate(
        [rng.standard_normal((4900, 12)) @ rng.standard_normal((12, 256)), rng.standard_normal((100, 256))]
    )
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    with room(LOW, dim=256) as (store, builder, _):
        store.put(np.arange(5000), vectors)
        tended(builder)
        assert store.graph is not None and store.graph.breadth
        (got, _), plan = store.search(vectors[7], 1, Selection.listed(np.arange(5000)))
        assert (got.tolist(), plan.way) == ([7], Way.GRAPH)


def test_the_thread_ends_in_the_midst_of_its_work() -> None:
    with room() as (store, builder, _):
        store.put(np.arange(20_000), made(20_000))
        builder.wake()
        time.sleep(0.2)
        builder.close()
        assert not [thread for thread in threading.enumerate() if thread is builder._thread]
        builder.wake()
        assert builder._thread is not None
        assert not builder._thread.is_alive()


@pytest.mark.parametrize("alike", [0.9, 0.97])
def test_of_frames_of_fixed_cameras_nearly_all_of_the_nearest_are_found_by_codes(alike: float) -> None:
    vectors = frames(8000, 128, 4, alike)
    with room(CODED, dim=128) as (store, builder, _):
        store.put(np.arange(8000), vectors)
        tended(builder)
        assert found_by(store, vectors, Way.CODES) >= 0.98
        assert store.reach > 1
        # as many come again, and what was measured of the first does not have to hold of all
        store.put(np.arange(8000, 11_000), vectors[:3000])
        tended(builder)
        assert store.reached_at == 11_000


def found_by(store: Store, vectors: Vectors, way: Way) -> float:
    """The share of the ten nearest that are found, of 50 of the vectors held at the slots of their numbers."""
    found = 0
    for query in vectors[:: len(vectors) // 50][:50]:
        (got, scores), plan = store.search(query, 10, Selection.listed(np.arange(len(vectors))))
        assert plan.way is way
        assert way is not Way.CODES or plan.wanted == store.reach * broad(10)
        np.testing.assert_allclose(scores, vectors[got] @ query, rtol=1e-5)
        found += len(set(got.tolist()) & set(np.argsort(-(vectors @ query))[:10].tolist()))
    return found / 500


def test_codes_that_do_not_tell_vectors_apart_are_not_kept() -> None:
    vectors = frames(20_000, 32, 2, 0.9999)
    with room(LOW, dim=32) as (store, builder, _):
        store.put(np.arange(20_000), vectors)
        tended(builder)
        assert (store.codes, store.graph, store.blurred_at) == (None, None, 20_000)
        assert found_by(store, vectors, Way.SCAN) >= 0.99
        assert not store.uncoded


def test_equal_vectors_are_as_good_as_each_other_when_codes_are_judged() -> None:
    vectors = np.repeat(made(40), 100, axis=0)
    with room(CODED) as (store, builder, _):
        store.put(np.arange(4000), vectors)
        tended(builder)
        assert store.reach == 1


def open_files(folder: Path) -> int:
    """Files of this folder that the process holds, named or not."""
    held = [str(entry.readlink()) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
    return sum(name.startswith(str(folder)) for name in held)


@pytest.mark.parametrize("dim", [1, 7, 16, 384])
def test_inner_products_are_those_of_the_rows_asked_for(dim: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(dim)
    rows, query = rng.standard_normal((6000, dim)).astype(np.float32), rng.standard_normal(2 * dim).astype(np.float32)
    for floats in (Floats(dim), Floats(dim, tmp_path)):
        floats.add(rows)
        for positions in (rng.permutation(6000)[:5000], np.arange(0, 6000, 7)[::2], np.zeros(0, np.int64)):
            right = rows[positions].astype(np.float64) @ query[::2].astype(np.float64)
            np.testing.assert_allclose(floats.gathered(query[::2], positions), right, rtol=1e-4, atol=1e-4)
            ranked, scores = floats.ranked(query[::2], positions)
            assert sorted(ranked.tolist()) == sorted(positions.tolist())
            np.testing.assert_allclose(scores, np.sort(right)[::-1], rtol=1e-4, atol=1e-4)
            np.testing.assert_allclose(scores, rows[ranked] @ query[::2], rtol=1e-4, atol=1e-4)
        floats.close()


@pytest.mark.parametrize("steps", range(4))
def test_a_compaction_that_is_stopped_leaves_no_file_open(tmp_path: Path, steps: int) -> None:
    with room(LOW, tmp_path) as (store, _, lock):
        store.put(np.arange(2000), made(2000))
        store.forget(np.arange(0, 2000, 3))
        left, held = iter([False] * steps), open_files(tmp_path)
        with pytest.raises(building._Stopped):
            building._compact(building._Work(store, lock, lambda: next(left, True)))
        assert (open_files(tmp_path), len(store), store.generation) == (held, 1333, 0)
    assert open_files(tmp_path) == 0


def test_room_that_was_found_in_part_is_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    floats, vectors = Floats(DIM, tmp_path), made(1024)
    floats.add(vectors)
    assert floats._file is not None
    before = os.fstat(floats._file).st_size

    def full(descriptor: int, offset: int, length: int) -> None:
        os.truncate(descriptor, offset + length // 2 + before)
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(ProjectionError, match="no space left"):
        floats.add(made(5000))
    assert os.fstat(floats._file).st_size == before
    assert np.array_equal(floats.rows, vectors)
    floats.close()


def test_a_store_that_fails_does_not_keep_the_others_waiting(tmp_path: Path) -> None:
    lock, folder = ReadWriteLock(), tmp_path / "vectors"
    stores = [Store(DIM, Device(False), LOW, folder), Store(DIM, Device(False), LOW)]
    builder = Builder(lock, lambda: stores)
    for store in stores:
        store.put(np.arange(500), made(500))
    stores[0].forget(np.arange(400))
    # where its files are made there is something else now
    folder.rmdir()
    folder.write_text("")
    builder.wake()
    assert builder.settle(60)
    assert "no file for the vectors can be made" in builder.trouble
    assert stores[1].graph is not None
    folder.unlink()
    tended(builder)
    assert stores[0].places.size == 100
    builder.close()
    for store in stores:
        store.close()


def test_what_nobody_foresaw_is_told_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    encode, times = building._encode, list[int]()

    def failing(work: building._Work) -> None:
        times.append(1)
        if len(times) == 1:
            raise ValueError("a number nobody foresaw")
        encode(work)

    monkeypatch.setattr(building, "_encode", failing)
    with room() as (store, builder, _):
        store.put(np.arange(500), made(500))
        builder.wake()
        assert builder.settle(60)
        assert "a number nobody foresaw" in builder.trouble
        assert store.codes is None
        tended(builder)
        assert store.graph is not None
