"""Sources take turns: each is ended in its turn, and some are begun before it, so that they are read while others are committed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from functools import partial
from typing import NamedTuple, Protocol, TypeVar

from ingest.ahead import ReadAhead
from ingest.begun import Begun, Mark
from ingest.book import EntityBook
from ingest.engine import Engine
from ingest.naming import ON_DISK, Naming
from ingest.outcome import Report, Tally
from ingest.ports import Item, Reader
from ingest.walk import Found

T = TypeVar("T")


class Stopped(Exception):
    """The run was told to stop in the middle of a source; nothing of the source is kept."""


def never() -> bool:
    """Nobody stops the run."""
    return False


class Run(NamedTuple):
    """What files of one run share; `ingester` is set for the file in hand.

    `stop` tells whether to end before the next commit; what it raises ends the run as it stands.
    """

    tenant: str
    book: EntityBook
    tally: Tally
    begun: Begun | None = None
    ingester: str = ""
    names: Naming = ON_DISK
    stop: Callable[[], bool] = never

    def knows(self, tag: str) -> bool:
        return bool(self.book.linker.exact(tag))


class Reading(NamedTuple):
    """A file that is to be read. `ingester` is everything that shapes what is read of it, `tried` a digest of that and its content."""

    item: Item
    reader: Reader
    ingester: str
    tried: str


class Taking(Protocol):
    """What the turn of a file needs of the pipeline."""

    engine: Engine

    def prepare(self, found: Found, run: Run) -> Report | Reading: ...

    def read(self, reading: Reading, ahead: ReadAhead | None, run: Run) -> Report: ...

    def guarded(self, source: str, run: Run, tried: str, work: Callable[[], T]) -> T | Report: ...


class Turn(Protocol):
    """One source. One that may be read ahead can be begun before its turn; it is ended in its turn, or stopped."""

    source: str
    ahead: bool

    def begin(self) -> None: ...

    def end(self) -> Report: ...

    def stop(self) -> None: ...


class SiteTurn:
    ahead = False

    def __init__(self, source: str, work: Callable[[], Report]) -> None:
        self.source, self._work = source, work

    def begin(self) -> None:
        """Nothing is done before its turn."""

    def end(self) -> Report:
        return self._work()

    def stop(self) -> None:
        """Nothing has begun."""


class FileTurn:
    def __init__(self, pipeline: Taking, found: Found, run: Run) -> None:
        self.source = run.names.uri(found.path)
        self.ahead = pipeline.engine.ahead(found.path)
        self._pipeline, self._found, self._run = pipeline, found, run
        self._prepared: Report | Reading | None = None
        self._reading: ReadAhead | None = None

    def begin(self) -> None:
        if not self.ahead:
            return
        prepared = self._prepare()
        if isinstance(prepared, Reading):
            self._mark(prepared)
            engine = self._pipeline.engine
            self._reading = ReadAhead(partial(engine.read, prepared.reader, prepared.item, self._run.tenant))

    def end(self) -> Report:
        prepared = self._prepared or self._prepare()
        if isinstance(prepared, Report):
            return prepared
        if self._reading is None:
            self._mark(prepared)
        work = partial(self._pipeline.read, prepared, self._reading, self._run)
        try:
            return self._pipeline.guarded(prepared.item.uri, self._run, prepared.tried, work)
        finally:
            self.stop()

    def stop(self) -> None:
        if self._reading is not None:
            self._reading.close()
            self._reading = None
        if self._run.begun is not None:
            self._run.begun.end(self._run.tenant, self.source)

    def _mark(self, reading: Reading) -> None:
        if self._run.begun is not None:
            self._run.begun.begin(Mark(self._run.tenant, reading.item.uri, reading.tried))

    def _prepare(self) -> Report | Reading:
        work = partial(self._pipeline.prepare, self._found, self._run)
        self._prepared = self._pipeline.guarded(self.source, self._run, "", work)
        return self._prepared


def in_turn(turns: Iterable[Turn], at_once: int) -> Generator[Turn]:
    """Turns in order; those that may be read ahead are begun while the ones before are worked on, `at_once` in all. Closing it stops
    those whose turn does not come.

    None is begun before all that may not be read ahead and comes before it is committed: alerts say where to look closely.
    """
    window: deque[Turn] = deque()
    try:
        for turn in turns:
            if all(each.ahead for each in window):
                turn.begin()
            window.append(turn)
            if len(window) == at_once:
                yield window[0]
                window.popleft()
        while window:
            yield window[0]
            window.popleft()
    finally:
        for turn in window:
            turn.stop()
