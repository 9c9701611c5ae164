"""The exam set: wrong claims by mutators of its own, every one of them false or not shown by what it cites."""

from __future__ import annotations

import ast
import random
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.claims import (
    exam,
    exam_causes,
    exam_editing,
    exam_evidence,
    exam_merging,
    exam_names,
    exam_negation,
    exam_numbers,
    exam_roles,
    exam_strength,
    exam_times,
    exam_units,
    slots,
    truths,
)
from eval.claims.scoring import claims
from eval.claims.types import ScriptedClaim, Slot, right_claim
from eval.claims.world import Series, World
from retrieval.times import iso, to_micros
from retrieval.types import (
    CharSpan,
    Entity,
    EntityType,
    Evidence,
    FrameAt,
    Interval,
    Kind,
    Mention,
    Provenance,
    Relation,
    RowKey,
    SeriesWindow,
)

ZONE = ZoneInfo("Europe/Madrid")
START = to_micros(datetime(2026, 3, 12, 9, tzinfo=UTC))
MINUTE = 60_000_000
HOUR = 60 * MINUTE
ASSETS = ("P-101", "P-102", "T-201", "G-111")
SENSORS = {"P-101-VIB": "vibration", "P-101-TMP": "temperature", "P-102-VIB": "vibration", "P-102-TMP": "temperature"}
UNITS = {"vibration": "mm/s", "temperature": "degC"}
LOGS = (
    "# Shift log 12 March 2026\n\nKept by Shift lead A. Times are local.\n\n06:47 Eyewash stations flushed.\n\n"
    "10:31 AL-20 on Pump P-101 (Zone D): high bearing temperature. Cause: the cooling water valve had been closed by mistake. "
    "The crew reopened the cooling water valve. CAM-02 was not recording at the time.\n\n"
    "13:31 AL-21 on Pump P-102 (Zone D): bearing failure. P-102 stood still for 37 minutes. Cause under investigation, "
    "see IR-2603-02.\n\n14:22 Fire doors checked.",
    "# Shift log 13 March 2026\n\nKept by Shift lead B. Times are local.\n\n05:11 Handover without open points.",
)
REPORT = (
    "Incident report IR-2603-02: bearing failure at Pump P-102\n\nWhat happened\n\nOn 12 March 2026 at 13:31 local time alarm "
    "AL-21 was raised for Pump P-102 in Zone D (pump hall): fault 1.\n\nSmoke at the drive end was noticed from about 13:35 "
    "local time. Nobody was hurt.",
    "Findings\n\nThe investigation of P-102 found that a jammed carton stalled the belt and overheated the motor.\n\n"
    "By the machine's own counter P-102 stood still for 40 minutes.",
    "Measures\n\nUnder work order WO-51 the mechanics removed the carton and changed the motor. Pump P-102 was released for "
    "service at 16:15.\n\nThe report was closed by the safety officer.",
)
STANDING = (
    "Review\n\nPump P-102 is greased with Lithium EP1 every second week.\n\nThere are 6 spare bearings of the pump type in the "
    "cabinet of the stores.",
    "Permits\n\nRadio channel 5 is kept for emergencies.\n\nThe speed limit for vehicles on the site is 12 km/h.\n\n"
    "Hot work permit HW-884 was issued to Alder Services for the roof of the canteen.",
)


def piece(kind: Kind, key: str, text: str, locator, **more) -> Evidence:
    named = tuple(Mention(a, Relation.MENTIONS) for a in ASSETS if re.search(rf"{a}\b", text))
    return Evidence(
        id=f"ev_{key}", tenant="default", source=more.pop("source", f"file:///{kind.value}"), kind=kind, text=text,
        locator=locator, provenance=Provenance("test"), entities=named, **more,
    )  # fmt: skip


