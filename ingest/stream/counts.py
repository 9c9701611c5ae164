"""How a listener is doing: what came, what became of it, and how far behind the bus it is."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ingest.stream.feeds import FEED
from ingest.stream.intake import Taken
from ingest.stream.message import Message
from retrieval.types import Micros


class Standing(NamedTuple):
    """Counts since the start. `lag_s`: how old the newest message was when it was stored, in seconds; None where the bus tells no time.
    `waiting`: messages in hand that are not stored yet. `trouble`: why nothing can be stored at the moment, "" where it can."""

    stored: int
    known: int
    dead: int
    waiting: int
    lag_s: float | None
    trouble: str


class Unstored(NamedTuple):
    """Messages by feed that were heard and changed nothing: those that said nothing new, and those that cannot be evidence."""

    repeated: Mapping[str, int]
    refused: Mapping[str, int]


class Counts:
    """Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = Standing(0, 0, 0, 0, None, "")
        self._repeated, self._refused = Counter[str](), Counter[str]()

    def came(self, count: int) -> None:
        with self._lock:
            self._now = self._now._replace(waiting=self._now.waiting + count)

    def took(self, messages: Sequence[Message], taken: Taken, now: Micros) -> None:
        sent = [message.sent for message in messages if message.sent is not None]
        with self._lock:
            was = self._now
            self._now = Standing(
                stored=was.stored + taken.stored,
                known=was.known + taken.known,
                dead=was.dead + len(taken.dead),
                waiting=was.waiting - len(messages),
                lag_s=max(0.0, (now - max(sent)) / 1e6) if sent else was.lag_s,
                trouble="",
            )
            self._repeated.update(taken.repeats)
            self._refused.update(dead.source.removeprefix(FEED).partition("/")[0] for dead in taken.dead)

    def troubled(self, why: str) -> None:
        with self._lock:
            self._now = self._now._replace(trouble=why)

    def standing(self) -> Standing:
        with self._lock:
            return self._now

    def unstored(self) -> Unstored:
        """Since it was asked for last, or given back."""
        with self._lock:
            told = Unstored(self._repeated, self._refused)
            self._repeated, self._refused = Counter(), Counter()
            return told

    def give_back(self, told: Unstored) -> None:
        """What could not be told is told with the next."""
        with self._lock:
            self._repeated.update(told.repeated)
            self._refused.update(told.refused)
