"""Every VectorIndex: how a search went is told, what is held is told, dumped, and comes back."""

import os
import threading
import time
import zlib
from pathlib import Path

import msgspec
import numpy as np
import pytest
from vector_cases import DIM, MAKERS, ME, SPACE, find, follow, make, put, quantised, unit

from retrieval.adapters.faiss_vectors import FaissVectors
from retrieval.adapters.faiss_vectors.codes import Codes
from retrieval.errors import ProjectionError
from retrieval.fakes import MemoryLog, MemoryVectors
from retrieval.types import Embedding, Filter, Interval, Kind, Mention, Principal, Relation


@pytest.fixture(params=[*MAKERS, "quantised"])
def maker(request, tmp_path):
    """What makes one more of the same sort."""
    if request.param == "quantised":
        return lambda: quantised(tmp_path / "vectors")
    return MAKERS[request.param]


@pytest.fixture
def index(maker):
    made = maker()
    yield made
    made.close()


@pytest.fixture
def log():
    return MemoryLog()


def test_how_a_search_was_done_is_told(index, log):
    put(index, log, *[(make(f"e{i}", kind=Kind.ALERT if i < 3 else Kind.ROW), unit(1, i)) for i in range(10)])
    told = index.explain(SPACE, unit(1), 2, Filter(kinds=(Kind.ALERT,)), ME)
    assert (told.space, told.total, told.passing, told.k, told.found) == (SPACE, 10, 3, 2, 2)
    assert told.plan
    assert told.why
    assert told.compared >= 3
    assert told.ms > 0
    nowhere = index.explain("image:none", unit(1), 2, Filter(), ME)
    assert (nowhere.total, nowhere.passing, nowhere.found) == (0, 0, 0)


def test_a_piece_that_has_nothing_built_wakes_no_thread(log):
    index, coded = MAKERS["faiss"](), MAKERS["codes"]()
    put(index, log, (make("a"), unit(1)))
    follow(coded, log)
    assert coded.settle()
    assert (index._builder._thread, coded._stores["acme", SPACE].codes is None) == (None, False)
    index.close()
    coded.close()


def test_what_is_held_is_told_vector_by_vector(index, log):
    rows = put(index, log, (make("a"), unit(1)), (make("b"), unit(0, 1)))
    other = put(index, log, (make("c", tenant="other"), unit(1, 1)), space="image:test")
    crc = [zlib.crc32(vector.astype("<f4").tobytes()) for vector in (unit(1), unit(0, 1), unit(1, 1))]
    assert sorted(index.held()) == sorted(
        [(rows[0], SPACE, crc[0]), (rows[1], SPACE, crc[1]), (other[0], "image:test", crc[2])]
    )
    index.forget([rows[0], 4711])
    assert sorted(index.held()) == sorted([(rows[1], SPACE, crc[1]), (other[0], "image:test", crc[2])])
    assert find(index, unit(1)) == [rows[1]]
    assert rows[0] not in index.rows()


def grown(index, log):
    """Two tenants, two spaces, closed and removed revisions, pieces of several parts; what is found in many ways."""
    for number in range(120):
        item = make(
            f"e{number}",
            tenant="acme" if number % 3 else "other",
            labels=("hr",) if number % 7 == 0 else (),
            valid=Interval(number, number + 5) if number % 5 else None,
            entities=(Mention(f"P-{number % 4}", Relation.MENTIONS), Mention("P-9", Relation.MENTIONS)),
        )
        vectors = np.random.default_rng(number).standard_normal((2, DIM)).astype(np.float32)
        parts = [Embedding(item.id, SPACE, vector, part) for part, vector in enumerate(vectors)]
        log.add([item], [*parts, Embedding(item.id, "image:test", vectors[0])][: 1 + number % 3])
    log.close("acme", ["e1", "e2"])
    log.remove("acme", ["e4", "e5"])
    log.add([make("nan")], [Embedding("nan", SPACE, np.full(DIM, np.nan, np.float32))])
    follow(index, log)


def outside(index):
    """What can be seen of an index."""
    queries = [unit(*np.random.default_rng(seed).standard_normal(DIM)) for seed in range(3)]
    filters = [Filter(), Filter(entities=("P-1",)), Filter(window=Interval(10, 40)), Filter(as_of=1)]
    asked = [Principal("acme"), Principal("other", labels=("hr",))]
    found = [
        [index.search(space, query, 7, filter_, who).rows.tolist() for space in (SPACE, "image:test")]
        + [index.by_time(9, filter_, who).rows.tolist()]
        for query in queries
        for filter_ in filters
        for who in asked
    ]
    told = (index.applied(), index.rows(), dict(index.spaces()), sorted(index.held()), sorted(index.left_out))
    return found, told