def alerts_and_orders() -> Iterator[Evidence]:
    for n, asset in enumerate((*ASSETS, *ASSETS)):
        t0 = START + n * 3 * HOUR + 31 * MINUTE + n * 1_000_000
        t1 = t0 + (40 + n) * MINUTE
        row = {"id": f"AL-{20 + n}", "asset": asset, "severity": ("low", "high", "medium")[n % 3],
               "message": f"fault {n}", "raised": iso(t0), "cleared": iso(t1)}  # fmt: skip
        row |= {"sensor": f"{asset}-VIB"} if asset.startswith("P-") else {}
        text = f"Alert {row['id']} ({row['severity']}): {row['message']} on {asset}, from {row['raised']} to {row['cleared']}"
        yield piece(
            Kind.ALERT, f"al{n}", text, RowKey("alerts", row["id"]), valid=Interval(t0, t1), data={"fields": row}
        )
        order = {"id": f"WO-{50 + n}", "asset": asset, "opened": iso(t1 + 30 * MINUTE), "priority": "urgent",
                 "status": "closed" if n % 2 else "open", "description": "Mend: reset the relay and changed the motor"}  # fmt: skip
        order |= {"closed": iso(t1 + (200 + 10 * n) * MINUTE)} if n % 2 else {}
        text = "workorders: " + "; ".join(f"{k}: {v}" for k, v in order.items())
        yield piece(Kind.ROW, f"wo{n}", text, RowKey("workorders", order["id"]), data={"fields": order})


def series_of(sensor: str, hour: int) -> Series:
    rng = random.Random(f"{sensor} {hour}")
    base = {"P-101-VIB": 2.0, "P-102-VIB": 3.0, "P-101-TMP": 55.0, "P-102-TMP": 62.0}[sensor] + 0.4 * hour
    peak = 6 if sensor.endswith("VIB") and hour == 0 else 0
    values = [round(base + rng.uniform(-0.3, 0.3) + (peak if 33 <= n < 50 else 0), 2) for n in range(60)]
    return Series([START + hour * HOUR + n * MINUTE for n in range(60)], values)


def windows() -> Iterator[Evidence]:
    for sensor, quantity in SENSORS.items():
        for hour in range(5):
            series, asset = series_of(sensor, hour), sensor.rpartition("-")[0]
            limit = {"vibration": 7.1, "temperature": 85.0}[quantity]
            span = Interval(series.t[0], series.t[0] + HOUR)
            data = {"quantity": quantity, "unit": UNITS[quantity], "step_s": 60.0, "limits": {"high": limit},
                    "crossings": [1] if max(series.v) > limit else []}  # fmt: skip
            text = f"{sensor} {quantity} ({asset}, Zone D): max {max(series.v)}, min {min(series.v)}"
            locator = SeriesWindow("value", span.t0, span.t1)
            yield piece(Kind.WINDOW, f"{sensor}{hour}", text, locator, valid=span, data=data, source=sensor)


def passages() -> Iterator[Evidence]:
    midnight = START - 10 * HOUR
    days = [Interval(midnight + n * 24 * HOUR, midnight + (n + 1) * 24 * HOUR) for n in range(2)]
    told = [(f"Shift log {12 + n} March 2026", f"log{n}", text, days[n]) for n, text in enumerate(LOGS)]
    told += [("Incident report IR-2603-02: bearing failure at Pump P-102", "report", text, days[0]) for text in REPORT]
    told += [("Review", "review", STANDING[0], None), ("Permits", "permits", STANDING[1], None)]
    for n, (title, source, text, day) in enumerate(told):
        yield piece(
            Kind.PASSAGE, f"p{n}", text, CharSpan(0, len(text)), source=source, valid=day, data={"title": title}
        )


def frames() -> Iterator[Evidence]:
    shown = (
        ("person",),
        ("person", "smoke"),
        ("forklift", "night"),
        ("pallet", "rain"),
        (),
        ("person with hard hat", "smoke"),
    )
    for n, labels in enumerate(shown * 6):
        at = START + 32 * MINUTE + n * 70_000_000
        text, span = f"CAM-0{n % 2} sees: {', '.join(sorted(labels))}", Interval(at, at + 2_000_000)
        data = {"counts": dict.fromkeys(labels, 1)}
        yield piece(Kind.FRAME, f"f{n}", text, FrameAt(n * 1000), source=f"clip{n % 2}", valid=span, data=data)


