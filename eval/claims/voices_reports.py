"""Right claims about incident reports and standing documents in other people's words."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping

from eval.claims import slots as s
from eval.claims import voices_slots as v
from eval.claims.right_passages import Standing, flat, report_slots
from eval.claims.types import ScriptedClaim, Slot
from eval.claims.voices_log import event_slots
from eval.claims.world import World
from retrieval.types import Evidence, Kind

HAPPENED = (
    "{report} deals with {event} at {asset}.",
    "In {zone}, alarm {alert} came in for {asset} at {at}.",
    "The report has {alert} going off at {at} on {day}.",
    "According to the report, {alert} was triggered for {asset} on {day} at {at}.",
    "{sign} could be noticed from roughly {noticed}.",
    "From about {noticed}, {sign_low} was noticed at {asset}.",
    "No one was hurt at {asset} on {day}.",
    "There were no injuries in the incident at {asset} ({title}).",
    "The {title} at {asset} hurt nobody.",
    "The alarm in the report is {alert}. It was raised at {at} for {asset}.",
    "{alert} at {at}, {sign_low} from about {noticed}: so says the report on {asset}.",
    "{asset}, where {sign_low} was noticed from about {noticed}, is in {zone}.",
    "What {report} describes is {event}, with alarm {alert} at {at}.",
    "Reported for {day}: {event} at {asset}, nobody hurt.",
    "First {alert} was raised, at {at}; {sign_low} was noticed from about {noticed}.",
)  # fmt: skip
FOUND = (
    "The cause found at {asset} is {cause_noun}.",
    "{asset}: {cause}, the investigation says.",
    "What went wrong on {asset} was that {cause}.",
    "{cause_noun} was behind the incident at {asset}.",
    "Investigators found {cause_noun} on {asset}.",
    "Root cause for {asset}: {cause_noun}.",
    "It was found in the investigation that {cause} on {asset}.",
    "On {asset}, the finding is that {cause}.",
    "The findings blame {cause_noun} for what happened at {asset}.",
    "After the incident at {asset} it was established that {cause}.",
)
DOWN = (
    "By its counter, {asset} did not run for {minutes} {unit}.",
    "The counter of {asset} shows a standstill of {minutes} {unit}.",
    "{minutes} {unit}: that is how long {asset} stood still by its own counter.",
    "{asset} was out of action for {minutes} {unit}, if one goes by the machine's own counter.",
    "The standstill of {asset} lasted {minutes} {unit} by the machine's counter.",
)
LOSS = (
    "Measured afterwards, the loss at {asset} came to {litres} {unit}.",
    "{litres} {unit} were lost at {asset}, as measured later.",
    "The loss that was measured for {asset} is {litres} {unit}.",
    "{asset} lost {litres} {unit}.",
    "Quantity lost at {asset} (measured afterwards): {litres} {unit}.",
)
DONE = (
    "The mechanics {did} under {order}.",
    "{order} saw the mechanics at work on {asset}: {fix}.",
    "{asset} went back into service at {released}.",
    "At {released}, {asset} was released again for service.",
    "Release of {asset} for service: {released}.",
    "On {asset}, the mechanics {did}; it was released at {released}.",
    "The measures on {asset} were that {fix}.",
    "It was the safety officer who closed the report on {asset}.",
    "The report on {asset} was signed off by the {person}.",
    "{order} was the work order under which {fix}.",
    "By {order}, {fix}, and {asset} could run again from {released}.",
)  # fmt: skip
STANDING = (
    Standing(
        r"The muster point for every alarm is the (?P<place>[a-z ]+)\.",
        ("In any alarm, people muster at the {place}.", "Everyone is to gather at the {place} when there is an alarm.",
         "{place}: that is the muster point for all alarms."),
    ),
    Standing(
        r"Radio channel (?P<number>\d+) is kept for emergencies",
        ("For emergencies, radio channel {number} is kept free.", "Radio channel {number} is the emergency channel."),
    ),
    Standing(
        r"The speed limit for vehicles on the site is (?P<number>\d+) (?P<unit>km/h)",
        ("Vehicles on site must not go faster than the limit of {number} {unit}.", "A speed limit of {number} {unit} applies to vehicles."),
    ),
    Standing(
        r"The first aid room is room (?P<number>\d+) beside the (?P<place>control room)",
        ("The first aid room has the number {number}.", "For first aid, go to room {number} next to the control room."),
    ),
    Standing(
        r"The maintenance team booked (?P<number>\d+) (?P<unit>hours) of planned work",
        ("{number} {unit} of planned work were booked by maintenance.", "Planned work booked by the maintenance team: {number} {unit}."),
    ),
    Standing(
        r"There are (?P<number>\d+) spare bearings of the pump type in the (?P<place>\w+) of the stores",
        ("We have {number} spare bearings of the pump type in stock, in the {place} of the stores.",
         "Spare bearings of the pump type: {number}, in the {place}."),
    ),
    Standing(
        r"Pump (?P<asset>\S+) is greased with (?P<grease>\w+ EP\d) every second week",
        ("{grease} is the grease used on pump {asset}.", "Pump {asset} gets {grease} every other week."),
    ),
    Standing(
        r"The flange bolts of tank (?P<asset>\S+) are tightened to (?P<number>\d+) (?P<unit>newton metres)",
        ("Torque for the flange bolts of tank {asset}: {number} {unit}.", "Flange bolts on {asset} need {number} {unit}."),
    ),
    Standing(
        r"Hot work permit (?P<permit>HW-\d+) was issued to (?P<firm>\w+ Services) for the roof of the canteen",
        ("Permit {permit} lets {firm} do hot work on the canteen roof.", "For the canteen roof, {firm} was given permit {permit}."),
    ),
    Standing(
        r"Entry into boiler (?P<asset>\S+) needs a confined space permit and a standby person",
        ("To get into boiler {asset}, you need a confined space permit and a standby person.",
         "Without a standby person and a confined space permit, entering boiler {asset} is not allowed."),
    ),
)  # fmt: skip


def reports(world: World) -> list[Evidence]:
    """Passages of incident reports."""
    return [e for e in world.of_kind[Kind.PASSAGE] if str(e.data.get("title", "")).startswith("Incident") and e.valid]


def slots_of(world: World, report: Evidence, rng: random.Random) -> dict[str, Slot]:
    """What a part of an incident report says, its times and dates in one speaker's habits."""
    slots = report_slots(world, report, rng)
    if "fix" in slots:
        slots["did"] = s.name("did", slots["fix"].value)
    return v.retold(slots | event_slots(slots, rng), world.zone, rng)


