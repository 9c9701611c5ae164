"""Right claims that rest on two pieces, in other people's words: neither piece alone bears one out."""

from __future__ import annotations

import random

from eval.claims import slots as s
from eval.claims import voices_alerts as va
from eval.claims import voices_frames as vf
from eval.claims import voices_log as vl
from eval.claims import voices_orders as vo
from eval.claims import voices_reports as vr
from eval.claims import voices_slots as v
from eval.claims import voices_windows as vw
from eval.claims.right_frames import camera, of_frames, things
from eval.claims.right_tables import fields, micros
from eval.claims.types import ScriptedClaim
from eval.claims.world import World
from retrieval.types import Evidence, Kind

TWO_ALERTS = (
    "{first} came in on {asset_a} before {second} came in on {asset_b}.",
    "{apart} after {first} on {asset_a}, {second} was raised on {asset_b}.",
    "{second} ({asset_b}) is the later alarm, {first} ({asset_a}) the one that preceded it.",
    "The alarms came in this order: {first} on {asset_a}, {second} on {asset_b}.",
    "When {second} was triggered on {asset_b}, {first} on {asset_a} had already been raised.",
    "{asset_a} went into alarm at {raised_a} on {day_a}, {asset_b} at {raised_b} on {day_b}.",
    "Two alarms: {first} on {asset_a} at {raised_a} ({day_a}), {second} on {asset_b} at {raised_b} ({day_b}).",
    "{apart} lay between {first} on {asset_a} and {second} on {asset_b}.",
    "{alert_a} lasted {lasted_a}, {alert_b} {lasted_b}.",
    "While {first} on {asset_a} is rated {severity_a}, {second} on {asset_b} is rated {severity_b}.",
)
OVERLAPPING = (
    "{first} on {asset_a} had not been cleared yet when {second} came in on {asset_b}.",
    "{second} was raised on {asset_b} while {first} was still active on {asset_a}.",
)
LONGER = (
    "{first} on {asset_a} was up for longer than {second} on {asset_b}.",
    "Of the two, the alarm that took longer to clear is {first} on {asset_a}, not {second} on {asset_b}.",
)
# places that are not named first and second: an exchange would leave these true
ALIKE = (
    "{alert_a} and {alert_b} are both {severity_a} alarms.",
    "Both {alert_a} and {alert_b} have {severity_a} severity.",
)
ALERT_WINDOW = (
    "With {alert} active on {asset}, {sensor} peaked at {max} {unit}.",
    "{alert} came in at {raised}; {sensor} topped out at {max} {unit} at {t_max}.",
    "{after} into {alert}, the {quantity} of {asset} was at its peak of {max} {unit}.",
    "The {quantity} on {asset} peaked at {t_max}, {after} after {alert} had been triggered.",
    "During {alert} the highest {quantity} on {asset} was {max} {unit}.",
    "{asset} went into alarm at {raised} ({alert}) and had its {quantity} peak, {max} {unit}, {after} later.",
    "Peak {quantity} while {alert} was up: {max} {unit}.",
)
ALERT_ORDER = (
    "{after} after {alert} came in, job {order} was logged for {asset}.",
    "{alert} on {asset} was followed by {order}, opened at {opened}.",
    "{asset}: alarm {alert} at {raised}, job {order} at {opened}.",
    "The job opened on {asset} at {opened}, {order}, came {after} after alarm {alert}.",
    "First came {alert}, at {raised}, then order {order} for {asset}, at {opened}.",
    "{order} was created for {asset} once {alert} had been raised, {after} later.",
    "{alert} is a {severity} alarm and {order} a job of {priority} priority, both on {asset}.",
    "It took {after} from {alert} until a ticket, {order}, was opened for {asset}.",
)
CLEARED_FIRST = (
    "By the time {order} was opened on {asset}, {alert} had been reset.",
    "{alert} had returned to normal before {order} was logged for {asset}.",
    "{alert} on {asset} cleared at {cleared}, and {order} was logged at {opened}.",
)
FINDING_ALERT = (
    "{alert} on {asset} was up for {lasted}, and the investigation of {asset} found that {cause}.",
    "{asset} went into alarm at {raised} ({alert}), and {cause_noun} was found in the investigation of {asset}.",
    "{alert} on {asset} is rated {severity}; the investigation of {asset} found {cause_noun}.",
    "{asset} had {alert}, cleared at {cleared}. What the investigation of {asset} found: {cause_noun}.",
)
HAPPENED_ALERT = (
    "{alert} was reset at {cleared}, and nobody was hurt according to {report}.",
    "The alarm in {report}, {alert}, was cleared after {lasted}.",
    "{report} covers {alert}, a {severity} alarm, and says that there were no injuries.",
    "{sign_low} was noticed at {asset} from about {noticed}; {alert} was not cleared before {until}.",
)
LOG_ALERT = (
    "{alert}, logged as {event} on {asset}, was cleared at {cleared}.",
    "The log calls it {event}; the alarm, {alert}, lasted {lasted}.",
    "{alert} on {asset} has {severity} severity and is in the log as {event}.",
    "Logged in {zone} as {event}: {alert}, cleared {lasted} after it was raised.",
)
FINDING_ORDER = (
    "{cause_noun} was found on {asset}, and {order} was finished at {closed}.",
    "Found on {asset}: {cause_noun}. Job: {order}, {priority}, opened at {opened}.",
    "The investigation says that on {asset} {cause}; {order} took {lasted}.",
)
ALERT_FRAME = (
    "{camera} picked up {thing} at {at}, {after} after {alert} came in on {asset}.",
    "{after} after {alert} on {asset}, there was {thing} on {camera}.",
    "Alarm {alert} on {asset} at {raised}, {thing} on {camera} at {at}.",
    "Footage from {camera} at {at} shows {thing}; {alert} had come in on {asset} at {raised}.",
    "Shortly after {alert} was triggered on {asset}, {camera} had {thing} in view: at {at}.",
    "At {raised} {asset} went into alarm ({alert}) and at {at} {camera} had {thing} in view.",
)


