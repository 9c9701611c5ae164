"""Figures are recomputed from the samples of the window that was asked for, and from nothing else."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from app.answer.figures import compare
from app.answer.question import Statistic
from app.answer.series import match, stem, tokens_of
from retrieval.types import Coverage, Entity, EntityType, Interval, Kind, Layer, Support, Verdict


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


def test_a_gap_is_told_with_the_figures_and_never_bridged(house: Any) -> None:
    minutes = [0, 1, 2, 3, 40, 41, 42, 60, 61, 62]
    t = [1_772_600_400_000_000 + n * 60_000_000 for n in minutes]
    source = "file:///site/boiler_pressure.csv"
    common = {"source": source, "subject": f"{source}#value", "tenant": "t", "valid": Interval(t[0], t[-1] + 1)}
    coverage = [
        Coverage(layer=Layer.RECORDED, **common),
        Coverage(layer=Layer.EXAMINED, by="series.v1", interval_s=60.0, **common),
    ]
    house.put(house.window("boiler_pressure.csv", "value", t, [2.0] * 10, unit="bar"), coverage=coverage)
    finding = house.find("What was the mean boiler pressure?")
    assert values(finding, "bar") == [2.0]
    hole = "; no samples 4 March 2026 06:03:00–06:40:00 CET, the longest of 2 gaps"
    assert finding.claims[0].text.endswith(f"{hole}.") and finding.notes[0].text.endswith(hole)


# --- limits, comparisons and anomalies, on a plant with two pumps

START = 1_772_600_000_000_000


def thing(id_: str, type_: EntityType, name: str, **facts: Any) -> Entity:
    return Entity(id=id_, type=type_, name=name, tenant="t", facts=facts)


@pytest.fixture(scope="module")
def pumps(shared_house: Any) -> Any:
    """Six minutes of two temperatures, the first with limits and two anomalies, and of a vibration without any."""
    pieces, coverage, entities = [], [], [thing("D-1", EntityType.ASSET, "Tank D-1", type="tank")]
    flags = [{"t": START + n * 60_000_000, "value": v, "score": s, "direction": "above", "baseline": 1.0}
             for n, v, s in ((1, 50.0, 9.0), (4, 57.11, 99.0))]  # fmt: skip
    flags[1] |= {"against": "nearest forecast", "tail": 1e-6}
    told = {"limits": {"high": 80.0, "low": 5.0}, "anomalies": flags}
    rows = [("P-101", "temperature", "degC", [40.0, 50.0, 41.0, 42.0, 57.11, 43.0], told),
            ("P-102", "temperature", "degC", [60.0, 61.0, 98.15, 62.0, 63.0, 64.0], {}),
            ("P-101", "vibration", "mm/s", [1.0] * 6, {})]  # fmt: skip
    entities += [thing(p, EntityType.ASSET, f"Pump {p}", type="pump") for p in ("P-101", "P-102")]
    for pump, quantity, unit, values_, data in rows:
        sensor, t = f"{quantity[0].upper()}-{pump[-1]}", [START + n * 60_000_000 for n in range(6)]
        entities.append(
            thing(sensor, EntityType.SENSOR, f"{pump} {quantity}", asset=pump, unit=unit, quantity=quantity)
        )
        pieces.append(shared_house.window(f"{sensor}.csv", "value", t, values_, unit=unit, data=data, on=(sensor,)))
        common: dict[str, Any] = {"source": f"file:///site/{sensor}.csv", "subject": sensor, "tenant": "t"}
        span = Interval(t[0], t[-1] + 60_000_000)
        coverage += [Coverage(layer=Layer.RECORDED, valid=span, **common)]
        coverage += [Coverage(layer=Layer.EXAMINED, valid=span, by="series.v1", interval_s=60.0, **common)]
    shared_house.put(*pieces, coverage=coverage, entities=entities)
    return shared_house


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("What is the high temperature limit of P-101?", ["The high limit of P-101 temperature is 80 degC."]),
        ("What is the maximum allowed temperature of P-101?", ["The high limit of P-101 temperature is 80 degC."]),
        ("What is the lower limit of the P-101 temperature?", ["The low limit of P-101 temperature is 5 degC."]),
        ("How hot is P-101 allowed to get?", ["The high limit of P-101 temperature is 80 degC."]),
    ],
)
def test_a_limit_that_is_asked_is_told(pumps: Any, question: str, said: list[str]) -> None:
    finding = pumps.find(question)
    assert [c.text for c in finding.claims] == said
    assert finding.verdict is Verdict.ANSWERED and finding.claims[0].citations


def test_both_limits_and_none(pumps: Any) -> None:
    assert len(pumps.find("What is the temperature limit of P-101?").claims) == 2
    none = pumps.find("What is the vibration limit of P-101?")
    assert not any("mm/s" in c.text for c in none.claims) and none.verdict is Verdict.INSUFFICIENT


@pytest.mark.parametrize(
    "question",
    ["How far below its limit was the highest temperature of P-101?", "Was P-101 temperature above its limit?"],
)
def test_a_limit_to_measure_against_is_not_the_answer(pumps: Any, question: str) -> None:
    assert not any("limit of" in c.text for c in pumps.find(question).claims)


def compared(pumps: Any, question: str, *statistics: Statistic) -> Any:
    desk = pumps.desk(question)
    series = [s for s in desk.known.series if s.unit == "degC"]
    return compare(desk, sorted(series), statistics)


def test_the_extreme_over_several_series_comes_first(pumps: Any) -> None:
    highest = compared(pumps, "Which pump had the highest temperature?", Statistic.MAX)
    assert highest.claims[0].text.startswith("The highest temperature was 98.15 degC at 4 March 2026 ")
    assert highest.claims[0].text.endswith(", on P-102 temperature; P-101 temperature reached 57.11 degC.")
    assert {c.source for c in highest.claims[0].citations} == {f"file:///site/T-{n}.csv" for n in (1, 2)}
    lowest = compared(pumps, "Which pump had the lowest temperature?", Statistic.MIN)
    assert "was 40 degC" in lowest.claims[0].text and "P-102 temperature fell to 60 degC" in lowest.claims[0].text


def test_what_is_not_ranked_is_told_of_each(pumps: Any) -> None:
    means = compared(pumps, "mean temperature of the pumps", Statistic.MEAN)
    assert len(means.claims) == 2 and means.verdict is Verdict.ANSWERED
    silent = compared(pumps, "highest temperature of the pumps on 2 March 2026", Statistic.MAX)
    assert silent.verdict is Verdict.NOT_RECORDED and len(silent.notes) == 2


def test_an_anomaly_outside_the_time_asked_is_not_told(pumps: Any) -> None:
    # 04:53:20 UTC is the first sample; the worst anomaly is at 04:57:20
    both = pumps.find("Any anomaly in the P-101 temperature on 4 March 2026?")
    assert "57.11 degC, 99 spreads above the nearest forecast of 1 degC, tail probability 1e-06" in both.claims[0].text
    early = pumps.find("Any anomaly in the P-101 temperature between 04:53 and 04:56 UTC on 4 March 2026?")
    assert "50 degC, 9 spreads above the running median of 1 degC." in early.claims[0].text
    assert not any("57.11" in c.text for c in early.claims)


def test_what_is_unusual_together_is_told_with_its_figures(house: Any) -> None:
    t = [START + n * 60_000_000 for n in range(6)]
    parts = {"average": 3.5, "usual": 2.0, "spread": 0.25, "spreads": 6.0}
    flag = {
        "t0": t[1], "t1": t[4], "peak": t[3], "ends": True, "statistic": 84.0, "limit": 28.0,
        "own": {"series": "value", **parts}, "carriers": [{"series": "value", **parts}, {"series": "load", **parts, "spreads": -4.0}],
    }  # fmt: skip
    source = "file:///site/boiler_pressure.csv"
    common = {"source": source, "subject": f"{source}#value", "tenant": "t", "valid": Interval(t[0], t[-1] + 1)}
    coverage = [
        Coverage(layer=Layer.RECORDED, **common),
        Coverage(layer=Layer.EXAMINED, by="series.v1", interval_s=60.0, **common),
    ]
    window = house.window(
        "boiler_pressure.csv", "value", t, [2.0] * 6, unit="bar", data={"joint": [flag], "anomalies": []}
    )
    house.put(window, coverage=coverage)
    text = house.find("Was there any anomaly in the boiler pressure on 4 March 2026?").claims[0].text
    assert "unusual together with load (-4), 4 March 2026 05:54:20–05:57:20 CET" in text
    assert (
        "the statistic was 84 against a limit of 28, the moving average 3.5 bar, +6 spreads from the usual 2 bar."
        in text
    )
    early = house.find("Was there any anomaly in the boiler pressure between 04:50 and 04:54 UTC on 4 March 2026?")
    assert not any("together" in made.text for made in early.claims)


def test_the_kind_of_thing_must_be_met(pumps: Any) -> None:
    assert subjects(pumps, "What is the temperature of the tank?") == []
    assert subjects(pumps, "What is the temperature of the pump?") == ["T-1", "T-2"]


# --- which series is meant


def subjects(plant: Any, question: str) -> list[str]:
    desk = plant.desk(question)
    return [m.series.subject for m in match(desk.question, desk.known.series, desk.known.site)]


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
