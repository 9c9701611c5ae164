"""The held-out set over a small plant written by hand: right claims follow, wrong ones do not, both are always the same."""

from __future__ import annotations

import random
import re
from collections import Counter
from datetime import UTC, datetime
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from eval.claims import held
from eval.claims.held_frames import frames, labels_of
from eval.claims.held_pairs import pairs
from eval.claims.held_passages import passages
from eval.claims.held_records import alerts, orders
from eval.claims.held_sense import Merger, sweeping
from eval.claims.held_values import changed, numbers
from eval.claims.held_windows import windows
from eval.claims.types import ScriptedClaim, Slot, right_claim
from eval.claims.world import Series, World
from retrieval.times import to_datetime, to_micros
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

MADRID = ZoneInfo("Europe/Madrid")
MUTATIONS = {
    "number", "unit", "time", "name", "negation", "roles", "cause", "evidence", "quantifier", "status", "added", "merged", "label",
}  # fmt: skip
TAG = re.compile(r"\b[A-Z]+-\d+(?:-[A-Z]+)?\b")
MINUTE = 60_000_000


def at(day: int, hour: int, minute: int = 0, second: int = 0) -> Micros:
    return to_micros(datetime(2026, 6, day, hour, minute, second, tzinfo=UTC))


def stamp(when: Micros) -> str:
    return to_datetime(when).strftime("%Y-%m-%dT%H:%M:%SZ")


def piece(
    kind: Kind, number: int, text: str, locator: Locator, about: list[Mention], valid: Interval | None, **data: object
) -> Evidence:
    return Evidence(
        id=f"ev_{kind.value[:2].encode().hex()}{number:036x}", tenant="t", source=f"{kind.value}{number}", kind=kind,
        locator=locator, text=text, provenance=Provenance("test"), valid=valid, entities=tuple(about), data=dict(data),
    )  # fmt: skip


def mentions(*ids: str) -> list[Mention]:
    return [Mention(one, Relation.MENTIONS) for one in ids]


def alert(number: int, id_: str, asset: str, severity: str, message: str, valid: Interval) -> Evidence:
    told = {"id": id_, "asset": asset, "severity": severity, "message": f"{asset} {message}"}
    told |= {"raised": stamp(valid.t0), "cleared": stamp(valid.t1)}
    text = f"Alert {id_} ({severity}): {asset} {message}, from {stamp(valid.t0)} to {stamp(valid.t1)}"
    return piece(Kind.ALERT, number, text, RowKey("alerts", id_), mentions(asset), valid, fields=told, table="alerts")


def order(number: int, id_: str, asset: str, priority: str, description: str, valid: Interval) -> Evidence:
    told = {"id": id_, "asset": asset, "priority": priority, "description": description, "opened": stamp(valid.t0)}
    told |= {"closed": stamp(valid.t1), "status": "closed"} if valid.t1 > valid.t0 else {"status": "open"}
    text = "workorders — " + "; ".join(f"{name}: {value}" for name, value in told.items())
    return piece(
        Kind.ROW, number, text, RowKey("workorders", id_), mentions(asset), valid, fields=told, table="workorders"
    )


def frame(number: int, camera: str, when: Micros, *labels: str) -> Evidence:
    about = [Mention(camera, Relation.OBSERVED_AT)]
    text = f"{camera} sees: {', '.join(labels)}"
    span = Interval(when, when + 1_000_000)
    return piece(Kind.FRAME, number, text, FrameAt(0), about, span, counts=dict.fromkeys(labels, 1), brightness=70.0)


def window(number: int, asset: str, hour: int, values: list[float]) -> tuple[Evidence, Series]:
    start = at(9, hour)
    drawn = Series([start + i * MINUTE for i in range(len(values))], values)
    about = [Mention(asset, Relation.MENTIONS), Mention(f"{asset}-VIB", Relation.MEASURES)]
    text = f"{asset}-VIB vibration ({asset}) {stamp(start)}: min {min(values)}, max {max(values)}, n={len(values)}"
    above = [value for value in values if value > 7.1]
    made = piece(
        Kind.WINDOW, number, text, SeriesWindow("value", start, start + 60 * MINUTE), about,
        Interval(start, start + 60 * MINUTE), unit="mm/s", quantity="vibration", limits={"high": 7.1}, count=len(values),
        crossings=[{"count": len(above)}] if above else [],
    )  # fmt: skip
    return made, drawn


def passage(number: int, day: int | None, text: str, *about: str) -> Evidence:
    begin = to_micros(datetime(2026, 6, day, tzinfo=MADRID)) if day else 0
    span = Interval(begin, begin + 24 * 60 * MINUTE) if day else None
    return piece(Kind.PASSAGE, number, text, CharSpan(0, len(text)), mentions(*about), span)


