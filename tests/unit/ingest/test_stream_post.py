"""Between a bus and the store: nothing is acknowledged before it is on disk, and no time is told in which nothing was taken in."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from ingest.stream import post
from ingest.stream.attendance import Attendance
from ingest.stream.counts import Counts
from ingest.stream.intake import Taken
from ingest.stream.message import Message
from ingest.stream.post import Post
from retrieval.errors import EncoderUnavailable, StoreBusy, StoreError
from retrieval.types import Interval

MINUTE = 60_000_000


class Shelf:
    """Takes messages in memory; `failures` are raised first, and `gate` holds a round until it is opened."""

    def __init__(self, *failures: Exception) -> None:
        self.rounds: list[list[Message]] = []
        self.told: list[tuple[str, Interval]] = []
        self.gate = threading.Event()
        self.gate.set()
        self._failures = list(failures)

    def prepare(self) -> None:
        """Nothing to load."""

    def take(self, messages: Sequence[Message]) -> Taken:
        self.gate.wait(10)
        if self._failures:
            raise self._failures.pop(0)
        self.rounds.append(list(messages))
        return Taken(len(messages), 0, ())

    def listened(self, feed: str, span: Interval) -> None:
        if self._failures:
            raise self._failures.pop(0)
        self.told.append((feed, span))


def messages(count: int) -> list[Message]:
    return [Message("alarms", str(n), b"{}", n * 1_000_000) for n in range(count)]


async def delivered(shelf: Shelf, counts: Counts, sent: list[Message]) -> None:
    carrier = Post(shelf, counts, lambda: 10_000_000)  # type: ignore[arg-type]
    carrying = asyncio.create_task(carrier.carry())
    await asyncio.wait_for(asyncio.gather(*(carrier.deliver(each) for each in sent)), 10)
    carrying.cancel()


def test_what_comes_while_one_round_is_written_goes_into_the_next_together() -> None:
    shelf, counts = Shelf(), Counts()
    shelf.gate.clear()
    threading.Timer(0.05, shelf.gate.set).start()
    asyncio.run(delivered(shelf, counts, messages(post.MOST + 20)))
    assert [m for each in shelf.rounds for m in each] == messages(post.MOST + 20)
    assert max(map(len, shelf.rounds)) == post.MOST and len(shelf.rounds) <= 3
    standing = counts.standing()
    assert (standing.stored, standing.waiting, standing.trouble) == (post.MOST + 20, 0, "")
    assert standing.lag_s == 0.0


@pytest.mark.parametrize("failure", [StoreBusy(), StoreError("disk full"), EncoderUnavailable("no weights")])
def test_a_store_that_fails_is_waited_for_and_nothing_is_acknowledged_meanwhile(
    failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post, "_FIRST_WAIT_S", 0.01)
    shelf, counts = Shelf(failure, failure, failure), Counts()

    async def watched() -> None:
        carrier = Post(shelf, counts, lambda: 0)  # type: ignore[arg-type]
        carrying = asyncio.create_task(carrier.carry())
        sending = asyncio.create_task(carrier.deliver(messages(1)[0]))
        while not counts.standing().trouble:
            await asyncio.sleep(0.001)
        assert not sending.done() and counts.standing().waiting == 1
        await asyncio.wait_for(sending, 10)
        carrying.cancel()

    asyncio.run(watched())
    assert (counts.standing().trouble, shelf.rounds) == ("", [messages(1)])


class Beats:
    """An attendance, and the time it lives in."""

    def __init__(self, *failures: Exception) -> None:
        self.now, self.shelf, self.counts = 0, Shelf(*failures), Counts()
        self.attendance = Attendance(self.shelf, self.counts, ["alarms"], lambda: self.now)  # type: ignore[arg-type]

    def beat(self, at_s: int, connected: bool = True) -> None:
        self.now = at_s * 1_000_000
        asyncio.run(self.attendance.beat(connected))

    def spans_s(self) -> list[tuple[int, int]]:
        return [(span.t0 // 1_000_000, span.t1 // 1_000_000) for _, span in self.shelf.told]


def test_a_connection_is_told_every_minute_and_at_its_end() -> None:
    beats = Beats()
    for second in range(0, 150, 5):
        beats.beat(second)
    asyncio.run(beats.attendance.end())
    assert beats.spans_s() == [(0, 60), (0, 120), (0, 145)]


def test_a_lost_connection_ends_what_is_told_and_the_next_begins_anew() -> None:
    beats = Beats()
    for second, connected in ((0, True), (5, True), (10, False), (15, False), (20, True), (25, True)):
        beats.beat(second, connected)
    asyncio.run(beats.attendance.end())
    assert beats.spans_s() == [(0, 5), (20, 25)]


def test_a_process_that_stood_still_listened_to_nothing() -> None:
    beats = Beats()
    for second in (0, 5, 3600, 3605):
        beats.beat(second)
    asyncio.run(beats.attendance.end())
    assert beats.spans_s() == [(0, 5), (3600, 3605)]


def test_time_in_which_messages_waited_is_told_once_they_are_stored() -> None:
    beats = Beats()
    beats.beat(0)
    beats.beat(5)
    beats.counts.came(1)
    for second in range(10, 100, 5):
        beats.beat(second)
    assert beats.spans_s() == []
    beats.counts.took(messages(1), Taken(1, 0, ()), beats.now)
    beats.beat(100)
    asyncio.run(beats.attendance.end())
    assert beats.spans_s() == [(0, 100)] * 2


def test_what_cannot_be_told_is_told_with_the_next() -> None:
    beats = Beats(StoreError("disk full"))
    for second in range(0, 130, 5):
        beats.beat(second)
    assert beats.spans_s()[0][0] == 0 and beats.spans_s()[0][1] > 60
