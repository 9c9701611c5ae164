from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.ports import SourcePolicy
from ingest.timestamps import Clock, UndecidedDateError, is_blank, looks_like_time
from retrieval.times import to_datetime, to_micros

NAIVE = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)
MADRID = SourcePolicy(timezone="Europe/Madrid")


def at(*parts, zone=UTC):
    return to_micros(datetime(*parts, tzinfo=zone))


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("2026-03-04T02:41:00Z", at(2026, 3, 4, 2, 41)),
        ("2026-03-04 02:41:00.5 UTC", at(2026, 3, 4, 2, 41, 0, 500000)),
        ("2026-03-04T02:41+01:00", at(2026, 3, 4, 1, 41)),
        ("2026-03-04 02:41", at(2026, 3, 4, 2, 41, zone=ZoneInfo("Europe/Madrid"))),
        (1590984000, at(2020, 6, 1, 4)),
        ("1590984000", at(2020, 6, 1, 4)),
        (1590984000123, at(2020, 6, 1, 4, 0, 0, 123000)),
        (1590984000000000, at(2020, 6, 1, 4)),
        (1590984000000000000, at(2020, 6, 1, 4)),
        ("7/7/2026 1:05 PM Z", at(2026, 7, 7, 13, 5)),
    ],
)
def test_instants(cell, expected):
    span = Clock(MADRID).read(cell)
    assert (span.t0, span.t1) == (expected, expected)


def test_a_bare_date_is_the_day_of_the_zone_even_when_the_clocks_change():
    day = Clock(MADRID).read("2026-03-29")
    assert day.t0 == at(2026, 3, 28, 23) and day.seconds == 23 * 3600


def test_order_is_decided_by_a_field_above_12_anywhere():
    us = Clock.over(MADRID, ["1/2/20 0:00", "11/24/20 19:00"])
    assert us.read("1/2/20 0:00").t0 == at(2020, 1, 2, zone=ZoneInfo("Europe/Madrid"))
    assert Clock.over(MADRID, ["24.11.2020"]).read("1.2.2020").t0 == at(2020, 2, 1, zone=ZoneInfo("Europe/Madrid"))
    assert us.notes() == (
        "dates read month first: a field above 12 shows it",
        "times without a zone read as Europe/Madrid",
    )


def test_undecided_dates_are_refused_unless_the_policy_says():
    with pytest.raises(UndecidedDateError, match=r"site\.yaml"):
        Clock.over(MADRID, ["3/4/2026 10:00"]).read("3/4/2026 10:00")
    us, eu = (Clock.over(SourcePolicy(dates=d), ["3/4/2026 10:00"]) for d in ("us", "eu"))
    assert us.read("3/4/2026 10:00").t0 == at(2026, 3, 4, 10) and eu.read("3/4/2026 10:00").t0 == at(2026, 4, 3, 10)
    with pytest.raises(ValueError, match="day first in one place"):
        Clock.over(MADRID, ["24/11/2020", "11/24/2020"])


@pytest.mark.parametrize(
    "cell", ["", "soon", "2026-13-01", "13/13/2026", "25:00", "2026-02-30", True, None, "9999-12-31T25:00"]
)
def test_what_is_no_time_is_refused(cell):
    with pytest.raises(ValueError):
        Clock(SourcePolicy(dates="us")).read(cell)


def test_blank_and_time_like_cells():
    assert all(is_blank(cell) for cell in ("", " NaN ", None, float("nan"), "null"))
    assert not is_blank(0) and not is_blank("0")
    assert looks_like_time("11/24/20 19:00") and looks_like_time("2026-03-04") and not looks_like_time("1590984000")
    assert not looks_like_time("P-101") and not looks_like_time(4)


@given(
    st.datetimes(NAIVE.replace(year=1975, month=1, day=1), NAIVE.replace(year=2069, month=12, day=31)),
    st.sampled_from(["%m/%d/%y %H:%M", "%m/%d/%Y %I:%M:%S %p"]),
)
def test_us_dates_round_trip(moment, form):
    moment = moment.replace(second=0, microsecond=0)
    if "%y" in form and moment.year < 1970:
        return
    read = Clock(SourcePolicy(dates="us")).read(moment.strftime(form)).t0
    assert to_datetime(read).replace(tzinfo=None) == moment


@given(
    st.datetimes(NAIVE.replace(year=1975, month=1, day=1), NAIVE.replace(year=2100, month=1, day=1)),
    st.integers(-14 * 60, 14 * 60),
)
def test_iso_with_an_offset_round_trips(moment, minutes):
    aware = moment.replace(tzinfo=UTC) + timedelta(0)
    text = aware.astimezone(datetime.fromisoformat(f"2020-01-01T00:00{minutes // 60:+03d}:00").tzinfo).isoformat()
    assert Clock(MADRID).read(text).t0 == to_micros(aware)
