"""The one place where clock times become microseconds and back. Naive datetimes are refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

from retrieval.types import Interval, Micros

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)


def to_micros(moment: datetime) -> Micros:
    """Aware datetime → UTC microseconds. Raises ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError(f"naive datetime {moment.isoformat()}: give it a zone")
    return (moment - _EPOCH) // _MICRO


def to_datetime(micros: Micros, zone: tzinfo = UTC) -> datetime:
    """UTC microseconds → aware datetime in `zone`."""
    return (_EPOCH + timedelta(microseconds=micros)).astimezone(zone)


def iso(micros: Micros) -> str:
    """UTC microseconds → RFC 3339 with Z; fractions only where there are any."""
    return to_datetime(micros).isoformat().replace("+00:00", "Z")


def span(start: datetime, end: datetime) -> Interval:
    """Two aware datetimes → [start, end)."""
    return Interval(to_micros(start), to_micros(end))
