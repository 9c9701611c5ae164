"""Columns that many rows came to and went from are as if only those that stayed had ever come."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.adapters.faiss_vectors import FaissVectors, columns
from retrieval.adapters.faiss_vectors.columns import Columns
from retrieval.fakes import MemoryLog
from retrieval.ports import Projected
from retrieval.types import Embedding, Evidence, Filter, Kind, Mention, Principal, Provenance, Relation, RowKey

ME = Principal("acme")
SPACE = "text:test"


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred entries out of date are many."""
    monkeypatch.setattr(columns, "_STALE", 100)


def message(number: int, entities: tuple[str, ...] = ()) -> Evidence:
    """One with a source of its own, as each message of a bus has."""
    return Evidence(
        id=f"m{number}",
        tenant="acme",
        source=f"bus:///{number}",
        kind=Kind.ALERT if number % 2 else Kind.ROW,
        locator=RowKey("bus", str(number)),
        text=str(number),
        provenance=Provenance("test"),
        labels=(f"team{number % 3}",) if number % 5 == 0 else (),
        entities=tuple(Mention(entity, Relation.MENTIONS) for entity in entities),
    )


def sizes(held: Columns) -> list[int]:
    lists = (held._of_row, held._of_id, held._of_source, held._of_entity, *held._words.values())
    return [len(each) for each in lists]


def seen(held: Columns) -> Iterator[object]:
    """What can be told of columns from outside."""
    yield sorted((row, held.slot(row)) for row in held.rows())
    for filter_ in (Filter(), Filter(kinds=(Kind.ALERT,)), Filter(sources=("bus:///1990", "bus:///3"))):
        for who in (ME, Principal("acme", labels=("team1",))):
            yield held.select(filter_, who).slots.tolist()
    for number in (1, 1989, 1990):
        yield held.rows_of(f"m{number}")
        yield held.select(Filter(entities=(f"P-{number % 7}",)), ME).slots.tolist()


def test_without_what_is_out_of_date_they_tell_the_same() -> None:
    held = Columns()
    for number in range(2000):
        held.put([Projected(number, message(number, (f"P-{number % 7}", f"once-{number}")))])
        if number >= 50:
            held.drop(number - 50)
    tidied = held.tidied()
    assert list(seen(tidied)) == list(seen(held))
    assert held.overgrown
    assert not tidied.overgrown
    assert max(sizes(tidied)) <= 100
    assert "bus:///7" not in tidied._words["source"].values
    assert tidied.tidied() is tidied
    tidied.put([Projected(3000, message(3000, ("P-1",)))])
    assert tidied.select(Filter(sources=("bus:///3000",)), ME).count == 0
    assert tidied.select(Filter(sources=("bus:///3000",)), Principal("acme", labels=("team0",))).count == 1


CHANGES = st.lists(st.tuples(st.booleans(), st.lists(st.integers(0, 40), min_size=1, max_size=6)), max_size=30)


@given(CHANGES)
def test_a_selection_counts_what_passes_however_rows_come_and_go(changes: list[tuple[bool, list[int]]]) -> None:
    """The count is kept up with each change, like the mask it belongs to, and a row may come twice at once."""
    held, askers = Columns(), [ME, Principal("acme", labels=("team0", "team1"))]
    for comes, rows in changes:
        if comes:
            # of a row with an even number its kind and labels are others each time
            held.put([Projected(row, message(row + (row % 2 == 0) * len(rows) * 5)) for row in rows])
        else:
            for row in rows:
                held.drop(row)
        for filter_ in (Filter(), Filter(kinds=(Kind.ALERT,))):
            for who in askers:
                selection = held.select(filter_, who)
                assert selection.mask is not None
                assert selection.count == np.count_nonzero(selection.mask) == selection.slots.size


def test_a_stream_of_which_little_is_kept_does_not_make_the_index_grow() -> None:
    index, log, rng = FaissVectors(gpu=False), MemoryLog(), np.random.default_rng(0)
    most = 0
    for number in range(0, 3000, 10):
        vectors = rng.standard_normal((10, 8)).astype(np.float32)
        came = [message(number + each, ("P-1", f"once-{number + each}")) for each in range(10)]
        log.add(came, [Embedding(item.id, SPACE, vector) for item, vector in zip(came, vectors, strict=True)])
        if number >= 50:
            log.remove("acme", [f"m{number - 50 + each}" for each in range(10)])
        index.apply(log.log(index.applied(), 100), log)
        best = index.search(SPACE, vectors[1], 3, Filter(), ME).rows.tolist()
        right = [row for row, item in log.evidence().items() if not item.labels]
        scores = {row: float(log._vectors[row][0].vector @ vectors[1]) for row in right}
        assert best == sorted(right, key=lambda row: -scores[row])[:3]
        most = max(most, *sizes(index._columns["acme"]))
    # 60 rows at most, two entries of entities each
    assert most < 500
    index.close()
