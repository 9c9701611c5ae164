"""A listener that watches: what it heard and stored nothing of is told once, and kept where it could not be told."""

from __future__ import annotations

import asyncio
from typing import Any

from ingest.stream.attendance import Attendance
from ingest.stream.counts import Counts
from ingest.stream.dead import Dead
from ingest.stream.intake import Taken
from ingest.stream.message import Message
from ingest.watchfulness.ledger import Heard
from ingest.watchfulness.listening import Ears
from retrieval.errors import StoreBusy
from retrieval.types import Interval

MINUTE = 60_000_000


class Intake:
    """Remembers what was told as listened to."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Interval]] = []

    def listened(self, feed: str, span: Interval) -> None:
        self.told.append((feed, span))


class Watch:
    """Remembers what it heard; at first its store is busy."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []

    def look(self, heard: Heard | None = None) -> None:
        assert heard is not None
        self.heard.append(heard)
        if len(self.heard) == 1:
            raise StoreBusy()


class Clock:
    now = MINUTE

    def __call__(self) -> int:
        return self.now


def beaten(minutes: list[float], counts: Counts, silences: Any = lambda feed: ()) -> tuple[Watch, Intake]:
    clock, intake, watch = Clock(), Intake(), Watch()
    attendance = Attendance(intake, counts, ["a"], clock, silences)  # type: ignore[arg-type]
    ears = Ears(attendance, counts, watch, "mqtt://b as w", clock)

    async def story() -> None:
        for minute in minutes:
            clock.now = round(minute * MINUTE)
            await ears.beat(True)
        await ears.end()

    asyncio.run(story())
    return watch, intake


def test_what_could_not_be_told_is_told_with_the_next() -> None:
    counts = Counts()
    counts.came(3)
    dead = (Dead("feed:///b/~dead%2Fx", "broken_row", "no json"),)
    messages = [Message("a", "", b"") for _ in range(3)]
    counts.took(messages, Taken(0, 2, dead, {"a": 2}), 5)
    watch, _ = beaten([1, 1.1, 1.3, 1.6], counts)
    assert [(dict(each.repeated), dict(each.refused)) for each in watch.heard] == [
        ({"feed:///a": 2}, {"feed:///b": 1}),
        ({"feed:///a": 2}, {"feed:///b": 1}),
        ({}, {}),
        ({}, {}),
    ]
    assert [each.attended for each in watch.heard[:3]] == [{"feed:///a": MINUTE}] * 3 and watch.heard[-1].attended == {}
    standing = watch.heard[0].standing
    assert standing is not None and (standing[0], standing[1].known, standing[1].dead) == ("mqtt://b as w", 2, 1)


def test_what_waits_to_be_stored_is_no_silence() -> None:
    counts = Counts()
    counts.came(1)
    watch, intake = beaten([1, 1.3, 1.6], counts)
    assert [each.attended.get("feed:///a") for each in watch.heard] == [
        MINUTE,
        round(1.3 * MINUTE),
        round(1.6 * MINUTE),
        None,
    ]
    assert intake.told == []


def test_a_silence_is_left_out_of_what_was_listened_to() -> None:
    silent = [Interval(2 * MINUTE, 3 * MINUTE), Interval(4 * MINUTE, 1 << 62)]
    _, intake = beaten([n / 2 for n in range(2, 12)], Counts(), lambda feed: silent)
    last = {span.t0: span.t1 for _, span in intake.told}
    assert last == {MINUTE: 2 * MINUTE, 3 * MINUTE: 4 * MINUTE}