LOG = (
    "# Shift log {day} June 2026\n\nKept by Shift lead {lead}. Times are local.\n\n01:09 Fire doors checked.\n\n"
    "06:06 Waste containers collected."
)
TEXTS = (
    (9, LOG.format(day=9, lead="A") + "\n\n14:22 Handover without open points.", ("lead-a",)),
    (10, LOG.format(day=10, lead="B").replace("01:09", "02:31"), ("lead-b",)),
    (
        10,
        "05:12 AL-589 on Gate G-111 (Zone C): gate stuck open. Cause: the gate chain had jumped off its sprocket. "
        "The crew refitted and tensioned the chain. CAM-01 was not recording at the time.",
        ("G-111",),
    ),
    (
        11,
        "05:31 AL-622 on Pump P-101 (Zone D): bearing failure. P-101 stood still for 15 minutes. Cause under "
        "investigation, see IR-2606-05.",
        ("P-101",),
    ),
    (
        11,
        "Findings\nThe investigation of P-101 found that the coupling had been left misaligned after the last overhaul.\n"
        "By the machine's own counter P-101 stood still for 40 minutes.",
        ("P-101",),
    ),
    (
        11,
        "Measures\nUnder work order WO-3328 the mechanics realigned the coupling and replaced the bearing. Pump\nP-101 was "
        "released for service at 06:15.\nThe report was closed by the safety officer.",
        ("P-101",),
    ),
    (
        None,
        "Permits are valid for one shift.\n\nHot work permit HW-884 was issued to Alder Services for the roof of the canteen.",
        (),
    ),
    (
        None,
        "There are 6 spare bearings of the pump type in the cabinet of the stores. Pump P-102 is greased with Lithium EP1 "
        "every second week.",
        ("P-102",),
    ),
)
KINDS = {
    "G-111": EntityType.ASSET, "P-101": EntityType.ASSET, "P-102": EntityType.ASSET, "T-201": EntityType.ASSET,
    "P-101-VIB": EntityType.SENSOR, "P-102-VIB": EntityType.SENSOR, "CAM-01": EntityType.CAMERA, "CAM-02": EntityType.CAMERA,
    "zone-c": EntityType.ZONE, "zone-d": EntityType.ZONE, "lead-a": EntityType.PERSON, "lead-b": EntityType.PERSON,
}  # fmt: skip
NAMES = {"zone-c": "Zone C", "zone-d": "Zone D", "lead-a": "Shift lead A", "lead-b": "Shift lead B"}


@pytest.fixture(scope="module")
def world() -> World:
    rng = np.random.default_rng(5)
    drawn = [
        window(i, asset, hour, [round(float(v), 2) for v in level + rng.normal(0, 0.1, 60)])
        for i, (asset, hour, level) in enumerate(
            [("P-101", 1, 2.4), ("P-101", 2, 3.1), ("P-102", 1, 2.0), ("P-102", 2, 2.6)]
        )
    ]
    drawn.append(window(9, "P-101", 3, [2.5] * 30 + [7.3, 8.1, 9.43, 8.0] + [3.0 + i / 50 for i in range(26)]))
    series = {one.id: samples for one, samples in drawn}
    evidence = [
        alert(0, "AL-578", "T-201", "high", "level falling without a transfer", Interval(at(9, 13, 22, 28), at(9, 14, 1, 54))),
        alert(1, "AL-589", "G-111", "medium", "gate not closed within the allowed time", Interval(at(10, 3, 12), at(10, 4, 3))),
        alert(2, "AL-622", "P-101", "critical", "vibration above the trip limit, pump tripped", Interval(at(11, 3, 31), at(11, 4))),
        order(0, "WO-3300", "T-201", "urgent", "Inspect vent filter on T-201", Interval(at(9, 14, 24), at(9, 18, 45))),
        order(1, "WO-3307", "G-111", "normal", "Repair gate drive on G-111: refitted and tensioned the chain",
              Interval(at(10, 4, 25), at(10, 4, 25))),
        order(2, "WO-3328", "P-101", "urgent", "Replace drive-end bearing on P-101: realigned the coupling and replaced the bearing",
              Interval(at(11, 4, 59), at(11, 9, 44))),
        frame(0, "CAM-01", at(11, 3, 33), "night", "smoke"),
        frame(1, "CAM-01", at(11, 3, 35, 10), "hi-vis vest", "night", "person", "smoke"),
        frame(2, "CAM-02", at(9, 9, 2, 20), "blue forklift", "forklift", "yellow forklift"),
        frame(3, "CAM-02", at(9, 9, 9, 5), "open door"),
        frame(4, "CAM-02", at(9, 9, 14), "pallet", "truck"),
        *(passage(i, day, text, *about) for i, (day, text, about) in enumerate(TEXTS)),
        *(one for one, _ in drawn),
    ]  # fmt: skip
    types = {"G-111": "gate", "P-101": "pump", "P-102": "pump", "T-201": "tank"}
    entities = [
        Entity(
            id=id_, type=kind, name=NAMES.get(id_, id_), tenant="t", facts={"type": types[id_]} if id_ in types else {}
        )
        for id_, kind in KINDS.items()
    ]
    return World(evidence, entities, lambda one: series.get(one.id), MADRID)