@pytest.fixture(scope="module")
def world() -> World:
    named = [(EntityType.ASSET, a, {"type": "tank" if a[0] == "T" else "pump", "zone": "Zone D"}) for a in ASSETS]
    named += [(EntityType.SENSOR, s, {"asset": s.rpartition("-")[0]}) for s in SENSORS]
    named += [(EntityType.CAMERA, f"CAM-0{n}", {}) for n in range(3)]
    named += [(EntityType.ZONE, f"Zone {z}", {}) for z in "ABD"]
    entities = [Entity(id=id_, type=type_, name=id_, tenant="default", facts=facts) for type_, id_, facts in named]
    every = [*alerts_and_orders(), *windows(), *passages(), *frames()]

    def samples(one: Evidence) -> Series:
        assert one.valid is not None
        return series_of(one.source, (one.valid.t0 - START) // HOUR)

    return World(every, entities, samples, ZONE)


@pytest.fixture(scope="module")
def right(world: World) -> list[ScriptedClaim]:
    return list(islice(truths.right(world, random.Random(1)), 300))


@pytest.fixture(scope="module")
def wrong(world: World, right: list[ScriptedClaim]) -> list[ScriptedClaim]:
    return list(islice(exam.wrong(right, world, random.Random(1)), 480))


def made_by(wrong: list[ScriptedClaim], mutation: str) -> list[ScriptedClaim]:
    found = [claim for claim in wrong if claim.mutation == mutation]
    assert found, mutation
    return found


def test_every_class_is_made_equally_often_by_many_mutators(wrong: list[ScriptedClaim]) -> None:
    classes = Counter(claim.mutation.partition(":")[0] for claim in wrong)
    assert classes == dict.fromkeys((*exam.CLASSES, "merged"), 40)
    assert len({claim.mutation for claim in wrong}) >= 80


def test_the_same_seed_gives_the_same_claims(world: World) -> None:
    assert claims("exam", world, 3, 60) == claims("exam", world, 3, 60)
    assert claims("exam", world, 3, 60) != claims("exam", world, 4, 60)


def test_no_wrong_claim_is_told_twice(wrong: list[ScriptedClaim]) -> None:
    assert len({(claim.text, claim.evidence) for claim in wrong}) == len(wrong)


def test_a_wrong_claim_cites_what_there_is_and_reads_as_a_sentence(world: World, wrong: list[ScriptedClaim]) -> None:
    for claim in wrong:
        assert not claim.right and claim.mutation and claim.base
        assert claim.evidence and set(claim.evidence) <= world.by_id.keys()
        assert claim.text.endswith(".") and not claim.text[0].islower() and "  " not in claim.text
        assert "{" not in claim.text and "None" not in claim.text.replace("None of", "")


def test_a_true_text_is_told_only_under_another_citation(
    world: World, wrong: list[ScriptedClaim], right: list[ScriptedClaim]
) -> None:
    cited = {claim.text: set(claim.evidence) for claim in right}
    kept = [claim for claim in wrong if claim.text in cited]
    assert "evidence" in {claim.mutation.partition(":")[0] for claim in kept}
    assert not any(cited[claim.text] <= set(claim.evidence) for claim in kept)


def test_the_exam_knows_nothing_of_the_verifier_nor_of_what_it_was_tuned_on() -> None:
    for path in Path(exam.__file__).parent.glob("exam*.py"):
        nodes = [n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.ImportFrom)]
        imported = [n.module or "" for n in nodes] + [f"{n.module}.{one.name}" for n in nodes for one in n.names]
        assert not any(re.search(r"^app|verify|mutate|held|voices|tuning", name) for name in imported), path


FIGURES = ("off by one", "digits swapped", "digit lost", "magnitude", "wrong rounding", "false precision", "scaled")


def figures_changed(claim: ScriptedClaim, world: World) -> list[str]:
    made = (exam_numbers.MUTATORS[how](claim, world, random.Random(n)) for how in FIGURES for n in range(60))
    return [one.text for one in made if one]


@given(st.floats(0.05, 999), st.integers(0, 2), st.sampled_from(FIGURES), st.randoms(use_true_random=False))
def test_a_changed_figure_is_no_rounding_of_the_true_one(
    world: World, value: float, decimals: int, how: str, rng: random.Random
) -> None:
    told = {"value": slots.number(value, decimals), "unit": slots.unit("bar", rng)}
    claim = right_claim("window", "It read {value} {unit}.", told, "ev_f0")
    made = exam_numbers.MUTATORS[how](claim, world, rng)
    if made is None:
        return
    figure = made.text.split()[2]
    assert round(value, len(figure.partition(".")[2])) != pytest.approx(float(figure), abs=1e-9)


def test_a_figure_is_not_merely_rounded(world: World) -> None:
    told = {"value": slots.number(2.34, 2), "unit": slots.unit("bar", random.Random(0))}
    claim = right_claim("window", "It read {value} {unit}.", told, "ev_f0")
    made = {text.split()[2] for text in figures_changed(claim, world)}
    assert {"2.35", "2.43", "2.4", "23.4", "2.344"} <= made
    assert not {"2.3", "2", "2.340", "2.34"} & made


