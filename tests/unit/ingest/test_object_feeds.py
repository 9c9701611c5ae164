"""Feeds of objects: what their file may say, and that a film in one lane keeps no alarm in another waiting."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from ingest.stream.counts import Counts
from ingest.stream.feeds import read_feeds
from ingest.stream.intake import Taken
from ingest.stream.message import Message
from ingest.stream.post import Lanes, Post
from retrieval.errors import BadSettings


def written(tmp_path: Path, feed: str) -> Path:
    path = tmp_path / "feeds.yaml"
    path.write_text(f"bus: kafka://one:9092\nfeeds:\n  bucket: {feed}\n")
    return path


def test_a_feed_of_objects_names_its_prefixes(tmp_path: Path) -> None:
    feeds = read_feeds(written(tmp_path, "{topic: t, kind: objects, prefixes: ['s3://plant/north/']}"))
    assert feeds.feeds["bucket"].prefixes == ("s3://plant/north/",)


@pytest.mark.parametrize(
    "feed",
    [
        "{topic: t, kind: objects}",
        "{topic: t, prefixes: ['s3://plant/']}",
        "{topic: t, kind: objects, prefixes: ['s3://plant/'], id: key}",
        "{topic: t, kind: objects, prefixes: ['s3://plant/'], labels: [hr]}",
        "{topic: t, kind: things}",
    ],
)
def test_what_contradicts_itself_is_refused(tmp_path: Path, feed: str) -> None:
    with pytest.raises(BadSettings, match=r"feeds feeds\.yaml"):
        read_feeds(written(tmp_path, feed))


class Slow:
    """Takes its messages once it is let."""

    def __init__(self) -> None:
        self.let, self.took = threading.Event(), list[str]()

    def prepare(self) -> None:
        """Nothing to load."""

    def take(self, messages: Sequence[Message]) -> Taken:
        assert self.let.wait(10)
        self.took += [message.feed for message in messages]
        return Taken(len(messages), 0, ())


def test_one_lane_never_waits_for_another() -> None:
    films, alarms, counts = Slow(), Slow(), Counts()
    alarms.let.set()
    lanes = Lanes({"films": Post(films, counts, lambda: 0), "alarms": Post(alarms, counts, lambda: 0)})

    async def deliver() -> None:
        await lanes.prepare()
        carrying = asyncio.create_task(lanes.carry())
        film = asyncio.create_task(lanes.deliver(Message("films", "", b"1")))
        await asyncio.wait_for(lanes.deliver(Message("alarms", "", b"2")), 5)
        assert not film.done()
        films.let.set()
        await asyncio.wait_for(film, 5)
        carrying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await carrying

    asyncio.run(deliver())
    assert (films.took, alarms.took, counts.standing().waiting) == (["films"], ["alarms"], 0)


class Broken(Slow):
    def take(self, messages: Sequence[Message]) -> Taken:
        raise ZeroDivisionError("a mistake")


def test_what_one_lane_fails_of_ends_all() -> None:
    lanes = Lanes({"a": Post(Broken(), Counts(), lambda: 0), "b": Post(Slow(), Counts(), lambda: 0)})

    async def deliver() -> None:
        waiting = asyncio.create_task(lanes.deliver(Message("a", "", b"1")))
        try:
            await asyncio.wait_for(lanes.carry(), 5)
        finally:
            waiting.cancel()

    with pytest.raises(ZeroDivisionError):
        asyncio.run(deliver())
