"""What an erasure takes of coverage goes on judging what a hold keeps of it, and of a site nothing is left that could be shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_catalog_seeing import HR, Said, piece
from test_erasing_states import ALL, HELD, Room, now, room_at

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
    # what is told after that judges again
    covers(room, contents, (), (60, 70))
    assert covered(room, first) == [1, 1, 1, 1]


def test_coverage_that_is_told_no_more_lies_under_the_labels_of_what_was_told_last(room: Room) -> None:
    contents = count()
    first = covers(room, contents, (), (0, 10))
    covers(room, contents, HR, (20, 30))
    assert covered(room, first) == [0, 1, 0, 1]
    covers(room, contents, ())
    assert covered(room, first) == [0, 1, 0, 1]


SPANS = ((0, 10), (20, 30))
TELLINGS = st.lists(st.tuples(st.sampled_from(HELD), st.sampled_from(SPANS)), min_size=2, max_size=4)


def spans(room: Room, held: tuple[str, ...], as_of: int, about: list[str]) -> set[Interval | None]:
    told = room.store.catalog.coverage(Principal("t", labels=held), about, as_of=as_of)
    return {each.valid for each in told}


@settings(max_examples=60)
@given(tellings=TELLINGS, data=st.data())
def test_no_erasure_tells_anybody_of_more_coverage_than_before(
    tmp_path_factory: pytest.TempPathFactory,
    store_at: Callable[[Path], Path],
    tellings: list[tuple[tuple[str, ...], tuple[int, int]]],
    data: Any,
) -> None:
    room, contents = room_at(store_at(tmp_path_factory.mktemp("coverage") / "catalog.db")), count()
    times = [covers(room, contents, labels, span) for labels, span in tellings]
    ways = [(held, at, about) for held in HELD for at in times for about in ([], ["CAM"])]
    hold = room.hold(window=Interval(*tellings[0][1]))
    for last in (False, True):
        if last:
            room.book.release_hold(hold, ALL)
        before = [spans(room, *way) for way in ways]
        dropped = data.draw(st.none() | st.sampled_from(times), "dropped before")
        if dropped is not None:
            room.book.drop_coverage("t", dropped)
        else:
            with suppress(LegalHold):
                room.erase(sources=(CAMERA,))
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
