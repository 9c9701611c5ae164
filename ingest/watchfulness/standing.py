"""How each that delivers stands, as anybody may ask: the worst first."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from ingest.video.skew import CameraSkew, of_camera
from ingest.watchfulness.groups import Places, group_of
from ingest.watchfulness.ledger import Ledger, Listener
from ingest.watchfulness.record import DAY, HOUR, SECOND, Day, Record, Way
from ingest.watchfulness.rhythm import allowance, unattended
from ingest.watchfulness.sketch import merged
from retrieval.intervals import gaps, union
from retrieval.ports import Arrival, Rejection
from retrieval.types import Coverage, Interval, Layer, Micros, Principal

SILENT, UNATTENDED, HEARD, LEARNING = "silent", "unattended", "heard", "learning"
_ORDER = (SILENT, UNATTENDED, HEARD, LEARNING)
_FILES = ("file:///", "s3://")


class Book(Protocol):
    """The catalog as far as standing needs it."""

    def rejections(self, principal: Principal) -> list[Rejection]: ...

    def twins(self, tenant: str, starts: Sequence[str]) -> list[str]: ...

    def coverage(
        self, principal: Principal, subjects: Sequence[str], layer: Layer | None = None, window: Interval | None = None
    ) -> list[Coverage]: ...


class Silent(msgspec.Struct, frozen=True):
    """A silence that raised an alarm: from when last heard until heard again (None: not yet), in UTC µs."""

    start: Micros
    end: Micros | None


class Hourly(msgspec.Struct, frozen=True):
    """What was stored in an hour that began at `hour` (UTC µs), and the longest lag of it in seconds."""

    hour: Micros
    pieces: int
    lag_s: float


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One that delivers, over the time asked about; times in UTC µs, durations in seconds, None where nothing is known.

    `state`: silent (an alarm is open), unattended (nobody listens to it), heard, or learning (no rhythm is known yet: no silence alarms).
    `rounds` are deliveries, what is stored within a second being one, since it was first heard of; `usual_s` and `rare_s` the median and
    0.99 quantile of the times between them, `allowed_s` how long a silence may last. `lag_*`: from when something happened until it was
    stored. `gaps` and `gap_s` count what a camera or sensor did not record between the first and the last that it did. `duplicates`:
    sources with the bytes of an earlier one, and messages that said nothing new. `rejected`: sources refused and not taken in since, by
    code.
    """

    name: str
    way: str
    subject: str
    state: str
    first: Micros | None
    heard: Micros | None
    stored_at: Micros | None
    pieces: int
    rounds: int
    expected_s: float | None
    usual_s: float | None
    rare_s: float | None
    allowed_s: float | None
    lag_p50_s: float | None
    lag_p95_s: float | None
    lag_max_s: float | None
    gaps: int
    gap_s: float
    future: int
    duplicates: int
    unknown_pieces: int
    unknown: dict[str, int]
    rejected: dict[str, int]
    skews: tuple[CameraSkew, ...]
    silences: tuple[Silent, ...]
    hours: tuple[Hourly, ...]


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """All of them at a time (UTC µs), over the time since `since`, and the listeners by bus. `looked_at`: when last looked; `whole`:
    whether all that is stored is in it."""

    at: Micros
    since: Micros
    looked_at: Micros
    whole: bool
    sources: tuple[Standing, ...]
    listeners: dict[str, Listener]


class Asked(NamedTuple):
    """Who asks about which time. `ahead`: by how many seconds live cameras' clocks are ahead of ours now."""

    principal: Principal
    window: Interval
    ahead: Mapping[str, float] = {}


class _Found(NamedTuple):
    """What is read of the catalog for all of them at once."""

    rejected: Mapping[str, Counter[str]]
    twins: Counter[str]
    recorded: Mapping[str, list[Interval]]
    ahead: Mapping[str, float]


def overview(book: Book, ledger: Ledger, places: Places, asked: Asked) -> Overview:
    """Raises StoreError."""
    mine = {name: each for name, each in ledger.records.items() if _visible(each, asked.principal)}
    found = _found(book, mine, places, asked)
    # what was refused from the beginning has no record
    for name in found.rejected:
        if name not in ledger.records:
            mine[name] = Record(way=Way.FEED if name.startswith("feed:") else Way.FOLDER)
    told = [_standing(name, record, found, asked.window) for name, record in mine.items()]
    return Overview(
        at=asked.window.t1,
        since=asked.window.t0,
        looked_at=ledger.head.looked_at,
        whole=ledger.whole,
        sources=tuple(sorted(told, key=_badness)),
        listeners=ledger.head.listeners,
    )


def _visible(record: Record, principal: Principal) -> bool:
    return not record.labels or bool({*record.labels} & {*principal.labels})


