"""A listener that watches too: what it hears and stores nothing of is known to nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

import structlog

from ingest.stream.attendance import Attendance
from ingest.stream.counts import Counts
from ingest.stream.feeds import FEED
from ingest.watchfulness.ledger import Heard, Listener
from retrieval.errors import StoreError
from retrieval.types import Micros

_LOOK_US = 15_000_000


class Watcher(Protocol):
    """Who watches."""

    def look(self, heard: Heard | None = None) -> object: ...


class Ears:
    """Beats as an attendance does, and looks every quarter of a minute and at the end. `bus` names the listener."""

    def __init__(
        self, attendance: Attendance, counts: Counts, watch: Watcher, bus: str, clock: Callable[[], Micros]
    ) -> None:
        self._attendance, self._counts, self._watch, self._bus, self._clock = attendance, counts, watch, bus, clock
        self._looked: Micros = 0
        self._log = structlog.get_logger(__name__)

    async def beat(self, connected: bool) -> None:
        await self._attendance.beat(connected)
        if self._clock() - self._looked >= _LOOK_US:
            await self._look()

    async def end(self) -> None:
        """The connection is given up."""
        await self._attendance.end()
        await self._look()

    async def _look(self) -> None:
        self._looked = self._clock()
        told, now = self._counts.unstored(), self._counts.standing()
        heard = Heard(
            attended=_groups(self._attendance.since()),
            repeated=_groups(told.repeated),
            refused=_groups(told.refused),
            standing=(self._bus, Listener(at=self._looked, **now._asdict())),
        )
        try:
            await asyncio.to_thread(self._watch.look, heard)
        except StoreError as problem:
            self._counts.give_back(told)
            self._log.warning("cannot look who is silent", why=str(problem))


def _groups(by_feed: Mapping[str, int]) -> dict[str, int]:
    return {f"{FEED}{feed}": value for feed, value in by_feed.items()}
