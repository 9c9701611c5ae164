"""Questions that reports answer, alone or joined with what was seen, measured and raised; and those nothing answers."""

from __future__ import annotations

from datetime import timedelta

from eval.questions import Expected, Figure, Question
from eval.site.documents import loss_words, report_path
from eval.site.incidents import Incident
from eval.site.material import (
    ALERTS,
    ORDERS,
    Material,
    ask,
    cause_evidence,
    clip_span,
    day_words,
    incident_acceptable,
    log_evidence,
    moment_words,
    span_words,
)


def passage_questions(material: Material) -> list[Question]:
    """Standing facts, two of them asked twice, and two quantities on which a log and a report disagree."""
    rng = material.rng("passage")
    facts = rng.sample(material.facts, 6)
    found: list[Question] = []
    for fact in facts:
        evidence = [Expected(fact.path, page=fact.page, contains=fact.contains)]
        found.append(ask(material, "passage", fact.asks[0], evidence=evidence))
    doubled = [fact for fact in facts if len(fact.asks) > 1][:2]
    for fact in doubled:
        evidence = [Expected(fact.path, page=fact.page, contains=fact.contains)]
        found.append(ask(material, "passage", fact.asks[1], evidence=evidence, paraphrase_of=fact.asks[0]))
    leak, fire = material.story.incident("leak"), material.story.incident("motor fire")
    found.append(_conflict(material, leak, f"How much product was lost in the leak at {leak.asset.id}?"))
    found.append(
        _conflict(
            material,
            leak,
            f"How many litres leaked from {leak.asset.name} {day_words(material, leak.raised)}?",
            found[-1].question,
        )
    )
    found.append(_conflict(material, fire, f"For how long did {fire.asset.id} stand still after the motor fire?"))
    return found


def _conflict(material: Material, incident: Incident, text: str, before: str | None = None) -> Question:
    """The log's estimate and the report's figure differ, and neither says that it replaces the other."""
    said, found = (words.split()[0] for words in loss_words(incident))
    path = report_path(incident) or ""
    evidence = [
        Expected(log_evidence(incident).source, contains=(incident.asset.id, said)),
        Expected(path, page=2 if path.endswith(".pdf") else None, contains=(found,)),
    ]
    return ask(
        material,
        "passage",
        text,
        "conflict",
        evidence=evidence,
        acceptable=incident_acceptable(incident),
        paraphrase_of=before,
    )


def join_questions(material: Material) -> list[Question]:
    """What happened, why, and what the camera saw; partial where the camera was not recording."""
    story = material.story
    bearing, leak, fire, gate = (story.incident(kind) for kind in ("bearing", "leak", "motor fire", "stuck gate"))
    found = [
        _join(
            material,
            bearing,
            f"What happened to {_article(bearing)} {moment_words(material, bearing.raised)}, and what did the cameras see?",
        ),
        _join(
            material,
            leak,
            f"What was behind the alarm on {leak.asset.id} {day_words(material, leak.raised)}, and was anything visible on camera?",
        ),
        _join(
            material,
            fire,
            f"What happened to {_article(fire)} {moment_words(material, fire.raised)}, and what did the cameras see?",
        ),
        _join(
            material,
            gate,
            f"What happened to {_article(gate)} {day_words(material, gate.raised)}, and what did the camera there show?",
        ),
    ]
    why = f"Why did {bearing.asset.id} trip, and what did the camera that watches it see?"
    found.append(_join(material, bearing, why, before=found[0].question))
    found.append(_with_peak(material, bearing))
    outage = story.outage
    camera = outage.recording.camera.id
    first = f"What happened to {_article(outage)} {moment_words(material, outage.raised)}, and what did {camera} see?"
    found.append(_partial(material, outage, first))
    found.append(
        _partial(
            material,
            outage,
            f"Why was alarm {outage.alert_id} raised on {outage.asset.id}, and what did the camera show?",
            first,
        )
    )
    return found


def _article(incident: Incident) -> str:
    return f"{incident.asset.type} {incident.asset.id}"


def _join(material: Material, incident: Incident, text: str, before: str | None = None) -> Question:
    evidence = [_seen(incident), Expected(ALERTS, key=incident.alert_id), cause_evidence(incident)]
    attribute = incident.plot.attribute
    return ask(
        material,
        "join",
        text,
        evidence=evidence,
        acceptable=incident_acceptable(incident),
        attributes=(attribute,) if attribute else (),
        paraphrase_of=before,
    )


def _with_peak(material: Material, incident: Incident) -> Question:
    """The join that also needs the series and the work order."""
    sensor, attribute = incident.sensor, incident.plot.attribute
    assert sensor is not None and attribute is not None
    rows = material.series[sensor.id].between(incident.begins, incident.cleared)
    peak = max(value for _, value in rows)
    text = (
        f"How high did the {sensor.quantity} of {incident.asset.id} go {day_words(material, incident.raised)}, was there smoke, "
        "and which work order followed?"
    )
    evidence = [
        _seen(incident),
        Expected(sensor.file, start=incident.begins, end=incident.cleared),
        Expected(ORDERS, key=incident.order_id),
    ]
    return ask(
        material,
        "join",
        text,
        evidence=evidence,
        acceptable=incident_acceptable(incident),
        figures=[Figure(peak, 0.05, sensor.unit)],
        attributes=(attribute,),
    )


def _seen(incident: Incident) -> Expected:
    assert incident.seen is not None
    return clip_span(incident.recording, *incident.seen)


def _partial(material: Material, incident: Incident, text: str, before: str | None = None) -> Question:
    """Alarm and log answer the first half; for the second nothing was recorded."""
    evidence = [Expected(ALERTS, key=incident.alert_id), cause_evidence(incident)]
    return ask(
        material,
        "join",
        text,
        "partial",
        evidence=evidence,
        acceptable=incident_acceptable(incident),
        paraphrase_of=before,
    )


def insufficient_questions(material: Material) -> list[Question]:
    """Places without a camera, quantities without a sensor, facts nobody wrote down, machines that do not exist."""
    rng = material.rng("insufficient")
    world = material.story.world
    unseen = [zone for zone in world.zones if zone.kind == "unseen"]
    start = material.story.incidents[0].recording.start
    window = span_words(rng, material, start, start + timedelta(minutes=20))
    day = day_words(material, material.story.incidents[1].raised)
    pump, tank, gate, boiler = (world.asset_of(kind).id for kind in ("pump", "tank", "gate", "boiler"))
    ghost = f"P-{int(pump[2:]) + 806}"
    texts = (
        f"Did anyone enter {unseen[0].name} {window}?",
        f"Was there smoke in the {unseen[1].aliases[0]} {window}?",
        f"Did the cameras see a forklift in the {unseen[0].aliases[0]} {window}?",
        f"What was the humidity in the {world.camera_of('hall').zone.aliases[0]} {day}?",
        f"How much power did pump {pump} draw {day}?",
        f"What was the pressure at tank {tank} {day}?",
        f"What was the vibration of {ghost} {day}?",
        f"Why did compressor C-{int(pump[2:]) + 640} stop {day}?",
        "Which insurer covers the site?",
        f"What did the spare parts for gate {gate} cost?",
        "How many visitors came to the open day last year?",
        f"Who manufactured boiler {boiler}?",
    )
    return [ask(material, "insufficient", text, "insufficient") for text in texts]