@pytest.fixture(scope="module")
def right(world: World) -> list[ScriptedClaim]:
    return list(islice(held.right(world, random.Random(1)), 200))


@pytest.fixture(scope="module")
def wrong(world: World, right: list[ScriptedClaim]) -> list[ScriptedClaim]:
    return list(islice(held.wrong(right, world, random.Random(2)), 260))


# --- the set as a whole ---------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_claims(
    world: World, right: list[ScriptedClaim], wrong: list[ScriptedClaim]
) -> None:
    assert list(islice(held.right(world, random.Random(1)), 200)) == right
    assert list(islice(held.wrong(right, world, random.Random(2)), 260)) == wrong
    assert list(islice(held.right(world, random.Random(3)), 200)) != right


def test_no_claim_is_told_twice(right: list[ScriptedClaim], wrong: list[ScriptedClaim]) -> None:
    told = Counter((claim.text, claim.evidence) for claim in [*right, *wrong])
    assert [claim for claim, times_told in told.items() if times_told > 1] == []


def test_right_claims_are_of_every_kind_and_cite_what_there_is(world: World, right: list[ScriptedClaim]) -> None:
    assert {claim.kind for claim in right} == {
        "alert",
        "order",
        "passage",
        "window",
        "windows",
        "frame",
        "frames",
        "pair",
    }
    assert all(claim.right and not claim.mutation and claim.base == claim.text for claim in right)
    assert all(1 <= len(claim.evidence) <= 2 and set(claim.evidence) <= world.by_id.keys() for claim in right)
    assert all(
        claim.text[span.start : span.end].lower() == span.slot.text.lower() for claim in right for span in claim.spans
    )


def test_wrong_claims_are_spread_over_the_mutations(wrong: list[ScriptedClaim]) -> None:
    counts = Counter(claim.mutation for claim in wrong)
    assert set(counts) == MUTATIONS
    assert max(counts.values()) - min(counts.values()) <= 1


def test_a_wrong_claim_differs_from_the_right_one_in_words_or_in_what_it_cites(
    right: list[ScriptedClaim], wrong: list[ScriptedClaim]
) -> None:
    cited = {claim.text: claim.evidence for claim in right}
    for claim in wrong:
        assert not claim.right and claim.base in cited
        assert claim.text != claim.base or claim.evidence != cited[claim.base]
        assert (claim.text == claim.base) == (claim.mutation in ("evidence", "label"))


def test_only_fabricated_labels_cite_what_does_not_exist(world: World, wrong: list[ScriptedClaim]) -> None:
    for claim in wrong:
        missing = [id_ for id_ in claim.evidence if id_ not in world.by_id]
        assert len(missing) == (claim.mutation == "label"), claim


def test_an_empty_world_gives_no_claims() -> None:
    nothing = World([], [], lambda one: None, MADRID)
    assert list(held.right(nothing, random.Random(0))) == []
    assert list(held.wrong([], nothing, random.Random(0))) == []


# --- right claims are right -----------------------------------------------------------------------------------------


def test_figures_of_windows_are_those_of_the_samples(world: World) -> None:
    """Each figure before the unit is one that numpy finds, to within what the words allow (2 %)."""
    for claim in islice(windows(world, random.Random(4)), 150):
        values = np.array(world.samples(world.by_id[claim.evidence[0]]).v)
        known = [values.min(), values.max(), values.mean(), values[0], values[-1], 7.1]
        for span in claim.spans:
            if span.slot.kind == "number":
                said = float(re.findall(r"[\d.]+", span.slot.text)[0])
                assert min(abs(said - figure) / figure for figure in known) <= 0.021, claim.text


def test_only_a_series_that_passed_its_limit_is_said_to_have(world: World) -> None:
    for claim in islice(windows(world, random.Random(5)), 150):
        passed = max(world.samples(world.by_id[claim.evidence[0]]).v) > 7.1
        if re.search(r"exceeded|first crossed|lay above|above its", claim.text):
            assert passed, claim.text
        if re.search(r"stayed below|remained under|respected", claim.text):
            assert not passed, claim.text


def test_the_first_reading_above_the_limit_is_timed(world: World) -> None:
    crossing = at(9, 3, 30)
    told = [claim for claim in islice(windows(world, random.Random(6)), 300) if "first crossed" in claim.text]
    assert told
    assert {span.slot.value for claim in told for span in claim.spans if span.name == "t_cross"} == {crossing}


