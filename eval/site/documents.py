"""What was written down: shift logs, incident reports, and the standing documents with their plain facts.

A `Document` is a title and pages of paragraphs, whatever its file format. A `Fact` is one sentence of one document with
the ways to ask for it; `contains` are single words of that sentence, since line breaks differ between formats.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from eval.site.incidents import Incident
from eval.site.story import Story
from eval.site.world import ZONE, rng_for

REPORTED = {"bearing": "pdf", "leak": "docx", "motor fire": "md"}
PEOPLE = (
    ("lead-a", "Shift lead A", "shift lead"),
    ("lead-b", "Shift lead B", "shift lead"),
    ("elec-1", "Duty electrician", "electrician"),
    ("mech-1", "Duty mechanic", "mechanic"),
    ("safe-1", "Safety officer", "safety"),
)


@dataclass(frozen=True, slots=True)
class Document:
    """One document; `path` is relative to the site folder, and only PDFs keep their pages apart."""

    path: str
    title: str
    pages: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """One stated fact, where it stands (`page` only in a PDF), and questions that ask for it."""

    path: str
    page: int | None
    sentence: str
    contains: tuple[str, ...]
    asks: tuple[str, ...]


def clock(when: datetime) -> str:
    """The time of day in the site's zone, as people write it in a log."""
    return when.astimezone(ZONE).strftime("%H:%M")


def keywords(text: str) -> tuple[str, ...]:
    """The two longest words of a sentence: enough to know it again in a page of text."""
    words = sorted(re.findall(r"[a-z]+", text), key=lambda word: (-len(word), word))
    return tuple(words[:2])


def log_path(day: date) -> str:
    """Path of the shift log of a day."""
    return f"reports/shift_log_{day:%Y-%m-%d}.md"


def report_path(incident: Incident) -> str | None:
    """Path of the incident's report; None where the shift log is all that was written."""
    suffix = REPORTED.get(incident.plot.kind)
    return f"reports/incident_{incident.report_id}.{suffix}" if suffix else None


def loss_words(incident: Incident) -> tuple[str, str]:
    """What the shift log and the incident report say was lost: for a leak and a fire the two disagree."""
    if incident.plot.kind == "leak":
        return f"{incident.amount} litres", f"{incident.amount + 60} litres"
    later = 25 if incident.plot.kind == "motor fire" else 0
    return f"{incident.amount // 4} minutes", f"{incident.amount // 4 + later} minutes"


def build_documents(story: Story) -> tuple[tuple[Document, ...], tuple[Fact, ...]]:
    """Every document of the story, and the facts that questions ask from the standing ones."""
    facts = _facts(story)
    documents = [_standing(story, path, title, facts) for path, title in _titles(story).items()]
    documents += [_report(story, incident) for incident in story.incidents if report_path(incident)]
    documents += [_log(story, story.world.day(index)) for index in range(story.world.days + 1)]
    return tuple(sorted(documents, key=lambda document: document.path)), facts


def _titles(story: Story) -> dict[str, str]:
    return {
        "reports/site_induction.docx": f"{story.world.name}: site induction",
        "reports/maintenance_review.pdf": f"{story.world.name}: maintenance review",
        "reports/permits.md": f"{story.world.name}: permits to work",
    }


def _facts(story: Story) -> tuple[Fact, ...]:
    rng = rng_for(story.world.seed, "facts")
    return (*_induction_facts(rng), *_review_facts(story, rng), *_permit_facts(story, rng))


def _induction_facts(rng: random.Random) -> tuple[Fact, ...]:
    point = rng.choice(("north car park", "canteen forecourt", "east gatehouse"))
    channel, speed, room = rng.randrange(3, 15), rng.choice((8, 10, 12)), rng.randrange(21, 60)
    rows = (
        (
            f"The muster point for every alarm is the {point}.",
            ("muster", point.split()[0]),
            ("Where is the muster point?", "Where do people assemble when an alarm sounds?"),
        ),
        (
            f"Radio channel {channel} is kept for emergencies.",
            ("radio", str(channel)),
            ("Which radio channel is for emergencies?",),
        ),
        (
            f"The speed limit for vehicles on the site is {speed} km/h.",
            ("speed", str(speed)),
            ("How fast may vehicles drive on the site?", "What is the site speed limit?"),
        ),
        (
            f"The first aid room is room {room} beside the control room.",
            ("aid", str(room)),
            ("Where is the first aid room?",),
        ),
    )
    return tuple(Fact("reports/site_induction.docx", None, *row) for row in rows)


def _review_facts(story: Story, rng: random.Random) -> tuple[Fact, ...]:
    pump, tank = story.world.asset_of("pump", 1).id, story.world.asset_of("tank").id
    store, count = rng.choice(("cabinet", "container", "shelf")), rng.randrange(3, 19)
    grease, grade = rng.choice(("Lithium", "Polyurea", "Calcium")), f"EP{rng.choice((1, 2))}"
    hours, torque = rng.randrange(90, 240), rng.randrange(60, 180)
    rows = (
        (
            1,
            f"The maintenance team booked {hours} hours of planned work in the period.",
            ("booked", str(hours)),
            ("How many hours of planned work did maintenance book?",),
        ),
        (
            2,
            f"There are {count} spare bearings of the pump type in the {store} of the stores.",
            ("spare", str(count)),
            ("How many spare pump bearings are in stock?", "How many bearings do the stores hold for the pumps?"),
        ),
        (
            2,
            f"Pump {pump} is greased with {grease} {grade} every second week.",
            (grease, grade),
            (f"Which grease does pump {pump} get?",),
        ),
        (
            3,
            f"The flange bolts of tank {tank} are tightened to {torque} newton metres.",
            ("flange", str(torque)),
            (
                f"To what torque are the flange bolts of {tank} tightened?",
                f"How tight must the flange bolts on tank {tank} be?",
            ),
        ),
    )
    return tuple(Fact("reports/maintenance_review.pdf", *row) for row in rows)


