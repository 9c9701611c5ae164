"""What an erasure takes of coverage goes on judging what a hold keeps of it, and of a site nothing is left that could be shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain, count
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_catalog_seeing import HR, Said, piece
from test_erasing_states import ALL, HELD, Room, now, room_at

from retrieval.catalog import tables as t
from retrieval.erasure.values import Target
from retrieval.errors import LegalHold
from retrieval.ports import Unit
from retrieval.types import Coverage, Entity, EntityType, Interval, Layer, Link, LinkType, Principal

GUARDED = ("security",)


@pytest.fixture
def room(either_store: Path | str) -> Iterator[Room]:
    made = room_at(either_store)
    yield made
    made.close()


# --- coverage ---

CAMERA = "file:///site/cam.mp4"


def looked(labels: tuple[str, ...], *spans: tuple[int, int]) -> list[Coverage]:
    told: dict[str, Any] = {"source": CAMERA, "subject": "CAM", "tenant": "t", "layer": Layer.RECORDED}
    return [Coverage(valid=Interval(*span), labels=labels, **told) for span in spans]


def covers(room: Room, contents: Iterator[int], labels: tuple[str, ...], *spans: tuple[int, int]) -> int:
    told = looked(labels, *spans)
    room.store.catalog.commit(Unit("t", CAMERA, f"covers {next(contents)}", "test", coverage=told))
    return now(room)


def covered(room: Room, as_of: int) -> list[int]:
    """How much coverage each asker is told of."""
    return [len(room.store.catalog.coverage(Principal("t", labels=held), [], as_of=as_of)) for held in HELD]


@pytest.mark.parametrize("dropped", [False, True])
def test_coverage_that_a_hold_keeps_stays_kept_from_whom_the_erased_label_kept_it(room: Room, dropped: bool) -> None:
    contents = count()
    first = covers(room, contents, (), (0, 10))
    covers(room, contents, GUARDED, (20, 30))
    covers(room, contents, HR, (20, 30), (40, 50))
    if dropped:
        covers(room, contents, ())
    room.hold(window=Interval(0, 5))
    before = covered(room, first)
    assert before == [0, 1, 0, 1]
    if dropped:
        assert room.book.drop_coverage("t", 2**60) == 3
    else:
        assert room.book.count(Target(sources=(CAMERA,)), ALL).coverage == 3
        room.erase(sources=(CAMERA,))
    assert covered(room, first) == before
    # what is told after that opens nothing of it
    after = covers(room, contents, (), (60, 70))
    assert covered(room, first) == before
    assert covered(room, after) == [1, 1, 1, 1]


def test_coverage_that_is_told_no_more_lies_under_the_labels_of_what_was_told_last(room: Room) -> None:
    contents = count()
    first = covers(room, contents, (), (0, 10))
    covers(room, contents, HR, (20, 30))
    assert covered(room, first) == [0, 1, 0, 1]
    covers(room, contents, ())
    assert covered(room, first) == [0, 1, 0, 1]


def test_what_stands_is_told_as_of_any_time_when_what_was_told_beside_it_is_erased(room: Room) -> None:
    first = tells_of(room, iter("abc"), [("CAM", (), (0, 10)), ("GATE", HR, (0, 10))])
    before = [spans(room, (), first, about) for about in ([], ["CAM"], ["GATE"])]
    assert before == [{("CAM", 0)}, {("CAM", 0)}, set()]
    room.erase(entities=("GATE",))
    assert [spans(room, (), first, about) for about in ([], ["CAM"], ["GATE"])] == before
    assert spans(room, (), now(room), []) == {("CAM", 0)}


def test_what_a_subject_was_told_under_last_keeps_it_though_others_are_told_openly(room: Room) -> None:
    contents = iter("abc")
    first = tells_of(room, contents, [("CAM", (), (0, 10))])
    tells_of(room, contents, [("CAM", HR, (0, 10)), ("GATE", (), (0, 10))])
    tells_of(room, contents, [("GATE", (), (0, 10))])
    assert covered(room, first) == [0, 1, 0, 1]


def test_what_stands_beside_a_reading_that_is_erased_half_way_is_kept_once_it_ends(room: Room) -> None:
    contents = iter("abc")
    first = tells_of(room, contents, [("CAM", (), (0, 10))])
    begun = Unit("t", CAMERA, "half", "test", coverage=said_of([("GATE", HR, (0, 10))]), closes=False)
    room.store.catalog.commit(begun)
    room.erase(entities=("GATE",))
    assert covered(room, first) == [1, 1, 1, 1]
    room.store.catalog.commit(begun._replace(coverage=[], closes=True))
    assert covered(room, first) == [0, 1, 0, 1]


@pytest.mark.parametrize("together", [False, True])
def test_a_source_that_is_told_again_after_its_erasure_ends_what_a_hold_keeps_of_it(room: Room, together: bool) -> None:
    """Its revisions are counted on: two of one number could not both be stored."""
    contents = count()
    first = covers(room, contents, (), (0, 10), (20, 30))
    room.hold(window=Interval(0, 5))
    room.erase(sources=(CAMERA,))
    assert covered(room, now(room)) == [1] * 4
    again = Unit("t", CAMERA, "again", "test", coverage=looked((), (0, 10), (40, 50)))
    other = Unit("t", "other", "other", "test", [piece(1, Said("other"), "other")])
    if together:
        assert [getattr(told, "added", told) for told in room.store.catalog.commit_all([other, again])] == [1, 0]
    else:
        room.store.catalog.commit(again)
    assert (covered(room, first), covered(room, now(room))) == ([1] * 4, [2] * 4)
    assert len(room.store.catalog.coverage(ALL, [])) == 2
    room.store.catalog.commit(again._replace(content_hash="nothing", coverage=[]))
    assert room.store.catalog.coverage(ALL, []) == []


def test_what_an_earlier_version_left_under_a_later_number_is_counted_on(room: Room) -> None:
    """It began anew where a hold kept coverage of a source that was erased."""
    contents = count()
    covers(room, contents, (), (0, 10))
    with room.store.catalog._db.write() as connection:
        connection.execute(t.coverage.update().values(revision=2))
    covers(room, contents, (), (0, 10))
    assert covered(room, now(room)) == [1] * 4


def test_coverage_that_was_open_goes_on_being_told_whatever_is_erased_beside_it(room: Room) -> None:
    contents = iter("abcd")
    first = tells_of(room, contents, [("CAM", (), (0, 10))])
    second = tells_of(room, contents, [("CAM", (), (20, 30)), ("GATE", HR, (0, 10))])
    room.erase(entities=("GATE",))
    assert covered(room, first) == [1] * 4
    tells_of(room, contents, [("CAM", (), (0, 10))])
    assert [covered(room, at) for at in (first, second)] == [[1] * 4] * 2
    # of a reading that is under way too
    begun = Unit("t", CAMERA, "half", "test", coverage=said_of([("CAM", (), (0, 10)), ("GATE", HR, (0, 10))]))
    room.store.catalog.commit(begun._replace(closes=False))
    room.erase(entities=("GATE",))
    room.store.catalog.commit(begun._replace(coverage=[]))
    third = now(room)
    tells_of(room, contents, [("CAM", (), (20, 30))])
    assert covered(room, third) == [1] * 4


def test_what_stands_is_not_kept_for_good_by_what_is_erased_beside_it(room: Room) -> None:
    contents = iter("ab")
    first = tells_of(room, contents, [("CAM", (), (0, 10)), ("CAM", HR, (20, 30))])
    room.hold(window=Interval(0, 5))
    room.erase(entities=("CAM",))
    tells_of(room, contents, [("CAM", (), (40, 50))])
    assert covered(room, first) == [1] * 4


SPANS = ((0, 10), (20, 30))
SUBJECTS = ("CAM", "GATE")
Telling: TypeAlias = tuple[str, tuple[str, ...], tuple[int, int]]
TELLINGS = st.lists(
    st.lists(st.tuples(st.sampled_from(SUBJECTS), st.sampled_from(HELD), st.sampled_from(SPANS)), max_size=3),
    min_size=2,
    max_size=4,
)
WAYS: tuple[list[str], ...] = ([], ["CAM"], ["GATE"], [CAMERA])


def said_of(telling: list[Telling]) -> list[Coverage]:
    told: dict[str, Any] = {"source": CAMERA, "tenant": "t", "layer": Layer.RECORDED}
    return [Coverage(subject=of, valid=Interval(*span), labels=labels, **told) for of, labels, span in telling]


def tells_of(room: Room, contents: Iterator[Any], telling: list[Telling]) -> int:
    unit = Unit("t", CAMERA, f"tells {next(contents)}", "test", coverage=said_of(telling))
    room.store.catalog.commit(unit)
    return now(room)


def spans(room: Room, held: tuple[str, ...], as_of: int, about: list[str]) -> set[tuple[str, int]]:
    """Subject and beginning of each."""
    told = room.store.catalog.coverage(Principal("t", labels=held), about, as_of=as_of)
    return {(each.subject, each.valid.t0) for each in told if each.valid is not None}


def expected(tellings: list[list[Telling]], then: int, held: tuple[str, ...]) -> set[tuple[str, int]]:
    """Of a source without erasures, what `held` is told of the reading `then`, in the words of telling."""
    told = [number for number, telling in enumerate(tellings) if telling]
    shown = set()
    for subject, labels, (begin, _) in tellings[then]:
        sets = [labels]
        if then < len(tellings) - 1:
            about = [number for number in told if any(of == subject for of, *_ in tellings[number])][-1]
            sets = [labels for of, labels, _ in tellings[about] if of == subject]
            if about < len(tellings) - 1:
                any_ = [labels for _, labels, _ in tellings[told[-1]]]
                sets.append(tuple({*chain(*any_)}) if all(any_) else ())
        if all(not each or {*each} & {*held} for each in sets):
            shown.add((subject, begin))
    return shown


@settings(max_examples=100)
@given(tellings=TELLINGS)
def test_coverage_that_is_told_no_more_is_told_to_who_may_see_what_is_told_now(
    tmp_path_factory: pytest.TempPathFactory, store_at: Callable[[Path], Path], tellings: list[list[Telling]]
) -> None:
    room, contents = room_at(store_at(tmp_path_factory.mktemp("telling") / "catalog.db")), count()
    times = [tells_of(room, contents, telling) for telling in tellings]
    for then, at in enumerate(times):
        for held in HELD:
            wanted = expected(tellings, then, held)
            for about in WAYS:
                asked = {each for each in wanted if about in ([], [CAMERA]) or each[0] in about}
                assert spans(room, held, at, about) == asked, (then, held, about)
    room.close()


@settings(max_examples=100)
@given(tellings=TELLINGS, data=st.data())
def test_no_erasure_tells_anybody_of_more_coverage_than_before(
    tmp_path_factory: pytest.TempPathFactory,
    store_at: Callable[[Path], Path],
    tellings: list[list[Telling]],
    data: Any,
) -> None:
    room, contents = room_at(store_at(tmp_path_factory.mktemp("coverage") / "catalog.db")), count()
    times = [tells_of(room, contents, telling) for telling in tellings]
    ways = [(held, at, about) for held in HELD for at in times for about in WAYS]
    hold = room.hold(window=Interval(*data.draw(st.sampled_from(SPANS), "held")))
    for last in (False, True):
        if last:
            room.book.release_hold(hold, ALL)
        before = [spans(room, *way) for way in ways]
        targets = st.sampled_from([None, {"sources": (CAMERA,)}, *({"entities": (each,)} for each in SUBJECTS)])
        target = data.draw(targets, "erased")
        if target is None:
            room.book.drop_coverage("t", data.draw(st.sampled_from(times), "dropped before"))
        else:
            with suppress(LegalHold):
                room.erase(**target)
        assert all(spans(room, *way) <= seen for way, seen in zip(ways, before, strict=True))
    room.close()


# --- the site ---


def told_of(room: Room, as_of: int) -> list[tuple[list[str], int]]:
    """What entities and how many links each asker is told of."""
    found = []
    for held in HELD:
        who, catalog = Principal("t", labels=held), room.store.catalog
        found.append(([each.id for each in catalog.entities(who, as_of)], len(catalog.links(who, as_of))))
    return found


def tells(room: Room, labels: tuple[str, ...]) -> int:
    """Two sources tell of a person and a pump; when that was known."""
    things = [Entity(id="E-7", type=EntityType.PERSON, name="Tim", tenant="t", labels=labels)]
    things += [Entity(id="P-1", type=EntityType.ASSET, name="Pump", tenant="t", labels=labels)]
    link = Link("E-7", LinkType.PART_OF, "P-1", "t", labels=labels)
    for source in ("site.yaml", "more.yaml"):
        told = [piece(1, Said(source, labels), source)]
        room.store.catalog.commit(Unit("t", source, f"{source} {labels}", "site", told, (), (), things, [link]))
    return now(room)


def test_what_a_source_tells_no_more_lies_under_the_labels_that_it_was_told_under_last(room: Room) -> None:
    first, _ = (tells(room, labels) for labels in ((), HR))
    seen = [([], 0), (["E-7", "P-1"], 1)] * 2
    assert told_of(room, first) == seen
    for source in ("site.yaml", "more.yaml"):
        room.store.catalog.commit(Unit("t", source, "nothing", "site"))
    assert told_of(room, first) == seen
    tells(room, ())
    assert told_of(room, first) == [(["E-7", "P-1"], 1)] * 4


@pytest.mark.parametrize("target", [{"subject": "Tim"}, {"sources": ("site.yaml",)}, {"sources": ("more.yaml",)}])
@pytest.mark.parametrize("hold", [None, {"entities": ("P-1",)}, {"entities": ("E-7",)}, {"window": Interval(0, 2**50)}])
def test_of_a_site_every_telling_of_a_thing_by_a_source_goes_or_none(
    room: Room, target: dict[str, Any], hold: dict[str, Any] | None
) -> None:
    """So nothing of it loses what judges it."""
    first, _ = (tells(room, labels) for labels in ((), HR))
    if hold is not None:
        room.hold(**hold)
    before = told_of(room, first)
    assert before == [([], 0), (["E-7", "P-1"], 1)] * 2
    with suppress(LegalHold):
        room.erase(**target)
    for (ids, links), (seen, linked) in zip(told_of(room, first), before, strict=True):
        assert set(ids) <= set(seen) and links <= linked