@given(
    st.integers(1, 20_000), st.sampled_from(("minutes", "about", "exact", "hours")), st.randoms(use_true_random=False)
)
def test_a_changed_duration_is_off_by_three_minutes_and_a_quarter(
    world: World, seconds: int, form: str, rng: random.Random
) -> None:
    span = Slot("duration", slots.write_duration(seconds, form), seconds, form)
    claim = right_claim("alert", "It lasted {lasted}.", {"lasted": span}, "ev_f0")
    made = exam_times.duration(claim, world, rng)
    if made is None:
        return
    numbers = {unit: int(n) for n, unit in re.findall(r"(\d+) (hour|minute|second)", made.text)}
    told = 3600 * numbers.get("hour", 0) + 60 * numbers.get("minute", 0) + numbers.get("second", 0)
    assert abs(told - seconds) >= max(150, 0.25 * seconds - 60)


def test_what_was_reached_is_never_told_as_less(world: World) -> None:
    told = {"max": slots.number(39.38, 2), "unit": slots.unit("A", random.Random(0))}
    claim = right_claim("window limit", "It passed its limit and reached {max} {unit}.", told, "ev_f0")
    figures = [float(text.split()[-2]) for text in figures_changed(claim, world)]
    assert figures and min(figures) >= 39.38
    assert exam_strength.less_than(claim, world, random.Random(0)) is None
    assert exam_units.same_quantity(claim, world, random.Random(0)) is None


def test_a_range_is_only_told_narrower(world: World) -> None:
    told = {"min": slots.number(17.31, 2), "max": slots.number(19.49, 2), "unit": slots.unit("A", random.Random(0))}
    claim = right_claim("window", "It stayed between {min} {unit} and {max} {unit}.", told, "ev_f0")
    made = figures_changed(claim, world)
    figures = [tuple(map(float, re.findall(r"[\d.]+(?= A| amperes)", text))) for text in made]
    assert figures and all(low >= 17.31 and high <= 19.49 for low, high in figures)


def test_a_reading_is_not_moved_to_a_minute_that_reads_the_same(world: World) -> None:
    window = world.of_kind[Kind.WINDOW][0]
    assert window.valid is not None
    times = [window.valid.t0 + n * MINUTE for n in range(60)]
    flat = World([window], world.entities.values(), lambda one: Series(times, [2.5] * 60), UTC)
    told = {"value": slots.number(2.5, 1), "at": slots.Clock(UTC, random.Random(0)).time(times[30])}
    claim = right_claim("window", "It read {value} at {at}.", told, window.id)
    moved = [exam_times.minute(claim, flat, random.Random(n)) for n in range(40)]
    assert set(moved) == {None}
    assert exam_times.hour(claim, flat, random.Random(0)), "another hour's readings are not among those cited"


def test_a_swapped_name_is_nowhere_in_what_is_cited(world: World, wrong: list[ScriptedClaim]) -> None:
    for claim in made_by(wrong, "name: asset") + made_by(wrong, "name: near name"):
        old, new = (set(re.findall(r"[\w-]+", text)) for text in (claim.base, claim.text))
        assert new - old and not any(exam_editing.stated(world, claim, name) for name in new - old), claim.text


def test_the_same_hour_of_another_day_is_not_cited_where_no_day_is_told(world: World) -> None:
    window = world.of_kind[Kind.WINDOW][0]
    assert window.valid is not None
    moved = [
        msgspec.structs.replace(window, id=f"ev_{h}", valid=Interval(window.valid.t0 + h * HOUR, window.valid.t1 + h * HOUR))
        for h in (24, 48, 3)
    ]  # fmt: skip
    days = World([window, *moved], world.entities.values(), lambda one: None, ZONE)
    claim = right_claim(
        "window", "It peaked at {at}.", {"at": slots.Clock(ZONE, random.Random(0)).time(window.valid.t0)}, window.id
    )
    made = [exam_evidence.another_hour(claim, days, random.Random(n)) for n in range(20)]
    assert {one.evidence for one in made if one} == {("ev_3",)}


def test_half_of_the_evidence_never_shows_the_whole(wrong: list[ScriptedClaim], right: list[ScriptedClaim]) -> None:
    cited = {claim.text: set(claim.evidence) for claim in right}
    assert all(set(claim.evidence) < cited[claim.text] for claim in made_by(wrong, "evidence: half"))


