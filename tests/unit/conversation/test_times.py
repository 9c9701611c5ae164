"""Times that lean on others, and windows said so that they are read back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.answer.phrases import find_when
from app.conversation.times import leaning, said
from retrieval.times import span, to_micros
from retrieval.types import Interval

MADRID = ZoneInfo("Europe/Madrid")


def window(start: str, end: str) -> Interval:
    return span(
        datetime.fromisoformat(start).replace(tzinfo=MADRID), datetime.fromisoformat(end).replace(tzinfo=MADRID)
    )


NIGHT = window("2026-04-09T18:00", "2026-04-10T06:00")
DAY = window("2026-04-09", "2026-04-10")
MINUTE = window("2026-04-03T02:40", "2026-04-03T02:41")
WEEK = window("2026-04-03T07:30", "2026-04-10T07:30")


@pytest.mark.parametrize(
    ("text", "earlier", "meant"),
    [
        ("and the day before?", NIGHT, window("2026-04-08T18:00", "2026-04-09T06:00")),
        ("And the night before?", NIGHT, window("2026-04-08T18:00", "2026-04-09T06:00")),
        ("what about the previous day", DAY, window("2026-04-08", "2026-04-09")),
        ("the day after that?", DAY, window("2026-04-10", "2026-04-11")),
        ("the following week?", DAY, window("2026-04-16", "2026-04-17")),
        ("two hours earlier?", NIGHT, window("2026-04-09T16:00", "2026-04-10T04:00")),
        ("20 minutes later", MINUTE, window("2026-04-03T03:00", "2026-04-03T03:01")),
        ("in the hour before that?", MINUTE, window("2026-04-03T01:40", "2026-04-03T02:40")),
        ("the hour after?", MINUTE, window("2026-04-03T02:41", "2026-04-03T03:41")),
        ("three days before", DAY, window("2026-04-06", "2026-04-07")),
        # beside a window longer than a day, the day that touches it
        ("and the day before?", WEEK, window("2026-04-02T07:30", "2026-04-03T07:30")),
        ("what happened after that?", MINUTE, window("2026-04-03T02:41", "2026-04-03T03:41")),
        ("and before that?", NIGHT, window("2026-04-09T06:00", "2026-04-09T18:00")),
        ("and then?", NIGHT, window("2026-04-10T06:00", "2026-04-10T18:00")),
        ("what did it see then?", NIGHT, NIGHT),
        ("was anyone there at that time?", MINUTE, MINUTE),
        ("in the same period?", WEEK, WEEK),
    ],
)
def test_a_time_beside_another(text: str, earlier: Interval, meant: Interval) -> None:
    found = leaning(text, earlier, MADRID)
    assert found is not None and found.window == meant


@pytest.mark.parametrize(
    "text",
    [
        "what happened the day before yesterday?",
        "what happened yesterday?",
        "if the pump stops, what happens then to the valve?",
        "and P-102?",
        "what is the time of the trip?",
        "the day after tomorrow",
        "check it the day before 4 March",
    ],
)
def test_a_time_of_its_own_leans_on_nothing(text: str) -> None:
    assert leaning(text, DAY, MADRID) is None


def test_a_day_is_the_calendars_where_clocks_change() -> None:
    long_day = window("2026-10-25", "2026-10-26")
    assert long_day.t1 - long_day.t0 == 25 * 3600 * 1_000_000
    before = leaning("the day before?", long_day, MADRID)
    assert before is not None and before.window == window("2026-10-24", "2026-10-25")


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (DAY, "on 9 April 2026"),
        (NIGHT, "on 9 April 2026 between 18:00 and 06:00"),
        (MINUTE, "on 3 April 2026 at 02:40"),
        (WEEK, "from 3 April 2026 to 10 April 2026 between 07:30 and 07:30"),
        (window("2026-03-01", "2026-04-01"), "from 1 March 2026 to 31 March 2026"),
        (window("2026-04-09T18:00:05", "2026-04-09T18:10"), "on 9 April 2026 between 18:00:05 and 18:10:00"),
    ],
)
def test_windows_are_said_as_people_say_them(one: Interval, words: str) -> None:
    assert said(one, MADRID) == words


@given(
    st.integers(978_307_200, 2_114_380_800),
    st.integers(1, 90 * 86_400),
    st.sampled_from([UTC, MADRID, ZoneInfo("America/Caracas"), ZoneInfo("Asia/Kolkata")]),
)
def test_what_is_said_is_read_back(start: int, seconds: int, zone: ZoneInfo) -> None:
    begin = datetime.fromtimestamp(start, UTC)
    one = span(begin, begin + timedelta(seconds=seconds))
    read = find_when(said(one, zone), to_micros(begin) + 10**15, zone)
    assert read is not None and read.window == one
