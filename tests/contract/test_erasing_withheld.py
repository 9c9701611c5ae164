"""What an erasure takes goes on judging what a hold or a rule of age keeps: nobody is shown more than before, by whatever is erased."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_catalog_seeing import HISTORIES, HR, LABELS, OPEN, SECRET, SOURCE, Reading, Said, piece
from test_erasing_states import ALL, CAPTIONS, HELD, NEXT, OTHER, Room, now, room_at

from retrieval.catalog import tables as t
from retrieval.erasure.needles import WORD, Finder, needle
from retrieval.errors import EvidenceNotFound, LegalHold, SourceRejected
from retrieval.ids import derived_source
from retrieval.ports import Unit
from retrieval.types import (
    Embedding,
    Evidence,
    Filter,
    Interval,
    Principal,
)

GUARDED = ("security",)
OF_SECRET: list[dict[str, Any]] = [
    {"evidence": (piece(1, SECRET).id,)},
    {"subject": "hr"},
    {"sources": (SOURCE,)},
    {"sources": (SOURCE,), "subject": "hr"},
]


@pytest.fixture
def room(either_store: Path | str) -> Iterator[Room]:
    made = room_at(either_store)
    yield made
    made.close()


def shown(room: Room, first: int) -> list[list[str]]:
    """What each asker is shown as of then: who holds no label, each of the two alone, and both."""
    return [room.texts(held, first) for held in HELD]


def written(room: Room) -> list[tuple[int, int, str]]:
    with room.store.catalog._db.read() as connection:
        return sorted((row, part, label) for row, part, label, _ in connection.execute(t.withheld.select()))


@pytest.mark.parametrize("target", OF_SECRET)
@pytest.mark.parametrize("released", [False, True])
def test_what_a_hold_keeps_stays_kept_from_whom_the_erased_label_kept_it(
    room: Room, target: dict[str, Any], released: bool
) -> None:
    first = room.store.reads({1: OPEN})
    room.store.reads({1: SECRET})
    hold = room.hold(evidence=(piece(1, OPEN).id,))
    before = shown(room, first)
    assert before == [[], ["list"], [], ["list"]]
    made = room.erase(**target)
    assert made is not None and made.tally.evidence == 1
    if released:
        room.book.release_hold(hold, ALL)
    assert shown(room, first) == before
    assert room.store.seen((), first) == set() and len(room.store.seen(HR, first)) == 1


@pytest.mark.parametrize("by", ["valid", "recorded"])
def test_what_is_not_old_enough_stays_kept_from_whom_the_erased_label_kept_it(room: Room, by: str) -> None:
    """By when it was known: the label was there first, beside it, and is all that the source tells now."""
    reads(room, {3: Said("old", HR)})
    then = reads(room, {3: Said("old", HR), 1: Said("new")})
    reads(room, {3: Said("old", HR)})
    before = shown(room, then)
    assert before == [[], ["new", "old"], [], ["new", "old"]]
    made = room.erase(before=50 if by == "valid" else then, by=by)
    assert made is not None and made.tally.evidence == 1
    assert shown(room, then) == [[], ["new"], [], ["new"]]


def test_of_two_sets_of_labels_one_of_each_must_be_held(room: Room) -> None:
    """What stood there last was under one label, what the source told last under another."""
    first = room.store.reads({1: OPEN})
    room.store.reads({1: SECRET, 2: Said("next", GUARDED)})
    room.store.reads({2: Said("next", GUARDED)})
    room.hold(evidence=(piece(1, OPEN).id,))
    before = shown(room, first)
    assert before == [[], [], [], ["list"]]
    room.erase(sources=(SOURCE,))
    assert shown(room, first) == before
    assert [label for _, _, label in written(room)] == ["hr", "security"]


def test_what_its_own_labels_keep_from_the_same_is_not_written_down(room: Room) -> None:
    first = room.store.reads({1: Said("draft", HR)})
    room.store.reads({1: Said("list", LABELS)})
    room.hold(evidence=(piece(1, Said("draft", HR)).id,))
    room.erase(sources=(SOURCE,))
    assert written(room) == []
    assert shown(room, first) == [[], ["draft"], [], ["draft"]]


def test_one_set_after_another_is_written_down(room: Room) -> None:
    """Three states, the later ones erased one by one; the one between is held until then, and judges meanwhile."""
    middle, last = Said("middle", GUARDED), Said("last", HR)
    first = room.store.reads({1: OPEN})
    second = room.store.reads({1: middle})
    room.store.reads({1: last})
    room.hold(evidence=(piece(1, OPEN).id,))
    hold = room.hold(evidence=(piece(1, middle).id,))
    before = shown(room, first)
    assert before == [[], ["list"], [], ["list"]]
    room.erase(evidence=(piece(1, last).id,))
    assert shown(room, first) == [[], [], [], ["list"]]
    assert shown(room, second) == [[], [], [], ["middle"]]
    room.book.release_hold(hold, ALL)
    room.erase(evidence=(piece(1, middle).id,))
    assert shown(room, first) == [[], [], [], ["list"]]
    assert [(part, label) for row, part, label in written(room) if row == 1] == [(0, "hr"), (1, "security")]


def test_a_set_that_is_known_already_is_not_written_down_again(room: Room) -> None:
    room.store.reads({1: OPEN})
    room.hold(evidence=(piece(1, OPEN).id,))
    for text, labels in (("one", LABELS), ("two", HR), ("three", LABELS), ("four", HR)):
        room.store.reads({1: Said(text, labels)})
        room.erase(evidence=(piece(1, Said(text, labels)).id,))
    assert [(part, label) for row, part, label in written(room) if row == 1] == [(0, "hr"), (0, "security"), (1, "hr")]


def test_what_did_not_judge_any_more_keeps_nothing(room: Room) -> None:
    last = Said("last")
    first = room.store.reads({1: OPEN, 2: OPEN})
    for reading in ({1: SECRET, 2: SECRET}, {1: NEXT}, {1: NEXT, 2: last}, {1: NEXT}):
        room.store.reads(reading)
    room.hold(evidence=(piece(1, OPEN).id, piece(2, OPEN).id, piece(2, last).id))
    before = shown(room, first)
    assert before == [["list", "list"]] * 4
    made = room.erase(subject="hr")
    assert made is not None and made.tally.evidence == 2
    assert (shown(room, first), written(room)) == (before, [])


def test_a_caption_stays_kept_like_the_picture_that_a_hold_keeps(room: Room) -> None:
    room.store.reads({1: OPEN, 2: OTHER})
    first = room.store.reads({1: Said("a man with a ladder")}, CAPTIONS)
    room.store.reads({1: SECRET, 2: OTHER})
    room.hold(sources=(CAPTIONS,))
    before = shown(room, first)
    assert before[0] == ["other"] and before[1] == ["a man with a ladder", "list", "other"]
    room.erase(evidence=(piece(1, SECRET).id,))
    assert shown(room, first) == before


def test_what_still_stands_when_its_next_reading_is_erased_half_way_is_kept_once_it_ends(room: Room) -> None:
    first = room.store.reads({1: OPEN, 2: OTHER})
    begun = Unit("t", SOURCE, "another", "test", [piece(1, SECRET)], closes=False)
    room.store.catalog.commit(begun)
    room.erase(evidence=(piece(1, SECRET).id,))
    assert shown(room, first) == [["list", "other"]] * 4
    room.store.catalog.commit(begun._replace(evidence=[piece(2, OTHER)], closes=True))
    assert shown(room, first) == [["other"], ["list", "other"], ["other"], ["list", "other"]]


def test_what_ends_with_a_reading_of_which_all_is_erased_is_kept_like_what_was_erased(room: Room) -> None:
    """At another place: what stands beside it when it is erased is about to end, and so is nothing that the source goes on telling."""
    first = room.store.reads({1: OPEN})
    begun = Unit("t", SOURCE, "another", "test", [piece(2, SECRET)], closes=False)
    room.store.catalog.commit(begun)
    room.erase(evidence=(piece(2, SECRET).id,))
    assert shown(room, first) == [["list"]] * 4
    room.store.catalog.commit(begun._replace(evidence=[], closes=True))
    assert shown(room, first) == [[], ["list"], [], ["list"]]


def test_what_a_reading_tells_itself_is_not_kept_by_what_was_erased_of_it(room: Room) -> None:
    begun = Unit("t", SOURCE, "one", "test", [piece(1, OPEN), piece(2, SECRET)], closes=False)
    room.store.catalog.commit(begun)
    room.erase(evidence=(piece(2, SECRET).id,))
    room.store.catalog.commit(begun._replace(closes=True))
    at = now(room)
    room.store.reads({3: OTHER})
    assert shown(room, at) == [["list"]] * 4


def test_an_earlier_caption_of_what_stands_stays_kept_when_what_stands_beside_it_is_erased(room: Room) -> None:
    """Two pieces at one place, of which the last counts; nothing of their source has ended."""
    hidden = piece(1, Said("hidden", HR))
    room.store.catalog.commit(Unit("t", SOURCE, "both", "test", [piece(1, OPEN), hidden]))
    first = room.store.reads({1: Said("a man")}, CAPTIONS)
    room.store.reads({1: Said("a man with a ladder")}, CAPTIONS)
    before = shown(room, first)
    assert before == [["list"], ["a man", "hidden", "list"], ["list"], ["a man", "hidden", "list"]]
    room.erase(before=now(room), evidence=(hidden.id,))
    assert shown(room, first) == [["list"], ["a man", "list"], ["list"], ["a man", "list"]]


def test_what_stands_is_judged_by_its_own_labels_and_what_was_told_before_stays_kept(room: Room) -> None:
    first = room.store.reads({1: OPEN})
    room.store.reads({1: SECRET})
    room.hold(evidence=(piece(1, OPEN).id,))
    room.erase(subject="hr")
    again = room.store.reads({1: OPEN})
    assert room.texts((), None) == room.texts((), again) == ["list"]
    assert room.texts((), first) == []


def test_a_label_s_erasure_takes_what_the_label_goes_on_keeping(room: Room) -> None:
    first = room.store.reads({1: OPEN})
    room.store.reads({1: SECRET})
    hold = room.hold(evidence=(piece(1, OPEN).id,))
    room.erase(evidence=(piece(1, SECRET).id,))
    with pytest.raises(LegalHold):
        room.erase(subject="hr")
    room.book.release_hold(hold, ALL)
    assert room.erase(subject="security") is None
    made = room.erase(subject="hr")
    assert made is not None and made.tally.evidence == 1
    assert room.texts(LABELS, first) == []
    # and its labels go with it
    room.book.commit_to(made, {})
    room.book.remove(made, [])
    assert written(room) == []


@pytest.mark.parametrize(("draft", "again"), [(Said("draft"), ["draft"]), (OPEN, [])])
def test_what_a_label_only_kept_may_be_taken_in_again_unless_it_says_what_was_under_it(
    room: Room, draft: Said, again: list[str]
) -> None:
    room.store.reads({1: draft})
    room.store.reads({1: SECRET})
    hold = room.hold(evidence=(piece(1, draft).id,))
    room.erase(subject="hr")
    room.book.release_hold(hold, ALL)
    room.erase(subject="hr")
    room.store.reads({1: draft})
    assert room.texts((), None) == again


def test_the_same_text_of_another_source_is_nothing_that_was_under_the_label(room: Room) -> None:
    draft, other = Said("draft"), "other.txt"
    room.store.reads({1: draft})
    room.store.reads({1: SECRET})
    hold = room.hold(evidence=(piece(1, draft).id,))
    room.erase(subject="hr")
    # its own source is told of openly again, and under another label once more
    room.store.reads({1: Said("draft", GUARDED)}, other)
    room.store.reads({1: Said("next", GUARDED)})
    room.erase(subject="security")
    room.book.release_hold(hold, ALL)
    room.erase(subject="hr")
    room.store.reads({1: draft})
    assert room.texts((), None) == ["draft"]


def test_a_label_that_goes_on_keeping_something_is_a_label_of_the_tenant(room: Room) -> None:
    first = room.store.reads({1: OPEN})
    room.store.reads({1: SECRET})
    room.hold(evidence=(piece(1, OPEN).id,))
    made = room.erase(subject="hr")
    assert made is not None
    assert room.store.catalog.labels("t") == HR
    room.book.commit_to(made, {})
    room.book.remove(made, [])
    assert shown(room, first) == [[], ["list"], [], ["list"]]


def test_a_word_that_a_label_goes_on_having_is_not_missed_from_what_is_erased(room: Room) -> None:
    """Who looks for erased words in the store's files finds the label of what is held."""
    label = "kowalski-4711"
    room.store.reads({1: OPEN})
    room.store.reads({1: Said(f"the file of {label}", (label,))})
    room.hold(evidence=(piece(1, OPEN).id,))
    made = room.erase(subject=label)
    assert made is not None
    room.book.commit_to(made, {})
    room.book.remove(made, [])
    kept = room.book.secrets(made)
    word = needle(kept.salt, WORD, label.encode()) if kept else None
    assert kept is not None and word in kept.needles
    assert word in room.book.elsewhere(Finder(kept.salt, kept.needles))


