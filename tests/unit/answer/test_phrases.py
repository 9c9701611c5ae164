"""Time phrases, read in a zone that is not UTC, with an asked_at on a Friday."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.answer.phrases import find_when, unreadable
from retrieval.times import iso, to_micros

MADRID = ZoneInfo("Europe/Madrid")
ASKED = to_micros(datetime(2026, 3, 6, 8, tzinfo=UTC))


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("between 02:00 and 03:00 on 4 March", "2026-03-04T01:00:00Z", "2026-03-04T02:00:00Z"),
        ("on 4 March between 23:30 and 00:30", "2026-03-04T22:30:00Z", "2026-03-04T23:30:00Z"),
        ("last night", "2026-03-05T17:00:00Z", "2026-03-06T05:00:00Z"),
        # the small hours of "last night" are this morning's
        ("last night between 2 and 3 am", "2026-03-06T01:00:00Z", "2026-03-06T02:00:00Z"),
        ("the night of 4 March", "2026-03-04T17:00:00Z", "2026-03-05T05:00:00Z"),
        ("in June 2020", "2020-05-31T22:00:00Z", "2020-06-30T22:00:00Z"),
        ("during 2017", "2016-12-31T23:00:00Z", "2017-12-31T23:00:00Z"),
        ("on Tuesday afternoon", "2026-03-03T11:00:00Z", "2026-03-03T17:00:00Z"),
        ("over the past 3 hours", "2026-03-06T05:00:00Z", "2026-03-06T08:00:00Z"),
        ("10:00-10:20 UTC yesterday", "2026-03-05T10:00:00Z", "2026-03-05T10:20:00Z"),
        ("March 4, 2026 from 10:00 to 10:20", "2026-03-04T09:00:00Z", "2026-03-04T09:20:00Z"),
        ("at 3 pm on 3 March", "2026-03-03T14:00:00Z", "2026-03-03T14:01:00Z"),
        ("at around 3 pm on 3 March", "2026-03-03T13:50:00Z", "2026-03-03T14:10:00Z"),
        ("before 06:00 on 5 March", "2026-03-04T23:00:00Z", "2026-03-05T05:00:00Z"),
        ("after 22:00 yesterday", "2026-03-05T21:00:00Z", "2026-03-05T23:00:00Z"),
        ("2020-06-01T10:15:00Z", "2020-06-01T10:15:00Z", "2020-06-01T10:16:00Z"),
        # a month still to come this year is last year's
        ("on 24 December", "2025-12-23T23:00:00Z", "2025-12-24T23:00:00Z"),
        ("from 22:00 to 24:00 on 4 March", "2026-03-04T21:00:00Z", "2026-03-04T23:00:00Z"),
        ("at 24:00 on 4 March", "2026-03-04T23:00:00Z", "2026-03-04T23:01:00Z"),
        ("until midnight on 4 March", "2026-03-03T23:00:00Z", "2026-03-04T23:00:00Z"),
        ("2026-03-04T24:00", "2026-03-04T23:00:00Z", "2026-03-04T23:01:00Z"),
        ("on 29 February", "2024-02-28T23:00:00Z", "2024-02-29T23:00:00Z"),
        ("tomorrow", "2026-03-06T23:00:00Z", "2026-03-07T23:00:00Z"),
        ("at 10:00 tomorrow", "2026-03-07T09:00:00Z", "2026-03-07T09:01:00Z"),
        ("is anyone in zone B right now", "2026-03-06T07:55:00Z", "2026-03-06T08:00:00Z"),
        ("is it now hotter than yesterday", "2026-03-04T23:00:00Z", "2026-03-05T23:00:00Z"),
        # a day that daylight saving makes an hour short
        ("on 29 March 2026", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"),
    ],
)
def test_windows(text: str, start: str, end: str) -> None:
    when = find_when(text, ASKED, MADRID)
    assert when is not None
    assert (iso(when.window.t0), iso(when.window.t1)) == (start, end)


@pytest.mark.parametrize(
    "text",
    [
        "what is the part number of the seal",
        "RUL0012",
        "pump P-101 tripped",
        "may I go in",
        "which orders are currently open",
        "was the pressure at 98.15",
        "at 30 amps",
        "it worked until now",
    ],
)
def test_no_time_is_no_window(text: str) -> None:
    assert find_when(text, ASKED, MADRID) is None


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("what happened on 31 February?", "31 February"),
        ("what happened on 31 February 2026?", "31 February 2026"),
        ("on 32 April between 02:00 and 03:00", "32 April"),
        ("on April 32", "April 32"),
        ("29 February 2025", "29 February 2025"),
        ("on 2026-13-01", "2026-13-01"),
        ("on 31/02/2026", "31/02/2026"),
        ("in March 0000", "March 0000"),
        ("from 25:00 to 26:00 yesterday", "25:00"),
        ("25:00 - 26:00", "25:00"),
        ("at 12:75 on 4 March", "12:75"),
        ("at 25 pm", "25 pm"),
        ("at 2026-03-04T25:00:00Z", "25:00:00"),
    ],
)
def test_a_time_that_cannot_be_is_told_and_never_bent(text: str, phrase: str) -> None:
    assert unreadable(text) == phrase
    assert find_when(text, ASKED, MADRID) is None


@pytest.mark.parametrize(
    "text",
    [
        "until 24:00",
        "29 February",
        "12/31/2025",
        "P-45 March 4",
        "how many of the 45 may run",
        "a mix of 50:50 to 60:40",
    ],
)
def test_a_time_that_can_be_is_readable(text: str) -> None:
    assert unreadable(text) is None


def test_an_instant_is_marked() -> None:
    when = find_when("what was the flow at 02:40 on 4 March", ASKED, MADRID)
    assert when is not None
    assert when.instant


@given(st.text(max_size=200))
def test_any_text_gives_an_ordered_window_or_none(text: str) -> None:
    when = find_when(text, ASKED, MADRID)
    assert when is None or when.window.t0 <= when.window.t1


@given(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2037, 1, 1)))  # noqa: DTZ001
def test_iso_stamps_are_read_back_exactly(moment: datetime) -> None:
    exact = moment.replace(microsecond=0, tzinfo=UTC)
    when = find_when(f"what was it at {exact:%Y-%m-%dT%H:%M:%S}Z?", ASKED, MADRID)
    assert when is not None
    assert when.window.t0 == to_micros(exact)
