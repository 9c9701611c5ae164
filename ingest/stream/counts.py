"""How a listener is doing: what came, what became of it, and how far behind the bus it is."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import NamedTuple

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


class Counts:
    """Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = Standing(0, 0, 0, 0, None, "")

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

    def troubled(self, why: str) -> None:
        with self._lock:
            self._now = self._now._replace(trouble=why)

    def standing(self) -> Standing:
        with self._lock:
            return self._now