# --- any history, any erasure ---

AGES = {"a": Interval(0, 1), "b": Interval(100, 101), "old": Interval(0, 1), "new": Interval(100, 101)}


def aged(place: int, said: Said) -> Evidence:
    return msgspec.structs.replace(piece(place, said), valid=AGES[said.text])


def reads(room: Room, reading: Reading) -> int:
    pieces = [aged(place, said) for place, said in reading.items()]
    vectors = [Embedding(each.id, "text", np.ones(4, np.float32)) for each in pieces]
    room.store.catalog.commit(Unit("t", SOURCE, f"{next(room.store._contents)}", "test", pieces, vectors))
    return now(room)


def captioned(room: Room, reading: Reading) -> int:
    """Each piece that stands has a caption."""
    for place, said in reading.items():
        source = derived_source(SOURCE, piece(place, said).id, "captions")
        with suppress(EvidenceNotFound, SourceRejected):
            room.store.reads({place: Said(f"caption of {said.text}")}, source)
    return now(room)


TARGETS = st.sampled_from(
    [
        *({"subject": each} for each in LABELS),
        {"sources": (SOURCE,)},
        *({"sources": (SOURCE,), "subject": each} for each in LABELS),
        {"before": 50, "by": "valid"},
        *({"before": at, "by": "recorded"} for at in (1_020, 1_050, 1_100)),
    ]
)
WINDOWS = st.sampled_from([{"window": Interval(0, 5)}, {"window": Interval(100, 105)}])


