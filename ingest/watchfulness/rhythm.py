"""How long one that delivers may be silent: as it is declared, else as it has been."""

from __future__ import annotations

import re
from typing import NamedTuple

from ingest.watchfulness.record import DAY, SECOND, Alarm, Record, Way
from retrieval.types import Micros

# of what is declared one may be missed, and clocks and commits take a moment
MISSED, GRACE = 2, 30 * SECOND
# a rhythm is known once it has been heard this often and for so long, as a week holds nights and a weekend, and on so many days of the
# last 35: files may be brought by hand, many in an hour
ENOUGH_ROUNDS, ENOUGH_TIME = 30, 8 * DAY
_BY_HAND = (Way.FOLDER, Way.SERIES, Way.OTHER)
ENOUGH_DAYS, ENOUGH_DAYS_BY_HAND = 5, 10
# what was silent for long once may be so again, and somewhat longer; what is never silent for long may be so for a while
_LONGEST_TIMES, FLOOR = 2, 600 * SECOND
# whoever looks less often than this (or than half of what is allowed) cannot tell a silence from not having been there
AWAY: Micros = 150 * SECOND
_EVERY = re.compile(r"(\d{1,6})\s*(s|m|min|h|d)")
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}


class Allowance(NamedTuple):
    """How long a silence may last (µs), and whether that is declared or learned."""

    silence: Micros
    declared: bool


def parse_every(text: str) -> Micros:
    """ "5m", "30s", "2h", "1d" → µs; "" → 0. Raises ValueError."""
    if not text:
        return 0
    found = _EVERY.fullmatch(text.strip())
    if found is None or not int(found[1]):
        raise ValueError(f"expect_every {text!r} is no time; write 30s, 5m, 2h or 1d")
    return int(found[1]) * _UNITS[found[2]] * SECOND


def allowance(record: Record) -> Allowance | None:
    """None where nothing is declared and no rhythm is known: a file that was taken in by hand is never missed.

    Learned: twice the longest time between rounds of the last 35 days, ten minutes at least. A quantile will not do: most gaps of a source
    that comes in bursts are short, and the night is one of many. Where gaps are independent and exponential, and n of
    them were heard, the chance that one of the next n is longer than twice the longest is about 1/n: that maximum is near m·ln n, and
    exp(−2·ln n) = n⁻².
    """
    if record.expected:
        return Allowance(max(MISSED * record.expected, record.expected + GRACE), True)
    days = ENOUGH_DAYS_BY_HAND if record.way in _BY_HAND else ENOUGH_DAYS
    if record.rounds < ENOUGH_ROUNDS or record.last_at - record.first_at < ENOUGH_TIME or len(record.days) < days:
        return None
    longest = max((day.longest for day in record.days.values()), default=0)
    return Allowance(max(FLOOR, _LONGEST_TIMES * longest), False)


def unattended(record: Record, now: Micros) -> bool:
    """Whether nobody listens to it, though somebody must to hear it."""
    return record.attended is not None and now - record.attended[1] > AWAY


def watched(record: Record, looked_at: Micros, now: Micros) -> None:
    """Note that nobody looked for so long that silence counts from now on only."""
    allowed = allowance(record)
    if allowed is not None and now - looked_at > max(AWAY, allowed.silence // 2):
        record.watched_since = now


def silence(record: Record, now: Micros) -> Alarm | None:
    """The alarm to raise, where it is silent for longer than allowed and none is raised."""
    allowed = allowance(record)
    if allowed is None or record.alarm is not None or unattended(record, now):
        return None
    listening = record.attended[0] if record.attended else 0
    since = max(record.last_at or record.declared_at, record.watched_since, listening)
    if now - since <= allowed.silence:
        return None
    return Alarm(
        start=record.heard or since,
        heard_at=record.last_at or since,
        raised_at=now,
        every=record.expected or record.gaps.quantile(0.5) or 0,
        allowed=allowed.silence,
        declared=allowed.declared,
    )
