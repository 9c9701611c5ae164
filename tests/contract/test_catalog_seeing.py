"""Who may see what has ended: one rule over any history of labels, by every way of reading, against a model that knows no rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import pytest
from erasing_cases import answer
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event

from retrieval.catalog import Catalog
from retrieval.errors import EvidenceNotFound, UnitRefused
from retrieval.ids import derived_source, evidence_id
from retrieval.ports import Unit
from retrieval.types import Embedding, Evidence, Filter, FrameAt, Kind, Principal, Provenance

SOURCE = "file:///site/list.md"
LABELS = ("hr", "security")


class Said(NamedTuple):
    """What a reading says at a place: its text, and who may see it."""

    text: str
    labels: tuple[str, ...] = ()


# what a reading of the source says, by place
Reading = dict[int, Said]


def piece(place: int, said: Said, source: str = SOURCE) -> Evidence:
    at = FrameAt(1000 * place)
    # as ingest has it, labels are part of what a piece says
    id_ = evidence_id(b"key", source, at, "\n".join((said.text, *said.labels)))
    return Evidence(
        id=id_, tenant="t", source=source, kind=Kind.FRAME, locator=at, text=said.text,
        provenance=Provenance("test"), labels=said.labels,
    )  # fmt: skip


class Store:
    """One catalog; each source is read again and again, and `reads` gives the time at which a reading was known."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog, self._contents = catalog, count()

    def reads(self, reading: Reading, source: str = SOURCE) -> int:
        pieces = [piece(place, said, source) for place, said in reading.items()]
        vectors = [Embedding(each.id, "text", np.ones(4, np.float32)) for each in pieces]
        self.catalog.commit(Unit("t", source, str(next(self._contents)), "test", pieces, vectors))
        with self.catalog._db.read() as connection:
            return int(connection.exec_driver_sql("SELECT recorded_at FROM head").scalar_one())

    def seen(self, held: tuple[str, ...], as_of: int | None, source: str = SOURCE, limit: int = 1000) -> set[str]:
        """Ids, the same by every way of reading."""
        who, catalog = Principal("t", labels=held), self.catalog
        with catalog._db.read() as connection:
            every = {row.id: row.row for row in connection.exec_driver_sql("SELECT id, row FROM evidence")}
            rows = list(connection.exec_driver_sql("SELECT row FROM evidence").scalars())
        found = {each.id for each in catalog.scan(Filter(as_of=as_of), who, limit)}
        assert found == set(catalog.get(list(every), who, as_of))
        assert found == set(catalog.shown(rows, who, as_of).values())
        assert found == {each.id for each in catalog.rows(rows, who, as_of).values()}
        assert found == {id_ for id_ in every if catalog.vectors_of(id_, who, as_of)}
        return {id_ for id_ in found if catalog.get([id_], who, as_of)[id_].source == source}


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path, store_at: Callable[[Path], Path]) -> Iterator[Store]:
    on_postgres = request.param == "postgres"
    where = request.getfixturevalue("postgres_store")() if on_postgres else store_at(tmp_path / "catalog.db")
    ticks = count(1_000, 10)
    made = Catalog(where, lambda: next(ticks))
    yield Store(made)
    made.close()


def texts(store: Store, held: tuple[str, ...], as_of: int) -> list[str]:
    ids = store.seen(held, as_of)
    return sorted(each.text for each in store.catalog.get(list(ids), Principal("t", labels=held), as_of).values())


HR: tuple[str, ...] = ("hr",)
OPEN, SECRET = Said("list"), Said("list", HR)


