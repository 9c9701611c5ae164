"""Erasures, holds and targets as JSON: times are ISO 8601, UTC."""

from __future__ import annotations

from typing import Literal

import msgspec

from app.unwire import parse_time
from retrieval.erasure.values import Erasure, Hold, State, Tally, Target
from retrieval.errors import BadQuery
from retrieval.times import iso
from retrieval.types import Interval, Kind, Micros

_MOST = 10_000


class WireTarget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be erased: each given field must match; `kinds` narrows the others. `before` is a time; `by` tells of which: when it was
    recorded, or when it happened (valid)."""

    evidence: list[str] = []
    sources: list[str] = []
    entities: list[str] = []
    subject: str = ""
    before: str | None = None
    by: Literal["recorded", "valid"] = "recorded"
    kinds: list[Kind] = []


class WireErasure(msgspec.Struct, frozen=True):
    """How far an erasure is: hidden (nobody finds it), purging, purged (the bytes are gone, the receipt waits), receipted. `trouble` is
    what is in the way."""

    id: str
    what: str
    state: State
    asked_by: str
    sequence: int
    counts: Tally
    hidden_at: str
    purged_at: str | None = None
    trouble: str = ""


class WireHold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A legal hold: what matches any of its fields is kept, with what that was made out of and what was made out of it. `start` and `end`
    are its window; either may be open. `keeps` is how many pieces of evidence matched when it was placed."""

    why: str
    evidence: list[str] = []
    sources: list[str] = []
    entities: list[str] = []
    start: str | None = None
    end: str | None = None
    id: str = ""
    asked_by: str = ""
    placed_at: str | None = None
    released_at: str | None = None
    keeps: int = 0


# years 1 to 9999: what an open window reaches to
_FIRST: Micros = -62_135_596_800_000_000
_LAST: Micros = 253_402_300_799_000_000


def target_in(wire: WireTarget) -> Target:
    """Raises BadQuery for a time that is none, and for more names than one erasure may have."""
    if max(len(wire.evidence), len(wire.sources), len(wire.entities)) > _MOST:
        raise BadQuery(f"one erasure may name {_MOST} things at most; erase in several")
    return Target(
        evidence=tuple(wire.evidence),
        sources=tuple(wire.sources),
        entities=tuple(wire.entities),
        subject=wire.subject,
        before=None if wire.before is None else parse_time(wire.before, "before"),
        by=wire.by,
        kinds=tuple(wire.kinds),
    )


def target_out(target: Target) -> WireTarget:
    return WireTarget(
        evidence=list(target.evidence),
        sources=list(target.sources),
        entities=list(target.entities),
        subject=target.subject,
        before=None if target.before is None else iso(target.before),
        by=target.by,
        kinds=list(target.kinds),
    )


def erasure_out(erasure: Erasure) -> WireErasure:
    return WireErasure(
        id=erasure.id,
        what=erasure.what,
        state=erasure.state,
        asked_by=erasure.subject,
        sequence=erasure.sequence,
        counts=erasure.tally,
        hidden_at=iso(erasure.hidden_at),
        purged_at=None if erasure.purged_at is None else iso(erasure.purged_at),
        trouble=erasure.trouble,
    )


def erasure_in(wire: WireErasure, tenant: str) -> Erasure:
    return Erasure(
        id=wire.id,
        tenant=tenant,
        subject=wire.asked_by,
        what=wire.what,
        state=wire.state,
        sequence=wire.sequence,
        tally=wire.counts,
        hidden_at=parse_time(wire.hidden_at),
        purged_at=None if wire.purged_at is None else parse_time(wire.purged_at),
        trouble=wire.trouble,
    )


def hold_in(wire: WireHold, tenant: str = "") -> Hold:
    """Raises BadQuery for a time that is none and a window that ends before it begins."""
    return Hold(
        id=wire.id,
        tenant=tenant,
        subject=wire.asked_by,
        why=wire.why,
        placed_at=0 if wire.placed_at is None else parse_time(wire.placed_at),
        evidence=tuple(wire.evidence),
        sources=tuple(wire.sources),
        entities=tuple(wire.entities),
        window=window_in(wire.start, wire.end),
        released_at=None if wire.released_at is None else parse_time(wire.released_at),
        keeps=wire.keeps,
    )


def window_in(start: str | None, end: str | None) -> Interval | None:
    """None where neither is given. Raises BadQuery."""
    if start is None and end is None:
        return None
    t0 = _FIRST if start is None else parse_time(start, "start")
    t1 = _LAST if end is None else parse_time(end, "end")
    if t1 <= t0:
        raise BadQuery("the window ends before it begins")
    return Interval(t0, t1)


def hold_out(hold: Hold) -> WireHold:
    window = hold.window
    return WireHold(
        why=hold.why,
        evidence=list(hold.evidence),
        sources=list(hold.sources),
        entities=list(hold.entities),
        start=None if window is None or window.t0 == _FIRST else iso(window.t0),
        end=None if window is None or window.t1 == _LAST else iso(window.t1),
        id=hold.id,
        asked_by=hold.subject,
        placed_at=iso(hold.placed_at),
        released_at=None if hold.released_at is None else iso(hold.released_at),
        keeps=hold.keeps,
    )
