"""The suite of burnt-in clocks: what it draws is what it counts."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.clocks.clips import SIZES, choose
from eval.clocks.fonts import FONTS
from eval.clocks.formats import FORMATS, Format
from eval.resampling import wilson
from ingest.video.clock import Writing, clock_in
from retrieval.times import to_micros

moments = st.datetimes(datetime(2000, 1, 1), datetime(2039, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds it


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
@given(at=moments)
def test_every_format_is_read_back(form: Format, at: datetime) -> None:
    shown, truth = form.write(at), to_micros(at.replace(microsecond=0))
    ways = [[shown.line], ["CAM-11", shown.line]]
    if form.apart:
        ways += [[shown.date, shown.time], [shown.time, "CAM-11", shown.date]]
    for lines in ways:
        found = clock_in(lines, Writing(UTC, form.dates))
        assert found and found.at == truth, lines


def test_a_format_is_written_as_its_name_says() -> None:
    at = datetime(2026, 3, 4, 2, 10, 0, 123_000, UTC)
    for form in FORMATS:
        assert form.write(at).line in (form.name, form.name.upper())


def test_the_same_seed_draws_the_same_clips_and_another_does_not() -> None:
    assert choose(5, 40) == choose(5, 40) != choose(6, 40)


def test_formats_fonts_and_sizes_come_up_equally_often() -> None:
    specs = choose(5, 60)
    for key, kinds in (("format", len(FORMATS)), ("font", len(FONTS)), ("size", len(SIZES))):
        counts = Counter(getattr(spec, key)[0] for spec in specs)
        assert set(counts.values()) == {60 // kinds}


def test_wilsons_interval_is_that_of_the_textbook() -> None:
    # Agresti and Coull, The American Statistician 52 (1998): 0 of 10 and 9 of 10
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(9, 10) == pytest.approx((0.5958, 0.9821), abs=1e-4)