def test_alerts_are_told_in_the_order_they_were_raised(world: World) -> None:
    raised = {"AL-578": 0, "AL-589": 1, "AL-622": 2}
    told = [claim.text for claim in pairs(world, random.Random(7)) if "before" in claim.text]
    order_told = [re.findall(r"AL-\d+", text) for text in told if text.count("AL-") == 2]
    assert order_told
    assert all(raised[one] < raised[other] for one, other in order_told)


def test_frames_show_what_is_said_of_them(world: World) -> None:
    for claim in islice(frames(world, random.Random(8)), 100):
        shown = labels_of(world.by_id[claim.evidence[0]])
        assert all(span.slot.value[0] in shown for span in claim.spans if span.slot.kind == "label"), claim.text


def test_a_log_and_a_report_that_disagree_are_set_side_by_side(world: World) -> None:
    told = [claim for claim in pairs(world, random.Random(9)) if "counter" in claim.text]
    assert told
    for claim in told:
        one, other = (span.slot.value for span in claim.spans if span.slot.kind == "lasting")
        assert (one, other) == (900, 2400)


def test_what_a_passage_says_is_told(world: World) -> None:
    told = {claim.text for claim in passages(world, random.Random(10))}
    assert any("safety officer" in text and "WO-3328" in text for text in told)
    assert any("Alder Services" in text for text in told)
    assert any(text.startswith("CAM-01 was not recording during") or "no recording from" in text for text in told)
    assert any("because" in text and "sprocket" in text for text in told)  # the log states it as the cause
    assert not any("because" in text and "coupling" in text for text in told)  # the report states a finding


# --- wrong claims are wrong -----------------------------------------------------------------------------------------


def test_a_swapped_name_stands_in_no_cited_piece(world: World, wrong: list[ScriptedClaim]) -> None:
    for claim in wrong:
        if claim.mutation == "name":
            new = set(TAG.findall(claim.text)) - set(TAG.findall(claim.base))
            assert not any(tag in world.words(claim.evidence) for tag in new), claim.text


def test_evidence_of_another_thing_shares_no_asset_hour_or_view(
    world: World, right: list[ScriptedClaim], wrong: list[ScriptedClaim]
) -> None:
    cited = {claim.text: claim.evidence for claim in right}
    for claim in wrong:
        if claim.mutation == "evidence":
            (old, new), *more = [
                pair for pair in zip(cited[claim.base], claim.evidence, strict=True) if pair[0] != pair[1]
            ]
            one, other = world.by_id[old], world.by_id[new]
            assert not more and one.kind is other.kind
            if one.kind in (Kind.ALERT, Kind.ROW):
                assert not set(world.assets(one)) & set(world.assets(other))
            if one.kind in (Kind.WINDOW, Kind.FRAME):
                assert one.valid != other.valid or one.source != other.source


def test_one_fact_of_two_days_is_not_merged_into_another_truth(world: World) -> None:
    """Both logs have the fire doors checked, at two times: exchanging the times would be as true as before."""
    log = {e.text: e for e in world.of_kind[Kind.PASSAGE] if "Fire doors" in e.text}
    doors = [
        claim
        for claim in passages(world, random.Random(11))
        if "the fire doors were checked at" in claim.text.lower() and not claim.text.startswith("The log")
    ]
    assert len(log) == 2 and len({claim.evidence for claim in doors}) == 2
    merge = Merger(doors, world)
    assert all(merge(claim, world, random.Random(12)) is None for claim in doors)


def test_two_forklifts_are_not_wrongly_called_more_than_one(world: World) -> None:
    both = next(one for one in world.of_kind[Kind.FRAME] if "yellow forklift" in labels_of(one))
    label = Slot("label", "a forklift", ("forklift", (("quantifier", "more than one forklift"),)))
    claim = right_claim("pair", "There was {thing}.", {"thing": label}, both.id)
    assert sweeping(claim, world, random.Random(0)) is None


def test_a_changed_figure_stands_nowhere_in_the_evidence(world: World) -> None:
    change = changed("number", numbers)
    for claim in [*islice(windows(world, random.Random(13)), 80), *islice(alerts(world, random.Random(13)), 30)]:
        wrong = change(claim, world, random.Random(14))
        if wrong is not None:
            new = set(re.findall(r"\d+\.\d+", wrong.text)) - set(re.findall(r"\d+\.\d+", claim.text))
            assert not new & set(re.findall(r"\d+\.\d+", world.words(claim.evidence)))


def test_records_are_told_in_many_ways(world: World) -> None:
    for source in (alerts, orders):
        texts = [claim.text for claim in source(world, random.Random(15))]
        assert len(set(texts)) > 0.9 * len(texts) > 20
        assert all(one != other for one, other in pairwise(texts))