def test_another_asset_is_none_that_is_cited_too(world: World) -> None:
    a, b = world.of_kind[Kind.ALERT][:2]
    told = {"one": slots.name("asset", "P-101"), "other": slots.name("asset", "P-102")}
    claim = right_claim("alert order", "{one} failed before {other}.", told, a.id, b.id)
    made = {m.text for n in range(80) if (m := exam_names.asset(claim, world, random.Random(n)))}
    assert made == {
        f"{x} failed before {y}."
        for x, y in (("T-201", "P-102"), ("G-111", "P-102"), ("P-101", "T-201"), ("P-101", "G-111"))
    }


def test_what_the_evidence_hints_at_is_not_called_invented(world: World) -> None:
    alert = piece(
        Kind.ALERT, "hint", "Alert AL-1 (low): shaft seal worn, lubrication poor on P-101", RowKey("alerts", "AL-1")
    )
    hinted = World([alert], world.entities.values(), lambda one: None, ZONE)
    told = {"alert": slots.name("alert", "AL-1"), "lasted": slots.duration(1800, random.Random(0))}
    claim = right_claim("alert", "Alert {alert} lasted {lasted}.", told, alert.id)
    made = [exam_causes.because(claim, hinted, random.Random(n)) for n in range(80)]
    assert all(one and "seal" not in one.text and "lubrication" not in one.text for one in made)


def test_what_counts_or_denies_is_not_denied(world: World) -> None:
    count = {"count": slots.count(2, random.Random(0)), "all": slots.name("total", "three")}
    claim = right_claim("frame count", "{count} of the {all} frames are dark.", count, "ev_f0")
    quiet = right_claim("report", "Nobody was hurt.", {}, "ev_f0")
    rng = random.Random(0)
    assert all(
        deny(one, world, rng) is None for one in (claim, quiet) for deny in (exam_negation.not_, exam_negation.never)
    )
    told = exam_negation.affirmed(quiet, world, rng)
    assert told and "Nobody" not in told.text


def test_what_is_blamed_or_followed_has_no_word_in_what_is_cited(world: World, wrong: list[ScriptedClaim]) -> None:
    links = re.compile(
        r"; the cause was|because of this|because of|caused by|owing to|as a result( of)?|thanks to|consequence|which"
    )
    for claim in made_by(wrong, "cause: because") + made_by(wrong, "cause: consequence"):
        assert claim.text.startswith(claim.base.removesuffix("."))
        added = links.sub("", claim.text[len(claim.base) - 1 :])
        words = world.words(claim.evidence).lower()
        assert not any(word in words for word in re.findall(r"[a-z]{5,}", added)), claim.text


def test_comparisons_of_what_is_alike_are_left_alone(world: World) -> None:
    rng = random.Random(0)
    clock = slots.Clock(ZONE, rng)
    told = {"more": slots.name("asset", "P-101"), "less": slots.name("asset", "P-101")}
    assert exam_roles.parties(right_claim("windows compared", "{more} over {less}.", told, "ev_f0"), world, rng) is None
    twice = {"thing": slots.name("thing", "smoke"), "at_a": clock.time(START), "at_b": clock.time(START + HOUR)}
    seen = right_claim("frames", "It showed {thing} both at {at_a} and at {at_b}.", twice, "ev_f0")
    assert exam_times.ends(seen, world, rng) is None


def test_crossed_halves_differ_in_name_and_in_what_is_told(right: list[ScriptedClaim], world: World) -> None:
    mixer = exam_merging.Mixer(right)
    made = [(c, m) for n, c in enumerate(right * 5) if (m := mixer.crossed(c, world, random.Random(n)))]
    assert made
    for claim, crossed in made:
        assert crossed.text != claim.text and set(claim.evidence) < set(crossed.evidence)
        assert all(name.slot.text in crossed.text for name in exam_editing.places(claim, "alert", "order", "camera"))


def test_a_frame_of_another_moment_is_minutes_away_on_any_day() -> None:
    apart = (4 * MINUTE, -4 * MINUTE, 24 * HOUR + 4 * MINUTE, 24 * HOUR - 4 * MINUTE)
    assert all(exam_evidence._apart(START, START + by) for by in apart)
    assert not any(exam_evidence._apart(START, START + by) for by in (0, 2 * MINUTE, 24 * HOUR, 24 * HOUR + 2 * MINUTE))
