"""What every catalog does with filters, vectors and the log; evidence and revisions are in test_catalog.py."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from retrieval.catalog import Catalog
from retrieval.errors import BadQuery, SourceRejected, StoreError
from retrieval.ports import LogEntry, Unit
from retrieval.types import (
    CharSpan,
    Coverage,
    Embedding,
    Entity,
    EntityType,
    Evidence,
    Filter,
    Interval,
    Kind,
    Layer,
    Mention,
    Principal,
    Provenance,
    Relation,
)

ANN = Principal("t", "ann")
OTHER = Principal("other", "bob")


class Ticking:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Ticking:
    return Ticking()


@pytest.fixture(params=["sqlite", "postgres"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'catalog.db'}"
    found: str = request.getfixturevalue("postgres_store")()
    return found


@pytest.fixture
def catalog(where: str, clock: Ticking) -> Iterator[Catalog]:
    opened = Catalog(where, clock)
    yield opened
    opened.close()


def piece(name: str, source: str = "s", **more: object) -> Evidence:
    fields = {
        "id": f"ev_{name}",
        "tenant": "t",
        "source": source,
        "kind": Kind.PASSAGE,
        "locator": CharSpan(0, 5),
        "text": f"text of {name}",
        "provenance": Provenance("test"),
    }
    return Evidence(**{**fields, **more})  # type: ignore[arg-type]


def unit(*names: str, content: str = "A", closes: bool = True, source: str = "s", **more: object) -> Unit:
    evidence = [piece(name, source) for name in names]
    return Unit("t", source, content, "reader 1", **{"evidence": evidence, "closes": closes, **more})  # type: ignore[arg-type]


def vector(seed: int, dim: int = 8) -> np.ndarray:
    values = np.random.default_rng(seed).standard_normal(dim).astype(np.float32)
    return values / np.linalg.norm(values)


# --- filters ---


def test_scan_filters_and_orders_by_time(catalog: Catalog) -> None:
    pump = (Mention("P-1", Relation.MENTIONS),)
    catalog.commit(
        unit(
            evidence=[
                piece("late", valid=Interval(50, 60), entities=pump),
                piece("unknown", entities=pump),
                piece("early", valid=Interval(10, 20), kind=Kind.ALERT),
            ]
        )
    )
    catalog.commit(unit("elsewhere", source="s2"))
    assert [e.id for e in catalog.scan(Filter(sources=("s",)), ANN)] == ["ev_early", "ev_late", "ev_unknown"]
    assert [e.id for e in catalog.scan(Filter(), ANN, limit=2)] == ["ev_early", "ev_late"]

    def found(**filters: object) -> list[str]:
        return [e.id.removeprefix("ev_") for e in catalog.scan(Filter(**filters), ANN)]  # type: ignore[arg-type]

    assert found(kinds=(Kind.ALERT,)) == ["early"]
    assert found(entities=("P-1", "P-9")) == ["late", "unknown"]
    assert found(window=Interval(0, 55)) == ["early", "late"]
    assert found(window=Interval(0, 55), entities=("P-1",)) == ["late"]
    assert found(sources=("nowhere",)) == []


@pytest.mark.parametrize("window", [(0, 10), (5, 5), (9, 20), (10, 20), (3, 4), (0, 0), (20, 30), (-5, 0), (10, 10)])
def test_windows_overlap_as_intervals_do(catalog: Catalog, window: tuple[int, int]) -> None:
    spans = [(0, 10), (5, 5), (10, 10), (0, 0), (9, 21), (20, 20), (4, 5)]
    catalog.commit(unit(evidence=[piece(f"{a}_{b}", valid=Interval(a, b)) for a, b in spans] + [piece("none")]))
    wanted = Interval(*window)
    found = {e.valid for e in catalog.scan(Filter(window=wanted), ANN)}
    assert found == {Interval(*span) for span in spans if Interval(*span).overlaps(wanted)}


# --- vectors, log ---


def test_vectors_come_back_bit_for_bit(catalog: Catalog) -> None:
    given = [
        Embedding("ev_a", "text", vector(1)),
        Embedding("ev_b", "text", vector(2)),
        Embedding("ev_a", "image", vector(3, 4), 1),
    ]
    catalog.commit(unit("a", "b", embeddings=given))
    rows = {p.row: p.evidence.id for p in catalog.projected(["ev_a", "ev_b"])}
    back = [(rows[row], space, values.tobytes()) for row, space, values in catalog.embeddings(["ev_a", "ev_b", "ev_?"])]
    assert sorted(back) == sorted((e.evidence, e.space, e.vector.tobytes()) for e in given)


@pytest.mark.parametrize("bad", [[np.nan, 1.0], [np.inf, 0.0], [], [[1.0, 0.0]]])
def test_a_bad_vector_stores_nothing_at_all(catalog: Catalog, bad: list[object]) -> None:
    with pytest.raises(StoreError, match="vector"):
        catalog.commit(unit("a", embeddings=[Embedding("ev_a", "text", np.array(bad, dtype=np.float32))]))
    assert (catalog.state("t", "s"), catalog.row_numbers(), catalog.sequence()) == (None, set(), 0)


def test_a_vector_without_evidence_is_refused(catalog: Catalog) -> None:
    with pytest.raises(StoreError, match="not stored"):
        catalog.commit(unit("a", embeddings=[Embedding("ev_stray", "text", vector(1))]))


@pytest.mark.parametrize(
    "bad", [{"id": "ev\x00id"}, {"text": "half \ud800 pair"}, {"text": "nul \x00"}, {"valid": Interval(0, 2**70)}]
)
def test_what_cannot_be_stored_rejects_the_source(catalog: Catalog, bad: dict[str, object]) -> None:
    with pytest.raises(SourceRejected) as caught:
        catalog.commit(unit(evidence=[piece("ok"), piece("bad", **bad)]))
    assert caught.value.kind == "unstorable"
    assert catalog.row_numbers() == set()


def test_the_log_tells_every_change_in_order(catalog: Catalog) -> None:
    entity = Entity(id="P-1", type=EntityType.ASSET, name="Pump", tenant="t")
    catalog.commit(unit("a", "b"))
    catalog.commit(unit(source="site", entities=[entity]))
    catalog.commit(unit("c", content="B"))
    expected = [
        LogEntry(1, "t", ("ev_a", "ev_b"), (), False, removes=False),
        LogEntry(2, "t", (), (), True, removes=False),
        LogEntry(3, "t", ("ev_c",), ("ev_a", "ev_b"), False, removes=False),
    ]
    assert catalog.log(0) == expected
    assert catalog.log(1, limit=1) == expected[1:2]
    assert catalog.log(3) == []


def test_the_log_of_large_sources_is_read_a_few_at_a_time_and_whole(catalog: Catalog) -> None:
    """A reader that goes on from the last sequence it was told misses nothing, however few entries it was given."""
    names = [[f"{source}{n}" for n in range(2_000)] for source in "abcde"]
    catalog.commit_all([unit(*each, source=f"file:///{each[0]}") for each in names])
    read, parts = list[LogEntry](), 0
    while part := catalog.log(read[-1].sequence if read else 0):
        read, parts = [*read, *part], parts + 1
    assert parts == 2
    assert [entry.evidence for entry in read] == [tuple(f"ev_{name}" for name in each) for each in names]


def test_what_was_put_under_a_label_since_is_not_found_as_of_before(catalog: Catalog) -> None:
    def reading(n: int, labels: tuple[str, ...]) -> Unit:
        each = piece(f"list_{n}", "list.md", text="salary list", labels=labels)
        covered = Coverage(
            source="list.md", subject="list.md", layer=Layer.EXAMINED, tenant="t", valid=Interval(0, 9), labels=labels
        )
        return Unit("t", "list.md", f"{n}", "test", [each], coverage=[covered])

    catalog.commit(reading(1, ()))
    before = catalog.scan(Filter(), ANN)[0].recorded_at
    catalog.commit(reading(2, ("hr",)))
    told = Principal("t", "boss", labels=("hr",))
    for who, seen in ((ANN, []), (told, ["ev_list_1"])):
        assert [e.id for e in catalog.scan(Filter(as_of=before), who)] == seen
        assert list(catalog.get(["ev_list_1"], who, before)) == seen
        assert len(catalog.coverage(who, [], as_of=before)) == len(seen)


def test_a_source_that_told_of_a_thing_under_a_label_does_not_lose_it_to_another(catalog: Catalog) -> None:
    def tells(source: str, name: str, labels: tuple[str, ...]) -> Unit:
        thing = Entity(id="P-9", type=EntityType.ASSET, name=name, tenant="t", labels=labels)
        return Unit("t", source, name, "test", [piece(name, source)], entities=[thing])

    catalog.commit(tells("a", "secret", ("hr",)))
    between = catalog.scan(Filter(), ANN)[0].recorded_at
    catalog.commit(tells("b", "public", ()))
    assert [e.name for e in catalog.entities(ANN)] == ["public"]
    assert catalog.entities(ANN, as_of=between) == []


def test_a_burst_of_readers_leaves_transactions_theirs(tmp_path: Path) -> None:
    where = Catalog(tmp_path / "catalog.db")
    where.commit(unit("a"))
    together = threading.Barrier(40)

    def look(_: int) -> bool:
        together.wait()
        return bool(where.get(["ev_a"], ANN))

    with ThreadPoolExecutor(40) as pool:
        assert all(pool.map(look, range(40)))
    assert len(where._db._idle) <= 8
    where.close()


def test_a_label_that_holds_a_nul_is_not_taken_for_a_shorter_one(catalog: Catalog) -> None:
    catalog.commit(Unit("t", "s", "A", "test", [piece("a", labels=("hr",))]))
    with pytest.raises(BadQuery):
        catalog.get(["ev_a"], Principal("t", "ann", labels=("hr\0zz",)))
