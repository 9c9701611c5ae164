"""Right claims that rest on two pieces of different kinds."""

from __future__ import annotations

import random

from eval.claims import slots as s
from eval.claims.right_frames import at_slot, camera, of_frames, thing, things
from eval.claims.right_passages import report_slots
from eval.claims.right_tables import alert_slots, fields, micros, order_slots, pick
from eval.claims.right_windows import window_slots
from eval.claims.types import ScriptedClaim, right_claim
from eval.claims.world import World
from retrieval.types import Evidence, Kind

ALERT_WINDOW = (
    "Alert {alert} was raised on {asset} at {raised}, and the {quantity} peaked at {max} {unit} at {t_max}.",
    "While alert {alert} was active, the {quantity} of {asset} reached {max} {unit} at {t_max}.",
    "The {quantity} of {asset} reached its maximum of {max} {unit} {after} after alert {alert} was raised.",
)
ALERT_ORDER = (
    "Work order {order} was opened {after} after alert {alert} was raised on {asset}.",
    "Alert {alert} on {asset} was cleared at {cleared}; work order {order} was opened at {opened}.",
    "After alert {alert} was raised on {asset} at {raised}, work order {order} was opened at {opened}.",
)
FINDING_ORDER = (
    "The investigation of {asset} found that {cause}, and work order {order} was closed at {closed}.",
    "According to the findings, the cause at {asset} was {cause_noun}; work order {order} has {priority} priority.",
)
ALERT_FRAME = (
    "{camera} showed {thing} at {at}, {after} after alert {alert} was raised on {asset}.",
    "Alert {alert} was raised on {asset} at {raised}; {camera} showed {thing} at {at}.",
)


def alert_window(world: World, rng: random.Random) -> ScriptedClaim | None:
    """An alert that names its sensor, and the hour in which it was raised."""
    named = [e for e in world.of_kind[Kind.ALERT] if "sensor" in fields(e)]
    alert = rng.choice(named)
    assert alert.valid is not None
    windows = [
        e for e in world.of_kind[Kind.WINDOW]
        if e.text.startswith(fields(alert)["sensor"] + " ") and e.valid and e.valid.overlaps(alert.valid)
    ]  # fmt: skip
    if not windows:
        return None
    # what peaked while the alert was up is the highest of all the hours it reaches into
    one = max(windows, key=lambda e: max(world.samples(e).v))
    clock = s.Clock(world.zone, rng)
    slots = window_slots(world, one, clock, rng) | alert_slots(alert, clock, rng)
    top = slots["t_max"].value
    if not alert.valid.t0 <= top < alert.valid.t1:
        return None
    slots["after"] = s.duration((top - alert.valid.t0) / 1e6, rng)
    return right_claim("alert and window", pick(ALERT_WINDOW, slots, rng), slots, alert.id, one.id)


def alert_order(world: World, rng: random.Random) -> ScriptedClaim | None:
    """An alert and a work order opened later on the same asset."""
    alert = rng.choice(world.of_kind[Kind.ALERT])
    raised = micros(fields(alert)["raised"])
    rows = [
        e for e in world.of_kind[Kind.ROW]
        if fields(e)["asset"] == fields(alert)["asset"] and raised < micros(fields(e)["opened"]) < raised + 600 * s.MINUTE
    ]  # fmt: skip
    if not rows:
        return None
    row, clock = rng.choice(rows), s.Clock(world.zone, rng)
    slots = order_slots(row, clock, rng) | alert_slots(alert, clock, rng)
    slots["after"] = s.duration((slots["opened"].value - raised) / 1e6, rng)
    templates = ALERT_ORDER if slots["opened"].value > slots["cleared"].value else ALERT_ORDER[::2]
    return right_claim("alert and order", pick(templates, slots, rng), slots, alert.id, row.id)


def finding_order(world: World, rng: random.Random) -> ScriptedClaim | None:
    """What an investigation found, and the work order of the same asset that mended it."""
    findings = [e for e in world.of_kind[Kind.PASSAGE] if "The investigation of" in e.text]
    one = rng.choice(findings)
    slots = report_slots(world, one, rng)
    rows = [
        e for e in world.of_kind[Kind.ROW]
        if fields(e)["asset"] == slots["asset"].text and fields(e).get("closed") and fields(e)["priority"] == "urgent"
    ]  # fmt: skip
    if not rows:
        return None
    row = rng.choice(rows)
    slots = order_slots(row, s.Clock(world.zone, rng), rng) | slots
    return right_claim("finding and order", pick(FINDING_ORDER, slots, rng), slots, one.id, row.id)


def alert_frame(world: World, rng: random.Random) -> ScriptedClaim | None:
    """An alert, and what a camera saw within the ten minutes after it was raised."""
    frames = of_frames(world)
    pairs = [
        (a, f) for a in world.of_kind[Kind.ALERT] for f in frames
        if a.valid and f.valid and a.valid.t0 < f.valid.t0 < a.valid.t0 + 10 * s.MINUTE
    ]  # fmt: skip
    if not pairs:
        return None
    return _alert_frame(world, *rng.choice(pairs), rng)


def _alert_frame(world: World, alert: Evidence, frame: Evidence, rng: random.Random) -> ScriptedClaim | None:
    clock = s.Clock(world.zone, rng)
    slots = alert_slots(alert, clock, rng)
    slots |= {"camera": s.name("camera", camera(frame)), "thing": thing(rng.choice(things(frame)), rng)}
    slots |= {"at": at_slot(frame, clock)}
    seconds = (slots["at"].value - slots["raised"].value) / 1e6
    if seconds < 90:
        return None
    slots["after"] = s.duration(seconds, rng)
    return right_claim("alert and frame", pick(ALERT_FRAME, slots, rng), slots, alert.id, frame.id)