def _badness(one: Standing) -> tuple[int, int, float, str]:
    """Silent ones first, then what was refused, what comes late, and by name."""
    return _ORDER.index(one.state), -sum(one.rejected.values()), -(one.lag_p95_s or 0.0), one.name


def _found(book: Book, records: Mapping[str, Record], places: Places, asked: Asked) -> _Found:
    rejected: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for rejection in book.rejections(asked.principal):
        if (name := _place(rejection.source, places)) is not None:
            rejected[name][rejection.code] += 1
    same = book.twins(asked.principal.tenant, _FILES)
    twins = Counter(name for source in same if (name := _place(source, places)) is not None)
    recorded: defaultdict[str, list[Interval]] = defaultdict(list)
    subjects = [each.subject for each in records.values() if each.subject]
    for told in book.coverage(asked.principal, subjects, Layer.RECORDED, asked.window) if subjects else ():
        if told.valid is not None:
            recorded[told.subject].append(told.valid)
    return _Found(rejected, twins, recorded, asked.ahead)


def _place(source: str, places: Places) -> str | None:
    group = group_of(Arrival(0, source, 0, None), places, {})
    return group.name if group else None


def _standing(name: str, record: Record, found: _Found, window: Interval) -> Standing:
    days = [day for number, day in record.days.items() if (number + 1) * DAY > window.t0]
    lags, missing = merged(day.lags for day in days), _missing(found.recorded.get(record.subject, ()))
    allowed = allowance(record)
    return Standing(
        name=name,
        way=record.way.value,
        subject=record.subject,
        state=_state(record, window.t1),
        first=record.first_at or None,
        heard=record.heard or None,
        stored_at=record.last_at or None,
        pieces=sum(day.pieces for day in days),
        rounds=record.rounds,
        expected_s=_seconds(record.expected or None),
        usual_s=_seconds(record.gaps.quantile(0.5)),
        rare_s=_seconds(record.gaps.quantile(0.99)),
        allowed_s=_seconds(allowed.silence if allowed else None),
        lag_p50_s=_seconds(lags.quantile(0.5)),
        lag_p95_s=_seconds(lags.quantile(0.95)),
        lag_max_s=_seconds(max((day.lag for day in days), default=0) if lags.count else None),
        gaps=len(missing),
        gap_s=round(sum(each.seconds for each in missing), 3),
        **_doubts(name, record, days, found)._asdict(),
        skews=_skews(name, record, found),
        silences=tuple(Silent(a.start, a.end) for a in record.alarms if a.end is None or a.end > window.t0),
        hours=_hours(record, window),
    )


def _state(record: Record, now: Micros) -> str:
    if record.alarm is not None:
        return SILENT
    if unattended(record, now):
        return UNATTENDED
    return HEARD if allowance(record) else LEARNING


class _Doubts(NamedTuple):
    future: int
    duplicates: int
    unknown_pieces: int
    unknown: dict[str, int]
    rejected: dict[str, int]


def _doubts(name: str, record: Record, days: Iterable[Day], found: _Found) -> _Doubts:
    days = list(days)
    return _Doubts(
        future=sum(day.future for day in days),
        duplicates=found.twins[name] + sum(day.repeated for day in days),
        unknown_pieces=record.unknown_pieces,
        unknown=dict(sorted(record.unknown.items(), key=lambda each: (-each[1], each[0]))),
        rejected=dict(sorted(found.rejected.get(name, {}).items())),
    )


def _skews(name: str, record: Record, found: _Found) -> tuple[CameraSkew, ...]:
    """Of the clips that were read, and of the live stream where there is one."""
    told = of_camera(record.subject or name, record.clips)
    if record.way is Way.CAMERA and (ahead := found.ahead.get(name)) is not None:
        told.append(CameraSkew(name, "our clock", round(ahead, 2), 0.0, 0, None, f"camera:///{name}"))
    return tuple(told)


def _missing(recorded: Iterable[Interval]) -> list[Interval]:
    spans = union(recorded, join_within=SECOND)
    return gaps(spans, Interval(spans[0].t0, spans[-1].t1)) if spans else []


def _hours(record: Record, window: Interval) -> tuple[Hourly, ...]:
    """Every hour of the window that is still counted, the empty ones too."""
    first = max(window.t0 // HOUR, min(record.hours, default=0))
    last = window.t1 // HOUR if record.hours else first - 1
    counted = ((n, record.hours.get(n)) for n in range(first, last + 1))
    return tuple(Hourly(n * HOUR, each.pieces if each else 0, (each.lag if each else 0) / 1e6) for n, each in counted)


def _seconds(micros: Micros | None) -> float | None:
    return None if micros is None else round(micros / 1e6, 3)
