"""What holds of every claim and every text: copies stand, changed digits do not, hostile strings raise nothing."""

from __future__ import annotations

import re
import string
import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.verify.amounts import amounts, same_amount
from app.verify.quotes import misquoted
from app.verify.reading import Kind, read
from app.verify.times import instant, moments, same_moment
from app.verify.units import converted
from retrieval.times import to_datetime, to_micros
from retrieval.types import Support

ZONE = ZoneInfo("Europe/Madrid")
MIDNIGHT = to_micros(datetime(2026, 3, 4, tzinfo=UTC))
KEYS = ("alert", "order", "log", "manual", "window", "frame")


def test_a_sentence_of_the_evidence_is_supported_by_it(verifier, plant) -> None:
    prose = f"{plant.log}\n\n{plant.manual}"
    told = [s.strip() for s in re.split(r"(?<=\.)\s+|\n+", prose) if len(s.split()) > 3 and s.strip().endswith(".")]
    assert len(told) > 10
    for sentence in told:
        found = verifier.judge(sentence, [plant.passage(prose, "P-101", "P-102", "T-9", "CAM-08")])
        assert found.support is Support.SUPPORTED, (sentence, found.why)


FIGURES = [
    ("Alert AL-17 on P-101 lasted 11 minutes.", "alert"),
    ("The vibration of P-101 peaked at 10.08 mm/s.", "window"),
    ("P-101 stood still for 95 minutes.", "log"),
    ("About 200 litres were lost at T-9.", "log"),
    ("The speed limit for vehicles on the site is 12 km/h.", "manual"),
    ("Alert AL-17 was raised at 03:41 local time.", "alert"),
    ("Work order WO-12 was closed at 05:05 UTC on 4 March 2026.", "order"),
]


@given(st.sampled_from(FIGURES), st.data())
def test_a_changed_digit_is_not_supported(verifier, plant, case, data) -> None:
    claim, key = case
    assert verifier.judge(claim, plant.shown(key)).support is Support.SUPPORTED
    # the digits of tags are names; a first digit may lose no leading place
    figures = list(re.finditer(r"(?<![\w-])\d+(?:[.:]\d+)*", claim))
    figure = data.draw(st.sampled_from(figures))
    places = [n for n in range(*figure.span()) if claim[n].isdigit()]
    place = data.draw(st.sampled_from(places))
    digit = data.draw(st.sampled_from([d for d in string.digits if d != claim[place]]))
    changed = claim[:place] + digit + claim[place + 1 :]
    assert verifier.judge(changed, plant.shown(key)).support is not Support.SUPPORTED, changed


@given(st.text(max_size=200))
def test_a_claim_that_cites_nothing_is_unsupported(verifier, claim: str) -> None:
    assert verifier.judge(claim, []).support is Support.UNSUPPORTED


WORDS = (
    "not no without before after while because caused 3:41 pm UTC 4 March 2026 10.08 mm/s P-101 AL-17 first then half an hour and "
    "every second week “ ” twice from between to the 99:99 31 February 2026 0 1e9 -3 °C cause: was more than than"
).split()
HOSTILE = st.one_of(
    st.text(max_size=300),
    st.text('0123456789.,:-–×/%eE °C mm/s \n"“”()[]', max_size=300),
    st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join),
)


@given(HOSTILE, HOSTILE, st.sampled_from(KEYS))
def test_no_text_raises_and_judging_is_the_same_again(verifier, plant, claim: str, text: str, key: str) -> None:
    exhibits = [plant.passage(text, "P-101"), *plant.shown(key)]
    first = verifier.judge(claim, exhibits)
    assert verifier.judge(claim, exhibits) == first
    assert 0.0 <= first.score <= 1.0
    assert all(0.0 <= value <= 1.0 for value in first.checks.values())
    assert bool(first.why) is (first.support is not Support.SUPPORTED)


REPEATED = ("7.1 bar ", "no ", "at 03:41 UTC on 4 March ", "from 3 to ", "“x ", "then first ", "because ")


