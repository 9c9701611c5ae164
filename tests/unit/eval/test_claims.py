"""Scripted claims: right ones follow from the samples and rows they cite, wrong ones do not, and both come back the same."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.claims import (
    mutate_values,
    right_frames,
    right_pairs,
    right_passages,
    right_tables,
    right_windows,
    slots,
    truths,
    tuning,
)
from eval.claims.judging import judge_with
from eval.claims.scoring import Judged, claims, judge_all, summary
from eval.claims.store import Opened
from eval.claims.types import ScriptedClaim, Slot, fill
from eval.claims.world import Series, World
from retrieval.errors import InputError
from retrieval.times import iso, to_micros
from retrieval.types import (
    CharSpan,
    Entity,
    EntityType,
    Evidence,
    FrameAt,
    Interval,
    Kind,
    Locator,
    Mention,
    Micros,
    Provenance,
    Relation,
    RowKey,
    SeriesWindow,
)

ZONE = ZoneInfo("Europe/Madrid")
START = to_micros(datetime(2026, 3, 12, 9, tzinfo=UTC))
MINUTE = 60_000_000
HOUR = 60 * MINUTE
ASSETS = ("P-1", "P-2", "T-9", "G-4")
LOG = (
    "# Shift log 12 March 2026\n\nKept by Shift lead A. Times are local.\n\n06:47 Eyewash stations flushed.\n\n"
    "10:31 AL-20 on Pump P-1 (Zone D): high bearing temperature. Cause: the cooling water valve had been closed by mistake. "
    "The crew reopened the cooling water valve. CAM-02 was not recording at the time.\n\n14:22 Fire doors checked."
)
FINDINGS = (
    "Findings\n\nThe investigation of T-9 found that the drain plug had worked loose.\n\n"
    "The quantity lost was measured afterwards as 200 litres."
)
MEASURES = (
    "Measures\n\nUnder work order WO-50 the mechanics refitted the plug with thread seal. Tank T-9 was released for service at "
    "11:30.\n\nThe report was closed by the safety officer."
)
PERMITS = "Permits\n\nRadio channel 5 is kept for emergencies.\n\nThe speed limit for vehicles on the site is 12 km/h."


def piece(kind: Kind, key: str, text: str, locator: Locator, **more) -> Evidence:
    named = tuple(Mention(a, Relation.MENTIONS) for a in ASSETS if re.search(rf"{a}\b", text))
    return Evidence(
        id=f"ev_{key}", tenant="default", source=more.pop("source", f"file:///{kind.value}"), kind=kind, text=text,
        locator=locator, provenance=Provenance("test"), entities=named, **more,
    )  # fmt: skip


def alerts_and_orders() -> list[Evidence]:
    found = []
    for n, asset in enumerate((*ASSETS, *ASSETS)):
        t0 = START + n * 3 * HOUR + 31 * MINUTE + n * 1_000_000
        t1 = t0 + (40 + n) * MINUTE
        row = {"id": f"AL-{20 + n}", "asset": asset, "severity": "high" if n % 2 else "low", "message": f"fault {n}",
               "raised": iso(t0), "cleared": iso(t1), "sensor": f"{asset}-VIB"}  # fmt: skip
        text = f"Alert {row['id']} ({row['severity']}): {row['message']} on {asset}, from {row['raised']} to {row['cleared']}"
        span, told = Interval(t0, t1), {"fields": row}
        found.append(piece(Kind.ALERT, f"al{n}", text, RowKey("alerts", row["id"]), valid=span, data=told))
        order = {"id": f"WO-{50 + n}", "asset": asset, "opened": iso(t1 + 30 * MINUTE), "priority": "urgent",
                 "status": "closed" if n % 2 else "open", "description": f"Mend {asset}: replaced the relay"}  # fmt: skip
        order |= {"closed": iso(t1 + 200 * MINUTE)} if n % 2 else {}
        text = "workorders: " + "; ".join(f"{k}: {v}" for k, v in order.items())
        found.append(piece(Kind.ROW, f"wo{n}", text, RowKey("workorders", order["id"]), data={"fields": order}))
    return found


def series_of(asset: str, hour: int) -> Series:
    rng = random.Random(f"{asset} {hour}")
    base = {"P-1": 2.0, "P-2": 3.0}[asset] + 0.4 * hour
    values = [round(base + rng.uniform(-0.3, 0.3) + (6 if hour == 2 and 10 <= n < 30 else 0), 2) for n in range(60)]
    return Series([START + hour * HOUR + n * MINUTE for n in range(60)], values)


def windows() -> list[Evidence]:
    found = []
    for asset in ("P-1", "P-2"):
        for hour in range(4):
            series = series_of(asset, hour)
            span = Interval(series.t[0], series.t[0] + HOUR)
            data = {"quantity": "vibration", "unit": "mm/s", "step_s": 60.0, "limits": {"high": 7.1},
                    "crossings": [1] if max(series.v) > 7.1 else []}  # fmt: skip
            text = f"{asset}-VIB vibration ({asset}, Zone D): max {max(series.v)}, min {min(series.v)}"
            locator = SeriesWindow("value", span.t0, span.t1)
            found.append(piece(Kind.WINDOW, f"{asset}{hour}", text, locator, valid=span, data=data, source=asset))
    return found


def passages() -> list[Evidence]:
    day = Interval(START - 10 * HOUR, START + 14 * HOUR)
    told = (
        ("Shift log 12 March 2026", LOG), ("Incident report IR-1: leak", FINDINGS),
        ("Incident report IR-1: leak", MEASURES), ("Permits", PERMITS),
    )  # fmt: skip
    return [
        piece(Kind.PASSAGE, f"p{n}", text, CharSpan(0, len(text)), source=f"doc{n}", valid=day, data={"title": title})
        for n, (title, text) in enumerate(told)
    ]


def frames() -> list[Evidence]:
    shown = (
        ("person",),
        ("person", "smoke"),
        ("red forklift", "forklift", "night"),
        ("pallet", "rain"),
        (),
        ("smoke",),
    )
    found = []
    for n, labels in enumerate(shown * 4):
        at = START + 32 * MINUTE + n * 70_000_000
        text, span = f"CAM-0{n % 2} sees: {', '.join(sorted(labels))}", Interval(at, at + 2_000_000)
        data = {"counts": dict.fromkeys(labels, 1)}
        found.append(piece(Kind.FRAME, f"f{n}", text, FrameAt(n * 1000), source=f"clip{n % 2}", valid=span, data=data))
    return found


@pytest.fixture(scope="module")
def world() -> World:
    named = [(EntityType.ASSET, a, {}) for a in ASSETS]
    named += [(EntityType.SENSOR, f"{a}-VIB", {"asset": a}) for a in ("P-1", "P-2")]
    named += [(EntityType.CAMERA, f"CAM-0{n}", {}) for n in range(3)]
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
    return list(islice(tuning.wrong(right, world, random.Random(1)), 360))


def test_there_is_much_to_say_and_it_is_said_in_many_ways(right: list[ScriptedClaim]) -> None:
    modules = (right_tables, right_windows, right_passages, right_frames, right_pairs)
    templates = [t for m in modules for value in vars(m).values() if isinstance(value, tuple) for t in value]
    assert sum(isinstance(t, str) and "{" in t for t in templates) >= 25
    assert len({claim.text for claim in right}) == len(right) == 300
    assert {"alert", "order", "window", "log", "cause", "standing", "frame", "alert and order"} <= {
        c.kind for c in right
    }
    assert all(claim.right and claim.base == claim.text and not claim.mutation for claim in right)


def test_the_same_seed_gives_the_same_claims(world: World) -> None:
    first, again = (claims("tuning", world, 5, 60) for _ in range(2))
    assert first == again
    assert first != claims("tuning", world, 6, 60)


def test_a_claimed_reading_is_the_sample_of_that_minute(world: World) -> None:
    seen = 0
    for claim in islice(truths.right(world, random.Random(2)), 800):
        found = re.fullmatch(
            r"(P-\d)-VIB read ([\d.]+) mm/s at (\d\d):(\d\d)(?::00)? (UTC|local time|CET)\.", claim.text
        )
        if not found:
            continue
        local = found[5] != "UTC"
        at = datetime(2026, 3, 12, int(found[3]), int(found[4]), tzinfo=UTC) - timedelta(hours=local)
        window = world.by_id[claim.evidence[0]]
        series = world.samples(window)
        told = series.v[series.t.index(to_micros(at))]
        assert abs(told - float(found[2])) <= 0.05 + 1e-9
        assert window.source == found[1]
        seen += 1
    assert seen >= 2


@pytest.mark.parametrize(("name", "figure"), [("max", max), ("min", min), ("mean", lambda v: sum(v) / len(v))])
def test_statistics_are_those_of_the_samples_cited(
    world: World, right: list[ScriptedClaim], name: str, figure: Callable[[list[float]], float]
) -> None:
    told = [(c, s) for c in right for s in c.spans if s.name == name and c.kind.startswith("window")]
    assert told
    for claim, span in told:
        exact = figure(list(world.samples(world.by_id[claim.evidence[0]]).v))
        assert abs(float(span.slot.text) - exact) <= 0.5 * 10 ** -len(span.slot.text.partition(".")[2]) + 1e-9


def test_a_duration_is_the_time_between_raised_and_cleared(right: list[ScriptedClaim]) -> None:
    told = [c for c in right if re.search(r"lasted \d+ minutes\.", c.text)]
    for claim in told:
        number = int(claim.evidence[0].removeprefix("ev_al"))
        assert f"lasted {40 + number} minutes" in claim.text
    assert told


def test_every_mutation_is_made_equally_often(wrong: list[ScriptedClaim]) -> None:
    counts = [sum(c.mutation == name for c in wrong) for name in tuning.MUTATIONS]
    assert len(wrong) == 360
    assert max(counts) - min(counts) <= 1


def test_a_wrong_claim_is_no_right_one(wrong: list[ScriptedClaim], right: list[ScriptedClaim]) -> None:
    said = {(c.text, frozenset(c.evidence)) for c in right}
    assert not any(c.right or (c.text, frozenset(c.evidence)) in said for c in wrong)
    for claim in wrong:
        cited = claim.mutation in ("another's evidence", "invented label")
        assert (claim.text == claim.base) is cited, claim


def test_a_number_is_changed_beyond_rounding(world: World, right: list[ScriptedClaim]) -> None:
    rng, seen = random.Random(3), 0
    for base in right:
        made = mutate_values.number(base, world, rng)
        if made is None:
            continue
        figures = [s.slot for s in base.spans if s.slot.kind in ("number", "limit") and s.slot.text not in made.text]
        seen += len(figures)
    assert seen > 20


def test_what_reached_a_value_is_not_said_to_have_reached_less(world: World, right: list[ScriptedClaim]) -> None:
    rng = random.Random(4)
    for base in [c for c in right if re.search(r"reached [\d.]+ mm/s", c.text)]:
        made = [m for _ in range(20) if (m := mutate_values.number(base, world, rng))]
        said = float(re.search(r"reached ([\d.]+)", base.text)[1])  # type: ignore[index]
        assert all(float(re.search(r"reached ([\d.]+)", m.text)[1]) >= said for m in made)  # type: ignore[index]


def test_anothers_evidence_is_about_something_else(world: World, wrong: list[ScriptedClaim]) -> None:
    swapped = [c for c in wrong if c.mutation == "another's evidence" and len(c.evidence) == 1 and c.kind == "alert"]
    for claim in swapped:
        asset = re.search(r"P-\d|T-9|G-4", claim.text)
        assert asset is None or asset[0] not in world.words(claim.evidence)
    assert swapped


def test_an_invented_label_does_not_exist(world: World, wrong: list[ScriptedClaim]) -> None:
    made_up = [c for c in wrong if c.mutation == "invented label"]
    assert made_up
    assert all(any(one not in world.by_id for one in c.evidence) for c in made_up)


def test_a_cause_is_invented_only_where_none_is_stated(world: World, wrong: list[ScriptedClaim]) -> None:
    for claim in [c for c in wrong if c.mutation == "invented cause"]:
        assert not ("P-1" in claim.text and "closed by mistake" in claim.text and "ev_p0" in claim.evidence), claim


@pytest.mark.parametrize(
    ("seconds", "form", "text"),
    [
        (60, "minutes", "1 minute"),
        (111, "exact", "1 minute and 51 seconds"),
        (17460, "hours", "4 hours and 51 minutes"),
        (7200, "hours", "2 hours"),
        (3527, "about", "about 59 minutes"),
    ],
)
def test_durations_in_words(seconds: float, form: str, text: str) -> None:
    assert slots.write_duration(seconds, form) == text


def test_times_are_cut_off_and_named_after_their_zone() -> None:
    at: Micros = to_micros(datetime(2026, 3, 12, 9, 31, 59, tzinfo=UTC))
    assert slots.write_time(at, "utc|%H:%M", ZONE) == "09:31 UTC"
    assert slots.write_time(at, "local|%H:%M:%S", ZONE) == "10:31:59 local time"
    assert slots.write_time(at, "zone|%H:%M", ZONE) == "10:31 CET"
    assert slots.write_time(at, "bare|%H:%M", ZONE) == "10:31"
    assert slots.write_date(at, "utc|long", ZONE) == "12 March 2026"


@given(
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.text(st.characters(exclude_characters="{}"), max_size=8)), max_size=6
    )
)
def test_spans_say_where_each_place_came_to_stand(parts: list[tuple[str, str]]) -> None:
    filled = {name: Slot("word", f"<{name}{name}>") for name in "abcd"}
    text, spans = fill("".join(f"{literal}{{{name}}}" for name, literal in parts), filled)
    assert [s.name for s in spans] == [name for name, _ in parts]
    # a first letter may become longer when it is made a capital; places begin with "<" here
    if len(text) == sum(len(literal) + 4 for _, literal in parts):
        assert all(text[s.start : s.end] == s.slot.text for s in spans)


def scripted(right: bool, mutation: str = "") -> ScriptedClaim:
    return ScriptedClaim("It rained.", ("ev_f0",), right, mutation, "It rained.", "frame")


def test_figures_of_a_run_worked_out_by_hand() -> None:
    found = [
        Judged(scripted(True), True, ""), Judged(scripted(True), False, "no"),
        Judged(scripted(False, "time"), False, ""), Judged(scripted(False, "time"), True, ""),
    ]  # fmt: skip
    told = summary("tuning", 3, found)
    assert told["metrics"] == {"right_kept": 0.5, "wrong_supported": 1, "right": 2, "wrong": 2}
    assert told["by_mutation"] == {"time": {"n": 2, "supported": 1}}
    assert told["by_kind"] == {"frame": told["metrics"]}
    assert [one.well for one in found] == [True, False, True, False]


def test_a_set_that_is_not_there_and_too_many_claims_are_refused(world: World) -> None:
    with pytest.raises(InputError, match="no set other"):
        claims("other", world, 1, 3)
    small = World(world.of_kind[Kind.ALERT][:2], world.entities.values(), lambda e: None, ZONE)
    with pytest.raises(InputError, match="no more than 0 right"):
        claims("tuning", small, 1, 500)


def test_a_claim_that_cites_what_is_not_there_is_not_supported(world: World) -> None:
    class Yes:
        def judge(self, claim, exhibits):
            raise AssertionError("no verifier is asked about a label that was not given")

    opened = Opened(world, lambda text: [], lambda e: None, ZONE)
    made = scripted(True)._replace(evidence=("ev_nothing",))
    assert [one.supported for one in judge_all([made], judge_with(Yes(), opened))] == [False]
