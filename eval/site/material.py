"""All of a seed's material in one value, and the wording and truth helpers that every kind of question shares."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypedDict, Unpack

from eval.questions import Expected, Figure, Question
from eval.site.documents import Document, Fact, build_documents, keywords, log_path, log_sentence, report_path
from eval.site.incidents import Incident
from eval.site.sensors import Series, build_series
from eval.site.story import Story, tell
from eval.site.tables import Alert, Order, build_alerts, build_orders
from eval.site.world import ZONE, Camera, Recording, rng_for

ALERTS = "alerts/alerts.jsonl"
LEGACY_ALARMS = "alerts/legacy_alarms.csv"
ORDERS = "workorders/workorders.csv"


@dataclass(frozen=True, slots=True)
class Material:
    """The story with everything measured and written about it."""

    story: Story
    series: dict[str, Series]
    alerts: tuple[Alert, ...]
    orders: tuple[Order, ...]
    documents: tuple[Document, ...]
    facts: tuple[Fact, ...]

    def rng(self, purpose: str) -> random.Random:
        """A random stream for one kind of question."""
        return rng_for(self.story.world.seed, f"questions {purpose}")


def gather(seed: int, days: int) -> Material:
    """Build all material of a seed (no pictures)."""
    story = tell(seed, days)
    documents, facts = build_documents(story)
    return Material(story, build_series(story), build_alerts(story), build_orders(story), documents, facts)


class Truth(TypedDict, total=False):
    """What a question may say of its right answer; `paraphrase_of` is here the text it words differently."""

    evidence: Sequence[Expected]
    acceptable: Sequence[Expected]
    figures: Sequence[Figure]
    attributes: Sequence[str]
    paraphrase_of: str | None


def ask(material: Material, kind: str, text: str, verdict: str = "answered", **truth: Unpack[Truth]) -> Question:
    """A question without its id, which it gets when all are numbered."""
    return Question(
        "",
        kind,
        text[0].upper() + text[1:],
        material.story.world.asked_at,
        verdict,
        tuple(truth.get("evidence", ())),
        tuple(truth.get("acceptable", ())),
        tuple(truth.get("figures", ())),
        tuple(truth.get("attributes", ())),
        truth.get("paraphrase_of"),
    )


def span_words(rng: random.Random, material: Material, start: datetime, end: datetime) -> str:
    """The span in words: in the site's zone, or now and then in UTC and then saying so."""
    if rng.random() < 0.15:
        return f"between {start:%H:%M} and {end:%H:%M} UTC on {start.day} {start:%B}"
    begin, stop = start.astimezone(ZONE), end.astimezone(ZONE)
    hours = f"between {begin:%H:%M} and {stop:%H:%M}"
    ago = (material.story.world.asked_at.date() - begin.date()).days
    if ago == 1 and rng.random() < 0.6:
        return f"yesterday {hours}"
    if ago == 0 and begin.hour < 7 and rng.random() < 0.6:
        return f"last night {hours}"
    date = f"on {begin.day} {begin:%B}"
    return f"{date} {hours}" if rng.random() < 0.7 else f"{hours} {date}"


def moment_words(material: Material, when: datetime) -> str:
    """A rough time in words, good for one watch: "in the early hours of 5 March", "last night", "on the afternoon of"."""
    at = when.astimezone(ZONE)
    ago = (material.story.world.asked_at.date() - at.date()).days
    if at.hour < 7:
        return "last night" if ago == 0 else f"in the early hours of {at.day} {at:%B}"
    part = "morning" if at.hour < 12 else "afternoon"
    return f"yesterday {part}" if ago == 1 else f"on the {part} of {at.day} {at:%B}"


def day_words(material: Material, when: datetime) -> str:
    """The local day in words."""
    at = when.astimezone(ZONE)
    ago = (material.story.world.asked_at.date() - at.date()).days
    return "yesterday" if ago == 1 else f"on {at.day} {at:%B}"


def place_words(rng: random.Random, camera: Camera) -> str:
    """The place a camera looks at, by zone name or alias, with its preposition."""
    zone = camera.zone
    return rng.choice((f"in {zone.name}", f"in the {zone.aliases[0]}", f"in the {zone.aliases[1]}", f"in {zone.name}"))


def camera_words(rng: random.Random, camera: Camera) -> str:
    """The camera by id or name."""
    return rng.choice((camera.id, camera.id, camera.name))


def clip_span(recording: Recording, start: datetime, end: datetime) -> Expected:
    """A part of a clip as evidence."""
    return Expected(recording.path, start=start, end=end)


def log_evidence(incident: Incident) -> Expected:
    """The shift log's entry about an incident."""
    words: tuple[str, ...] = (incident.asset.id, incident.alert_id)
    sentence = log_sentence(incident)
    if report_path(incident) is None:
        words = (incident.asset.id, *keywords(incident.cause))
    assert all(word in sentence for word in words)
    return Expected(log_path(incident.raised.astimezone(ZONE).date()), contains=words)


def cause_evidence(incident: Incident) -> Expected:
    """The passage that states the cause: page 2 of the incident report, or the shift log where there is none."""
    path = report_path(incident)
    if path is None:
        return log_evidence(incident)
    return Expected(path, page=2 if path.endswith(".pdf") else None, contains=keywords(incident.cause))


def incident_acceptable(incident: Incident) -> list[Expected]:
    """Everything else that speaks about an incident: documents, order, alarm, series and the clip while it lasted."""
    found = [log_evidence(incident), Expected(ORDERS, key=incident.order_id), Expected(ALERTS, key=incident.alert_id)]
    path = report_path(incident)
    if path:
        found.append(Expected(path))
    if incident.sensor:
        found.append(Expected(incident.sensor.file, start=incident.begins, end=incident.cleared))
    if incident.seen:
        found.append(
            clip_span(
                incident.recording, incident.seen[0] - timedelta(seconds=30), incident.seen[1] + timedelta(seconds=60)
            )
        )
    return found
