"""Right claims about entries of shift logs in other people's words."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping

from eval.claims import slots as s
from eval.claims import voices_slots as v
from eval.claims.phrases import ROUTINE
from eval.claims.right_passages import Local, entries, entry_slots, flat
from eval.claims.types import ScriptedClaim, Slot
from eval.claims.world import World
from retrieval.types import Evidence, Kind

_ROUTINE = re.compile(rf"(?P<at>\d\d:\d\d) (?P<what>{'|'.join(map(re.escape, ROUTINE))})\.")

ENTRY = (
    "There is a log entry at {at} on {day} about {event} on {asset}.",
    "{event} on {asset}, {zone}: entered in the log at {at}.",
    "The shift wrote down {event} on {asset} at {at}.",
    "At {at}, {alert} on {asset} was put in the shift log.",
    "{alert}, logged at {at}, is about {event} on {asset}.",
    "The log of {day} has {alert} against {asset} at {at}.",
    "The entry that was made at {at} on {day} concerns {asset} and {event}.",
    "In {zone}, {asset} had {event}, as logged at {at}.",
    "{asset} is in {zone}, and the shift log has an entry on it at {at}.",
    "{alert} is described in the log as {event}.",
    "What the shift noted under {alert} is {event} on {asset}.",
    "{at}, {zone}: {event} on {asset} ({alert}).",
)
CAUSE = (
    "The log gives {cause_noun} as the cause of {event} on {asset}.",
    "Why {asset} had {event}: {cause}.",
    "Cause of {alert} on {asset} according to the log: {cause_noun}.",
    "As for {event} on {asset}, the shift put it down to {cause_noun}.",
    "{cause_noun} led to {event} on {asset}.",
    "{asset} had {event} since {cause}.",
    "The reason for {alert} on {asset} was that {cause}.",
    "{event} on {asset} came from {cause_noun}.",
    "{alert} on {asset} is traced to {cause_noun} in the shift log.",
    "It was because {cause} that {asset} had {event}.",
)
FIX = (
    "The crew {did} after {alert} on {asset}.",
    "To deal with {alert}, the crew {did}.",
    "On {asset}, {fix} by the crew.",
    "What the crew did about {alert} on {asset}: they {did}.",
    "{alert} on {asset} was answered by the crew, who {did}.",
    "{asset} had {event}. The crew {did}.",
    "{fix}, the log says about {asset}.",
)
LOSS = (
    "Roughly {litres} {unit} got lost on {asset}, going by the log.",
    "The log estimates the loss at {asset} at about {litres} {unit}.",
    "Some {litres} {unit} were lost under {alert}, the shift noted.",
    "{alert} on {asset} meant a loss of around {litres} {unit} according to the log.",
)
DOWN = (
    "{asset} was down for {minutes} {unit}, the log says.",
    "The log has {asset} standing still for {minutes} {unit}.",
    "{minutes} {unit} of standstill are logged for {asset} under {alert}.",
    "According to the log, the standstill of {asset} took {minutes} {unit}.",
    "The downtime of {asset} entered in the shift log of {day} is {minutes} {unit}.",
)  # fmt: skip
PENDING = (
    "The log leaves the cause of {alert} open and points to {report}.",
    "For the cause of {alert} on {asset}, one has to see {report}.",
    "When the log was written, the cause of {alert} was still being investigated.",
    "The shift log does not state the cause of {event} on {asset}; it points to report {report}.",
    "No cause had been established for {alert} in the log; it was under investigation.",
)
UNSEEN = (
    "There was no recording from {camera} at the time of {alert}.",
    "{camera} has no recording from the time of {event} on {asset}.",
    "The log points out that {camera} was not recording at the time of {alert}.",
)  # fmt: skip
ROUTINE_WORDS = (
    "{what} at {at}.",
    "Logged at {at} on {day}: {deed}.",
    "The log of {day} has {deed} at {at}.",
    "On {day}, {what} at {at}.",
    "At {at} there was an entry for {deed}.",
    "The shift noted {deed} at {at}.",
    "{deed} stands in the log for {day}, at {at}.",
    "The {at} entry is about {deed}.",
)
LEAD = (
    "{person} was the one keeping the log on {day}.",
    "On {day}, the shift log was {person}'s.",
    "Log keeper on {day}: {person}.",
    "The entries for {day} were kept by {person}.",
)
# titles of incidents → nouns that mean the same, as they follow a verb
EVENTS: Mapping[str, tuple[str, ...]] = {
    "bearing failure": ("a bearing failure", "a failed bearing", "the failure of a bearing"),
    "product leak": ("a product leak", "a leak of product"),
    "motor fire": ("a motor fire", "a fire in the motor", "a burning motor"),
    "gate stuck open": ("a gate stuck open", "a gate that was stuck open"),
    "high bearing temperature": ("a high bearing temperature", "a bearing with a high temperature"),
    "level signal fault": ("a level signal fault", "a fault in the level signal"),
    "belt slip": ("belt slip", "a slipping belt"),
    "gate drive fault": ("a gate drive fault", "a fault in the gate drive"),
}
# routine entries → nouns that mean the same
DEEDS: Mapping[str, tuple[str, ...]] = {
    "Handover without open points": ("a handover without open points", "a handover with no open points"),
    "Round through all zones, nothing to report": ("a round through all zones with nothing to report",),
    "Waste containers collected": ("the collection of the waste containers",),
    "Eyewash stations flushed": ("the flushing of the eyewash stations", "flushing of the eyewash stations"),
    "Fire doors checked": ("a check of the fire doors", "the checking of the fire doors"),
    "Two contractors signed in for the canteen roof": ("two contractors signing in for the canteen roof",),
}


def event_slots(slots: Mapping[str, Slot], rng: random.Random) -> dict[str, Slot]:
    """The incident's title as a noun phrase; nothing where its title has no other words."""
    title = slots["title"].text if "title" in slots else ""
    return {"event": s.name("event", rng.choice(EVENTS[title]), title)} if title in EVENTS else {}