def test_what_was_dumped_comes_back_and_goes_on(index, maker, log, tmp_path):
    grown(index, log)
    folder = tmp_path / "dumped"
    folder.mkdir()
    index.seen().write(folder)
    assert all(path.is_file() for path in folder.iterdir())
    again = maker()
    assert again.restore(folder) == index.applied()
    assert outside(again) == outside(index)
    log.remove("acme", ["e7"])
    log.add([make("late", labels=("hr",))], [Embedding("late", SPACE, unit(1, 2, 3))])
    log.close("other", ["e3"])
    for each in (index, again):
        follow(each, log)
    assert outside(again) == outside(index)
    again.close()


@pytest.mark.parametrize("name", ["faiss", "graph"])
def test_of_what_was_dropped_nothing_is_in_a_dump(name, log, tmp_path):
    index, secret = MAKERS[name](), unit(0.123, 0.456, 0.789, 0.321)
    put(index, log, *[(make(f"e{i}"), unit(1, i)) for i in range(40)])
    gone = make("gone", source="file:///zebra", labels=("yak",), entities=(Mention("okapi", Relation.MENTIONS),))
    put(index, log, (gone, secret), (make("last"), unit(0, 1)))
    assert index.settle()
    before, traces = tmp_path / "before", [secret.tobytes(), b"zebra", b"yak", b"okapi"]
    before.mkdir()
    index.seen().write(before)
    assert all(any(trace in path.read_bytes() for path in before.iterdir()) for trace in traces)
    log.remove("acme", ["gone"])
    follow(index, log)
    after = tmp_path / "after"
    after.mkdir()
    index.seen().write(after)
    assert not [trace for trace in traces for path in after.iterdir() if trace in path.read_bytes()]
    again = MAKERS[name]()
    again.restore(after)
    assert outside(again) == outside(index)
    for each in (index, again):
        each.close()


def test_a_dump_of_nothing_comes_back_as_nothing(index, maker, tmp_path):
    index.seen().write(tmp_path)
    again = maker()
    assert (again.restore(tmp_path), again.rows()) == (0, set())


