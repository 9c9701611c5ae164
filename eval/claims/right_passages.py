"""Right claims about shift logs, incident reports and standing documents, from the sentences that stand in them."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from eval.claims import slots as s
from eval.claims.phrases import CAUSES, FIXES, ROUTINE
from eval.claims.right_tables import pick
from eval.claims.types import ScriptedClaim, Slot, places, right_claim
from eval.claims.world import World
from retrieval.times import to_datetime
from retrieval.types import Evidence, Kind

_ENTRY = re.compile(
    r"(?P<at>\d\d:\d\d) (?P<alert>AL-\d+) on (?P<long>[^(]+) \((?P<zone>[^)]+)\): (?P<title>[^.]+)\.(?P<rest>.*?)(?= \d\d:\d\d [A-Z]|$)"
)
_ROUTINE = re.compile(rf"(?P<at>\d\d:\d\d) (?P<what>{'|'.join(map(re.escape, ROUTINE))})\.")

LOG = (
    "The shift log of {day} records {title} on {asset} at {at}.",
    "According to the shift log, {alert} on {asset} was entered at {at} on {day}.",
    "At {at}, the shift log notes {title} on {asset} in {zone}.",
)
LOG_CAUSE = (
    "According to the shift log, the {title} on {asset} was caused by {cause_noun}.",
    "The {title} on {asset} happened because {cause}, the shift log says.",
    "{asset} had {title} because {cause}.",
)
LOG_FIX = (
    "After the {title} on {asset}, {fix}.",
    "In response to {alert} on {asset}, {fix}, according to the shift log.",
)
LOG_LOSS = ("According to the shift log, about {litres} {unit} were lost in the {title} on {asset}.",)
LOG_DOWN = (
    "{asset} stood still for {minutes} {unit} according to the shift log of {day}.",
    "The shift log puts the standstill of {asset} at {minutes} {unit}.",
)
LOG_OPEN = (
    "The shift log says the cause of {alert} on {asset} was under investigation and refers to {report}.",
    "For the {title} on {asset}, the shift log refers to report {report}.",
)
LOG_UNSEEN = (
    "{camera} was not recording when {alert} was raised on {asset}.",
    "{camera} was not recording at the time of the {title} on {asset}.",
)
LOG_ROUTINE = ("At {at} on {day}, {what}.", "The shift log of {day} notes that {what} at {at}.")
LOG_LEAD = ("The shift log of {day} was kept by {person}.", "{person} kept the shift log of {day}.")

HAPPENED = (
    "Incident report {report} says alarm {alert} was raised for {asset} at {at} on {day}.",
    "Alarm {alert} was raised for {asset} in {zone} at {at}.",
    "{sign} was noticed at {asset} from about {noticed}.",
    "Nobody was hurt in the incident at {asset} on {day}.",
    "Alarm {alert} on {asset} was raised at {at}, and {sign_low} was noticed from about {noticed}.",
    "Report {report} is about a {title} at {asset}.",
)
FOUND = (
    "The investigation found that on {asset} {cause}.",
    "According to the findings, the cause at {asset} was {cause_noun}.",
    "The investigation of {asset} concluded that {cause}.",
)
FOUND_DOWN = (
    "{asset} stood still for {minutes} {unit} by its own counter.",
    "According to the machine's counter, {asset} was at a standstill for {minutes} {unit}.",
)
FOUND_LOSS = (
    "A loss of {litres} {unit} was measured afterwards at {asset}.",
    "The quantity lost at {asset} was later measured as {litres} {unit}.",
)
DONE = (
    "Under work order {order}, {fix}, and {asset} was released for service at {released}.",
    "{asset} was released for service at {released}.",
    "Under {order}, {fix} on {asset}.",
    "The report on {asset} was closed by the {person}.",
)


class Standing(NamedTuple):
    """A sentence of a standing document, as a pattern, and other words for it. Groups become slots, by their names' first part."""

    pattern: str
    wordings: tuple[str, ...]


