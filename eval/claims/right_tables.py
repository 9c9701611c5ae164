"""Right claims about alerts and work orders, from the fields of their rows."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import combinations

from eval.claims import slots as s
from eval.claims.phrases import FIXES
from eval.claims.types import ScriptedClaim, Slot, places, right_claim
from eval.claims.world import World
from retrieval.times import to_micros
from retrieval.types import Evidence, Kind, Micros

ALERT = (
    "Alert {alert} on {asset} was raised at {raised} and cleared at {cleared}.",
    "{alert} was raised for {asset} at {raised} on {day}.",
    "On {day} at {raised}, a {severity} alert ({alert}) was raised on {asset}.",
    "{alert}, a {severity} severity alert on {asset}, was active from {raised} to {cleared}.",
    "Alert {alert} on {asset} lasted {lasted}.",
    "Alert {alert} was cleared at {cleared}, {lasted} after it was raised.",
    "{asset} had alert {alert} between {raised} and {cleared}; its message was “{message}”.",
    "Alert {alert} on {asset} had {severity} severity.",
    "The message of alert {alert} was “{message}”.",
    "{alert} on {asset} was raised on {day} and cleared {lasted} later.",
)
ALERT_ORDER = (
    "Alert {first} on {asset_a} was raised before alert {second} on {asset_b}.",
    "First {first} was raised on {asset_a} at {raised_a} on {day_a}, then {second} on {asset_b} at {raised_b} on {day_b}.",
    "Alert {second} on {asset_b} was raised after alert {first} on {asset_a}.",
)
ALERT_COUNT = (
    "{count} alerts were raised for {asset}: {one} and {other}.",
    "{asset} had {count} alerts, {one} and {other}.",
)
ORDER = (
    "Work order {order} for {asset} was opened at {opened} on {day}.",
    "Work order {order} for {asset} was opened on {day} and has {priority} priority.",
    "The description of work order {order} is “{description}”.",
    "Work order {order} on {asset} is {status}.",
    "{order} ({priority} priority, {asset}) has the status {status}.",
)
CLOSED = (
    "Work order {order} was opened at {opened} and closed at {closed}.",
    "{order} for {asset} was closed at {closed} on {closed_day}.",
    "Work order {order} on {asset} was open for {lasted}.",
    "It took {lasted} to close work order {order} on {asset}.",
)
FIXED = (
    "Under work order {order} on {asset}, {fix}.",
    "Work order {order}: on {asset}, {fix}.",
)
ROW_ORDER = (
    "Work order {first} for {asset_a} was opened before work order {second} for {asset_b}.",
    "Work order {second} ({asset_b}) was opened later than {first} ({asset_a}).",
)


def micros(text: str) -> Micros:
    """RFC 3339 → UTC microseconds."""
    return to_micros(datetime.fromisoformat(text))


def fields(evidence: Evidence) -> Mapping[str, str]:
    return {name: str(value) for name, value in evidence.data["fields"].items()}


def pick(templates: Sequence[str], slots: Mapping[str, Slot], rng: random.Random) -> str:
    """One of the templates that the slots fill."""
    return rng.choice([t for t in templates if places(t) <= slots.keys()])


def alert_slots(alert: Evidence, clock: s.Clock, rng: random.Random) -> dict[str, Slot]:
    row = fields(alert)
    raised, cleared = micros(row["raised"]), micros(row["cleared"])
    return {
        "alert": s.name("alert", row["id"]),
        "asset": s.name("asset", row["asset"]),
        "severity": s.name("severity", row["severity"]),
        "message": s.name("message", row["message"]),
        "raised": clock.time(raised),
        "cleared": clock.time(cleared),
        "day": clock.date(raised),
        "lasted": s.duration((cleared - raised) / 1e6, rng),
    }


def alert(world: World, rng: random.Random) -> ScriptedClaim | None:
    """One alert: when, how long, how severe, what it said."""
    one = rng.choice(world.of_kind[Kind.ALERT])
    slots = alert_slots(one, s.Clock(world.zone, rng), rng)
    return right_claim("alert", pick(ALERT, slots, rng), slots, one.id)


def alert_order(world: World, rng: random.Random) -> ScriptedClaim | None:
    """Which of two alerts of different assets came first."""
    two = sorted(rng.sample(world.of_kind[Kind.ALERT], 2), key=lambda e: e.valid.t0 if e.valid else 0)
    clock = s.Clock(world.zone, rng)
    slots: dict[str, Slot] = {}
    for mark, name, one in zip("ab", ("first", "second"), two, strict=True):
        told = alert_slots(one, clock, rng)
        slots |= {name: told["alert"], f"asset_{mark}": told["asset"]}
        slots |= {f"raised_{mark}": told["raised"], f"day_{mark}": told["day"]}
    if slots["asset_a"].text == slots["asset_b"].text:
        return None
    return right_claim("alert order", rng.choice(ALERT_ORDER), slots, *(e.id for e in two))


def alert_count(world: World, rng: random.Random) -> ScriptedClaim | None:
    """How many alerts an asset had, all of them cited."""
    asset = rng.choice(sorted({fields(e)["asset"] for e in world.of_kind[Kind.ALERT]}))
    own = [e for e in world.of_kind[Kind.ALERT] if fields(e)["asset"] == asset]
    if len(own) != 2:
        return None
    one, other = rng.sample([fields(e)["id"] for e in own], 2)
    slots = {"count": s.count(2, rng), "asset": s.name("asset", asset)}
    slots |= {"one": s.name("alert", one), "other": s.name("alert", other)}
    return right_claim("alert count", rng.choice(ALERT_COUNT), slots, *(e.id for e in own))


def order_slots(row: Evidence, clock: s.Clock, rng: random.Random) -> dict[str, Slot]:
    told = fields(row)
    opened = micros(told["opened"])
    slots = {
        "order": s.name("order", told["id"]),
        "asset": s.name("asset", told["asset"]),
        "status": s.name("status", told["status"]),
        "priority": s.name("priority", told["priority"]),
        "description": s.name("description", told["description"]),
        "opened": clock.time(opened),
        "day": clock.date(opened),
    }
    fix = told["description"].partition(": ")[2]
    if fix in FIXES:
        slots["fix"] = s.name("fix", rng.choice(FIXES[fix]), fix)
    if told.get("closed"):
        closed = micros(told["closed"])
        slots |= {"closed": clock.time(closed), "closed_day": clock.date(closed)}
        slots["lasted"] = s.duration((closed - opened) / 1e6, rng)
    return slots


def order(world: World, rng: random.Random) -> ScriptedClaim | None:
    """One work order: opened, closed, status, what for, how long."""
    one = rng.choice(world.of_kind[Kind.ROW])
    slots = order_slots(one, s.Clock(world.zone, rng), rng)
    templates = rng.choice([t for t in (ORDER, CLOSED, CLOSED, FIXED) if places(t[0]) <= slots.keys()])
    return right_claim("order", pick(templates, slots, rng), slots, one.id)


def order_count(world: World, rng: random.Random) -> ScriptedClaim | None:
    """How many of the cited work orders are open, or closed."""
    rows = rng.sample(world.of_kind[Kind.ROW], rng.choice((2, 3, 4)))
    status = rng.choice(("open", "closed"))
    met = [fields(e)["id"] for e in rows if fields(e)["status"] == status]
    if not 0 < len(met) < len(rows):
        return None
    slots = {"count": s.count(len(met), rng), "all": s.name("total", s.write_count(len(rows), "word"))}
    slots |= {"status": s.name("status", status)}
    slots |= {f"order_{n}": s.name("order", fields(e)["id"]) for n, e in enumerate(rows)}
    listed = ", ".join(f"{{order_{n}}}" for n in range(len(rows) - 1)) + f" and {{order_{len(rows) - 1}}}"
    template = rng.choice(
        (
            "{count} of the {all} work orders " + listed + " " + ("is" if len(met) == 1 else "are") + " {status}.",
            "Of the {all} work orders " + listed + ", {count} " + ("is" if len(met) == 1 else "are") + " {status}.",
        )
    )
    return right_claim("order count", template, slots, *(e.id for e in rows))


def order_order(world: World, rng: random.Random) -> ScriptedClaim | None:
    """Which of two work orders was opened first."""
    pairs = [p for p in combinations(world.of_kind[Kind.ROW], 2) if fields(p[0])["asset"] != fields(p[1])["asset"]]
    first, second = sorted(rng.choice(pairs), key=lambda e: micros(fields(e)["opened"]))
    slots = {
        "first": s.name("order", fields(first)["id"]), "asset_a": s.name("asset", fields(first)["asset"]),
        "second": s.name("order", fields(second)["id"]), "asset_b": s.name("asset", fields(second)["asset"]),
    }  # fmt: skip
    return right_claim("order order", rng.choice(ROW_ORDER), slots, first.id, second.id)
