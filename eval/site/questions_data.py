"""Questions that a series, an alarm or a work order answers."""

from __future__ import annotations

import random
from datetime import UTC, datetime, time, timedelta

from eval.questions import Expected, Figure, Question
from eval.site.incidents import Incident
from eval.site.material import (
    ALERTS,
    LEGACY_ALARMS,
    ORDERS,
    Material,
    ask,
    day_words,
    incident_acceptable,
    span_words,
)
from eval.site.sensors import Series
from eval.site.tables import Alert, Order
from eval.site.world import ZONE, Sensor, local

ROUNDING = 0.05  # an answer may give one decimal
MINUTE = timedelta(minutes=1)


def figure_questions(material: Material) -> list[Question]:
    """Highest, lowest, mean and momentary values, and when and how long a limit was passed."""
    rng = material.rng("figure")
    found: list[Question] = []
    sensors = list(material.story.world.sensors)
    rng.shuffle(sensors)
    for turn, sensor in enumerate(sensors[:5]):
        found += _window_questions(material, rng, material.series[sensor.id], turn)
    for incident in material.story.incidents:
        if incident.sensor and incident.sensor.limit:
            found += _limit_questions(material, incident, incident.sensor)
    return found[:9]


def _window_questions(material: Material, rng: random.Random, series: Series, turn: int) -> list[Question]:
    start, end, rows = _window(material, rng, series)
    sensor = series.sensor
    window, unit = span_words(rng, material, start, end), sensor.unit
    values = [value for _, value in rows]
    low, high, mean = min(values), max(values), round(sum(values) / len(values), 3)
    where = rng.choice(
        (f"of {sensor.asset.name}", f"of {sensor.asset.id}", f"of {sensor.asset.aliases[0]}", f"at {sensor.asset.id}")
    )
    asks: tuple[tuple[float, tuple[str, ...]], ...] = (
        (
            high,
            (
                f"What was the highest {sensor.quantity} {where} {window}?",
                f"What did the {sensor.quantity} {where} peak at {window}?",
            ),
        ),
        (
            mean,
            (
                f"What was the average {sensor.quantity} {where} {window}?",
                f"What was the mean {sensor.quantity} {where} {window}?",
            ),
        ),
        (
            low,
            (
                f"What was the lowest {sensor.quantity} {where} {window}?",
                f"What was the minimum of {sensor.id} {window}?",
            ),
        ),
    )
    value, texts = asks[turn % 3]
    evidence = [Expected(sensor.file, start=start, end=end)]
    found = [ask(material, "figure", texts[0], evidence=evidence, figures=[Figure(value, ROUNDING, unit)])]
    if turn == 0:
        found.append(
            ask(
                material,
                "figure",
                texts[1],
                evidence=evidence,
                figures=[Figure(value, ROUNDING, unit)],
                paraphrase_of=found[0].question,
            )
        )
    if turn == 1:
        found.append(_moment_question(rows[len(rows) // 3], sensor, material))
    return found


def _moment_question(row: tuple[datetime, float], sensor: Sensor, material: Material) -> Question:
    when, value = row
    at = when.astimezone(ZONE)
    text = f"What was the {sensor.quantity} of {sensor.asset.id} at {at:%H:%M} {day_words(material, when)}?"
    evidence = [Expected(sensor.file, start=when, end=when + MINUTE)]
    return ask(material, "figure", text, evidence=evidence, figures=[Figure(value, ROUNDING, sensor.unit)])


def _window(
    material: Material, rng: random.Random, series: Series
) -> tuple[datetime, datetime, list[tuple[datetime, float]]]:
    """A whole-hour window of one to three hours on a recorded day, without a gap in it."""
    world = material.story.world
    while True:
        start = local(world.day(rng.randrange(world.days)), time(rng.randrange(1, 20))).astimezone(UTC)
        end = start + timedelta(hours=rng.randrange(1, 4))
        rows = series.between(start, end)
        if len(rows) == (end - start) // MINUTE:
            return start, end, rows


def _limit_questions(material: Material, incident: Incident, sensor: Sensor) -> list[Question]:
    """When the limit was first passed, and for how many minutes."""
    limit = sensor.limit or 0.0
    rows = material.series[sensor.id].between(incident.begins - 60 * MINUTE, incident.cleared + 60 * MINUTE)
    over = [when for when, value in rows if value > limit]
    day = day_words(material, incident.raised)
    evidence = [Expected(sensor.file, start=over[0], end=over[-1] + MINUTE)]
    acceptable = incident_acceptable(incident)
    return [
        ask(
            material,
            "figure",
            f"When did the {sensor.quantity} of {incident.asset.id} go above its limit {day}?",
            evidence=[Expected(sensor.file, start=over[0], end=over[0] + 2 * MINUTE)],
            acceptable=[*evidence, *acceptable],
        ),
        ask(
            material,
            "figure",
            f"For how many minutes was the {sensor.quantity} of {incident.asset.name} above {limit:g} {sensor.unit} {day}?",
            evidence=evidence,
            acceptable=acceptable,
            figures=[Figure(float(len(over)), 1.0, "min")],
        ),
    ]


def alert_questions(material: Material) -> list[Question]:
    """Which alarm, when raised, when cleared; from both alarm systems."""
    rng = material.rng("alert")
    ours = [alert for alert in material.alerts if alert.incident]
    legacy = [alert for alert in material.alerts if alert.legacy]
    rng.shuffle(ours)
    rng.shuffle(legacy)
    found = [_which(material, rng, ours[0])]
    found.append(_which(material, rng, ours[0], found[0].question))
    found += [_alert_question(material, ours[1], f'When was the alarm "{ours[1].message}" raised?')]
    found += [_alert_question(material, ours[2], f"When was alarm {ours[2].id} cleared?")]
    found += [
        _alert_question(
            material, legacy[0], f'When did the old alarm system report "{legacy[0].message}" on {legacy[0].asset.id}?'
        )
    ]
    found += [
        _alert_question(
            material, legacy[1], f'When was the "{legacy[1].message}" alarm of {legacy[1].asset.name} cleared?'
        )
    ]
    return found


def _which(material: Material, rng: random.Random, alert: Alert, before: str | None = None) -> Question:
    """Which alarm an asset had on a day; all of that local day's alarms of the asset are expected."""
    day = day_words(material, alert.raised)
    date = alert.raised.astimezone(ZONE).date()
    same = [
        other
        for other in material.alerts
        if other.asset.id == alert.asset.id and other.raised.astimezone(ZONE).date() == date
    ]
    text = (
        f"Which alarm did {alert.asset.name} raise {day}?"
        if before is None
        else f"What alarms came from {rng.choice(alert.asset.aliases)} {day}?"
    )
    acceptable = [piece for other in same if other.incident for piece in incident_acceptable(other.incident)]
    return ask(
        material, "alert", text, evidence=[_row(other) for other in same], acceptable=acceptable, paraphrase_of=before
    )


def _alert_question(material: Material, alert: Alert, text: str) -> Question:
    acceptable = incident_acceptable(alert.incident) if alert.incident else []
    return ask(material, "alert", text, evidence=[_row(alert)], acceptable=acceptable)


def _row(alert: Alert) -> Expected:
    return Expected(LEGACY_ALARMS if alert.legacy else ALERTS, key=alert.id)


def order_questions(material: Material) -> list[Question]:
    """What a work order was for, whether it is closed, and which orders an asset has open."""
    rng = material.rng("orders")
    ours = [order for order in material.orders if order.incident and order.closed]
    routine = [order for order in material.orders if not order.incident]
    rng.shuffle(ours)
    rng.shuffle(routine)
    incident = ours[0].incident
    title = incident.plot.title if incident else ""
    gate = next(order for order in material.orders if order.incident and not order.closed)
    open_here = [order for order in material.orders if order.asset.id == gate.asset.id and not order.closed]
    first = _order_question(material, ours[0], f"Which work order followed the {title} at {ours[0].asset.id}?")
    return [
        first,
        ask(
            material,
            "workorder",
            f"Under which order was the {title} at {ours[0].asset.name} repaired?",
            evidence=first.evidence,
            acceptable=first.acceptable,
            paraphrase_of=first.question,
        ),
        _order_question(material, ours[1], f"What was done under work order {ours[1].id}?"),
        _order_question(material, routine[0], f"Is work order {routine[0].id} closed?"),
        _order_question(material, routine[1], f"When was work order {routine[1].id} opened, and for which asset?"),
        ask(
            material,
            "workorder",
            f"Which work orders on {gate.asset.name} are still open?",
            evidence=[_order(order) for order in open_here],
            acceptable=incident_acceptable(gate.incident) if gate.incident else (),
        ),
    ]


def _order(order: Order) -> Expected:
    return Expected(ORDERS, key=order.id)


def _order_question(material: Material, order: Order, text: str) -> Question:
    acceptable = incident_acceptable(order.incident) if order.incident else []
    return ask(material, "workorder", text, evidence=[_order(order)], acceptable=acceptable)
