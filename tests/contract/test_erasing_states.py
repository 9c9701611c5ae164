"""What an erased piece kept from somebody by its labels goes with it: nobody is shown more than before. What it kept from nobody stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from test_catalog_seeing import HR, LABELS, OPEN, SECRET, SOURCE, Reading, Said, Store, piece

from app.governance.fakes import MemoryGovernance
from retrieval.catalog import Catalog
from retrieval.catalog.database import Database
from retrieval.catalog.erasures import ErasureBook
from retrieval.erasure.values import Erasure, Hold, Target
from retrieval.errors import LegalHold
from retrieval.ids import derived_source
from retrieval.types import Evidence, Filter, Principal

ALL = Principal("t", "ann", labels=LABELS)
HELD: tuple[tuple[str, ...], ...] = ((), ("hr",), ("security",), LABELS)
OTHER, NEXT = Said("other"), Said("next")
CAPTIONS = derived_source(SOURCE, piece(1, OPEN).id, "captions")


class Room(NamedTuple):
    store: Store
    book: ErasureBook

    def texts(self, held: tuple[str, ...], as_of: int | None) -> list[str]:
        found = self.store.catalog.scan(Filter(as_of=as_of), Principal("t", labels=held))
        return sorted(each.text for each in found)

    def erase(self, **target: Any) -> Erasure | None:
        return self.book.hide(Target(**target), ALL)

    def hold(self, **what: Any) -> str:
        return self.book.hold(Hold(id="", tenant="", subject="", why="court", placed_at=0, **what), ALL).id

    def close(self) -> None:
        self.book.close()
        self.store.catalog.close()


def now(room: Room) -> int:
    with room.store.catalog._db.read() as connection:
        return int(connection.exec_driver_sql("SELECT recorded_at FROM head").scalar_one())


def room_at(where: Path | str) -> Room:
    ticks = count(1_000, 10)
    clock: Callable[[], int] = lambda: next(ticks)  # noqa: E731
    return Room(Store(Catalog(where, clock)), ErasureBook(Database(where), clock))


@pytest.fixture
def room(either_store: Path | str) -> Iterator[Room]:
    made = room_at(either_store)
    yield made
    made.close()


@pytest.mark.parametrize("target", [{"subject": "hr"}, {"evidence": (piece(1, SECRET).id,)}])
@pytest.mark.parametrize(
    ("history", "taken", "left"),
    [
        # the same text, open before: its id is another
        ([{1: OPEN}, {1: SECRET}], 2, []),
        ([{1: OPEN, 2: OTHER}, {1: SECRET, 2: OTHER}], 2, ["other"]),
        # all that stands goes, and what stood elsewhere before with it
        ([{1: OPEN, 2: OTHER}, {1: SECRET}], 3, []),
        # what stands there beside it stays, and what stood elsewhere is kept by that as before
        ([{1: OPEN, 2: OTHER, 3: OPEN}, {1: SECRET, 2: NEXT}], 2, ["list", "other"]),
        # what was told last, where nothing is told any more
        ([{1: OPEN, 2: OTHER}, {1: SECRET}, {}], 3, []),
        ([{1: OPEN}, {1: OTHER}, {1: SECRET, 2: NEXT}], 3, []),
    ],
)
def test_what_a_piece_kept_from_somebody_goes_with_it(
    room: Room, target: dict[str, Any], history: list[Reading], taken: int, left: list[str]
) -> None:
    first, *_ = [room.store.reads(reading) for reading in history]
    assert room.book.count(Target(**target), ALL).evidence == taken
    made = room.erase(**target)
    assert made is not None and (made.tally.evidence, made.tally.revisions) == (taken, taken)
    assert len(room.book.traces(made).ids) == taken
    assert room.texts(LABELS, first) == left
    # what was meant is not taken in again, and what only went with it is
    again = [room.store.reads(reading) for reading in history]
    assert "list" not in {text for at in again for text in room.texts(LABELS, at)} - set(left)
    standing = {said.text for said in history[-1].values() if said.text != "list"}
    assert set(room.texts(LABELS, again[-1])) == standing


def test_without_labels_nothing_goes_but_what_is_meant(room: Room) -> None:
    """The lines of a table move when one is put on top; what stood there before is something else."""
    pump, valve, gossip = Said("the pump leaks"), Said("the valve is stuck"), Said("a name that must go")
    first = room.store.reads({1: pump, 2: valve})
    room.store.reads({1: gossip, 2: pump, 3: valve})
    made = room.erase(evidence=(piece(1, gossip).id,))
    assert made is not None and made.tally.evidence == 1
    assert room.texts((), first) == ["the pump leaks", "the valve is stuck"]
    again = room.store.reads({1: pump, 2: valve})
    assert room.texts((), again) == ["the pump leaks", "the valve is stuck"]


def test_what_was_under_the_same_label_before_stays(room: Room) -> None:
    first = room.store.reads({1: Said("draft", HR)})
    room.store.reads({1: SECRET, 2: NEXT})
    made = room.erase(evidence=(piece(1, SECRET).id,))
    assert made is not None and made.tally.evidence == 1
    assert (room.texts(HR, first), room.texts((), first)) == (["draft"], [])


def test_what_only_stood_in_the_place_of_an_erased_piece_comes_again(room: Room) -> None:
    """Also where labels made it go: only what says the same as what was meant is kept out."""
    pump, gossip = Said("the pump leaks"), Said("a name that must go", HR)
    room.store.reads({1: pump})
    room.store.reads({1: gossip, 2: NEXT})
    made = room.erase(evidence=(piece(1, gossip).id,))
    assert made is not None and made.tally.evidence == 2
    again = room.store.reads({1: pump, 2: NEXT})
    assert room.texts((), again) == ["next", "the pump leaks"]


def test_what_a_source_told_last_is_looked_at_again_once_more_of_it_goes(room: Room) -> None:
    first = room.store.reads({2: OPEN})
    room.store.reads({2: OPEN, 3: Said("z", HR)})
    room.store.reads({3: Said("y", ("security",))})
    room.store.reads({})
    room.erase(subject="hr")
    assert room.texts((), first) == []


def test_what_was_made_out_of_an_earlier_state_goes_too(room: Room) -> None:
    room.store.reads({1: OPEN, 2: OTHER})
    first = room.store.reads({1: Said("a man with a ladder")}, CAPTIONS)
    room.store.reads({1: SECRET, 2: OTHER})
    made = room.erase(subject="hr")
    assert made is not None and made.tally.evidence == 3
    assert room.texts(LABELS, first) == ["other"]


def test_a_rule_of_age_goes_by_each_state_s_own(room: Room) -> None:
    room.store.reads({1: OPEN})
    second = room.store.reads({1: NEXT})
    made = room.erase(before=second)
    assert made is not None and made.tally.evidence == 1
    assert room.texts((), second) == ["next"]


def test_a_held_state_stays_and_is_named(room: Room) -> None:
    first = room.store.reads({1: OPEN, 2: OTHER})
    room.store.reads({1: NEXT, 2: OTHER})
    room.store.reads({1: SECRET, 2: OTHER})
    kept = room.hold(evidence=(piece(1, OPEN).id,))
    target: dict[str, Any] = {"evidence": (piece(1, SECRET).id,)}
    tally = room.book.count(Target(**target), ALL)
    assert (tally.evidence, tally.held) == (2, {kept: 1})
    made = room.erase(**target)
    assert made is not None and made.tally == tally
    assert room.texts(LABELS, first) == ["list", "other"]
    # one that keeps what was meant keeps what it said before
    room.hold(evidence=(piece(2, OTHER).id,))
    room.store.reads({2: Said("more")})
    with pytest.raises(LegalHold):
        room.erase(evidence=(piece(2, OTHER).id,))


def states_of(room: Room, times: list[int]) -> dict[str, Evidence]:
    """Every state that was ever told, by id."""
    scans = [room.store.catalog.scan(Filter(as_of=at), ALL) for at in times]
    return {each.id: each for scan in scans for each in scan}


@pytest.mark.parametrize("place", [1, 2])
@pytest.mark.parametrize("hold", [None, piece(1, OPEN).id, CAPTIONS])
def test_the_one_in_memory_takes_the_same(room: Room, place: int, hold: str | None) -> None:
    times = [room.store.reads({1: OPEN, 2: OTHER}), room.store.reads({3: Said("a caption")}, CAPTIONS)]
    times += [room.store.reads(each) for each in ({1: NEXT, 2: NEXT}, {1: SECRET, 2: Said("hidden", HR)})]
    fake = MemoryGovernance(states_of(room, times))
    if hold is not None:
        what: dict[str, Any] = {"sources": (hold,)} if hold == CAPTIONS else {"evidence": (hold,)}
        room.hold(**what)
        fake.hold(Hold(id="", tenant="", subject="", why="court", placed_at=0, **what), ALL)
    now = room.store.catalog.scan(Filter(), ALL)
    targets: list[dict[str, Any]] = [
        {"subject": "hr"},
        {"evidence": tuple(e.id for e in now if e.locator == piece(place, OPEN).locator)},
    ]
    for told in targets:
        ours, theirs = room.book.count(Target(**told), ALL), fake.count(Target(**told), ALL)
        assert (ours.evidence, ours.by_kind) == (theirs.evidence, theirs.by_kind)
        assert list(ours.held.values()) == list(theirs.held.values())
    assert targets[1]["evidence"]