def two_alerts(world: World, rng: random.Random) -> ScriptedClaim | None:
    """Two alerts of different assets: their order, and how long and how severe they were."""
    two = sorted(rng.sample(world.of_kind[Kind.ALERT], 2), key=lambda e: micros(fields(e)["raised"]))
    voice = v.Voice(world.zone, rng)
    a, b = (va.slots_of(e, voice, rng) for e in two)
    apart = (b["raised"].value - a["raised"].value) / 1e6
    if a["asset"].text == b["asset"].text or apart < 120:
        return None
    slots = v.marked(a, "a") | v.marked(b, "b") | {"first": a["alert"], "second": b["alert"]}
    slots["apart"] = v.duration(apart, rng)
    longer = a["lasted"].value > 1.1 * b["lasted"].value
    alike = a["severity"].text == b["severity"].text
    groups = [
        (True, TWO_ALERTS),
        (b["raised"].value < a["cleared"].value, OVERLAPPING),
        (longer, LONGER),
        (alike, ALIKE),
    ]
    return v.tell("alert order", groups, slots, two, rng)


def alert_window(world: World, rng: random.Random) -> ScriptedClaim | None:
    """An alert that names its sensor, and the hour in which its series was highest."""
    named = [e for e in world.of_kind[Kind.ALERT] if "sensor" in fields(e)]
    if not named:
        return None
    alert = rng.choice(named)
    near = [e for e in world.of_kind[Kind.WINDOW] if _of_alert(e, alert) and vw.gapless(world, e)]
    if not near:
        return None
    # what peaked while the alert was up is the highest of all the hours it reaches into
    one, voice = max(near, key=lambda e: max(world.samples(e).v)), v.Voice(world.zone, rng)
    slots = vw.slots_of(world, one, voice, rng) | va.slots_of(alert, voice, rng)
    after = (slots["t_max"].value - slots["raised"].value) / 1e6
    if not 60 <= after < (slots["cleared"].value - slots["raised"].value) / 1e6:
        return None
    return v.tell(
        "alert and window", [(True, ALERT_WINDOW)], slots | {"after": v.duration(after, rng)}, (alert, one), rng
    )


def _of_alert(window: Evidence, alert: Evidence) -> bool:
    """Whether a window is of the sensor that the alert names, and the alert was up in it."""
    own = window.text.startswith(fields(alert)["sensor"] + " ")
    return own and bool(window.valid and alert.valid and window.valid.overlaps(alert.valid))


