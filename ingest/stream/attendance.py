"""When feeds were listened to, kept as coverage: in the time between two of these nothing could have been heard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from ingest.stream.counts import Counts
from ingest.stream.intake import Intake
from retrieval.errors import StoreError
from retrieval.intervals import gaps
from retrieval.types import Interval, Micros

# told so often; what was heard last is told at the end too
_TOLD_US = 60_000_000
# beats come every five seconds: between two that lie further apart the process stood still
_GAP_US = 30_000_000


class Attendance:
    """Begins when the connection stands and ends with the last beat that found it standing and nothing waiting to be stored: what was
    not taken in by then was not examined, and a gap is never told as listened to. Nor is a silence: a feed that raised an alarm by it was
    connected, but not heard. `silences` gives those of a feed, one that goes on with an end far ahead."""

    def __init__(
        self,
        intake: Intake,
        counts: Counts,
        feeds: Sequence[str],
        clock: Callable[[], Micros],
        silences: Callable[[str], Sequence[Interval]] = lambda feed: (),
    ) -> None:
        self._intake, self._counts, self._feeds, self._clock = intake, counts, tuple(feeds), clock
        self._silences = silences
        self._began: Micros | None = None
        self._last: Micros = 0
        self._told: Micros = 0
        self._seen: Micros = 0
        self._log = structlog.get_logger(__name__)

    async def beat(self, connected: bool) -> None:
        now = self._clock()
        if not connected or (self._began is not None and now - self._seen > _GAP_US):
            await self.end()
        if not connected:
            return
        self._seen = now
        if self._began is None:
            self._began = self._told = self._last = now
        if not self._counts.standing().waiting:
            self._last = now
        if self._last - self._told >= _TOLD_US:
            await self._tell(self._began)

    async def end(self) -> None:
        """The connection is gone, or given up."""
        if self._began is not None:
            await self._tell(self._began)
        self._began = None

    async def _tell(self, began: Micros) -> None:
        if self._last <= began:
            return
        try:
            for feed in self._feeds:
                await asyncio.to_thread(self._tell_of, feed, Interval(began, self._last))
            self._told = self._last
        except StoreError as problem:
            # told with the next one: its time begins where this one's did
            self._log.warning("cannot tell what was listened to", why=str(problem))

    def _tell_of(self, feed: str, span: Interval) -> None:
        for heard in gaps(self._silences(feed), span):
            self._intake.listened(feed, heard)

    def since(self) -> dict[str, Micros]:
        """By feed, since when it is listened to; what waits to be stored was heard, though nobody can tell yet: then since now."""
        if self._began is None:
            return {}
        return dict.fromkeys(self._feeds, self._clock() if self._counts.standing().waiting else self._began)
