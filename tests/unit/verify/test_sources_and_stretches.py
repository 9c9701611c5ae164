"""Which source gives a figure, who does what in a text, and how stretches and lengths of time are read."""

from __future__ import annotations

import pytest

from app.verify.amounts import amounts
from app.verify.calendar import length_from
from app.verify.times import moments
from app.verify.verifier import ClaimVerifier
from retrieval.types import Support


@pytest.mark.parametrize(
    ("claim", "kept"),
    [
        ("P-101 stood still for 55 minutes by the log, but for 80 minutes by its own counter.", True),
        ("P-101 stood still for 80 minutes by the log, but for 55 minutes by its own counter.", False),
        ("Log and report disagree on how long P-101 stood still: 55 minutes against 80 minutes.", True),
        ("Log and report disagree on how long P-101 stood still: 80 minutes against 55 minutes.", False),
        ("Log and report agree on how long P-101 stood still.", False),
    ],
)
def test_a_figure_stands_in_the_source_that_is_named_for_it(
    verifier: ClaimVerifier, plant, claim: str, kept: bool
) -> None:
    log = plant.passage(
        "# Shift log 4 March 2026\n\n03:41 AL-17 on Pump P-101: high vibration. P-101 stood still for 55 minutes.",
        "P-101",
    )
    report = plant.passage("Incident report\n\nBy the machine's own counter P-101 stood still for 80 minutes.", "P-101")
    found = verifier.judge(claim, [log, report._replace(label="E2")])
    assert (found.support is Support.SUPPORTED) is kept, found.why


@pytest.mark.parametrize(
    ("claim", "kept"),
    [
        ("The gate chain had jumped off its sprocket.", True),
        ("The gate chain had stayed on its sprocket.", False),
        ("Permit HW-8 was issued to the contractor.", True),
        ("Permit HW-8 was issued by the contractor.", False),
        ("The mechanics reset the relay and changed the motor.", True),
        ("The mechanics changed the relay and reset the motor.", False),
        ("The belt was stalled by a jammed carton.", True),
        ("The belt was stalled by an overheated motor.", False),
    ],
)
def test_who_and_where_are_as_in_the_text(verifier: ClaimVerifier, plant, claim: str, kept: bool) -> None:
    text = (
        "The gate chain had jumped off its sprocket. Permit HW-8 was issued to the contractor. "
        "The mechanics reset the relay and changed the motor. A jammed carton stalled the belt and overheated the motor."
    )
    found = verifier.judge(claim, [plant.passage(text)])
    assert (found.support is Support.SUPPORTED) is kept, found.why


@pytest.mark.parametrize(
    ("said", "value", "unit"),
    [
        ("3 hours 24 minutes 36 seconds", 3 + 24 / 60 + 36 / 3600, "h"),
        ("24 hours 9 seconds", 24 + 9 / 3600, "h"),
        ("about a day", 1.0, "d"),
        ("a full hour", 1.0, "h"),
        ("2 weeks", 2.0, "wk"),
    ],
)
def test_lengths_of_time_in_several_units(said: str, value: float, unit: str) -> None:
    (found,) = amounts(f"It lasted for {said}.")
    assert (found.value, found.unit) == (pytest.approx(value), unit)


def test_a_power_beyond_every_float_is_no_number() -> None:
    assert [a.value for a in amounts("0E310 and 1e9")] == [0.0, 1e9]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("In the hour after 02:00 it rose.", 3600),
        ("Over the 30 minutes from 4 March 02:00 it rose.", 1800),
        ("It rose 30 minutes after 02:00.", 0),
    ],
)
def test_a_stretch_by_its_start_and_length(text: str, seconds: int) -> None:
    assert length_from(text, text.index("02:00")) == seconds


def test_a_weekday_without_a_year_is_kept_to_be_checked() -> None:
    (found,) = moments("It came in at 2:41 a.m. on Thursday, 5 March.")
    assert (found.day, found.weekday) == ((None, 3, 5), 3)


def test_both_ends_of_a_range_are_of_the_day_behind_it() -> None:
    one, two, three = moments("Higher on 4 March at 01:00 than between 3:00 a.m. and 4:00 a.m. on 10 June.")
    assert [m.day for m in (one, two, three)] == [(None, 3, 4), (None, 6, 10), (None, 6, 10)]