def alert_order(world: World, rng: random.Random) -> ScriptedClaim | None:
    """An alert and a work order opened within ten hours on the same asset."""
    alert = rng.choice(world.of_kind[Kind.ALERT])
    raised, asset = micros(fields(alert)["raised"]), fields(alert)["asset"]
    rows = [
        e for e in vo.orders(world)
        if fields(e)["asset"] == asset and 2 * s.MINUTE < micros(fields(e)["opened"]) - raised < 600 * s.MINUTE
    ]  # fmt: skip
    if not rows:
        return None
    row, voice = rng.choice(rows), v.Voice(world.zone, rng)
    slots = vo.slots_of(row, voice, rng) | va.slots_of(alert, voice, rng)
    slots["after"] = v.duration((slots["opened"].value - raised) / 1e6, rng)
    groups = [(True, ALERT_ORDER), (slots["opened"].value > slots["cleared"].value + s.MINUTE, CLEARED_FIRST)]
    return v.tell("alert and order", groups, slots, (alert, row), rng)


def report_alert(world: World, rng: random.Random) -> ScriptedClaim | None:
    """A part of an incident report and an alert: the one it names, or one that its asset's sensor raised."""
    if not vr.reports(world):
        return None
    report = rng.choice(vr.reports(world))
    told = vr.slots_of(world, report, rng)
    alerts = [e for e in world.of_kind[Kind.ALERT] if "asset" in told and fields(e)["asset"] == told["asset"].text]
    named = told["alert"].text if "alert" in told else ""
    alerts = [e for e in alerts if fields(e)["id"] == named or (not named and "sensor" in fields(e))]
    if not alerts:
        return None
    alert = rng.choice(alerts)
    slots = va.slots_of(alert, v.Voice(world.zone, rng), rng) | told
    groups = [("cause" in told, FINDING_ALERT), ("noticed" in told, HAPPENED_ALERT)]
    return v.tell("report and alert", groups, slots, (report, alert), rng)


def log_alert(world: World, rng: random.Random) -> ScriptedClaim | None:
    """An entry of a shift log and the alert that it names."""
    if not vl.logs(world):
        return None
    log = rng.choice(vl.logs(world))
    alerts = {fields(e)["id"]: e for e in world.of_kind[Kind.ALERT]}
    told = [t for t in vl.told_entries(world, log, rng) if t["alert"].text in alerts and "event" in t]
    if not told:
        return None
    entry = rng.choice(told)
    alert = alerts[entry["alert"].text]
    slots = va.slots_of(alert, v.Voice(world.zone, rng), rng) | entry
    return v.tell("log and alert", [(True, LOG_ALERT)], slots, (log, alert), rng)


def finding_order(world: World, rng: random.Random) -> ScriptedClaim | None:
    """What an investigation found, and an urgent work order of the same asset that is closed."""
    found = [e for e in vr.reports(world) if "The investigation of" in e.text]
    if not found:
        return None
    report = rng.choice(found)
    told = vr.slots_of(world, report, rng)
    rows = [e for e in vo.orders(world) if "asset" in told and fields(e)["asset"] == told["asset"].text]
    rows = [e for e in rows if fields(e).get("closed") and fields(e)["priority"] == "urgent"]
    if not rows:
        return None
    row = rng.choice(rows)
    slots = vo.slots_of(row, v.Voice(world.zone, rng), rng) | told
    return v.tell("finding and order", [(True, FINDING_ORDER)], slots, (report, row), rng)


def alert_frame(world: World, rng: random.Random) -> ScriptedClaim | None:
    """An alert, and what a camera saw within the ten minutes after it was raised."""
    raised_at = [(alert, micros(fields(alert)["raised"])) for alert in world.of_kind[Kind.ALERT]]
    seen_at = [(frame, frame.valid.t0) for frame in of_frames(world) if frame.valid]
    pairs = [(a, r, f, at) for f, at in seen_at for a, r in raised_at if 90 < (at - r) / 1e6 < 600]
    if not pairs:
        return None
    alert, raised, frame, at = rng.choice(pairs)
    voice = v.Voice(world.zone, rng)
    slots = va.slots_of(alert, voice, rng) | {"camera": s.name("camera", camera(frame))}
    slots |= {"thing": vf.thing(rng.choice(things(frame)), rng), "at": voice.time(at, seconds=True)}
    slots["after"] = v.duration((at - raised) / 1e6, rng)
    return v.tell("alert and frame", [(True, ALERT_FRAME)], slots, (alert, frame), rng)
