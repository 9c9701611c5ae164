"""The watch: reads on in what was stored, brings the records up to date, and tells who has fallen silent.

What was stored is its only source, read in the order of storing; how far it was read is kept in the same transaction as the records, so
that a kill anywhere loses nothing and counts nothing twice, and any process may look, several at once too. Two things are counted apart:
how often a bus brought the same again is told by the listener every quarter of a minute (a kill loses what it has not told yet), and of a
source that broke off half way, what was stored and is stored again counts twice.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Protocol

import msgspec
import structlog

from ingest.watchfulness import alarms
from ingest.watchfulness.folding import Fold
from ingest.watchfulness.groups import Places
from ingest.watchfulness.ledger import HEAD, Declared, Heard, Ledger
from ingest.watchfulness.record import DAY, DAYS_KEPT, SECOND, Alarm, Way
from ingest.watchfulness.rhythm import silence, watched
from retrieval.errors import InputError, StoreBusy
from retrieval.ports import Arrival
from retrieval.types import Entity, Interval, Link, Micros

_PAGE, _PAGES = 5_000, 20
# as long as a writer waits for the store
_PATIENCE_S, _PAUSE_S, _LONGEST_S = 30.0, 0.01, 0.5
# the head is written so often at least, that it may be seen whether anybody looks
_LOOKED: Micros = 60 * SECOND


class Book(alarms.Book, Protocol):
    """The catalog as far as the watch needs it."""

    def arrivals(
        self, tenant: str, pieces: int, recordings: int, limit: int
    ) -> tuple[list[Arrival], list[Arrival]]: ...

    def standings(self, tenant: str) -> dict[str, str]: ...

    def keep_standings(self, tenant: str, before: str | None, changed: Mapping[str, str | None]) -> bool: ...

    def site(self, tenant: str) -> tuple[list[Entity], list[Link]]: ...


class Watchfulness:
    """Looks when asked to. `clock` gives now in UTC µs. Safe to share between threads and processes: of two that look at once, one begins
    again. Raises StoreError."""

    def __init__(self, book: Book, tenant: str, places: Places, clock: Callable[[], Micros]) -> None:
        self._book, self._tenant, self._places, self._clock = book, tenant, places, clock
        self._log = structlog.get_logger(__name__)

    def look(self, heard: Heard | None = None) -> Ledger:
        """Bring the records up to date, raise and end alarms, and tell these; the records as they stand then."""
        given = heard or Heard()
        for _ in range(_PAGES):
            ledger = self._changed(partial(self._advance, given))
            given = Heard()
            if ledger.whole:
                break
        return self._tell(ledger)

    def ledger(self) -> Ledger:
        """The records as they stand, looking at nothing."""
        return Ledger.of(self._book.standings(self._tenant))

    def declare(self, declared: Mapping[str, Declared]) -> None:
        """Say how often groups deliver, by name; what is said is kept until said otherwise."""

        def change(ledger: Ledger) -> bool:
            for name, said in declared.items():
                _declare(ledger, name, said, self._clock())
            return True

        self._changed(change)

    def forget(self, name: str) -> None:
        """Stop watching a group until it delivers again; an alarm that is open ends. Raises InputError for one that is not known."""

        def end(ledger: Ledger) -> bool:
            if name not in ledger.records:
                raise InputError(f"nothing named {name!r} delivers here; `watchfloor quality` lists what does")
            record = ledger.records[name]
            if record.alarm is not None:
                record.alarm.end = self._clock()
            record.expected = 0
            return True

        self._tell(self._changed(end))
        self._changed(lambda ledger: ledger.records.pop(name, None) is not None)

    def silences(self, name: str) -> Sequence[Interval]:
        """When a group was silent, as far as an alarm was raised; one that is open lasts for ever."""
        record = self.ledger().records.get(name)
        return alarms.silences_of(record, 1 << 62) if record else ()

    def _changed(self, change: Callable[[Ledger], bool]) -> Ledger:
        """Read, change, keep; once more where somebody else kept something meanwhile. `change` says whether all that is stored is in it."""
        until, pause = time.monotonic() + _PATIENCE_S, _PAUSE_S
        while True:
            ledger = Ledger.of(self._book.standings(self._tenant))
            ledger = ledger._replace(whole=change(ledger))
            if self._kept(ledger):
                return ledger
            if time.monotonic() > until:
                raise StoreBusy("who delivers what is kept by several at once; try again")
            # those who look without a pause would never let one through that takes longer than they do
            time.sleep(random.uniform(0, pause))
            pause = min(2 * pause, _LONGEST_S)

    def _kept(self, ledger: Ledger) -> bool:
        after = {name: msgspec.json.encode(record).decode() for name, record in ledger.records.items()}
        changed: dict[str, str | None] = {n: body for n, body in after.items() if ledger.held.get(n) != body}
        changed |= {name: None for name in ledger.held if name != HEAD and name not in after}
        now, head = self._clock(), ledger.head
        idle = not changed and now - head.looked_at < _LOOKED
        if idle and msgspec.json.encode(head).decode() == ledger.held.get(HEAD):
            return True
        head.looked_at = now
        changed[HEAD] = msgspec.json.encode(head).decode()
        return self._book.keep_standings(self._tenant, ledger.held.get(HEAD), changed)

    def _advance(self, heard: Heard, ledger: Ledger) -> bool:
        head, now = ledger.head, self._clock()
        pieces, recordings = self._book.arrivals(self._tenant, head.pieces, head.recordings, _PAGE)
        entities = self._book.site(self._tenant)[0] if pieces or recordings else []
        fold = Fold(ledger, self._places, entities)
        for arrival in sorted((*pieces, *recordings), key=lambda each: each.at):
            fold.take(arrival)
        head.pieces = pieces[-1].row if pieces else head.pieces
        head.recordings = recordings[-1].row if recordings else head.recordings
        _listened(ledger, heard, now)
        whole = max(len(pieces), len(recordings)) < _PAGE
        if whole:
            _judge(ledger, now)
        return whole

    def _tell(self, ledger: Ledger) -> Ledger:
        """Commit alarms as they stand. Killed before they are noted as told, they are told again, which changes nothing."""
        told: dict[tuple[str, Micros], int] = {}
        for name, record in ledger.records.items():
            fresh = [each for each in record.alarms if each.told < stage(each)]
            for alarm in fresh:
                self._book.commit(alarms.alarm_unit(self._book, self._tenant, name, record, alarm))
                self._log.warning("silence", source=name, ended=alarm.end is not None)
                told[name, alarm.start] = stage(alarm)
            if fresh or record.alarm is not None:
                alarms.close_listened(self._book, self._tenant, name, record, self._clock())
        return self._changed(lambda now: _noted(now, told)) if told else ledger


def stage(alarm: Alarm) -> int:
    """What the catalog should hold of it: see Alarm.told."""
    return 1 if alarm.end is None else 2


def _noted(ledger: Ledger, told: Mapping[tuple[str, Micros], int]) -> bool:
    for (name, start), held in told.items():
        for alarm in ledger.records[name].alarms if name in ledger.records else ():
            if alarm.start == start:
                alarm.told = max(alarm.told, held)
    return True


def _declare(ledger: Ledger, name: str, said: Declared, now: Micros) -> None:
    record = ledger.record(name, said.way, said.subject)
    record.subject = said.subject or record.subject
    if not record.pieces:
        record.labels = said.labels
    if record.expected != said.every:
        record.expected, record.declared_at = said.every, now


def _listened(ledger: Ledger, heard: Heard, now: Micros) -> None:
    for name, since in heard.attended.items():
        record = ledger.record(name, Way.FEED)
        if record.attended is None or record.attended[0] != since or now - record.attended[1] >= _LOOKED:
            record.attended = (since, now)
    for name in {**heard.repeated, **heard.refused}:
        record = ledger.record(name, Way.FEED)
        record.sign_of_life(now)
        record.day(now).repeated += heard.repeated.get(name, 0)
    if heard.standing is not None:
        lately = {bus: each for bus, each in ledger.head.listeners.items() if now - each.at < DAYS_KEPT * DAY}
        ledger.head.listeners = lately | {heard.standing[0]: heard.standing[1]}


def _judge(ledger: Ledger, now: Micros) -> None:
    for record in ledger.records.values():
        watched(record, ledger.head.looked_at, now)
        alarm = silence(record, now)
        if alarm is not None:
            record.raise_alarm(alarm)
