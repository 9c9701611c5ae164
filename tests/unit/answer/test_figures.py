"""Figures are recomputed from the samples of the window that was asked for, and from nothing else."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from app.answer.places import Site
from app.answer.series import directory, match, stem, tokens_of
from retrieval.types import Coverage, Interval, Kind, Layer, Support, Verdict


def values(finding: Any, unit: str = "mm/s") -> list[float]:
    return [float(n) for c in finding.claims for n in re.findall(rf"(-?\d+(?:\.\d+)?) {unit}", c.text)]


@pytest.mark.parametrize(
    ("word", "compute"),
    [
        ("maximum", np.max),
        ("minimum", np.min),
        ("average", np.mean),
        ("median", np.median),
        ("standard deviation", np.std),
    ],
)
@pytest.mark.parametrize(("start", "end"), [("02:00", "03:00"), ("02:30", "04:10"), ("11:39", "11:41")])
def test_figures_of_a_window(plant: Any, readings: Any, word: str, compute: Any, start: str, end: str) -> None:
    finding = plant.find(f"What was the {word} vibration of P-101 between {start} and {end} on 4 March 2026?")
    expected = float(compute(readings.within(start, end)))
    assert finding.verdict is Verdict.ANSWERED
    assert any(abs(value - expected) < 1e-4 for value in values(finding)), (expected, finding.claims)
    assert all(c.support is Support.SUPPORTED and c.citations for c in finding.claims)
    assert {c.kind for one in finding.claims for c in one.citations} == {Kind.WINDOW}
    # what is cited overlaps what was asked
    assert all(e.valid.t0 < finding.notes[0].valid.t1 + 60_000_001 for e in finding.used)


def test_a_reading_at_a_time_is_the_nearest_sample(plant: Any, readings: Any) -> None:
    finding = plant.find("What was the vibration of P-101 at 02:39 on 4 March 2026?")
    assert values(finding) == [8.2]
    assert "02:39:00" in finding.claims[0].text


def test_the_time_of_the_peak_is_told(plant: Any) -> None:
    finding = plant.find("When was the vibration of P-101 highest on 4 March 2026?")
    assert values(finding) == [9.4] and "02:38:00 CET" in finding.claims[0].text
    (cited,) = finding.claims[0].citations
    assert "9.4 mm/s" in cited.quote


def test_over_the_limit_is_counted(plant: Any, readings: Any) -> None:
    finding = plant.find("Did the vibration of P-101 exceed its limit on 4 March 2026?")
    text = finding.claims[0].text
    over = [v for v in readings.v if v > 7.1]
    assert f"{len(over)} samples" in text and "7.1 mm/s" in text
    assert "02:38:00" in text and "11:40:00" in text


def test_a_limit_that_is_asked_for_wins(plant: Any) -> None:
    finding = plant.find("Was the vibration of P-101 above 9 mm/s on 4 March 2026?")
    assert "above 9 mm/s in 1 samples" in finding.claims[0].text
    never = plant.find("Was the vibration of P-101 above 12 mm/s on 4 March 2026?")
    assert "never exceeded 12 mm/s" in never.claims[0].text and "9.4 mm/s" in never.claims[0].text


def test_a_number_of_hours_is_no_limit(plant: Any) -> None:
    midnight = 1_772_668_800_000_000
    answer = plant.ask("Did the vibration of P-101 exceed its limit in the past 24 hours?", midnight)
    assert "7.1 mm/s" in answer.claims[0].text


def test_a_silent_sensor_is_not_recorded(plant: Any) -> None:
    finding = plant.find("What was the highest temperature of P-101 between 08:00 and 09:00 on 4 March 2026?")
    assert finding.verdict is Verdict.NOT_RECORDED and finding.claims == ()
    assert [note.status for note in finding.notes] == ["gap"]


def test_gaps_in_the_samples_are_left_out(house: Any) -> None:
    t = [1_772_600_000_000_000 + n * 60_000_000 for n in range(6)]
    source = "file:///site/boiler_pressure.csv"
    common = {"source": source, "subject": f"{source}#value", "tenant": "t", "valid": Interval(t[0], t[-1] + 1)}
    coverage = [
        Coverage(layer=Layer.RECORDED, **common),
        Coverage(layer=Layer.EXAMINED, by="series.v1", interval_s=60.0, **common),
    ]
    house.put(
        house.window("boiler_pressure.csv", "value", t, [1.0, None, 4.0, None, 1.0, 2.0], unit="bar"), coverage=coverage
    )
    finding = house.find("What was the mean boiler pressure?")
    assert finding.verdict is Verdict.ANSWERED
    assert values(finding, "bar") == [2.0] and "4 samples" in finding.claims[0].text


# --- which series is meant


def subjects(plant: Any, question: str) -> list[str]:
    desk = plant.desk(question)
    site = Site({e.id: e for e in plant.catalog.entities(plant.me)}, desk.links())
    return [m.series.subject for m in match(desk.question, directory(plant.catalog.coverage(plant.me, []), site), site)]


@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("highest vibration of pump P-101", "V-1"),
        ("how hot did P-101 get", "T-1"),
        ("the temperature of the pump", "T-1"),
        ("maximum of V-1", "V-1"),
    ],
)
def test_the_series_meant(plant: Any, question: str, first: str) -> None:
    assert subjects(plant, question)[0] == first


@pytest.mark.parametrize("question", ["the humidity of P-101", "the voltage of P-101", "the vibration of P-999"])
def test_no_series_for_what_is_not_measured(plant: Any, question: str) -> None:
    assert subjects(plant, question) == []


def test_words_are_folded() -> None:
    assert stem("temperatures") == stem("temperature") and stem("utilisation") == stem("utilization")
    words = "ambient temperature system failure".split()
    assert {stem(w) for w in words} <= tokens_of("ambient_temperature_systemFailure.csv")
    assert {"p", "101"} <= tokens_of("P-101")