STANDING = (
    Standing(
        r"The muster point for every alarm is the (?P<place>[a-z ]+)\.",
        ("The muster point is the {place}.", "When an alarm sounds, the muster point is the {place}."),
    ),
    Standing(
        r"Radio channel (?P<number>\d+) is kept for emergencies",
        ("Radio channel {number} is reserved for emergencies.", "Emergencies have radio channel {number} to themselves."),
    ),
    Standing(
        r"The speed limit for vehicles on the site is (?P<number>\d+) (?P<unit>km/h)",
        ("Vehicles may drive at {number} {unit} at most on the site.", "The site speed limit for vehicles is {number} {unit}."),
    ),
    Standing(
        r"The first aid room is room (?P<number>\d+) beside the (?P<place>control room)",
        ("First aid is given in room {number}, beside the control room.", "Room {number} is the first aid room."),
    ),
    Standing(
        r"The maintenance team booked (?P<number>\d+) (?P<unit>hours) of planned work",
        ("Maintenance booked {number} {unit} of planned work in the period.",),
    ),
    Standing(
        r"There are (?P<number>\d+) spare bearings of the pump type in the (?P<place>\w+) of the stores",
        (
            "The stores hold {number} spare bearings of the pump type.",
            "{number} spare bearings of the pump type are kept in the {place} of the stores.",
        ),
    ),
    Standing(
        r"Pump (?P<asset>\S+) is greased with (?P<grease>\w+ EP\d) every second week",
        ("{asset} is greased with {grease} every second week.", "Every two weeks, {asset} is greased with {grease}."),
    ),
    Standing(
        r"The flange bolts of tank (?P<asset>\S+) are tightened to (?P<number>\d+) (?P<unit>newton metres)",
        ("The flange bolts of {asset} are tightened to {number} {unit}.", "On {asset}, the flange bolts get a torque of {number} {unit}."),
    ),
    Standing(
        r"Hot work permit (?P<permit>HW-\d+) was issued to (?P<firm>\w+ Services) for the roof of the canteen",
        ("{firm} holds hot work permit {permit} for the canteen roof.", "Hot work permit {permit} was issued to {firm}."),
    ),
    Standing(
        r"Entry into boiler (?P<asset>\S+) needs a confined space permit and a standby person",
        (
            "A confined space permit and a standby person are needed to enter boiler {asset}.",
            "Nobody may enter {asset} without a confined space permit and a standby person.",
        ),
    ),
)  # fmt: skip


def flat(passage: Evidence) -> str:
    return " ".join(re.sub(r"^#+ ", "", passage.text, flags=re.M).split())


def passage(world: World, rng: random.Random) -> ScriptedClaim | None:
    """One passage: what a log, a report or a standing document says."""
    one = rng.choice(world.of_kind[Kind.PASSAGE])
    title = str(one.data.get("title", ""))
    tell = _log if title.startswith("Shift log") else _report if title.startswith("Incident") else _standing
    return tell(world, one, rng)


class Local:
    """Times of day as the documents write them: the site's zone."""

    def __init__(self, world: World, passage: Evidence, rng: random.Random) -> None:
        assert passage.valid is not None
        self._midnight, self._zone = passage.valid.t0, world.zone
        self._form = rng.choice(("local", "local", "utc"))
        self._day = rng.choice(("long", "short", "iso"))

    def time(self, text: str, plain: bool = False) -> Slot:
        """A time that stands in the text; in UTC half the time where the passage says that it is local."""
        at = self._midnight + to_span(text)
        # a day that is named with it must be the same day in both zones
        early = to_datetime(at).date() != to_datetime(at, self._zone).date()
        form = "local|%H:%M" if plain or early else f"{self._form}|%H:%M"
        return Slot("time", s.write_time(at, form, self._zone), at, form)

    def day(self) -> Slot:
        form = f"local|{self._day}"
        return Slot("date", s.write_date(self._midnight, form, self._zone), self._midnight, form)


def to_span(text: str) -> int:
    """ "HH:MM" → microseconds since midnight."""
    hours, minutes = map(int, text.split(":"))
    return int(timedelta(hours=hours, minutes=minutes).total_seconds() * 1e6)


def entries(passage: Evidence) -> Iterator[re.Match[str]]:
    """The entries of a shift log that are about an alert."""
    yield from _ENTRY.finditer(flat(passage))


def _log(world: World, log: Evidence, rng: random.Random) -> ScriptedClaim | None:
    local = Local(world, log, rng)
    kind = rng.random()
    if kind < 0.12:
        found = re.search(r"Kept by (Shift lead \w)", flat(log))
        slots = {"day": local.day(), "person": s.name("person", found[1])} if found else {}
        return right_claim("log", rng.choice(LOG_LEAD), slots, log.id) if found else None
    if kind < 0.3:
        routine = rng.choice(list(_ROUTINE.finditer(flat(log))))
        slots = {"at": local.time(routine["at"]), "day": local.day()}
        slots["what"] = s.name("what", rng.choice(ROUTINE[routine["what"]]), routine["what"])
        return right_claim("log", rng.choice(LOG_ROUTINE), slots, log.id)
    found_entries = list(entries(log))
    if not found_entries:
        return None
    slots = entry_slots(rng.choice(found_entries), local, rng)
    groups = [LOG, LOG_CAUSE, LOG_CAUSE, LOG_FIX, LOG_LOSS, LOG_DOWN, LOG_OPEN, LOG_UNSEEN]
    templates = rng.choice([g for g in groups if all(places(t) <= slots.keys() for t in g)])
    kind_name = "cause" if templates is LOG_CAUSE else "log"
    return right_claim(kind_name, pick(templates, slots, rng), slots, log.id)


