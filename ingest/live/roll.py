"""When a camera was recorded, and when examined by what: told as coverage, an hour at a time, so that thousands of clips are few rows."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import msgspec

from retrieval.ids import content_hash
from retrieval.intervals import union
from retrieval.ports import Receipt, Unit
from retrieval.types import Coverage, Interval, Layer, Micros, Principal

_HOUR = 3_600_000_000
# rounding parts what is one stretch by less than this
_SEAM_US = 2_000
_KEPT_HOURS = 2
WRITER = "live@1"


class Book(Protocol):
    """The catalog as far as a roll needs it."""

    def commit(self, unit: Unit) -> Receipt: ...

    def coverage(
        self, principal: Principal, subjects: Sequence[str], layer: Layer | None = None, window: Interval | None = None
    ) -> list[Coverage]: ...


class Roll:
    """The coverage of one camera. What is noted is held until it is told; telling the same again changes nothing.

    Hours told before, by an earlier run too, are added to. Of records that meet and say the same, one is told, with the longest time
    between two looks. Safe to share between threads. Telling raises StoreError: then what was noted is told with the next.
    """

    def __init__(
        self, book: Book, tenant: str, camera: str, labels: tuple[str, ...], known: Sequence[str] = ()
    ) -> None:
        """`known`: labels under which what was told before may lie."""
        self._book, self._tenant, self._camera, self._labels = book, tenant, camera, labels
        self._reader = Principal(tenant, "ingest", tuple({*labels, *known}))
        self._lock = threading.Lock()
        self._telling = threading.Lock()
        self._noted: list[Coverage] = []
        self._hours: dict[Micros, list[Coverage]] = {}

    @property
    def source(self) -> str:
        return f"camera:///{self._camera}"

    def recorded(self, spans: Iterable[Interval]) -> None:
        self._note([self._record(Layer.RECORDED, span) for span in spans])

    def examined(self, spans: Sequence[Interval], looks: Iterable[Coverage]) -> None:
        """What looked at a clip over these spans, as its reader tells it; what was recorded of it is told already."""
        told = [each for each in looks if each.layer is Layer.EXAMINED]
        self._note([self._record(Layer.EXAMINED, span, each) for span in spans for each in told])

    def told(self, layer: Layer, span: Interval) -> bool:
        """Whether the middle of a span was told in this layer. Raises StoreError."""
        middle = (span.t0 + span.t1) // 2
        with self._telling:
            hour = self._of(middle - middle % _HOUR)
            return any(each.layer is layer and each.valid and each.valid.t0 <= middle < each.valid.t1 for each in hour)

    def tell(self) -> None:
        """Commit what was noted since the last time. Raises StoreError."""
        with self._telling:
            with self._lock:
                noted = self._noted
                self._noted = []
            try:
                self._tell(noted)
            except BaseException:
                self._note(noted)
                raise

    def _tell(self, noted: Sequence[Coverage]) -> None:
        by_hour: dict[Micros, list[Coverage]] = {}
        for record in noted:
            for hour, part in _hourly(record):
                by_hour.setdefault(hour, []).append(part)
        for hour, parts in sorted(by_hour.items()):
            records = merged([*self._of(hour), *parts])
            self._book.commit(self._unit(hour, records))
            self._hours[hour] = records
        # an hour that is over is read again should it be added to
        for over in sorted(self._hours)[:-_KEPT_HOURS]:
            del self._hours[over]

    def _note(self, records: Sequence[Coverage]) -> None:
        with self._lock:
            self._noted = merged([*self._noted, *records])

    def _of(self, hour: Micros) -> list[Coverage]:
        if hour not in self._hours:
            within = Interval(hour, hour + _HOUR)
            found = self._book.coverage(self._reader, [self.source], window=within)
            self._hours[hour] = [each for each in found if each.valid and hour <= each.valid.t0 < hour + _HOUR]
        return self._hours[hour]

    def _record(self, layer: Layer, span: Interval, like: Coverage | None = None) -> Coverage:
        return Coverage(
            source=self.source,
            subject=self._camera,
            layer=layer,
            tenant=self._tenant,
            valid=span,
            by=like.by if like else "",
            interval_s=like.interval_s if like else 0.0,
            able=dict(like.able) if like else {},
            labels=self._labels,
        )

    def _unit(self, hour: Micros, records: Sequence[Coverage]) -> Unit:
        digest = content_hash(msgspec.json.encode(records, order="deterministic"))
        return Unit(self._tenant, f"{self.source}/~covered/{hour}", digest, WRITER, coverage=records)


def _hourly(record: Coverage) -> Iterator[tuple[Micros, Coverage]]:
    """The parts of a record by the hour they lie in."""
    span = record.valid
    assert span is not None
    for hour in range(span.t0 - span.t0 % _HOUR, span.t1, _HOUR):
        part = Interval(max(span.t0, hour), min(span.t1, hour + _HOUR))
        yield hour, msgspec.structs.replace(record, valid=part)


def merged(records: Iterable[Coverage]) -> list[Coverage]:
    """Records that say the same of spans that meet, as one."""
    alike: dict[bytes, list[Coverage]] = {}
    for record in records:
        said = [record.layer, record.by, record.able, record.labels]
        alike.setdefault(msgspec.json.encode(said, order="deterministic"), []).append(record)
    return [each for group in alike.values() for each in _joined(group)]


def _joined(group: Sequence[Coverage]) -> list[Coverage]:
    spans = union((each.valid for each in group if each.valid), join_within=_SEAM_US)
    return [
        msgspec.structs.replace(
            group[0],
            valid=span,
            interval_s=max(each.interval_s for each in group if each.valid and span.t0 <= each.valid.t0 < span.t1),
        )
        for span in spans
    ]