@pytest.mark.parametrize("unit", REPEATED)
def test_work_grows_no_faster_than_the_text(verifier, plant, unit: str) -> None:
    """Counted in steps of the interpreter, not in seconds: eight times the text takes less than sixteen times the steps."""
    claim = "P-101 vibrated at 7.1 bar at 03:41."
    short, long = (steps(lambda n=n: verifier.judge(claim, [plant.passage(unit * n)])) for n in (20, 160))
    assert long < 16 * short


def steps(work) -> int:
    count = 0

    def tick(frame, event, arg):
        nonlocal count
        count += 1

    sys.setprofile(tick)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


@given(st.text(max_size=200))
def test_parts_lie_in_order_and_do_not_overlap(text: str) -> None:
    parts = [p for p in read(text, lambda t: []).parts if p.kind is not Kind.NAME]
    assert all(a.end <= b.start for a, b in pairwise(parts))
    assert all(text[p.start : p.end] == p.text for p in parts if p.text)


@given(st.integers(0, 10**9), st.integers(0, 4))
def test_a_number_is_read_as_written(value: int, decimals: int) -> None:
    written = f"{value / 10**decimals:.{decimals}f}"
    (found,) = amounts(f"it read {written} bar")
    assert (f"{found.value:.{decimals}f}", found.unit) == (written, "bar")


@given(st.floats(0.5, 5000, allow_nan=False), st.integers(0, 3))
def test_a_computed_value_stands_rounded_and_not_one_step_off(value: float, decimals: int) -> None:
    (known,) = amounts(f"{value:.6f} bar")
    (said,) = amounts(f"{value:.{decimals}f} bar")
    step = 10.0**-decimals
    near = abs(said.value - known.value) <= 0.05 * known.value
    assert same_amount(said, known, True) == near
    assert not same_amount(said._replace(value=said.value + step), known, True)


@given(st.integers(0, 86_399), st.booleans(), st.booleans())
def test_one_instant_is_the_same_told_locally_in_utc_or_by_the_half_day(second: int, utc: bool, half: bool) -> None:
    micros = MIDNIGHT + second * 1_000_000
    known = instant(moments("2026-03-04T00:00:00Z")[0], None, ZONE, UTC)._replace(at=micros)
    wall = to_datetime(micros, UTC if utc else ZONE)
    told = wall.strftime(("%I:%M:%S %p" if half else "%H:%M:%S") + (" UTC" if utc else " local time"))
    (claimed,) = moments(told)
    assert same_moment(claimed, known, ZONE)
    later = known._replace(at=micros + int(timedelta(minutes=1).total_seconds() * 1e6))
    assert not same_moment(claimed, later, ZONE)


@given(
    st.floats(-1e6, 1e6, allow_nan=False),
    st.sampled_from([("bar", "psi"), ("km/h", "mph"), ("h", "min"), ("kW", "W"), ("m³/h", "l/s")]),
)
def test_units_turn_there_and_back(value: float, pair: tuple[str, str]) -> None:
    there = converted(value, *pair)
    assert there is not None
    assert converted(there, pair[1], pair[0]) == pytest.approx(value, rel=1e-9, abs=1e-9)


# Bureau International des Poids et Mesures, The SI Brochure (9th ed.), and NIST SP 811 appendix B
@pytest.mark.parametrize(
    ("value", "unit", "to", "expected"),
    [(1, "bar", "Pa", 1e5), (1, "psi", "Pa", 6894.757), (1, "in", "mm", 25.4), (1, "ft", "m", 0.3048), (1, "mph", "m/s", 0.44704),
     (36, "km/h", "m/s", 10), (1, "m³/h", "l/min", 1000 / 60), (1, "d", "s", 86400), (1, "t", "kg", 1000)],
)  # fmt: skip
def test_factors_are_those_of_the_tables(value: float, unit: str, to: str, expected: float) -> None:
    assert converted(value, unit, to) == pytest.approx(expected, rel=1e-6)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters='“”"„«»….'), min_size=1, max_size=40))
def test_what_is_quoted_stands_word_for_word(text: str) -> None:
    if re.search(r"\w", text):
        assert list(misquoted(f"It says “{text}”.", f"before {text} behind")) == []
        assert list(misquoted(f"It says “{text} xyzzy”.", f"before {text} behind")) != []
