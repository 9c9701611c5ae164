"""How held-out claims write times, durations and figures, again with another value, and that every plant can be told of."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.claims.held_causes import CAUSES, FIXES
from eval.claims.held_frames import family
from eval.claims.held_slots import DATED, lasting_slot, number_slot, time_slot, write_lasting, write_number, write_time
from eval.claims.held_values import numbers, times, vague
from eval.claims.held_words import JOBS, MESSAGES
from eval.claims.types import Slot, right_claim
from eval.claims.world import World
from eval.site.incidents import PLOTS, UNSEEN_PLOTS
from eval.site.tables import LEGACY, ROUTINE
from retrieval.times import to_micros
from retrieval.types import Micros

MADRID = ZoneInfo("Europe/Madrid")
MINUTE = 60_000_000


def at(day: int, hour: int) -> Micros:
    return to_micros(datetime(2026, 6, day, hour, tzinfo=UTC))


@given(st.integers(at(1, 0), at(30, 0)), st.integers(0, 99))
def test_a_time_can_be_read_back(when: Micros, seed: int) -> None:
    text = write_time("u|{Y}-{mm}-{dd} {H}:{M} UTC", when, MADRID)
    read = datetime.strptime(text, "%Y-%m-%d %H:%M UTC").replace(tzinfo=UTC)
    assert 0 <= when - to_micros(read) < MINUTE
    local = write_time("l|{h}:{M} {p} local time on {B} {d}, {Y}", when, MADRID)
    read = datetime.strptime(local.replace(".", ""), "%I:%M %p local time on %B %d, %Y").replace(tzinfo=MADRID)
    assert 0 <= when - to_micros(read) < MINUTE
    slot = time_slot(when, MADRID, random.Random(seed))
    assert slot.text == write_time(slot.form, when, MADRID)


@given(st.floats(0.5, 200), st.integers(0, 999))
def test_a_figure_is_rounded_only_where_the_words_say_so(value: float, seed: int) -> None:
    slot = number_slot(value, random.Random(seed))
    said = float(re.findall(r"[\d.]+", slot.text)[0])
    assert abs(said - value) <= (0.0051 if slot.form == "2|" else 0.021 * value)
    assert (slot.form == "2|") == (not re.match("about|roughly|around", slot.text))


UNITS = {"second": 1, "s": 1, "minute": 60, "min": 60, "hour": 3600}


@given(st.integers(1, 300_000), st.integers(0, 999))
def test_a_duration_keeps_to_within_three_percent(seconds: int, seed: int) -> None:
    slot = lasting_slot(seconds, random.Random(seed))
    parts = re.findall(r"([\d.]+) (seconds?|s|minutes?|min|hours?)\b", slot.text.replace(",", ""))
    said = sum(float(number) * UNITS[unit if unit == "s" else unit.removesuffix("s")] for number, unit in parts)
    assert abs(said - seconds) <= 0.03 * seconds, slot.text


@given(st.integers(at(3, 0), at(20, 0)), st.sampled_from(DATED), st.integers(0, 99))
def test_a_changed_time_is_another_minute(when: Micros, form: str, seed: int) -> None:
    nowhere = World([], [], lambda one: None, MADRID)
    slot = Slot("time", write_time(form, when, MADRID), when, form)
    claim = right_claim("alert", "It was raised at {raised}.", {"raised": slot})
    others = list(times(claim, claim.spans[0], nowhere, random.Random(seed)))
    assert others
    assert slot.text not in others


@given(st.floats(1, 100), st.sampled_from(["2|", "1|about"]), st.integers(0, 99))
def test_a_changed_figure_is_off_by_more_than_rounding(value: float, form: str, seed: int) -> None:
    nowhere = World([], [], lambda one: None, MADRID)
    slot = Slot("number", write_number(form, value), value, form)
    claim = right_claim("window", "It peaked at {max} bar.", {"max": slot})
    least = 0.15 if vague(claim, claim.spans[0]) else 0.02
    for other in numbers(claim, claim.spans[0], nowhere, random.Random(seed)):
        said = float(re.findall(r"[\d.]+", other)[0])
        assert abs(said - value) > least * value


@pytest.mark.parametrize(
    ("form", "seconds", "text"),
    [
        ("whole", 2366, "39 minutes and 26 seconds"),
        ("short", 2366, "39 min 26 s"),
        ("short", 30, "30 s"),
        ("hours", 16_320, "4 hours 32 minutes"),
        ("about minutes", 2366, "about 39 minutes"),
        ("about hours", 36_000, "roughly 10 hours"),
        ("seconds", 2366, "2,366 seconds"),
    ],
)
def test_durations_in_words(form: str, seconds: float, text: str) -> None:
    assert write_lasting(form, seconds) == text


def test_every_message_cause_repair_and_job_of_a_plant_can_be_told() -> None:
    plots = [*PLOTS, *UNSEEN_PLOTS.values()]
    assert {plot.message for plot in plots} | {text for texts in LEGACY.values() for text in texts} <= MESSAGES.keys()
    assert {cause for plot in plots for cause in plot.causes} <= CAUSES.keys()
    assert {fix for plot in plots for fix in plot.fixes} <= FIXES.keys()
    assert {plot.order for plot in plots} | {job for _, job in ROUTINE} <= JOBS.keys()


def test_signs_of_people_are_taken_for_one_thing() -> None:
    assert family("hi-vis vest") == family("person") == family("person with hard hat")
    assert family("red forklift") & family("forklift")
    assert not family("truck") & family("forklift")