def logs(world: World) -> list[Evidence]:
    return [e for e in world.of_kind[Kind.PASSAGE] if str(e.data.get("title", "")).startswith("Shift log") and e.valid]


def told_entries(world: World, log: Evidence, rng: random.Random) -> list[dict[str, Slot]]:
    """What each entry about an alert says, its times and dates in one speaker's habits."""
    found = []
    for entry in entries(log):
        slots = entry_slots(entry, Local(world, log, rng), rng)
        if "fix" in slots:
            slots["did"] = s.name("did", slots["fix"].value)
        found.append(v.retold(slots | event_slots(slots, rng), world.zone, rng))
    return found


def entry(world: World, rng: random.Random) -> ScriptedClaim | None:
    """An entry about an alert: when, what, why, what was done, what it cost."""
    if not logs(world):
        return None
    log = rng.choice(logs(world))
    told = told_entries(world, log, rng)
    if not told:
        return None
    slots = rng.choice(told)
    if "cause" in slots and rng.random() < 0.4:
        return v.tell("cause", [(True, CAUSE)], slots, (log,), rng)
    pending = "report" in slots
    groups = [(True, ENTRY), (True, FIX), (True, LOSS), (True, DOWN), (pending, PENDING), (True, UNSEEN)]
    return v.tell("log", groups, slots, (log,), rng)


def routine(world: World, rng: random.Random) -> ScriptedClaim | None:
    """A routine entry, or who kept the log."""
    if not logs(world):
        return None
    log = rng.choice(logs(world))
    local, found = Local(world, log, rng), list(_ROUTINE.finditer(flat(log)))
    slots = {"day": local.day()}
    if lead := re.search(r"Kept by (Shift lead \w)", flat(log)):
        slots["person"] = s.name("person", lead[1])
    if found and rng.random() < 0.8:
        one = rng.choice(found)
        slots |= {"at": local.time(one["at"]), "deed": s.name("deed", rng.choice(DEEDS[one["what"]]), one["what"])}
        slots["what"] = s.name("what", rng.choice(ROUTINE[one["what"]]), one["what"])
    groups = [("at" in slots, ROUTINE_WORDS), ("at" not in slots, LEAD)]
    return v.tell("log", groups, v.retold(slots, world.zone, rng), (log,), rng)
