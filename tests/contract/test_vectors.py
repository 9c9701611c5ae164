"""Every VectorIndex: in memory, FAISS by each of its ways and storages, FAISS where selectors cannot be trusted, on a GPU."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from vector_cases import DIM, MAKERS, ME, SPACE, find, follow, make, put, quantised, unit

from retrieval.adapters.faiss_vectors import FaissVectors, selector_works
from retrieval.adapters.faiss_vectors.plan import Thresholds
from retrieval.errors import BadQuery
from retrieval.fakes import MemoryLog
from retrieval.projecting import admits
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


def test_nearest_first_with_inner_products(index, log):
    rows = put(index, log, (make("a"), unit(1, 0)), (make("b"), unit(1, 1)), (make("c"), unit(0, 1)))
    found = index.search(SPACE, unit(1, 0.1), 2, Filter(), ME)
    assert found.rows.tolist() == [rows[0], rows[1]]
    assert found.rows.dtype == np.int64
    assert found.scores.dtype == np.float32
    np.testing.assert_allclose(found.scores, [unit(1, 0.1) @ unit(1, 0), unit(1, 0.1) @ unit(1, 1)], rtol=1e-5)


def test_a_piece_counts_once_by_its_best_part(index, log):
    many = [Embedding("many", SPACE, unit(1, 0.01 * part), part) for part in range(20)]
    rows = log.add([make("many"), make("one")], [*many, Embedding("one", SPACE, unit(0, 1))])
    follow(index, log)
    found = index.search(SPACE, unit(1), 2, Filter(), ME)
    assert found.rows.tolist() == rows
    assert found.scores[0] == pytest.approx(1.0)
    assert index.spaces() == {SPACE: 21}


@pytest.mark.parametrize("query", [unit(1)[:-1], np.full(DIM, np.nan, np.float32), unit(1)[None]])
def test_a_query_of_the_wrong_kind_is_refused(index, log, query):
    put(index, log, (make("a"), unit(1)))
    with pytest.raises(BadQuery):
        find(index, query)


def test_an_unknown_space_or_tenant_finds_nothing(index, log):
    put(index, log, (make("a"), unit(1)))
    assert find(index, unit(1), space="image:none") == []
    assert find(index, unit(1), principal=Principal("nobody")) == []
    assert find(index, unit(1), k=0) == []


def test_vectors_that_are_no_vectors_are_left_out(index, log):
    nan = np.full(DIM, np.nan, np.float32)
    rows = put(
        index, log, (make("nan"), nan), (make("zero"), unit()), (make("short"), unit(1)[:3]), (make("a"), unit(1))
    )
    assert find(index, unit(1)) == [rows[3], rows[1]]
    assert index.spaces() == {SPACE: 2}


def test_closed_revisions_answer_only_for_their_time(index, log):
    (old,) = put(index, log, (make("a"), unit(1)), recorded_at=100)
    log.close("acme", ["a"], superseded_at=200)
    (new,) = put(index, log, (make("b"), unit(1)), recorded_at=200)
    times = {t: find(index, unit(1), filter_=Filter(as_of=t)) for t in (99, 100, 199, 200)}
    assert times == {99: [], 100: [old], 199: [old], 200: [new]}
    assert find(index, unit(1)) == [new]
    assert index.rows() == {old, new}


def test_labels_of_today_apply(index, log):
    (row,) = put(index, log, (make("a", labels=("hr", "security")), unit(1)))
    assert find(index, unit(1)) == []
    assert find(index, unit(1), principal=Principal("acme", labels=("security",))) == [row]
    log.relabel("acme", "a", ())
    follow(index, log)
    assert find(index, unit(1)) == [row]


def test_removed_evidence_is_gone_and_its_place_is_reused(index, log):
    first, second = put(index, log, (make("a"), unit(1)), (make("b"), unit(0, 1)))
    log.remove("acme", ["a"])
    follow(index, log)
    assert find(index, unit(1)) == [second]
    (third,) = put(index, log, (make("c"), unit(0, 0, 1)))
    assert find(index, unit(1), k=5) in ([second, third], [third, second])
    assert index.rows() == {second, third}
    assert first not in index.rows()


def test_vectors_that_were_taken_back_are_not_found_any_more(index, log):
    image = "image:test"
    log.add(
        [make("a"), make("b")], [Embedding(id_, space, unit(1, id_ == "b")) for id_ in "ab" for space in (SPACE, image)]
    )
    log.add([make("x", tenant="other")], [Embedding("x", image, unit(1))])
    log.add([make("c")], [Embedding("c", SPACE, np.full(DIM, np.nan, np.float32))])
    follow(index, log)
    assert index.spaces() == {SPACE: 2, image: 3}
    log._vectors[1] = log._vectors[1][:1]
    log._vectors[4] = [Embedding("c", SPACE, unit(0, 1))]
    log.relabel("acme", "a", ())
    log.relabel("acme", "c", ())
    follow(index, log)
    assert find(index, unit(1), space=image) == [2]
    assert find(index, unit(1), space=image, principal=Principal("other")) == [3]
    assert find(index, unit(0, 1)) == [4, 2, 1]
    assert (index.spaces(), len(index.left_out)) == ({SPACE: 3, image: 2}, 0)
    log._vectors[1], log._vectors[2] = [], []
    log.relabel("acme", "a", ())
    log.relabel("acme", "b", ())
    follow(index, log)
    assert (find(index, unit(1)), find(index, unit(1), space=image)) == ([4], [])
    assert sorted(row for row, *_ in index.held()) == [3, 4]
    assert index.rows() == {1, 2, 3, 4}


def test_windows_overlap_as_intervals_do_instants_too(index, log):
    spans = [Interval(t0, t1) for t0 in range(-1, 4) for t1 in range(t0, 4)]
    rows = put(
        index,
        log,
        *[(make(f"e{n}", valid=span), unit(1, n)) for n, span in enumerate(spans)],
        (make("undated"), unit(1)),
    )
    for window in spans:
        expected = [row for row, span in zip(rows, spans, strict=False) if span.overlaps(window)]
        assert sorted(find(index, unit(1), 50, Filter(window=window))) == expected


def test_applying_twice_changes_nothing_and_reset_empties(index, log):
    put(index, log, (make("a"), unit(1)), (make("b"), unit(1, 1)))
    log.close("acme", ["b"])
    before = (find(index, unit(1), filter_=Filter(as_of=1)), index.spaces(), index.rows())
    index.apply(log.log(0), log)
    index.apply(log.log(0, 1), log)
    assert (find(index, unit(1), filter_=Filter(as_of=1)), index.spaces(), index.rows()) == before
    assert index.applied() == 2
    index.reset()
    assert (index.applied(), index.spaces(), index.rows(), find(index, unit(1))) == (0, {}, set(), [])


def test_most_of_the_store_removed_is_still_exact(index, log):
    rng = np.random.default_rng(5)
    vectors = rng.standard_normal((3000, DIM)).astype(np.float32)
    items = [make(f"e{i}") for i in range(3000)]
    rows = put(index, log, *zip(items, vectors, strict=True))
    log.remove("acme", [f"e{i}" for i in range(3000) if i % 3])
    follow(index, log)
    left = vectors[::3]
    best = np.argsort(-(left @ vectors[1]))[:5]
    assert find(index, vectors[1], k=5) == [rows[3 * i] for i in best]
    assert index.spaces() == {SPACE: 1000}


TENANTS = ["acme", "other"]
ENTITIES = ["P-1", "P-2", "CAM-7"]
LABELS = ["hr", "security"]
MICROS = st.integers(-3, 12)


@st.composite
def windows(draw):
    t0 = draw(MICROS)
    return Interval(t0, t0 + draw(st.integers(0, 5)))


@st.composite
def evidences(draw, number):
    return make(
        f"e{number}",
        tenant=draw(st.sampled_from(TENANTS)),
        source=draw(st.sampled_from(["file:///a", "file:///b"])),
        kind=draw(st.sampled_from([Kind.FRAME, Kind.PASSAGE, Kind.ALERT])),
        labels=tuple(draw(st.sets(st.sampled_from(LABELS)))),
        valid=draw(st.none() | windows()),
        entities=tuple(Mention(e, Relation.MENTIONS) for e in sorted(draw(st.sets(st.sampled_from(ENTITIES))))),
    )


FILTERS = st.builds(
    Filter,
    kinds=st.sets(st.sampled_from([Kind.FRAME, Kind.PASSAGE]), max_size=2).map(tuple),
    entities=st.sets(st.sampled_from(ENTITIES), max_size=2).map(tuple),
    sources=st.sets(st.sampled_from(["file:///a", "file:///b"]), max_size=1).map(tuple),
    window=st.none() | windows(),
    as_of=st.none() | st.integers(0, 25),
)
PRINCIPALS = st.builds(
    Principal, tenant=st.sampled_from(TENANTS), labels=st.sets(st.sampled_from(LABELS), max_size=1).map(tuple)
)


def story(data) -> MemoryLog:
    """Additions, closings and removals in any order."""
    log = MemoryLog()
    rng = np.random.default_rng(data.draw(st.integers(0, 2**16)))
    for number in range(data.draw(st.integers(1, 14))):
        item = data.draw(evidences(number))
        parts = [
            Embedding(item.id, SPACE, unit(*rng.standard_normal(DIM)), part) for part in range(int(rng.integers(0, 4)))
        ]
        log.add([item], parts)
        act = data.draw(st.sampled_from(["nothing", "nothing", "close", "remove"]))
        if act != "nothing":
            victim = make(f"e{data.draw(st.integers(0, number))}")
            known = [e.tenant for e in log.evidence().values() if e.id == victim.id]
            if known:
                getattr(log, act)(known[0], [victim.id])
    return log


@pytest.mark.parametrize("name", ["faiss", "gathered", "codes", "graph", "gpu", "gpu selectors"])
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_filtered_search_is_brute_force_over_what_is_admitted(name, data):
    log, index = story(data), MAKERS[name]()
    cut = data.draw(st.integers(0, log.sequence()))
    index.apply(log.log(0, cut), log)
    index.apply(log.log(data.draw(st.integers(0, cut)), 1000), log)
    filter_, principal, k = data.draw(FILTERS), data.draw(PRINCIPALS), data.draw(st.integers(1, 20))
    query = unit(*np.random.default_rng(1).standard_normal(DIM))
    best: dict[int, float] = {}
    for row, item in log.evidence().items():
        scores = [float(v @ query) for r, _, v in log.embeddings([item.id]) if r == row]
        if scores and admits(item, filter_, principal):
            best[row] = max(scores)
    expected = sorted(best, key=lambda row: -best[row])[:k]
    found = index.search(SPACE, query, k, filter_, principal)
    assert found.rows.tolist() == expected
    np.testing.assert_allclose(found.scores, [best[row] for row in expected], rtol=1e-4, atol=1e-6)


def test_many_readers_while_one_writes_see_whole_states(log):
    from concurrent.futures import ThreadPoolExecutor

    index = FaissVectors(gpu=False)
    put(index, log, *[(make(f"a{i}"), unit(1, i)) for i in range(50)])

    def read(_: int) -> int:
        return len(find(index, unit(1), k=500))

    with ThreadPoolExecutor(4) as pool:
        seen = [pool.submit(read, i) for i in range(100)]
        for number in range(10):
            put(index, log, *[(make(f"b{number}-{i}"), unit(1, i)) for i in range(10)])
        counts = {future.result() for future in seen}
    assert counts <= set(range(50, 151, 10))


def test_the_self_test_tells_a_selector_that_is_ignored():
    import faiss

    class Ignores:
        def __init__(self, index):
            self.index = index

        def search(self, query, k, params=None):
            return self.index.search(query, k)

    class Refuses:
        def search(self, query, k, params=None):
            raise RuntimeError("search params not supported for this index")

    flat = faiss.IndexFlatIP(4)
    flat.add(np.eye(4, dtype=np.float32))
    assert selector_works(flat)
    assert not selector_works(Ignores(flat))
    assert not selector_works(Refuses())


def test_a_gpu_is_only_insisted_on_where_there_is_one():
    import faiss

    if faiss.get_num_gpus():
        assert FaissVectors(gpu=True).device.startswith("gpu")
    else:
        with pytest.raises(ValueError, match="GPU"):
            FaissVectors(gpu=True)
    assert FaissVectors(gpu=False).device == "cpu, selectors"
    assert FaissVectors(gpu=False, self_test=lambda index: False).device == "cpu, gathered"


def test_by_time_gives_the_latest_first_and_unknown_times_last(index, log):
    times = {"old": Interval(10, 20), "new": Interval(90, 95), "never": None, "mid": Interval(50, 50)}
    rows = log.add([make(name, valid=valid, kind=Kind.ALERT) for name, valid in times.items()])
    log.add([make("other", valid=Interval(99, 99))])
    follow(index, log)
    old, new, never, mid = rows
    alerts = Filter(kinds=(Kind.ALERT,))
    assert index.by_time(10, alerts, ME).rows.tolist() == [new, mid, old, never]
    assert index.by_time(10, alerts, ME).scores.tolist() == [0, -1, -2, -3]
    assert index.by_time(2, alerts, ME).rows.tolist() == [new, mid]
    assert index.by_time(10, alerts, ME, near=Interval(0, 40)).rows.tolist() == [old, mid, new, never]
    assert index.by_time(0, alerts, ME).rows.tolist() == []
    assert index.by_time(10, alerts, Principal("nobody")).rows.tolist() == []


def test_by_time_follows_what_evidence_hangs_on(index, log):
    def on(entity: str) -> tuple[Mention, ...]:
        return (Mention(entity, Relation.MENTIONS),)

    rows = log.add([make(f"{n}", entities=on("P-1" if n % 2 else "P-2"), valid=Interval(n, n)) for n in range(6)])
    follow(index, log)
    about = Filter(entities=("P-1",))
    assert index.by_time(9, about, ME).rows.tolist() == [rows[5], rows[3], rows[1]]
    log.remove("acme", ["3"])
    follow(index, log)
    assert index.by_time(9, about, ME).rows.tolist() == [rows[5], rows[1]]
    (again,) = log.add([make("6", entities=on("P-1"), valid=Interval(2, 2))])
    follow(index, log)
    assert index.by_time(9, about, ME).rows.tolist() == [rows[5], again, rows[1]]
    within = Filter(entities=("P-1", "P-2"), window=Interval(2, 5))
    assert index.by_time(9, within, ME).rows.tolist() == [rows[4], rows[2], again]


@pytest.mark.parametrize("graphed", [1000, 2**62])
def test_of_very_many_vectors_nearly_all_of_the_nearest_are_found(log, graphed):
    """Against brute force over clustered vectors, unfiltered and under a filter that holds none of the query's own cluster."""
    rng = np.random.default_rng(5)
    centres = rng.standard_normal((60, DIM))
    owner = rng.integers(60, size=12_000)
    vectors = (centres[owner] + 0.4 * rng.standard_normal((12_000, DIM))).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    pieces = [make(f"{n}", kind=Kind.ALERT if owner[n] < 30 else Kind.ROW) for n in range(12_000)]
    rows = np.array(log.add(pieces, [Embedding(f"{n}", SPACE, vectors[n]) for n in range(0)]))
    log._vectors = {int(row): [Embedding(f"{n}", SPACE, vectors[n])] for n, row in enumerate(rows)}
    index = FaissVectors(gpu=False, at=Thresholds(exact=1000, coded=1000, graphed=graphed, gain=0))
    follow(index, log)
    assert index.settle()
    for passing, filter_ in ((owner >= 0, Filter()), (owner < 30, Filter(kinds=(Kind.ALERT,)))):
        found, right = 0, 0
        for query in vectors[owner >= 30][:20]:
            best = rows[passing][np.argsort(-(vectors[passing] @ query), kind="stable")[:10]]
            got = index.search(SPACE, query, 10, filter_, ME).rows
            assert got.size == 10
            found, right = found + len(set(got.tolist()) & set(best.tolist())), right + 10
        assert found / right >= 0.95