def step(room: Room, told: list[str], data: Any) -> dict[str, Any]:
    """Place holds, or release one, then say what is erased."""
    named = st.lists(st.sampled_from(told), min_size=1, max_size=2).map(lambda ids: {"evidence": tuple(ids)})
    for hold in room.book.holds("t"):
        if data.draw(st.booleans(), "released"):
            room.book.release_hold(hold.id, ALL)
    for what in data.draw(st.lists(named | WINDOWS, max_size=2), "held"):
        room.hold(**what)
    target: dict[str, Any] = data.draw(named | TARGETS, "erased")
    return target


@settings(max_examples=60)
@given(history=HISTORIES, data=st.data())
def test_no_erasure_shows_anybody_more_than_before(
    tmp_path_factory: pytest.TempPathFactory, store_at: Callable[[Path], Path], history: list[Reading], data: Any
) -> None:
    room = room_at(store_at(tmp_path_factory.mktemp("withheld") / "catalog.db"))
    times = [at for reading in history for at in (reads(room, reading), captioned(room, reading))]
    told = [piece(place, said).id for reading in history for place, said in reading.items()]
    ways = [(held, at) for held in HELD for at in (*times, None)]
    for _ in range(data.draw(st.integers(1, 3)) if told else 0):
        before = {way: ids(room, *way) for way in ways}
        target = step(room, told, data)
        with suppress(LegalHold):
            room.erase(**target)
        gone = set() if room.book.holds("t") else set(target.get("evidence", ()))
        for way in ways:
            assert ids(room, *way) <= before[way] - gone, (history, target, way)
        if data.draw(st.booleans(), "read again"):
            with suppress(SourceRejected):
                reads(room, data.draw(st.sampled_from(history)))
    for held, at in ways:
        room.store.seen(held, at)
    room.close()


def ids(room: Room, held: tuple[str, ...], as_of: int | None) -> set[str]:
    return {each.id for each in room.store.catalog.scan(Filter(as_of=as_of), Principal("t", labels=held))}
