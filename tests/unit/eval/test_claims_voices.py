"""Right claims in other people's words follow from what they cite, in many grammars, and mutate as the tuning set's do."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from types import ModuleType
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.claims import (
    tuning,
    voices,
    voices_alerts,
    voices_frames,
    voices_log,
    voices_orders,
    voices_pairs,
    voices_reports,
    voices_slots,
    voices_windows,
)
from eval.claims.right_passages import Standing
from eval.claims.scoring import claims
from eval.claims.types import ScriptedClaim
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
    Locator,
    Mention,
    Provenance,
    Relation,
    RowKey,
    SeriesWindow,
)

ZONE = ZoneInfo("Europe/Madrid")
START = to_micros(datetime(2026, 4, 10, 6, tzinfo=UTC))
MINUTE, HOUR = 60_000_000, 3_600_000_000
ASSETS = ("P-1", "P-2", "T-9", "G-4")
MESSAGES = (
    "P-1 vibration above the trip limit, pump tripped",
    "seal water flow low",
    "T-9 level falling without a transfer",
    "G-4 gate drive fault",
)
LOG = (
    "# Shift log 10 April 2026\n\nKept by Shift lead A. Times are local.\n\n06:47 Eyewash stations flushed.\n\n"
    "08:31 AL-20 on Pump P-1 (Zone D): bearing failure. P-1 stood still for 41 minutes. Cause under investigation, see IR-1.\n\n"
    "14:31 AL-22 on Tank T-9 (Zone A): product leak. Cause: the drain plug had worked loose. The crew refitted the plug with "
    "thread seal. CAM-02 was not recording at the time. About 90 litres lost.\n\n22:22 Fire doors checked."
)
WHAT = (
    "Incident report IR-1: bearing failure at Pump P-1\n\nWhat happened\n\nOn 10 April 2026 at 08:31 local time alarm AL-20 was "
    "raised for Pump P-1 in Zone D (pump hall): vibration above the trip limit, pump tripped.\n\nSmoke at the drive end was "
    "noticed from about 08:33 local time. Nobody was hurt."
)
FINDINGS = (
    "Findings\n\nThe investigation of P-1 found that the outer race of the drive-end bearing had spalled.\n\n"
    "By the machine's own counter P-1 stood still for 52 minutes."
)
MEASURES = (
    "Measures\n\nUnder work order WO-50 the mechanics replaced the drive-end bearing. Pump P-1 was released for service at "
    "11:30.\n\nThe report was closed by the safety officer."
)
PERMITS = "Permits\n\nRadio channel 5 is kept for emergencies.\n\nThe speed limit for vehicles on the site is 12 km/h."
SORTS = {
    "alerts": (voices_alerts,),
    "orders": (voices_orders,),
    "windows": (voices_windows,),
    "reports": (voices_reports,),
    "log": (voices_log,),
    "frames": (voices_frames,),
    "pairs": (voices_pairs,),
}


def piece(kind: Kind, key: str, text: str, locator: Locator, **more) -> Evidence:
    named = tuple(Mention(a, Relation.MENTIONS) for a in ASSETS if re.search(rf"{a}\b", text))
    return Evidence(
        id=f"ev_{key}", tenant="default", source=more.pop("source", f"file:///{kind.value}"), kind=kind, text=text,
        locator=locator, provenance=Provenance("test"), entities=named, **more,
    )  # fmt: skip


def alerts_and_orders() -> Iterator[Evidence]:
    for n, asset in enumerate((*ASSETS, *ASSETS)):
        t0 = START + n * 3 * HOUR + 31 * MINUTE + n * 1_000_000
        t1 = t0 + (40 + 6 * n) * MINUTE + 30_000_000
        row = {"id": f"AL-{20 + n}", "asset": asset, "severity": "high" if n % 2 else "critical",
               "message": MESSAGES[n % 4], "raised": iso(t0), "cleared": iso(t1)}  # fmt: skip
        row |= {"sensor": f"{asset}-VIB"} if asset.startswith("P") else {}
        yield piece(Kind.ALERT, f"al{n}", f"Alert {row['id']} on {asset}", RowKey("alerts", row["id"]),
                    valid=Interval(t0, t1), data={"fields": row})  # fmt: skip
        order = {"id": f"WO-{50 + n}", "asset": asset, "opened": iso(t1 + 30 * MINUTE), "priority": "urgent",
                 "status": "open" if n % 2 else "closed",
                 "description": f"Replace drive-end bearing on {asset}: replaced the drive-end bearing"}  # fmt: skip
        order |= {} if n % 2 else {"closed": iso(t1 + 200 * MINUTE)}
        yield piece(
            Kind.ROW, f"wo{n}", f"{order['id']} on {asset}", RowKey("workorders", order["id"]), data={"fields": order}
        )


def series_of(name: str, hour: int) -> Series:
    rng = random.Random(f"{name} {hour}")
    base = {"P-1-VIB": 2.0, "P-2-VIB": 4.6, "P-1-TMP": 50.0}[name] + 0.4 * hour
    high = 6 if name == "P-1-VIB" and hour == 0 else 0
    values = [round(base + rng.uniform(-0.3, 0.3) + high * (32 <= n < 50), 2) for n in range(60)]
    return Series([START + hour * HOUR + n * MINUTE for n in range(60)], values)


def windows() -> Iterator[Evidence]:
    units = {"VIB": ("vibration", "mm/s", 7.1), "TMP": ("temperature", "degC", 85.0)}
    for name in ("P-1-VIB", "P-2-VIB", "P-1-TMP"):
        quantity, unit, limit = units[name[-3:]]
        for hour in range(4):
            series = series_of(name, hour)
            span = Interval(series.t[0], series.t[0] + HOUR)
            data = {"quantity": quantity, "unit": unit, "step_s": 60.0, "limits": {"high": limit},
                    "crossings": [1] if max(series.v) > limit else []}  # fmt: skip
            yield piece(Kind.WINDOW, f"{name}{hour}", f"{name} {quantity} ({name[:3]})",
                        SeriesWindow("value", span.t0, span.t1), valid=span, data=data, source=name)  # fmt: skip


def passages() -> Iterator[Evidence]:
    day, incident = Interval(START - 8 * HOUR, START + 16 * HOUR), "Incident report IR-1: bearing failure at Pump P-1"
    told = (
        ("Shift log 10 April 2026", LOG), (incident, WHAT), (incident, FINDINGS), (incident, MEASURES), ("Permits", PERMITS)
    )  # fmt: skip
    for n, (title, text) in enumerate(told):
        yield piece(
            Kind.PASSAGE, f"p{n}", text, CharSpan(0, len(text)), source=f"doc{n}", valid=day, data={"title": title}
        )


def frames() -> Iterator[Evidence]:
    shown = (
        ("person",),
        ("person", "smoke"),
        ("red forklift", "forklift", "night"),
        ("pallet", "rain"),
        (),
        ("smoke",),
    )
    for n, labels in enumerate(shown * 4):
        at = START + 32 * MINUTE + n * 70_000_000
        yield piece(Kind.FRAME, f"f{n}", f"CAM-0{n % 2} sees: {', '.join(labels)}", FrameAt(n * 1000),
                    source=f"clip{n % 2}", valid=Interval(at, at + 2_000_000), data={"counts": dict.fromkeys(labels, 1)})  # fmt: skip


@pytest.fixture(scope="module")
def world() -> World:
    named = [(EntityType.ASSET, a, {}) for a in ASSETS]
    named += [(EntityType.SENSOR, name, {"asset": name[:3]}) for name in ("P-1-VIB", "P-2-VIB", "P-1-TMP")]
    named += [(EntityType.CAMERA, f"CAM-0{n}", {}) for n in range(3)]
    entities = [Entity(id=id_, type=type_, name=id_, tenant="default", facts=facts) for type_, id_, facts in named]

    def samples(one: Evidence) -> Series:
        assert one.valid is not None
        return series_of(one.source, (one.valid.t0 - START) // HOUR)

    return World([*alerts_and_orders(), *windows(), *passages(), *frames()], entities, samples, ZONE)


@pytest.fixture(scope="module")
def right(world: World) -> list[ScriptedClaim]:
    return list(islice(voices.right(world, random.Random(1)), 900))


def templates(module: ModuleType) -> list[str]:
    """Every template that a module defines, those of standing documents among them."""
    groups = [value for value in vars(module).values() if isinstance(value, tuple)]
    plain = [t for group in groups for t in group if isinstance(t, str) and "{" in t]
    return plain + [t for group in groups for one in group if isinstance(one, Standing) for t in one.wordings]


@pytest.mark.parametrize("sort", SORTS)
def test_each_sort_of_evidence_is_told_in_forty_ways_and_more(sort: str) -> None:
    # with every place called the same: what differs is the grammar, not what it is filled with
    bare = {re.sub(r"\{\w+\}", "{}", t).lower() for module in SORTS[sort] for t in templates(module)}
    assert len(bare) >= 40


def test_many_claims_none_twice_and_the_same_for_a_seed(world: World, right: list[ScriptedClaim]) -> None:
    assert len({claim.text for claim in right}) == len(right) == 900
    assert all(c.right and c.evidence and set(c.evidence) <= world.by_id.keys() for c in right)
    first, again = (claims("voices", world, 5, 60) for _ in range(2))
    assert first == again
    assert first != claims("voices", world, 6, 60)


def test_no_wording_is_one_of_the_tuning_set() -> None:
    from eval.claims import right_frames, right_pairs, right_passages, right_tables, right_windows

    known = {t for m in (right_frames, right_pairs, right_passages, right_tables, right_windows) for t in templates(m)}
    assert not known & {t for modules in SORTS.values() for module in modules for t in templates(module)}


def test_spans_are_what_stands_in_the_text(right: list[ScriptedClaim]) -> None:
    for claim in right:
        for span in claim.spans:
            assert claim.text[span.start : span.end].lower() == span.slot.text.lower()


def test_figures_are_those_of_the_samples_cited(world: World, right: list[ScriptedClaim]) -> None:
    figures = {"max": max, "min": min, "mean": lambda v: sum(v) / len(v), "max_r": max, "top": max, "floor": min}
    seen: set[str] = set()
    for claim in [c for c in right if c.kind in ("window", "window limit")]:
        values = list(world.samples(world.by_id[claim.evidence[0]]).v)
        for span in [p for p in claim.spans if p.name in figures]:
            told = re.search(r"\d+(\.\d+)?", span.slot.text)
            assert told is not None
            step = 10 ** -len((told[1] or ".")[1:])
            assert abs(float(told[0]) - figures[span.name](values)) <= step / 2 + 1e-9, claim
            seen.add(span.name)
    assert seen == figures.keys()


def test_a_limit_is_said_to_be_kept_only_where_it_is(world: World, right: list[ScriptedClaim]) -> None:
    kept = re.compile(
        r"stayed under|did not go past|never exceeded|Not once|At no time|did not reach|No reading .* over"
    )
    broken = re.compile(r"were over the|did not stay within|was past|it was exceeded|Limit violation|first passed")
    seen = {True: 0, False: 0}
    for claim in [c for c in right if "limit" in c.text and c.kind.startswith("window")]:
        limit = float(next(p.slot.text for p in claim.spans if p.name == "limit"))
        over = max(world.samples(world.by_id[claim.evidence[0]]).v) > limit
        assert not (kept if over else broken).search(claim.text), claim
        seen[over] += 1
    assert min(seen.values()) > 5


def test_how_long_an_alert_lasted_is_true_to_the_minute(world: World, right: list[ScriptedClaim]) -> None:
    seen = 0
    for claim in [c for c in right if c.kind == "alert"]:
        number = int(claim.evidence[0].removeprefix("ev_al"))
        exact = 60 * (40 + 6 * number) + 30
        if re.search(r"less than an hour|Within an hour|not up for a full hour", claim.text):
            assert exact < 3600
        elif re.search(r"longer than an hour|more than an hour|One hour was not", claim.text):
            assert exact > 3600
        elif told := re.search(r"(\d+) min 30 s", claim.text):
            assert 60 * int(told[1]) + 30 == exact
        else:
            continue
        seen += 1
    assert seen > 10


def test_what_was_still_up_or_already_reset_was(world: World, right: list[ScriptedClaim]) -> None:
    seen = 0
    for claim in [c for c in right if c.kind == "alert order"]:
        first, second = (world.by_id[one].valid for one in claim.evidence)
        assert first is not None and second is not None
        assert first.t0 < second.t0
        if "not been cleared yet" in claim.text or "still active" in claim.text:
            assert second.t0 < first.t1
        seen += 1
    assert seen > 10


def test_each_piece_of_a_pair_is_needed(world: World, right: list[ScriptedClaim]) -> None:
    pairs = [c for c in right if c.kind in ("alert and order", "alert and window", "alert and frame", "log and alert")]
    assert {c.kind for c in pairs} == {"alert and order", "alert and window", "alert and frame", "log and alert"}
    for claim in pairs:
        kinds = {world.by_id[one].kind for one in claim.evidence}
        assert len(claim.evidence) == len(kinds) == 2


def test_every_mutation_can_be_made_and_none_hits_a_right_claim(world: World, right: list[ScriptedClaim]) -> None:
    wrong = list(islice(voices.wrong(right[:500], world, random.Random(1)), 240))
    assert {c.mutation for c in wrong} == tuning.MUTATIONS.keys()
    said = {(c.text, frozenset(c.evidence)) for c in right}
    assert not any(c.right or (c.text, frozenset(c.evidence)) in said for c in wrong)


def test_one_forklift_is_not_told_as_two(right: list[ScriptedClaim]) -> None:
    coloured = [c for c in right if c.kind == "frame" and re.search(r"red|lift", c.text)]
    assert coloured
    assert not any("other" in {span.name for span in c.spans} for c in coloured)


def test_a_change_of_places_leaves_no_claim_true(world: World, right: list[ScriptedClaim]) -> None:
    alike = [c for c in right if re.search(r"are both|^Both AL|lay between the opening", c.text)]
    assert alike
    for claim in alike:
        assert not {"first", "second"} & {span.name for span in claim.spans}


CLOCK = re.compile(
    r"(\d{1,2}):(\d\d)(?::(\d\d))?(?: ([ap]m))?(?: (UTC|local time|CES?T|\(local\)|site time))", re.IGNORECASE
)


@given(st.integers(0, 400 * 1440 * 60), st.integers(0, 10_000))
def test_a_time_of_day_read_back_is_that_minute(seconds: int, seed: int) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    voice = voices_slots.Voice(ZONE, random.Random(seed))
    found = CLOCK.fullmatch(voice.time(to_micros(moment)).text)
    assert found is not None
    there = moment if found[5] == "UTC" else moment.astimezone(ZONE)
    hour = int(found[1]) % 12 + 12 * (found[4].lower() == "pm") if found[4] else int(found[1])
    assert (hour, int(found[2]), int(found[3] or there.second)) == (there.hour, there.minute, there.second)


@given(st.integers(0, 800), st.integers(0, 10_000))
def test_a_date_names_its_day_and_month(days: int, seed: int) -> None:
    moment = datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(days=days)
    text = voices_slots.Voice(ZONE, random.Random(seed)).date(to_micros(moment)).text
    if re.search(r"[A-Z]", text):
        assert moment.strftime("%B") in text
        assert re.search(rf"\b0?{moment.day}(st|nd|rd|th)?\b", text)
    else:
        assert text in (f"{moment:%Y-%m-%d}", f"{moment:%d/%m/%Y}")
    for weekday in re.findall(r"\w+day\b", text):
        assert weekday == moment.strftime("%A")


WORDS = {
    "a quarter of an hour": 900, "half an hour": 1800, "three quarters of an hour": 2700, "an hour": 3600,
    "an hour and a half": 5400, "two hours": 7200, "three hours": 10800,
}  # fmt: skip
UNIT_SECONDS = {
    "h": 3600,
    "hour": 3600,
    "hours": 3600,
    "min": 60,
    "minute": 60,
    "minutes": 60,
    "s": 1,
    "second": 1,
    "seconds": 1,
}


def heard(text: str) -> float:
    """Seconds in what a duration says, read word by word."""
    plain = re.sub(
        r"^(about|roughly|around|approximately|some|just (under|over)|almost|nearly|a little over) ", "", text
    )
    plain = plain.removeprefix("slightly more than ")
    if plain in WORDS:
        return WORDS[plain]
    return sum(float(n) * UNIT_SECONDS[u] for n, u in re.findall(r"([\d.]+) ([a-z]+)", plain))


@given(st.integers(60, 100_000), st.integers(0, 10_000))
def test_a_duration_says_what_it_is(seconds: int, seed: int) -> None:
    text = voices_slots.duration(seconds, random.Random(seed)).text
    said = heard(text)
    exact = not re.match(r"about|roughly|around|approx|some|just|almost|nearly|a little|slightly", text)
    assert abs(said - seconds) <= (0.5 if exact else 75)
    if re.match(r"just under|almost|nearly", text):
        assert said > seconds
    if re.match(r"just over|a little|slightly", text):
        assert said < seconds


@given(st.floats(0.01, 5000), st.integers(0, 10_000))
def test_a_rounded_figure_is_near_and_says_so(value: float, seed: int) -> None:
    slot = voices_slots.rounded(value, random.Random(seed))
    said = float(slot.text.split()[-1])
    assert abs(said - value) <= (0.5 if value >= 20 else 0.2) + 1e-9
    assert slot.kind not in ("number", "limit")
    assert re.match(r"about|roughly|around|approximately|close to", slot.text)
