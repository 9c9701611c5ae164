"""Right claims over several pieces: two alerts, an alert and its work order, a log and a report, rows that are counted."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from eval.claims.held_frames import camera_of, labels_of, thing_slot
from eval.claims.held_passages import said
from eval.claims.held_records import alert_slots, fields, moment, order_slots
from eval.claims.held_slots import lasting_slot, name_slot, shuffled, time_slot, word
from eval.claims.held_words import SEEN
from eval.claims.types import ScriptedClaim, Slot, places, right_claim
from eval.claims.world import World
from retrieval.types import Evidence, Kind

Slots = dict[str, Slot]
Pair = tuple[Evidence, Evidence]

ALERTS = (
    "{one_alert} on {one_asset} {was_raised} {gap} {before} {other_alert} on {other_asset}.",
    "{one_alert} {came} {before} {other_alert}, {gap} apart.",
    "{one_alert} at {one_asset} {was_followed} {other_alert} at {other_asset} {gap} later.",
    "With {other_alert}, {other_asset} {was_in} alarm {gap} {after} {one_asset} with {one_alert}.",
    "{one_alert} on {one_asset} {was_raised} at {one_raised}, {other_alert} on {other_asset} at {other_raised}.",
    "{one_alert} {had} {one_severity} severity and {other_alert} {other_severity} severity.",
)
LONGER = (
    "{one_alert} {lasted} {longer} than {other_alert}: {one_lasting} against {other_lasting}.",
    "With {one_lasting}, {one_alert} on {one_asset} {lasted} {longer} than {other_alert} on {other_asset} with {other_lasting}.",
)
ORDERED = (
    "{order} on {asset} {was_opened} {gap} {after} {alert} was raised.",
    "{alert} {was_up_on} {asset} at {raised}, and {order} {was_opened} at {opened}.",
    "It {took} {gap} from {alert} being raised on {asset} until {order} was opened.",
    "{alert} on {asset} {has} {severity} severity; {order} for the same asset {carries} {priority} priority.",
)
COUNTED = (
    "{both} {one_order} and {other_order} {have} {priority} priority.",
    "{both} {one_order} and {other_order} {are} {status}.",
    "{two} work orders, {one_order} and {other_order}, {were_opened} for {asset}.",
    "{one_order} {was_opened} {before} {other_order}, {gap} apart.",
)
FOUND = (
    "{alert} was raised on {asset} at {raised}, and the investigation of {asset} {found} that {cause}.",
    "For {asset} there is {alert}, over {message}, and an investigation that {found} that {cause}.",
)
DISPUTED = (
    "The log {gives} a standstill of {one_lasting} for {asset}, the incident report one of {other_lasting}.",
    "{asset} {stood} still for {one_lasting} by the shift log, but for {other_lasting} by its own counter.",
    "Log and report {disagree} on how long {asset} stood still: {one_lasting} against {other_lasting}.",
)
WATCHED = (
    "{camera} showed {thing} at {at}, {gap} {after} {alert} was raised.",
    "{gap} {after} {alert} was raised on {asset}, {camera} {had} {thing} in view.",
)
_VERBS: Mapping[str, Slot] = {
    "was_raised": word("was raised", negation="was not raised"),
    "before": word("before", roles="after"),
    "after": word("after", roles="before"),
    "came": word("came", negation="did not come"),
    "was_followed": word(
        "was followed by", roles="was preceded by", negation="was not followed by", cause="caused|led to|set off"
    ),
    "was_in": word("went into", negation="did not go into"),
    "had": word("had", negation="did not have"),
    "lasted": word("lasted", negation="did not last", quantifier="was the only alert that lasted"),
    "longer": word("longer", roles="less long"),
    "was_opened": word("was opened", negation="was not opened"),
    "was_up_on": word("was raised on", negation="was not raised on"),
    "took": word("took", negation="did not take"),
    "has": word("has", negation="does not have"),
    "carries": word("carries", negation="does not carry"),
    "both": word("both", quantifier="only one of"),
    "two": word("two", number="three|four", quantifier="at least three"),
    "have": word("have", negation="do not have"),
    "are": word("are", negation="are not"),
    "were_opened": word("were opened", negation="were never opened"),
    "found": word("found", negation="did not find|ruled out"),
    "gives": word("gives", negation="does not give"),
    "stood": word("stood", negation="did not stand"),
    "disagree": word("disagree", negation="agree"),
}  # fmt: skip


def pairs(world: World, rng: random.Random) -> Iterator[ScriptedClaim]:
    """Claims over two pieces, of every sort in turn."""
    sorts = ((ALERTS, _alerts), (LONGER, _longer), (ORDERED, _ordered), (COUNTED, _counted), (FOUND, _found),
             (DISPUTED, _disputed), (WATCHED, _watched))  # fmt: skip
    told = [_told(templates, list(make(world, rng)), world, rng) for templates, make in sorts]
    while told:
        for one in list(told):
            claim = next(one, None)
            if claim is None:
                told.remove(one)
            else:
                yield claim


def _told(
    templates: Sequence[str], made: list[tuple[Pair, Slots]], world: World, rng: random.Random
) -> Iterator[ScriptedClaim]:
    for template, (pair, slots) in shuffled(list(product(templates, made)), rng):
        if places(template) <= slots.keys() | _VERBS.keys():
            yield right_claim("pair", template, dict(_VERBS) | slots, *(one.id for one in pair))


def _sided(one: Slots | None, other: Slots | None) -> Slots:
    """The slots of two pieces, told apart by name; none where one of the two is lacking."""
    if not one or not other:
        return {}
    sides = (("one", one), ("other", other))
    return {f"{side}_{name}": slot for side, slots in sides for name, slot in slots.items()}


def _alerts(world: World, rng: random.Random) -> Iterator[tuple[Pair, Slots]]:
    alerts = [one for one in world.of_kind.get(Kind.ALERT, ()) if one.valid]
    for one in alerts:
        for other in alerts:
            gap = _gap(one, other)
            if gap >= 120 and (slots := _sided(alert_slots(one, world, rng), alert_slots(other, world, rng))):
                # likenesses would read oddly beside each other, and swapped they would still be true
                alike = {n for n in ("severity", "asset") if slots[f"one_{n}"].value == slots[f"other_{n}"].value}
                kept = {n: slot for n, slot in slots.items() if n.removeprefix("one_") not in alike}
                yield (one, other), kept | {"gap": lasting_slot(gap, rng)}


def _longer(world: World, rng: random.Random) -> Iterator[tuple[Pair, Slots]]:
    alerts = [one for one in world.of_kind.get(Kind.ALERT, ()) if one.valid and one.valid.seconds >= 60]
    for one in alerts:
        for other in alerts:
            assert one.valid is not None and other.valid is not None
            if one.valid.seconds > 1.15 * other.valid.seconds:
                yield (one, other), _sided(alert_slots(one, world, rng), alert_slots(other, world, rng))
                yield (
                    (other, one),
                    _sided(alert_slots(other, world, rng), alert_slots(one, world, rng))
                    | {"longer": word("less long", roles="longer")},
                )


def _ordered(world: World, rng: random.Random) -> Iterator[tuple[Pair, Slots]]:
    for alert in world.of_kind.get(Kind.ALERT, ()):
        for row in world.of_kind.get(Kind.ROW, ()):
            told, slots = alert_slots(alert, world, rng), order_slots(row, world, rng)
            if told and slots and told["asset"].value == slots["asset"].value:
                assert alert.valid is not None
                gap = (moment(fields(row)["opened"]) - alert.valid.t0) / 1e6
                if 120 <= gap <= 36 * 3600:
                    yield (alert, row), told | slots | dict(_VERBS) | {"gap": lasting_slot(gap, rng)}


def _counted(world: World, rng: random.Random) -> Iterator[tuple[Pair, Slots]]:
    rows = [row for row in world.of_kind.get(Kind.ROW, ()) if order_slots(row, world, rng)]
    for one in rows:
        for other in rows:
            mine, theirs = fields(one), fields(other)
            gap = (moment(theirs["opened"]) - moment(mine["opened"])) / 1e6
            if gap < 120:
                continue
            slots = _sided(order_slots(one, world, rng), order_slots(other, world, rng)) | {
                "gap": lasting_slot(gap, rng)
            }
            for name in ("priority", "status", "asset"):
                if mine[name] == theirs[name]:
                    slots[name] = slots[f"one_{name}"]
            yield (one, other), slots


def _found(world: World, rng: random.Random) -> Iterator[tuple[Pair, Slots]]:
    """The alert that an investigation was about: of the same asset and of the same day."""
    for alert in world.of_kind.get(Kind.ALERT, ()):
        for passage in world.of_kind.get(Kind.PASSAGE, ()):
            told = alert_slots(alert, world, rng)
            if not told or not alert.valid or not passage.valid or not passage.valid.overlaps(alert.valid):
                continue
            causes = [
                slots
                for _, slots in said(passage, world, rng)
                if {"asset", "cause"} <= slots.keys() and "alert" not in slots
            ]
            if causes and causes[0]["asset"].value == told["asset"].value:
                yield (alert, passage), told | {"cause": causes[0]["cause"], "found": _VERBS["found"]}


def _disputed(world: World, rng: random.Random) -> Iterator[tuple[Pair, Slots]]:
    """A standstill that a shift log and the report put at different lengths."""
    told = [
        (passage, slots)
        for passage in world.of_kind.get(Kind.PASSAGE, ())
        for way, slots in said(passage, world, rng)
        if {"asset", "lasting"} <= slots.keys()
    ]
    for log, mine in told:
        for report, theirs in told:
            same = mine["asset"].value == theirs["asset"].value and mine["lasting"].value != theirs["lasting"].value
            if same and "alert" in mine and "alert" not in theirs:
                yield (log, report), {
                    "asset": mine["asset"], "one_lasting": mine["lasting"], "other_lasting": theirs["lasting"]
                }  # fmt: skip


def _watched(world: World, rng: random.Random) -> Iterator[tuple[Pair, Slots]]:
    """Frames of the ten minutes after an alert."""
    frames = [
        one for one in world.of_kind.get(Kind.FRAME, ()) if one.valid and any(label in SEEN for label in labels_of(one))
    ]
    for alert in world.of_kind.get(Kind.ALERT, ()):
        near = [one for one in frames if 10 <= _gap(alert, one) <= 600 and camera_of(one)]
        for frame in rng.sample(near, min(len(near), 6)):
            told = alert_slots(alert, world, rng)
            thing = thing_slot(rng.choice([label for label in labels_of(frame) if label in SEEN]), rng)
            assert frame.valid is not None
            if told and thing:
                yield (alert, frame), told | {
                    "camera": name_slot("camera", camera_of(frame) or "", world, rng), "thing": thing,
                    "at": time_slot(frame.valid.t0, world.zone, rng), "gap": lasting_slot(_gap(alert, frame), rng),
                    "had": _VERBS["had"],
                }  # fmt: skip


def _gap(one: Evidence, other: Evidence) -> float:
    """Seconds from the beginning of the one to that of the other."""
    assert one.valid is not None and other.valid is not None
    return (other.valid.t0 - one.valid.t0) / 1e6
