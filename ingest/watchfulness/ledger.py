"""The records of all that deliver, and how far what was stored is in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from ingest.watchfulness.record import Record, Way
from retrieval.types import Micros

# the name of the record that says how far was read
HEAD = ""
# so many are told apart; who comes beyond is counted with all others
MOST, OTHERS = 1_000, "other:///"


class Listener(msgspec.Struct, kw_only=True):
    """How a listener stood at `at`: see ingest.stream.counts.Standing."""

    at: Micros
    stored: int
    known: int
    dead: int
    waiting: int
    lag_s: float | None
    trouble: str


class Head(msgspec.Struct, kw_only=True):
    """How far was read (row numbers), when last looked, beginnings of rows' keys ("AL-"), which are no tags, and listeners by bus."""

    pieces: int = 0
    recordings: int = 0
    looked_at: Micros = 0
    stems: list[str] = []
    listeners: dict[str, Listener] = {}


class Declared(NamedTuple):
    """How often something is said to come (µs, 0: not said), whom it is about, and who may see it."""

    every: Micros
    way: Way
    subject: str = ""
    labels: tuple[str, ...] = ()


class Heard(NamedTuple):
    """What a listener knows that is stored nowhere: since when it listens to which groups (UTC µs), how many messages of whom said nothing
    new (`repeated`) or could not be evidence (`refused`) since it last told, and how it stands, by its bus."""

    attended: Mapping[str, Micros] = {}
    repeated: Mapping[str, int] = {}
    refused: Mapping[str, int] = {}
    standing: tuple[str, Listener] | None = None


class Ledger(NamedTuple):
    """The records as they stand. `held` is how they were read; `whole` whether all that is stored is in them."""

    held: Mapping[str, str]
    head: Head
    records: dict[str, Record]
    whole: bool

    def record(self, name: str, way: Way, subject: str = "") -> Record:
        """The record of a group, made where there is none; that of all others where there are too many."""
        if name not in self.records and len(self.records) >= MOST:
            name, way, subject = OTHERS, Way.OTHER, ""
        return self.records.setdefault(name, Record(way=way, subject=subject))

    @classmethod
    def of(cls, held: Mapping[str, str], whole: bool = True) -> Ledger:
        records = {name: _record.decode(body) for name, body in held.items() if name != HEAD}
        head = _head.decode(held[HEAD]) if HEAD in held else Head()
        return cls(held, head, records, whole)


_record, _head = msgspec.json.Decoder(Record), msgspec.json.Decoder(Head)