def entry_slots(entry: re.Match[str], local: Local, rng: random.Random) -> dict[str, Slot]:
    """What an entry of a shift log says."""
    rest = entry["rest"]
    slots = {
        "at": local.time(entry["at"]), "day": local.day(), "alert": s.name("alert", entry["alert"]),
        "asset": s.name("asset", entry["long"].split()[-1]), "zone": s.name("zone", entry["zone"]),
        "title": s.name("title", entry["title"]),
    }  # fmt: skip
    found: Callable[[str], re.Match[str] | None] = lambda pattern: re.search(pattern, rest)  # noqa: E731
    if cause := found(r"Cause: ([^.]+)\."):
        slots |= cause_slots(cause[1], rng)
    if (fix := found(r"The crew ([^.]+)\.")) and fix[1] in FIXES:
        slots["fix"] = s.name("fix", rng.choice(FIXES[fix[1]]), fix[1])
    if litres := found(r"About (\d+) litres lost"):
        slots |= {"litres": s.number(int(litres[1]), 0), "unit": s.name("unit", "litres")}
    if still := found(r"stood still for (\d+) minutes"):
        slots |= {"minutes": s.number(int(still[1]), 0), "unit": s.name("unit", "minutes")}
    if report := found(r"see (IR-[\d-]+\d)"):
        slots["report"] = s.name("report", report[1])
    if camera := found(r"(CAM-\d+) was not recording"):
        slots["camera"] = s.name("camera", camera[1])
    return slots


def cause_slots(cause: str, rng: random.Random) -> dict[str, Slot]:
    """A cause as it is written, or in other words. Raises KeyError for one that has no other words."""
    clause, noun = CAUSES[cause]
    return {
        "cause": s.name("cause", rng.choice((cause, clause)), cause),
        "cause_noun": s.name("cause_noun", noun, cause),
    }


def _report(world: World, report: Evidence, rng: random.Random) -> ScriptedClaim | None:
    slots = report_slots(world, report, rng)
    if "alert" in slots:
        return right_claim("report", pick(HAPPENED, slots, rng), slots, report.id)
    if "order" in slots:
        return right_claim("report", pick(DONE, slots, rng), slots, report.id)
    groups: Sequence[tuple[str, ...]] = [FOUND, FOUND, FOUND_LOSS if "litres" in slots else FOUND_DOWN]
    templates = rng.choice(groups)
    return right_claim("cause" if templates is FOUND else "report", pick(templates, slots, rng), slots, report.id)


def report_slots(world: World, report: Evidence, rng: random.Random) -> dict[str, Slot]:
    """What a part of an incident report says."""
    text, local = flat(report), Local(world, report, rng)
    slots: dict[str, Slot] = {"day": local.day()}
    if head := re.search(r"Incident report (IR-\S+): (.+?) at \w+ (\S+?-\d+) What", text):
        slots |= {"report": s.name("report", head[1]), "title": s.name("title", head[2])}
    if what := re.search(r"at (\d\d:\d\d) local time alarm (\S+) was raised for \w+ (\S+) in (Zone \w)", text):
        slots |= {"at": local.time(what[1]), "alert": s.name("alert", what[2])}
        slots |= {"asset": s.name("asset", what[3]), "zone": s.name("zone", what[4])}
    if seen := re.search(r"([A-Z][a-z ]+) was noticed from about (\d\d:\d\d)", text):
        sign = seen[1][0].lower() + seen[1][1:]
        slots |= {"sign": s.name("sign", sign), "sign_low": s.name("sign", sign), "noticed": local.time(seen[2])}
    if why := re.search(r"The investigation of (\S+) found that ([^.]+)\.", text):
        slots |= {"asset": s.name("asset", why[1])} | cause_slots(why[2], rng)
    if lost := re.search(r"(\d+) (litres|minutes)\.", text):
        slots |= {lost[2]: s.number(int(lost[1]), 0), "unit": s.name("unit", lost[2])}
    if done := re.search(
        r"work order (\S+) the mechanics (.+?)\. \w+ (\S+) was released for service at (\d\d:\d\d)", text
    ):
        slots |= {"order": s.name("order", done[1]), "asset": s.name("asset", done[3])}
        slots |= {
            "fix": s.name("fix", rng.choice(FIXES[done[2]]), done[2]),
            "person": s.name("person", "safety officer"),
        }
        at = local.time(done[4], plain=True)
        slots["released"] = at._replace(text=at.text.split()[0], form="bare|%H:%M")
    return slots


def _standing(world: World, document: Evidence, rng: random.Random) -> ScriptedClaim | None:
    found = [(m, one.wordings) for one in STANDING if (m := re.search(one.pattern, flat(document)))]
    if not found:
        return None
    match, wordings = rng.choice(found)
    slots = _groups(match.groupdict())
    return right_claim("standing", pick(wordings, slots, rng), slots, document.id)


def _groups(groups: Mapping[str, str]) -> dict[str, Slot]:
    return {name: s.number(int(text), 0) if name == "number" else s.name(name, text) for name, text in groups.items()}
