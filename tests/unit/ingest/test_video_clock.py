"""Clocks in lines of text, and what several of them say together."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.video.clock import Reading, Writing, clock_in, fit, without_clock
from retrieval.times import iso, to_micros

SECOND = 1_000_000
START = to_micros(datetime(2026, 3, 4, 2, 10, tzinfo=UTC))
starts = st.integers(START, START + 100 * 86_400 * SECOND)
medias = st.lists(st.integers(0, 600 * SECOND), min_size=3, max_size=12, unique=True)


def read_clock(line: str, zone: tzinfo, dates: str) -> Reading | None:
    return clock_in([line], Writing(zone, dates))


def shown(start: int, media: int) -> int:
    """What a clock that shows whole seconds shows."""
    return (start + media) // SECOND * SECOND


@pytest.mark.parametrize(
    ("line", "dates", "expected"),
    [
        ("03-04-2026 Wed 14:10:05", "us", "2026-03-04T14:10:05Z"),
        ("03-04-2026Wed14:10:05", "us", "2026-03-04T14:10:05Z"),
        ("04/03/2026 02:10:05", "eu", "2026-03-04T02:10:05Z"),
        ("03/04/2026 02:10:05 PM WED", "us", "2026-03-04T14:10:05Z"),
        ("03/04/2026 02:10:05 PMWED", "us", "2026-03-04T14:10:05Z"),
        ("3/4/2026 2:10:05 AM", "us", "2026-03-04T02:10:05Z"),
        ("3/4/20262:10:05 AM", "us", "2026-03-04T02:10:05Z"),
        ("3/4/2026 12:10:05 AM", "us", "2026-03-04T00:10:05Z"),
        ("3/4/2026 12:10:05 p.m.", "us", "2026-03-04T12:10:05Z"),
        ("Mar 04 2026 02:10:05 PM", "iso", "2026-03-04T14:10:05Z"),
        ("March 4, 2026 2:10:05 PM", "iso", "2026-03-04T14:10:05Z"),
        ("Wednesday, March 4, 2026 02:10:05", "iso", "2026-03-04T02:10:05Z"),
        ("Wed Mar 04 02:10:05 2026", "iso", "2026-03-04T02:10:05Z"),
        ("Wed Mar 04 02:10:052026", "iso", "2026-03-04T02:10:05Z"),
        ("WedMar 4 02:10:05 2026", "iso", "2026-03-04T02:10:05Z"),
        ("04-Mar-2026 02:10:05", "iso", "2026-03-04T02:10:05Z"),
        ("02 Ju1 2026 02:10:05", "iso", "2026-07-02T02:10:05Z"),
        ("02 0ct 2026 02:10:05", "iso", "2026-10-02T02:10:05Z"),
        ("02:10:05 04.03.2026", "eu", "2026-03-04T02:10:05Z"),
        ("2026-03-04T02:10:05.123Z", "iso", "2026-03-04T02:10:05Z"),
        ("2026-03-04 (Wed) 02:10:05", "iso", "2026-03-04T02:10:05Z"),
        ("VIOFO 2026/03/04 02:10:05 55KM/H", "iso", "2026-03-04T02:10:05Z"),
        # the weekday tells month and day apart
        ("03/04/2026 02:10:05 AM WED", "iso", "2026-03-04T02:10:05Z"),
        ("04/03/2026 Wed 02:10:05", "iso", "2026-03-04T02:10:05Z"),
        ("03/04/2026 Mon 02:10:05", "iso", None),
        # two days are possible where the blank is lost
        ("2026-3-112:10:05", "iso", None),
        ("2026-03-04 25:10:05", "iso", None),
        ("3/4/2026 13:10:05 PM", "us", None),
        ("Marble 04 2026", "iso", None),
        ("order 2026-03-04, batch 17, 02:10:05", "iso", None),
    ],
)
def test_formats_of_cameras_and_recorders(line: str, dates: str, expected: str | None) -> None:
    found = read_clock(line, UTC, dates)
    assert (iso(found.at) if found else None) == expected


@pytest.mark.parametrize(
    "lines",
    [
        ["CAM-07", "03-04-2026 Wed", "02:10:05"],
        ["02:10:05", "CAM-07", "03-04-2026 Wed"],
        ["CAM-07 03-04-2026", "02:10:05 AM WED"],
    ],
)
def test_date_and_time_may_stand_apart(lines: list[str]) -> None:
    found = clock_in(lines, Writing(UTC, "us"))
    assert found and iso(found.at) == "2026-03-04T02:10:05Z"


def test_a_date_alone_or_a_time_alone_is_no_clock() -> None:
    assert clock_in(["CAM-07", "2026-03-04"], Writing(UTC)) is None
    assert clock_in(["CAM-07", "02:10:05"], Writing(UTC)) is None
    assert clock_in([], Writing(UTC)) is None


def test_the_time_known_otherwise_tells_month_and_day_apart() -> None:
    near = to_micros(datetime(2026, 4, 3, tzinfo=UTC))
    assert read_clock("03/04/2026 02:10:05", UTC, "iso") is None
    found = clock_in(["03/04/2026 02:10:05"], Writing(UTC, "iso", near))
    assert found and iso(found.at) == "2026-04-03T02:10:05Z"
    assert clock_in(["03/04/2026 02:10:05"], Writing(UTC, "iso", near + 90 * 86_400 * SECOND)) is None


def test_a_clock_without_a_zone_stands_in_the_sources() -> None:
    found = clock_in(["2026-03-04", "03:10:05"], Writing(ZoneInfo("Europe/Berlin")))
    assert found and iso(found.at) == "2026-03-04T02:10:05Z" and not found.zoned


@pytest.mark.parametrize(
    ("line", "rest"),
    [
        ("CAM-1 03/04/2026 02:10:00 PM WED", "CAM-1"),
        ("Wed Mar 04 02:10:00 2026", ""),
        ("03-04-2026 Wed", ""),
        ("02:10:00.123 UTC", ""),
        ("inspected 2026-03-04", "inspected 2026-03-04"),
        ("Sun room 2", "Sun room 2"),
    ],
)
def test_what_a_line_says_besides_its_clock(line: str, rest: str) -> None:
    assert without_clock(line) == rest


@given(starts, medias)
def test_a_sound_clock_allows_the_true_start(start: int, media: list[int]) -> None:
    found = fit([(at, Reading(shown(start, at), True)) for at in media])
    assert found and found.agreeing == len(media)
    assert found.start <= start < found.start + found.slack
    assert all(found.fits(at, shown(start, at)) for at in media)


@given(
    starts, st.integers(0, SECOND - 1), st.lists(st.integers(0, 300), min_size=3, max_size=9, unique=True), st.data()
)
def test_a_minority_of_misread_clocks_is_mended(
    start: int, phase: int, seconds: list[int], data: st.DataObject
) -> None:
    media = [phase + second * SECOND for second in seconds]
    wrong = data.draw(
        st.dictionaries(st.integers(0, len(media) - 1), st.integers(1, 10**7), max_size=(len(media) - 1) // 2)
    )
    clocks = [Reading(shown(start, at) + wrong.get(n, 0) * SECOND, True) for n, at in enumerate(media)]
    found = fit(list(zip(media, clocks, strict=True)))
    assert found
    assert [found.shown(at) for at in media] == [shown(start, at) for at in media]
    assert all(not found.fits(media[n], clocks[n].at) for n in wrong)


@given(starts, medias, st.randoms(use_true_random=False))
def test_the_order_of_readings_does_not_matter(start: int, media: list[int], rng: Random) -> None:
    readings = [(at, Reading(shown(start, at) + (n % 3 == 2) * 5 * SECOND, True)) for n, at in enumerate(media)]
    mixed = list(readings)
    rng.shuffle(mixed)
    one, other = fit(readings), fit(mixed)
    assert (one and (one.start, one.agreeing)) == (other and (other.start, other.agreeing))


@given(starts, medias, st.integers(-(10**6), 10**6))
def test_a_clock_that_is_ahead_starts_the_clip_later_by_as_much(start: int, media: list[int], ahead: int) -> None:
    one = fit([(at, Reading(shown(start, at), True)) for at in media])
    other = fit([(at, Reading(shown(start, at) + ahead * SECOND, True)) for at in media])
    assert one and other and other.start - one.start == ahead * SECOND


@given(st.lists(st.booleans(), min_size=1, max_size=9))
def test_readings_that_lost_their_half_of_the_day_move_nothing(lost: list[bool]) -> None:
    noon = START + 12 * 3600 * SECOND
    clocks = [Reading(START, False)] * sum(lost) + [Reading(noon, False, half=True)]
    found = fit([(0, clock) for clock in clocks])
    assert found and found.start == noon


def test_the_pace_of_many_readings_is_told() -> None:
    found = fit([(n * SECOND, Reading(shown(START, round(n * 1.0001 * SECOND)), True)) for n in range(0, 3000, 5)])
    assert found and found.pace == pytest.approx(1.0001, abs=1e-4) and found.agreeing == found.read == 600
