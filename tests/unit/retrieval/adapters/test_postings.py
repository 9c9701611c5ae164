"""Postings, sets and places against dicts."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from retrieval.adapters.faiss_vectors import postings
from retrieval.adapters.faiss_vectors.places import Places
from retrieval.adapters.faiss_vectors.postings import Postings, room
from retrieval.adapters.faiss_vectors.sets import Sets

KEYS = st.integers(-(2**63), 2**63 - 1) | st.integers(0, 5)


@given(entries=st.lists(st.tuples(KEYS, st.integers(0, 60)), max_size=80), waiting=st.integers(1, 50))
def test_postings_are_a_dict_of_sets(entries: list[tuple[int, int]], waiting: int) -> None:
    before, postings._WAITING = postings._WAITING, waiting
    try:
        made, truth = Postings(), dict[int, set[int]]()
        for key, slot in entries:
            made.add([key], slot)
            truth.setdefault(key, set()).add(slot)
    finally:
        postings._WAITING = before
    for key in [*truth, 77]:
        assert made.get(key).tolist() == made.one(key) == sorted(truth.get(key, ()))
    flat = [(key, slot) for key, slots in truth.items() for slot in slots]
    at_once = Postings.of(np.array([k for k, _ in flat], np.int64), np.array([s for _, s in flat], np.int64))
    assert all(at_once.one(key) == sorted(slots) for key, slots in truth.items())


MEMBERS = st.lists(st.integers(0, 40), max_size=5, unique=True).map(sorted).map(tuple)


@given(before=st.lists(MEMBERS, max_size=12, unique=True), asked=st.lists(MEMBERS, max_size=40))
def test_sets_are_a_dict_of_tuples(before: list[tuple[int, ...]], asked: list[tuple[int, ...]]) -> None:
    made, truth = Sets.of(before), {members: code for code, members in enumerate(before)}
    assert [made.code(members) for members in asked] == [truth.setdefault(each, len(truth)) for each in asked]
    assert (len(made), made.values) == (len(truth), list(truth))
    assert made.sizes.tolist() == [len(members) for members in truth]
    assert made.members.tolist() == [each for members in truth for each in members]


def test_sets_of_one_hash_are_told_apart() -> None:
    # numbers below 2**30 hash to themselves, and -1 to what -2 does
    made = Sets()
    assert hash((-1,)) == hash((-2,))
    assert [made.code((-1,)), made.code((-2,)), made.code((-1,))] == [0, 1, 0]


@given(
    steps=st.lists(
        st.tuples(st.booleans(), st.lists(st.integers(0, 12), min_size=1, max_size=8)), min_size=1, max_size=25
    )
)
def test_places_are_a_dict_of_positions(steps: list[tuple[bool, list[int]]]) -> None:
    places, truth, size = Places(), dict[int, set[int]](), 0
    for puts, slots in steps:
        if puts:
            places.append(np.array(slots, np.int64))
            for slot in slots:
                truth.setdefault(slot, set()).add(size)
                size += 1
        else:
            gone = sum(len(truth.pop(slot, ())) for slot in set(slots))
            assert places.drop(np.unique(np.array(slots, np.int64))) == gone
    every = np.arange(14)
    assert places.of(every).tolist() == sorted(p for held in truth.values() for p in held) == places.alive().tolist()
    assert np.flatnonzero(places.known(every)).tolist() == sorted(truth)
    assert (places.size, places.live) == (size, sum(map(len, truth.values())))
    for slot, held in truth.items():
        assert places.of(np.array([slot])).tolist() == sorted(held)
        assert (places.slot[sorted(held)] == slot).all()


def test_places_take_what_died_on_the_way() -> None:
    places = Places()
    places.append(np.array([4, -1, 4, -1], np.int64))
    assert (places.size, places.dead, places.of(np.array([4])).tolist()) == (4, 2, [0, 2])


@given(start=st.integers(0, 300), size=st.integers(0, 900), fill=st.sampled_from([0, -1]))
def test_room_keeps_what_is_there(start: int, size: int, fill: int) -> None:
    array = np.arange(start, dtype=np.int32)
    longer = room(array, size, fill)
    assert len(longer) >= max(start, size)
    assert (longer[:start] == array).all()
    assert (longer[start:] == fill).all()
