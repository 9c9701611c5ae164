"""The rows of the site: alerts, the legacy alarm list, and work orders. Values first, files by `writer`."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from eval.site.incidents import Incident
from eval.site.story import Story
from eval.site.world import ZONE, Asset, local, rng_for


@dataclass(frozen=True, slots=True)
class Alert:
    """One alarm. `legacy` ones stand in the old system's CSV: no zone, US dates, local time to the minute."""

    id: str
    asset: Asset
    sensor: str | None
    severity: str
    message: str
    raised: datetime
    cleared: datetime
    legacy: bool = False
    incident: Incident | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """One work order; `closed` is None while it is open."""

    id: str
    asset: Asset
    opened: datetime
    closed: datetime | None
    status: str
    priority: str
    description: str
    incident: Incident | None = None


LEGACY = {
    "transformer": ("winding fan failed to start", "tap changer moved slowly", "oil temperature sensor drift"),
    "boiler": ("low feed water", "burner flame signal weak", "blowdown valve slow to close"),
    "gate": ("obstruction detected", "gate motor thermal trip"),
    "conveyor": ("emergency cord pulled", "belt misalignment"),
    "pump": ("seal water flow low", "suction strainer pressure drop high"),
    "tank": ("vent filter clogged", "mixer stopped"),
}
ROUTINE = (
    ("boiler", "Calibrate pressure transmitter"),
    ("transformer", "Take oil sample"),
    ("conveyor", "Replace worn idler rollers"),
    ("pump", "Check coupling guard"),
    ("gate", "Grease gate rollers"),
    ("tank", "Inspect vent filter"),
)
SEVERITIES = {"bearing": "critical", "motor fire": "critical", "leak": "high"}


def build_alerts(story: Story) -> tuple[Alert, ...]:
    """The incidents' alarms and the legacy system's, in order of time."""
    rng = rng_for(story.world.seed, "alerts")
    found = [
        Alert(
            i.alert_id,
            i.asset,
            i.sensor.id if i.sensor else None,
            SEVERITIES.get(i.plot.kind, "medium"),
            f"{i.asset.id} {i.plot.message}",
            i.raised,
            i.cleared,
            incident=i,
        )
        for i in story.incidents
    ]
    number = rng.randrange(1200, 1900)
    for index, kind in enumerate(LEGACY):
        raised = _quiet_time(story, rng).replace(second=0)
        asset = story.world.asset_of(kind)
        message = rng.choice(LEGACY[kind])
        found.append(
            Alert(
                f"L-{number + index}",
                asset,
                None,
                rng.choice(("low", "medium")),
                message,
                raised,
                raised + timedelta(minutes=rng.randrange(4, 55)),
                legacy=True,
            )
        )
    return tuple(sorted(found, key=lambda alert: alert.raised))


def _quiet_time(story: Story, rng: random.Random) -> datetime:
    """A time on one of the recorded days, at least two hours from any incident."""
    world = story.world
    while True:
        day = world.day(rng.randrange(world.days))
        when = local(day, time(rng.randrange(6, 22), rng.randrange(60)))
        if all(abs(when - incident.raised) > timedelta(hours=2) for incident in story.incidents):
            return when.astimezone(UTC)


def build_orders(story: Story) -> tuple[Order, ...]:
    """An order for every incident and some routine ones, in order of opening."""
    rng = rng_for(story.world.seed, "orders")
    found = []
    for i in story.incidents:
        opened = (i.cleared + timedelta(minutes=rng.randrange(10, 50))).replace(second=0)
        closed = opened + timedelta(minutes=rng.randrange(90, 300)) if i.plot.kind != "stuck gate" else None
        found.append(
            Order(
                i.order_id,
                i.asset,
                opened,
                closed,
                "closed" if closed else "open",
                "urgent" if i.plot.kind in SEVERITIES else "normal",
                f"{i.plot.order} on {i.asset.id}: {i.fix}",
                i,
            )
        )
    number = rng.randrange(6000, 8000)
    for index, (kind, text) in enumerate(ROUTINE):
        asset = story.world.asset_of(kind)
        opened = _quiet_time(story, rng)
        closed = opened + timedelta(hours=rng.randrange(1, 5)) if rng.random() < 0.6 else None
        found.append(
            Order(
                f"WO-{number + index}",
                asset,
                opened,
                closed,
                "closed" if closed else "open",
                "low",
                f"{text} on {asset.id}",
            )
        )
    return tuple(sorted(found, key=lambda order: order.opened))


def us_local(when: datetime) -> str:
    """The old system's stamp: US date, local time, no zone."""
    return when.astimezone(ZONE).strftime("%m/%d/%Y %H:%M")
