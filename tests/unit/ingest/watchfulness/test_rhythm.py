"""How long somebody may be silent: false alarms over simulated months, and how late a real silence is told."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.watchfulness.fakes import MINUTE, MONDAY, RHYTHMS, heard
from ingest.watchfulness.record import DAY, HOUR, SECOND, Record, Way
from ingest.watchfulness.rhythm import ENOUGH_ROUNDS, FLOOR, allowance, parse_every, silence, unattended, watched

SOURCES, DAYS = 1, 28


@pytest.mark.parametrize("name", RHYTHMS)
def test_no_usual_silence_raises_an_alarm(name: str) -> None:
    """Over weeks with their nights and weekends. (`watchfloor bench silence` tries more of them.)"""
    for seed in range(SOURCES):
        record, alarms = heard(RHYTHMS[name](random.Random(f"{name} {seed}"), DAYS))
        assert alarms == 0 and allowance(record) is not None


@pytest.mark.parametrize(
    ("name", "latest_h"),
    [("regular", 0.3), ("at_random", 3), ("bursts", 12), ("by_day", 18), ("on_workdays", 125), ("shift_reports", 120)],
)
def test_a_silence_is_told_within_twice_the_longest_usual_one(name: str, latest_h: float) -> None:
    record, _ = heard(RHYTHMS[name](random.Random(name), DAYS))
    allowed = allowance(record)
    assert allowed is not None and not allowed.declared and allowed.silence <= latest_h * HOUR
    assert silence(record, record.last_at + allowed.silence) is None
    told = silence(record, record.last_at + allowed.silence + 1)
    assert told is not None and (told.start, told.end) == (record.last_at, None)


@given(st.lists(st.integers(SECOND, 3 * DAY), min_size=1, max_size=120))
def test_no_silence_as_long_as_one_before_raises_an_alarm(pauses: list[int]) -> None:
    """Whatever the rhythm: what was usual lately stays so."""
    record, at = Record(way=Way.FEED), MONDAY
    for pause in pauses:
        at += pause
        record.hear(at, None)
    lately = [day.longest for day in record.days.values()]
    now = record.last_at + 2 * max(lately, default=0)
    assert silence(record, now) is None


@given(st.integers(1, ENOUGH_ROUNDS - 1), st.integers(HOUR, 300 * DAY))
def test_few_deliveries_are_no_rhythm(rounds: int, pause: int) -> None:
    record = Record(way=Way.FOLDER)
    for n in range(rounds):
        record.hear(MONDAY + n * pause, None)
    assert allowance(record) is None and silence(record, record.last_at + 4000 * DAY) is None


def test_files_brought_by_hand_are_no_rhythm() -> None:
    record = Record(way=Way.FOLDER)
    for week in range(3):
        for n in range(40):
            record.hear(MONDAY + week * 9 * DAY + n * MINUTE, None)
    assert record.rounds == 120 and allowance(record) is None


def test_many_in_one_week_are_no_rhythm_yet() -> None:
    record, _ = heard(RHYTHMS["on_workdays"](random.Random(1), 6))
    assert record.rounds > 500 and allowance(record) is None


def test_what_always_came_within_seconds_may_pause_for_ten_minutes() -> None:
    record = Record(way=Way.FEED)
    for n in range(9 * 1440):
        record.hear(MONDAY + n * MINUTE, None)
    assert allowance(record) == (FLOOR, False)


@pytest.mark.parametrize(
    ("text", "micros"), [("", 0), ("30s", 30 * SECOND), ("5m", 5 * MINUTE), ("2 h", 2 * HOUR), ("1d", DAY)]
)
def test_what_is_declared_is_read(text: str, micros: int) -> None:
    assert parse_every(text) == micros


@pytest.mark.parametrize("text", ["5", "0m", "-5m", "5 parsecs", "1.5h", "m", "5m5m"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no time; write 30s, 5m, 2h or 1d"):
        parse_every(text)


def test_what_is_declared_counts_from_the_first_moment() -> None:
    record = Record(way=Way.FEED, expected=5 * MINUTE, declared_at=MONDAY, watched_since=MONDAY)
    assert silence(record, MONDAY + 10 * MINUTE) is None
    told = silence(record, MONDAY + 10 * MINUTE + 1)
    assert told is not None and told.declared and (told.start, told.every) == (MONDAY, 5 * MINUTE)


def test_whoever_was_away_begins_anew() -> None:
    record = Record(way=Way.FEED, expected=HOUR)
    record.hear(MONDAY, None)
    watched(record, MONDAY, MONDAY + 50 * MINUTE)
    assert record.watched_since == 0
    watched(record, MONDAY, MONDAY + 90 * MINUTE)
    assert record.watched_since == MONDAY + 90 * MINUTE
    assert silence(record, MONDAY + 3 * HOUR) is None
    assert silence(record, MONDAY + 4 * HOUR) is not None


def test_nobody_listening_is_no_silence() -> None:
    record = Record(way=Way.FEED, expected=MINUTE)
    record.hear(MONDAY, None)
    record.attended = (MONDAY, MONDAY + 2 * MINUTE)
    later = MONDAY + HOUR
    assert unattended(record, later) and silence(record, later) is None
    record.attended = (later - MINUTE, later)
    assert silence(record, later) is None
    record.attended = (later - 10 * MINUTE, later)
    assert silence(record, later) is not None