@pytest.mark.parametrize(
    ("history", "shown"),
    [
        ([{1: OPEN}], ["list"]),
        # nothing was ever put under a label
        ([{1: OPEN}, {1: Said("corrected")}], ["list"]),
        ([{1: OPEN}, {}], ["list"]),
        # put under a label: as it was, corrected, moved, and then taken away
        ([{1: OPEN}, {1: SECRET}], []),
        ([{1: OPEN}, {1: Said("corrected", HR)}], []),
        ([{1: OPEN}, {2: Said("corrected", HR)}], []),
        ([{1: OPEN}, {1: SECRET}, {}], []),
        # and put back
        ([{1: OPEN}, {1: SECRET}, {1: OPEN}], ["list"]),
        # a piece alone among others, which are told before and after it
        ([{1: OPEN, 2: Said("other")}, {1: SECRET, 2: Said("other")}], ["other"]),
        ([{1: OPEN, 2: Said("other")}, {1: SECRET, 2: Said("other"), 3: Said("more")}], ["other"]),
        ([{1: OPEN}, {1: SECRET, 2: Said("more")}, {2: Said("more")}], []),
        # what was never put under a label, beside what was
        ([{1: OPEN, 2: Said("other")}, {1: SECRET, 2: Said("next")}], ["other"]),
        ([{1: OPEN, 2: Said("other")}, {1: SECRET, 2: Said("next")}, {1: Said("new", HR), 2: Said("next")}], ["other"]),
        # a label that was taken off opens nothing of what was told under it
        ([{1: SECRET}, {1: OPEN}], []),
    ],
)
def test_who_is_shown_the_first_reading_after_the_labels_have_changed(
    store: Store, history: list[Reading], shown: list[str]
) -> None:
    first, *_ = [store.reads(reading) for reading in history]
    assert texts(store, (), first) == shown
    assert texts(store, HR, first) == sorted(said.text for said in history[0].values())


def test_what_was_made_out_of_a_piece_goes_under_its_labels(store: Store) -> None:
    plain = {1: OPEN, 2: Said("other")}
    store.reads(plain)
    told = {at: derived_source(SOURCE, piece(at, said).id, "captions") for at, said in plain.items()}
    for at, source in told.items():
        before = store.reads({at: Said("a man with a ladder")}, source)
    store.reads({1: SECRET, 2: Said("next")})
    for at, held, shown in ((1, (), 0), (1, HR, 1), (2, (), 1), (2, HR, 1)):
        assert len(store.seen(held, before, told[at])) == shown


def test_an_answer_is_read_by_who_may_see_today_what_it_tells_of(store: Store) -> None:
    then = store.reads({1: OPEN, 2: Said("other")})
    told = {"list": piece(1, OPEN), "other": piece(2, Said("other"))}
    for id_, each in told.items():
        cited = msgspec.structs.replace(answer(id_, each, text=each.text), as_of=then)
        store.catalog.record_ask(cited, Principal("t", "ann"), None)
    assert {id_: store.catalog.answer(id_, Principal("t", "bob")).id for id_ in told} == {id_: id_ for id_ in told}
    # corrected since, it may be read as before; put under a label since, by who holds that alone
    store.reads({1: SECRET, 2: Said("corrected")})
    assert store.catalog.answer("other", Principal("t", "bob")).id == "other"
    assert store.catalog.answer("list", Principal("t", "eve", labels=HR)).id == "list"
    with pytest.raises(EvidenceNotFound, match="no answer"):
        store.catalog.answer("list", Principal("t", "bob"))


@pytest.mark.parametrize(("held", "given"), [((), HR), (HR, ()), (HR, LABELS), (LABELS, HR)])
def test_a_piece_that_is_held_is_not_taken_in_under_other_labels(
    store: Store, held: tuple[str, ...], given: tuple[str, ...]
) -> None:
    one = piece(1, Said("list", held))
    store.catalog.commit(Unit("t", SOURCE, "as it was", "test", [one]))
    other = msgspec.structs.replace(one, labels=given)
    with pytest.raises(UnitRefused, match="held under other labels"):
        store.catalog.commit(Unit("t", SOURCE, "as it is", "test", [other]))
    # nothing of it is left, and the same labels in another order are the same
    again = msgspec.structs.replace(one, labels=one.labels[::-1])
    assert store.catalog.commit(Unit("t", SOURCE, "as it is", "test", [again])).added == 0
    assert list(store.catalog.get([one.id], Principal("t", labels=held))) == [one.id]


