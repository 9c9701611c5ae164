"""Right claims about passages: incident reports, shift logs and the standing documents, sentence by sentence."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from eval.claims.held_causes import CAUSES, FIXES
from eval.claims.held_facts import FACTS
from eval.claims.held_slots import (
    DAILY,
    DATED,
    DAYS,
    count_slot,
    lasting_slot,
    name_slot,
    shuffled,
    time_slot,
    word,
)
from eval.claims.held_words import MESSAGES, wording
from eval.claims.types import ScriptedClaim, Slot, places, right_claim
from eval.claims.world import World
from retrieval.times import to_datetime, to_micros
from retrieval.types import Evidence, Kind, Micros

Slots = dict[str, Slot]


class Sentence(NamedTuple):
    """What a sentence of a document looks like (named groups), and the ways of saying what it says."""

    pattern: re.Pattern[str]
    ways: Sequence[str]


_TAG = r"[A-Z]+-\d+"
REPORT = (
    Sentence(
        re.compile(
            rf"On (?P<day>\d+ \w+ \d{{4}}) at (?P<clock>\d\d:\d\d) local time alarm (?P<alert>{_TAG}) was raised for"
            rf" \w+ (?P<asset>{_TAG}) in (?P<zone>Zone \w) \([\w ]+\): (?P<message>[^.]+)\."
        ),
        (
            "According to the incident report, {alert} {was_raised} for {asset} at {at}.",
            "The report {places} {alert} and the trouble with {asset} in {zone}.",
            "{message} on {asset} {was_cited} as the content of {alert}.",
            "{asset}, which stands in {zone}, {had} {alert} raised against it at {at}.",
            "The incident report {says} that the alarm for {message} came up at {at}.",
        ),
    ),
    Sentence(
        re.compile(
            rf"alarm (?P<alert>{_TAG}) was .+?(?P<sign>Smoke at the drive end|A spill on the floor|Open fire at the drive|The open gate)"
            r" was noticed from about (?P<clock>\d\d:\d\d) local time\. Nobody was hurt"
        ),
        (
            "{sign} {was_noticed} from around {at} in the incident behind {alert}.",
            "{nobody} hurt in the incident behind {alert}.",
            "From about {at}, with {alert} raised, {sign} {was_noticed}.",
            "The report on {alert} {says} that {nobody} hurt.",
        ),
    ),
    Sentence(
        re.compile(rf"The investigation of (?P<asset>{_TAG}) found that (?P<cause>[^.]+)\."),
        (
            "The investigation of {asset} {found} that {cause}.",
            "Investigators looking into {asset} {found} that {cause}.",
            "What the investigation of {asset} {found}: {cause}.",
            "{cause}, the investigation of {asset} {found}.",
            "It {was_found} in the investigation of {asset} that {cause}.",
        ),
    ),
    Sentence(
        re.compile(
            rf"investigation of (?P<asset>{_TAG}) .+ measured afterwards as (?P<litres>\d+) litres"
        ),
        (
            "The loss from {asset} {was_measured} {at_exactly} {litres} {litre}.",
            "A later measurement {put} the quantity lost at {asset} at {litres} {litre}.",
            "{at_measure} {litres} {litre} {were_lost} from {asset}, as measured afterwards.",
        ),
    ),
    Sentence(
        re.compile(rf"By the machine's own counter (?P<asset>{_TAG}) stood still for (?P<minutes>\d+) minutes"),
        (
            "{asset} {stood} still for {lasting}, by its own counter.",
            "The counter of {asset} itself {gives} a standstill of {lasting}.",
            "By the machine's counter, {asset} {was_idle} for {lasting}.",
        ),
    ),
    Sentence(
        re.compile(rf"Under work order (?P<order>{_TAG}) the mechanics (?P<fix>[^.]+)\. \w+ (?P<asset>{_TAG}) was released"),
        (
            "Working under {order}, the mechanics {fix}.",
            "The {mechanics} {fix} under {order}.",
            "On {asset}, the {mechanics} {fix}.",
            "{order} {was_used} the mechanics {fix}.",
        ),
    ),
    Sentence(
        re.compile(rf"work order (?P<order>{_TAG}) .+ (?P<asset>{_TAG}) was released for service at (?P<clock>\d\d:\d\d)"),
        (
            "{asset} {was_released} for service at {at}.",
            "At {at}, {asset} {went_back} into service.",
            "After the work under {order}, {asset} {was_released} for service at {at}.",
        ),
    ),
    Sentence(
        re.compile(rf"work order (?P<order>{_TAG}) .+ closed by the safety officer"),
        (
            "The report on the work under {order} {was_closed} by the {officer}.",
            "The {officer} {closed} the report that covers {order}.",
        ),
    ),
)  # fmt: skip
LOG = (
    Sentence(
        re.compile(r"Kept by (?P<person>Shift lead \w)"),
        (
            "The shift log of {day} {was_kept} by {person}.",
            "{person} {kept} the log on {day}.",
            "On {day} it {was} {person} who kept the shift log.",
        ),
    ),
    Sentence(
        re.compile(
            r"(?P<clock>\d\d:\d\d) (?P<routine>Handover without open points|Round through all zones, nothing to report|"
            r"Waste containers collected|Eyewash stations flushed|Fire doors checked|Two contractors signed in)"
        ),
        ("At {at}, {routine}.", "{routine} at {at}.", "The log {says} that {routine} at {at}."),
    ),
    Sentence(
        re.compile(
            rf"(?P<clock>\d\d:\d\d) (?P<alert>{_TAG}) on \w+ (?P<asset>{_TAG}) \((?P<zone>Zone \w)\): (?P<title>[^.]+)\."
        ),
        (
            "The log {says} that {alert} concerned {title} at {asset}.",
            "At {at} {title} at {asset} {was_logged}.",
            "{title} on {asset} in {zone} {was_logged} at {at} under {alert}.",
        ),
    ),
    Sentence(
        re.compile(rf"(?P<alert>{_TAG}) on \w+ (?P<asset>{_TAG}) \(Zone \w\): [^.]+\. Cause: (?P<cause>[^.]+)\."),
        (
            "According to the shift log, {alert} on {asset} {came_about} because {cause}.",
            "The log {names} the cause of {alert}: {cause}.",
            "The cause {given} for the trouble at {asset} is that {cause}.",
            "The reason logged for {alert} {was}: {cause}.",
        ),
    ),
    Sentence(
        re.compile(
            rf"(?P<alert>{_TAG}) on \w+ (?P<asset>{_TAG}) \(Zone \w\): [^.]+\. Cause: [^.]+\. The crew (?P<fix>[^.]+)\."
        ),
        (
            "After {alert}, the {crew} {fix}.",
            "On {asset} the {crew} {fix}.",
            "The log {says} that the crew {fix} in response to {alert}.",
        ),
    ),
    Sentence(
        re.compile(rf"(?P<alert>{_TAG}) on (?:(?!{_TAG} on ).)+?(?P<camera>CAM-\d+) was not recording at the time"),
        (
            "{camera} {was_off} during {alert}.",
            "There {is_none} from {camera} for the time of {alert}.",
        ),
    ),
    Sentence(
        re.compile(rf"(?P<alert>{_TAG}) on \w+ (?P<asset>{_TAG}) \(Zone \w\): [^.]+\. {_TAG} stood still for (?P<minutes>\d+) minutes"),
        (
            "The shift log {gives} a standstill of {lasting} for {asset} under {alert}.",
            "{asset} {stood} still for {lasting}, the log says.",
        ),
    ),
    Sentence(
        re.compile(rf"(?P<alert>{_TAG}) on \w+ (?P<asset>{_TAG}) \(Zone \w\): [^.]+\. About (?P<litres>\d+) litres lost"),
        (
            "{at_about} {litres} {litre} {were_lost} at {asset}, according to the shift log.",
            "The log {put} the loss under {alert} at {roughly} {litres} {litre}.",
        ),
    ),
    Sentence(
        re.compile(rf"(?P<alert>{_TAG}) on \w+ (?P<asset>{_TAG}) \(Zone \w\): [^.]+\. [^.]+\. Cause under"
            r" investigation, see (?P<report>IR-[\d-]+)"
        ),
        (
            "When the log was written, the cause of {alert} {was_open}.",
            "For the cause of {alert}, the log {refers} to {report}.",
            "The log {says} that the cause of the trouble at {asset} {was_open}, and points to {report}.",
        ),
    ),
)  # fmt: skip
_SIGNS = {
    "Smoke at the drive end": "smoke at the drive end",
    "A spill on the floor": "a spill on the floor",
    "Open fire at the drive": "open fire at the drive",
    "The open gate": "the open gate",
}
_ROUTINES: Mapping[str, Slot] = {
    "Handover without open points": word(
        "the shift was handed over without open points",
        negation="the shift was handed over with open points",
        quantifier="the shift was handed over with at least one open point",
    ),
    "Round through all zones, nothing to report": word(
        "a round through all zones gave nothing to report",
        negation="a round through all zones gave something to report",
        quantifier="a round through only two zones gave nothing to report",
    ),
    "Waste containers collected": word(
        "waste containers were collected", negation="waste containers were not collected", name="gas cylinders were collected"
    ),
    "Eyewash stations flushed": word(
        "the eyewash stations were flushed", negation="the eyewash stations were not flushed", name="the fire hydrants were flushed"
    ),
    "Fire doors checked": word(
        "the fire doors were checked", negation="the fire doors were not checked", name="the fire extinguishers were checked"
    ),
    "Two contractors signed in": word(
        "two contractors signed in",
        number="three contractors signed in|twelve contractors signed in",
        roles="two contractors signed out",
        added="two contractors from abroad signed in",
    ),
}  # fmt: skip
_TITLES: Mapping[str, Slot] = {
    "bearing failure": word("a bearing failure", name="a coupling failure|a seal failure"),
    "product leak": word("a product leak", name="a steam leak|a cooling water leak"),
    "motor fire": word("a motor fire", name="a cable fire|a gearbox fire"),
    "gate stuck open": word("a gate stuck open", roles="a gate stuck shut"),
    "high bearing temperature": word("a high bearing temperature", roles="a low bearing temperature"),
    "level signal fault": word("a fault of the level signal", name="a fault of the pressure signal"),
    "belt slip": word("a slipping belt", name="a torn belt"),
    "gate drive fault": word("a fault of the gate drive", name="a fault of the gate post"),
}
_VERBS: Mapping[str, Slot] = {
    "was_raised": word("was raised", negation="was not raised"),
    "places": word("places", negation="does not place", quantifier="places, with every other alarm,"),
    "was_cited": word("was cited", negation="was not cited"),
    "had": word("had", negation="did not have"),
    "says": word("says", negation="denies|does not say", added="says, with a photograph,"),
    "was_noticed": word("was noticed", negation="was not noticed", quantifier="was noticed by everyone on shift"),
    "nobody": word("nobody was", negation="somebody was", quantifier="two people were|at least one person was"),
    "found": word("found", negation="did not find|ruled out"),
    "was_found": word("was found", negation="was not found|was ruled out"),
    "was_measured": word("was measured", negation="was never measured"),
    "at_exactly": word("as", quantifier="as at least twice|as well under half of"),
    "at_measure": word("a total of", quantifier="at least twice|less than half of"),
    "put": word("put", negation="did not put"),
    "were_lost": word("were lost", negation="were not lost", roles="were recovered"),
    "stood": word("stood", negation="did not stand", added="twice stood"),
    "gives": word("gives", negation="does not give"),
    "was_idle": word("was idle", negation="was not idle", roles="ran without a stop"),
    "mechanics": word("mechanics", name="electricians|contractors", quantifier="whole maintenance team together with the mechanics"),
    "was_used": word("was the order under which", negation="was not the order under which"),
    "was_released": word("was released", negation="was not released|was refused release", roles="was withdrawn from release"),
    "went_back": word("went back", negation="did not go back", roles="was taken back out rather than put"),
    "was_closed": word("was closed", negation="was not closed", status="was left open"),
    "officer": word("safety officer", name="shift lead|plant manager|duty electrician"),
    "closed": word("closed", negation="did not close|refused to close", roles="reopened", status="has yet to close"),
    "was_kept": word("was kept", negation="was not kept", roles="was checked, not kept,"),
    "kept": word("kept", negation="did not keep"),
    "was": word("was", negation="was not"),
    "was_logged": word("was logged", negation="was not logged"),
    "came_about": word("came about", negation="did not come about", cause="was made worse, it did not come about,"),
    "names": word("names", negation="does not name"),
    "given": word("given", negation="excluded"),
    "crew": word("crew", name="safety officer|contractor", negation="crew never"),
    "was_off": word("was not recording", negation="was recording", quantifier="was the only camera recording"),
    "is_none": word("is no recording", negation="is a recording", quantifier="is more than one recording"),
    "at_about": word("about", quantifier="exactly|no fewer than twice"),
    "roughly": word("roughly", quantifier="exactly|more than double"),
    "was_open": word("was still under investigation", status="had been settled|was known", negation="was not under investigation"),
    "refers": word("refers", negation="does not refer"),
    "litre": word("litres", unit="gallons|cubic metres|millilitres"),
}  # fmt: skip


def passages(world: World, rng: random.Random) -> Iterator[ScriptedClaim]:
    """Claims about single passages: every sentence that is known, in each of its ways."""
    told = [
        (way, slots, passage.id)
        for passage in world.of_kind.get(Kind.PASSAGE, ())
        for way, slots in said(passage, world, rng)
    ]
    for way, slots, id_ in shuffled(told, rng):
        yield right_claim("passage", way, slots, id_)


def said(passage: Evidence, world: World, rng: random.Random) -> Iterator[tuple[str, Slots]]:
    """Every way of saying each sentence of a passage that is known, with its slots."""
    text = " ".join(passage.text.split())
    for sentence in (*REPORT, *LOG):
        for match in sentence.pattern.finditer(text):
            for way in sentence.ways:
                slots = _slots(match, passage, world, rng, text)
                if places(way) <= slots.keys():
                    yield way, slots
    for fact in FACTS:
        for match in fact.pattern.finditer(text):
            yield from ((way, fact.slots(match, world, rng)) for way in fact.ways)


def _slots(match: re.Match[str], passage: Evidence, world: World, rng: random.Random, text: str) -> Slots:
    groups, slots = match.groupdict(), dict(_VERBS)
    for name, value in groups.items():
        made = _MAKERS[name](value, world, rng) if name in _MAKERS else None
        if made is not None:
            slots[_OTHER_NAMES.get(name, name)] = made
    if passage.valid is not None:
        # the day may be said with the time where the passage itself names it
        shown = DATED if groups.get("day") else (*DATED, *DAILY) if "Shift log" in text else DAILY
        slots |= _timed(groups, passage.valid.t0, world, rng, shown)
    return slots


def _timed(groups: Mapping[str, str], day: Micros, world: World, rng: random.Random, forms: Sequence[str]) -> Slots:
    begin = to_datetime(day, world.zone)
    slots = {"day": time_slot(day, world.zone, rng, DAYS)}
    if clock := groups.get("clock"):
        hour, minute = map(int, clock.split(":"))
        at = begin.replace(hour=hour, minute=minute)
        plain = [form for form in forms if "{S}" not in form and "about" not in form]
        slots["at"] = time_slot(to_micros(at), world.zone, rng, plain)
    return slots


Maker = Callable[[str, World, random.Random], Slot | None]
_OTHER_NAMES = {"minutes": "lasting"}
_MAKERS: Mapping[str, Maker] = {
    **{kind: partial(name_slot, kind) for kind in ("alert", "asset", "order", "camera", "report")},
    "zone": lambda value, world, rng: name_slot("zone", value.lower().replace(" ", "-"), world, rng),
    "person": lambda value, world, rng: name_slot("person", value.lower().replace("shift ", "").replace(" ", "-"), world, rng),
    "message": lambda value, world, rng: wording(MESSAGES, value, rng),
    "cause": lambda value, world, rng: wording(CAUSES, value, rng),
    "fix": lambda value, world, rng: wording(FIXES, value, rng),
    "sign": lambda value, world, rng: word(_SIGNS[value]),
    "routine": lambda value, world, rng: _ROUTINES.get(value),
    "title": lambda value, world, rng: _TITLES.get(value),
    "litres": lambda value, world, rng: count_slot(int(value)),
    "minutes": lambda value, world, rng: lasting_slot(60 * int(value), rng),
}  # fmt: skip