def report(world: World, rng: random.Random) -> ScriptedClaim | None:
    """A part of an incident report: what happened, what was found, or what was done."""
    if not reports(world):
        return None
    one = rng.choice(reports(world))
    slots = slots_of(world, one, rng)
    if "cause" in slots and rng.random() < 0.6:
        return v.tell("cause", [(True, FOUND)], slots, (one,), rng)
    unhurt = "Nobody was hurt" in flat(one)
    groups = [("alert" in slots and unhurt, HAPPENED), ("order" in slots, DONE), (True, DOWN), (True, LOSS)]
    return v.tell("report", groups, slots, (one,), rng)


def standing(world: World, rng: random.Random) -> ScriptedClaim | None:
    """A sentence of a standing document."""
    pairs = [
        (e, m, one.wordings)
        for e in world.of_kind[Kind.PASSAGE] for one in STANDING if (m := re.search(one.pattern, flat(e)))
    ]  # fmt: skip
    if not pairs:
        return None
    document, match, wordings = rng.choice(pairs)
    return v.tell("standing", [(True, wordings)], _groups(match.groupdict()), (document,), rng)


def _groups(groups: Mapping[str, str]) -> dict[str, Slot]:
    return {name: s.number(int(text), 0) if name == "number" else s.name(name, text) for name, text in groups.items()}