def _permit_facts(story: Story, rng: random.Random) -> tuple[Fact, ...]:
    permit, firm = f"HW-{rng.randrange(300, 900)}", rng.choice(("Alder", "Birch", "Cedar"))
    boiler = story.world.asset_of("boiler").id
    rows = (
        (
            f"Hot work permit {permit} was issued to {firm} Services for the roof of the canteen.",
            (permit, firm),
            ("Who holds the hot work permit for the canteen roof?", f"What is permit {permit} for?"),
        ),
        (
            f"Entry into boiler {boiler} needs a confined space permit and a standby person.",
            ("confined", "standby"),
            (f"What is needed to enter boiler {boiler}?",),
        ),
    )
    return tuple(Fact("reports/permits.md", None, *row) for row in rows)


FILLER = {
    1: (
        "This review covers routine work and stores. Incidents are reported on their own.",
        "No work order was older than its target.",
    ),
    2: (
        "Stores were counted at the end of the period.",
        "Lubrication follows the maker's schedule unless stated here.",
    ),
    3: ("Torque values are checked with a calibrated wrench.", "The next review is due at the end of the quarter."),
}
PLAIN = {
    "reports/site_induction.docx": (
        "Everyone on the site follows this induction.",
        "A hard hat and a hi-vis vest are worn in every zone.",
        "Pedestrians keep to the marked walkways.",
    ),
    "reports/permits.md": ("Permits are valid for one shift.", "The area is inspected one hour after hot work ends."),
}


def _standing(story: Story, path: str, title: str, facts: tuple[Fact, ...]) -> Document:
    if path.endswith(".pdf"):
        pages = tuple(
            (filler[0], *(fact.sentence for fact in facts if fact.path == path and fact.page == number), filler[1])
            for number, filler in FILLER.items()
        )
        return Document(path, title, pages)
    plain = PLAIN[path]
    return Document(path, title, ((plain[0], *(fact.sentence for fact in facts if fact.path == path), *plain[1:]),))


def _report(story: Story, incident: Incident) -> Document:
    """Three short pages: what happened, why, and what was done."""
    asset, zone = incident.asset, incident.asset.zone
    path = report_path(incident) or ""
    raised = incident.raised.astimezone(ZONE)
    begin = clock(incident.seen[0]) if incident.seen else clock(incident.raised)
    what = (
        f"On {raised.day} {raised:%B %Y} at {clock(incident.raised)} local time alarm {incident.alert_id} was raised for "
        f"{asset.name} in {zone.name} ({zone.aliases[0]}): {incident.plot.message}."
    )
    saw = f"{_capital(SIGNS[incident.plot.kind])} was noticed from about {begin} local time. Nobody was hurt."
    why = f"The investigation of {asset.id} found that {incident.cause}."
    lost = loss_words(incident)[1]
    loss = (
        f"The quantity lost was measured afterwards as {lost}."
        if incident.plot.kind == "leak"
        else f"By the machine's own counter {asset.id} stood still for {lost}."
    )
    released = f"{asset.name} was released for service at {clock(incident.cleared)}."
    done = f"Under work order {incident.order_id} the mechanics {incident.fix}. {released}"
    return Document(
        path,
        f"Incident report {incident.report_id}: {incident.plot.title} at {asset.name}",
        ((what, saw), (why, loss), (done, "The report was closed by the safety officer.")),
    )


SIGNS = {
    "bearing": "smoke at the drive end",
    "leak": "a spill on the floor",
    "motor fire": "open fire at the drive",
    "stuck gate": "the open gate",
}


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def log_sentence(incident: Incident) -> str:
    """What the shift log says about an incident; the cause only where no report was written."""
    asset = incident.asset
    head = f"{clock(incident.raised)} {incident.alert_id} on {asset.name} ({asset.zone.name}): {incident.plot.title}."
    if report_path(incident) is None:
        unseen = "" if incident.seen else f" {incident.recording.camera.id} was not recording at the time."
        return f"{head} Cause: {incident.cause}. The crew {incident.fix}.{unseen}"
    lost = loss_words(incident)[0]
    loss = f"About {lost} lost." if incident.plot.kind == "leak" else f"{asset.id} stood still for {lost}."
    return f"{head} {loss} Cause under investigation, see {incident.report_id}."


ROUTINE = (
    "Handover without open points.",
    "Round through all zones, nothing to report.",
    "Waste containers collected.",
    "Eyewash stations flushed.",
    "Fire doors checked.",
    "Two contractors signed in for the canteen roof.",
)


def _log(story: Story, day: date) -> Document:
    rng = rng_for(story.world.seed, f"log {day}")
    lines = [(i.raised, log_sentence(i)) for i in story.incidents if i.raised.astimezone(ZONE).date() == day]
    midnight = datetime(day.year, day.month, day.day, tzinfo=ZONE)
    hours = (1, 5) if day == story.world.day(story.world.days) else (1, 6, 14, 22)
    for hour, text in zip(hours, rng.sample(ROUTINE, len(hours)), strict=True):
        when = midnight + timedelta(hours=hour, minutes=rng.randrange(50))
        lines.append((when, f"{when:%H:%M} {text}"))
    lead = rng.choice(("Shift lead A", "Shift lead B"))
    entries = tuple(line for _, line in sorted(lines))
    return Document(
        log_path(day), f"Shift log {day.day} {day:%B %Y}", ((f"Kept by {lead}. Times are local.", *entries),)
    )
