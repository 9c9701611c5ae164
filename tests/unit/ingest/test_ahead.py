"""Batches read ahead come in order, with what went wrong in its place, and reading ends when nobody wants more."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.ahead import ReadAhead
from ingest.ports import Batch, Draft
from retrieval.errors import SourceRejected
from retrieval.types import FrameAt, Kind


def _batch(number: int) -> Batch:
    return Batch([Draft(Kind.FRAME, FrameAt(number), "")])


@given(st.integers(0, 12), st.booleans())
def test_nothing_is_lost_and_a_failure_comes_after_what_was_read(count: int, fails: bool) -> None:
    def read() -> Iterator[Batch]:
        yield from map(_batch, range(count))
        if fails:
            raise SourceRejected("cut off", kind="truncated")

    ahead, taken = ReadAhead(read), []
    try:
        for batch in ahead:
            taken.append(batch.drafts[0].locator)
        assert not fails
    except SourceRejected as problem:
        assert fails and problem.kind == "truncated"
    finally:
        ahead.close()
    assert taken == [FrameAt(number) for number in range(count)]


def test_batches_before_a_failure_are_handed_out() -> None:
    def read() -> Iterator[Batch]:
        yield _batch(0)
        raise SourceRejected("cut off", kind="truncated")

    batches = iter(ReadAhead(read))
    assert next(batches).drafts[0].locator == FrameAt(0)
    with pytest.raises(SourceRejected):
        next(batches)


def test_closing_ends_the_reader_while_it_waits_for_a_taker() -> None:
    ended, read_so_far = threading.Event(), []

    def read() -> Iterator[Batch]:
        try:
            for number in range(1_000_000):
                read_so_far.append(number)
                yield _batch(number)
        finally:
            ended.set()

    ahead = ReadAhead(read)
    assert next(iter(ahead)).drafts[0].locator == FrameAt(0)
    ahead.close()
    assert ended.is_set() and len(read_so_far) < 1_000
    ahead.close()