def test_a_scan_gives_as_many_as_it_may_whatever_is_withheld_before(store: Store) -> None:
    then = store.reads({at: Said(f"piece {at}") for at in range(20)})
    store.reads({at: Said(f"piece {at}", HR if at % 3 else ()) for at in range(20)})
    found = store.catalog.scan(Filter(as_of=then), Principal("t"), 5)
    assert [each.text for each in found] == [f"piece {at}" for at in (0, 3, 6, 9, 12)]


def test_a_scan_asks_what_a_source_keeps_once_however_much_that_is(store: Store) -> None:
    then = store.reads({at: Said(f"piece {at}") for at in range(4_000)})
    store.reads({at: Said(f"piece {at}", HR if at < 3_990 else ()) for at in range(4_000)})
    asked: list[str] = []
    event.listen(store.catalog._db._engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    for _ in range(3):
        found = store.catalog.scan(Filter(as_of=then), Principal("t"), 5)
        assert [each.text for each in found] == [f"piece {at}" for at in range(3_990, 3_995)]
    # the states of the source are read once
    assert len([each for each in asked if "AS granted" in each]) == 1


def test_what_another_process_puts_under_a_label_is_kept_at_once(
    tmp_path: Path, store_at: Callable[[Path], Path]
) -> None:
    where, ticks = store_at(tmp_path / "catalog.db"), count(1_000, 10)
    ours, theirs = (Store(Catalog(where, lambda: next(ticks))) for _ in range(2))
    theirs.reads({1: Said("other", HR)}, "file:///site/other.md")
    then = theirs.reads({1: OPEN})
    theirs.reads({1: Said("corrected")})
    assert texts(ours, (), then) == ["list"]
    theirs.reads({1: SECRET})
    assert texts(ours, (), then) == []
    theirs.reads({1: OPEN})
    assert texts(ours, (), then) == ["list"]
    ours.catalog.close(), theirs.catalog.close()


SAYS = st.builds(Said, st.sampled_from(["a", "b"]), st.sampled_from([(), ("hr",), ("security",), LABELS]))
HISTORIES = st.lists(st.dictionaries(st.integers(0, 2), SAYS, max_size=3), min_size=1, max_size=5)


def may(held: tuple[str, ...], said: Said) -> bool:
    return not said.labels or bool(set(said.labels) & set(held))


def expected(history: list[Reading], then: int, held: tuple[str, ...]) -> set[str]:
    """What who holds these labels may see of the reading `then`, from the readings alone."""
    told = [reading for reading in history if reading]
    last = told[-1] if told else {}
    found = set()
    for place, said in history[then].items():
        stands = all(reading.get(place) == said for reading in history[then:])
        latest = next(reading[place] for reading in reversed(history) if place in reading)
        today = may(held, latest) and any(may(held, each) for each in last.values())
        if may(held, said) and (stands or today):
            found.add(piece(place, said).id)
    return found


@given(history=HISTORIES, held=st.sampled_from([(), ("hr",), ("security",), LABELS]))
def test_any_history_of_labels_is_read_by_today_s(
    tmp_path_factory: pytest.TempPathFactory,
    store_at: Callable[[Path], Path],
    history: list[Reading],
    held: tuple[str, ...],
) -> None:
    ticks = count(1_000, 10)
    catalog = Catalog(store_at(tmp_path_factory.mktemp("seeing") / "catalog.db"), lambda: next(ticks))
    store = Store(catalog)
    times = [store.reads(reading) for reading in history]
    for then, at in enumerate(times):
        assert store.seen(held, at) == expected(history, then, held), (then, history)
    now = {piece(place, said).id for place, said in history[-1].items() if may(held, said)}
    assert store.seen(held, None) == now
    catalog.close()