@pytest.mark.parametrize("name", ["faiss", "graph"])
def test_a_dump_that_does_not_fit_together_is_refused(name, log, tmp_path):
    index = MAKERS[name]()
    grown(index, log)
    if name == "graph":
        assert index.settle()
    index.seen().write(tmp_path)
    whole = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for missing in whole:
        other = MAKERS[name]()
        (tmp_path / missing).unlink()
        with pytest.raises(ProjectionError):
            other.restore(tmp_path)
        (tmp_path / missing).write_bytes(whole[missing][: len(whole[missing]) // 2])
        with pytest.raises(ProjectionError):
            other.restore(tmp_path)
        (tmp_path / missing).write_bytes(whole[missing])
        other.close()
    swapped = ("space0-vectors.npy", "space1-vectors.npy")
    for here, there in (swapped, swapped[::-1]):
        (tmp_path / here).write_bytes(whole[there])
    with pytest.raises(ProjectionError):
        MAKERS[name]().restore(tmp_path)
    index.close()


def test_the_canary_tells_of_vectors_that_are_not_found(log):
    index = MAKERS["graph"]()
    put(index, log, *[(make(f"e{i}"), unit(*np.random.default_rng(i).standard_normal(DIM))) for i in range(400)])
    assert index.settle()
    assert index.canary() == []
    store = index._stores["acme", SPACE]
    stale = Codes(store.codes.centre)
    stale.add(store.codes.bytes[::-1])
    store.codes, store.graph = stale, None
    (told,) = index.canary()
    assert SPACE in told
    assert "of 8 of its own vectors are not found" in told
    index.close()


def test_a_dump_keeps_nobody_waiting_and_is_of_its_moment(index, maker, log, tmp_path):
    """Its first large file is a pipe, so that it lasts until somebody reads."""
    if isinstance(index, MemoryVectors):
        pytest.skip("writes no file of that name")
    grown(index, log)
    assert index.settle()
    folder, pipe = tmp_path / "dumped", tmp_path / "dumped" / "space0-vectors.npy"
    folder.mkdir()
    os.mkfifo(pipe)
    before = outside(index)

    def change():
        log.remove("acme", ["e7", "e10"])
        put(index, log, *[(make(f"new{i}"), unit(1, i)) for i in range(1200)])
        index.settle()
        outside(index)

    dumping = threading.Thread(target=lambda: index.seen().write(folder))
    changing = threading.Thread(target=change)
    dumping.start()
    until = time.monotonic() + 60
    while not (folder / "tenant1-alive.npy").exists():
        assert time.monotonic() < until
    changing.start()
    changing.join(20)
    waited = changing.is_alive()
    vectors = pipe.read_bytes()
    dumping.join()
    changing.join()
    assert not waited
    pipe.unlink()
    pipe.write_bytes(vectors)
    again = maker()
    again.restore(folder)
    assert outside(again) == before
    again.close()


def test_what_was_seen_is_written_whatever_comes_before_it_is(index, maker, log, tmp_path):
    grown(index, log)
    assert index.settle() if hasattr(index, "settle") else True
    before, moment = outside(index), index.seen()
    log.remove("acme", ["e7", "e10"])
    put(index, log, (make("late"), unit(1, 2)))
    assert outside(index) != before
    moment.write(tmp_path)
    again = maker()
    assert again.restore(tmp_path) == moment.applied
    assert outside(again) == before
    again.close()


def test_a_dump_that_is_refused_leaves_no_file_open(log, tmp_path):
    index, folder = quantised(tmp_path / "vectors"), tmp_path / "dumped"
    grown(index, log)
    folder.mkdir()
    index.seen().write(folder)
    (folder / "space1-slots.npy").write_bytes(b"")
    again = quantised(tmp_path / "others")
    with pytest.raises(ProjectionError):
        again.restore(folder)
    held = [str(entry.readlink()) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
    assert not [name for name in held if name.startswith(str(tmp_path / "others"))]
    for each in (index, again):
        each.close()


def test_a_dump_of_before_codes_were_judged_is_judged_before_it_is_used(log, tmp_path):
    index = MAKERS["codes"]()
    grown(index, log)
    assert index.settle()
    index.seen().write(tmp_path)
    page = msgspec.json.decode((tmp_path / "index.json").read_bytes())
    for space in page["spaces"]:
        for name in ("reach", "reached_at", "blurred_at"):
            del space[name]
    (tmp_path / "index.json").write_bytes(msgspec.json.encode(page))
    again = MAKERS["codes"]()
    again.restore(tmp_path)
    assert again.settle()
    assert "codes" in again.explain(SPACE, unit(1), 3, Filter(), ME).plan
    assert outside(again) == outside(index)
    for each in (index, again):
        each.close()


def test_of_what_was_dropped_no_name_stays(log):
    index = FaissVectors(gpu=False)
    gone = make("gone", source="file:///zebra", labels=("yak",), entities=(Mention("okapi", Relation.MENTIONS),))
    rows = put(index, log, *[(make(f"e{i}"), unit(1, i)) for i in range(9)], (gone, unit(0, 1)))
    before = find(index, unit(1))
    index.forget([rows[-1]])
    index.compact()
    words = index._columns["acme"]._words
    held = str([each.values for each in words.values()])
    assert not [name for name in ("zebra", "yak", "okapi") if name in held]
    assert find(index, unit(1)) == [row for row in before if row != rows[-1]]
    index.close()


def test_of_what_was_dropped_no_bytes_stay_and_all_else_stays_where_it_is(log, tmp_path):
    for index in (FaissVectors(gpu=False), quantised(tmp_path), MAKERS["graph"]()):
        log = MemoryLog()
        rows = put(index, log, *[(make(f"e{i}"), unit(1, i)) for i in range(200)])
        assert index.settle()
        store = index._stores["acme", SPACE]
        graph, generation = store.graph, store.generation
        index.forget(rows[::5])
        index.compact()
        kept = np.array([unit(1, i) if i % 5 else np.zeros(DIM) for i in range(200)], np.float32)
        assert np.array_equal(store.floats.rows, kept)
        assert store.codes is None or not store.codes.bytes[::5].any()
        assert store.graph is graph
        # work that began before is void: it has copies
        assert store.generation == generation + 1
        index.compact()
        assert store.generation == generation + 1
        left = [row for number, row in enumerate(rows) if number % 5]
        assert sorted(find(index, unit(1), k=999)) == left
        assert find(index, unit(1, 7), k=1) == [rows[7]]
        assert index.canary() == []
        index.close()
