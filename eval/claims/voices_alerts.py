"""Right claims about one alert in other people's words."""

from __future__ import annotations

import random
from collections.abc import Mapping

from eval.claims import slots as s
from eval.claims import voices_slots as v
from eval.claims.right_tables import alert_slots, fields
from eval.claims.types import ScriptedClaim, Slot
from eval.claims.world import World
from retrieval.types import Evidence, Kind

ALERT = (
    # active and passive, with the time in front and at the end
    "{alert} went off on {asset} at {raised}.",
    "{alert} came in for {asset} at {raised} on {day}.",
    "At {raised}, {alert} was triggered on {asset}.",
    "On {day}, {asset} went into alarm at {raised} ({alert}).",
    "The system raised {alert} on {asset} at {raised} and reset it at {cleared}.",
    "At {cleared}, {lasted} after it came in, alarm {alert} returned to normal.",
    # nominal
    "Start of alarm {alert} on {asset}: {raised}, {day}.",
    "{alert}: {asset}, {severity}, {raised} to {cleared}.",
    "Duration of alert {alert} ({asset}): {lasted}.",
    "Time of raising for {alert}: {raised}. Time of clearing: {cleared}.",
    "{asset} - {severity} alarm - {alert} - up at {raised}, reset at {cleared}.",
    # relative clauses and participles
    "The alert that was raised on {asset} at {raised} is {alert}.",
    "{alert}, which came in at {raised}, was reset at {cleared}.",
    "Raised at {raised} and cleared at {cleared}, {alert} stayed up for {lasted}.",
    "{asset} was the asset on which {alert} was triggered, at {raised}.",
    "Having come in at {raised} on {day}, {alert} was not cleared until {until}.",
    "The alarm call on {asset} at {raised}, numbered {alert}, is rated {severity}.",
    # spans
    "From {raised} until {cleared}, {asset} had an active alarm ({alert}).",
    "{asset} was in alarm under {alert} between {raised} and {cleared}.",
    "{asset} spent {lasted} in alarm under {alert}.",
    "It was {lasted} before {alert} on {asset} returned to normal.",
    "{alert} took {lasted} to clear.",
    "For {lasted} on {day}, {alert} was up on {asset}.",
    "{alert} was raised on {day}; {lasted} later it had cleared.",
    "{lasted} went by between the raising of {alert} and its reset.",
    # severity
    "{alert} is a {severity} alarm.",
    "A {severity}-severity alarm, {alert}, came in on {asset} at {raised}.",
    "The severity given to {alert} on {asset} is {severity}.",
    "{asset} had an alert of {severity} severity, {alert}, at {raised} on {day}.",
    "Rated {severity}, alert {alert} on {asset} was active for {lasted}.",
    # two sentences
    "There was an alert on {asset} at {raised}. It was reset at {cleared}.",
    "{alert} came in at {raised}. Its severity: {severity}.",
    "We had {alert} on {asset} on {day}. It came in at {raised} and went away at {cleared}.",
    # what follows as well
    "{alert} on {asset} had not been cleared before {until}.",
    "Alert {alert} on {asset} was still active at {mid}.",
    "By {until}, {alert} on {asset} had returned to normal.",
    "When the clock stood at {mid}, {asset} was in alarm ({alert}).",
    # its message
    "{alert} at {raised}: “{message}”.",
    "The text of {asset}'s alarm {alert} reads “{message}”.",
    "“{message}” is what alert {alert} said at {raised}.",
)  # fmt: skip
SAID = (
    "At {raised} on {day}, {alert} reported that {said}.",
    "According to {alert}, {said}.",
    "{alert} was raised at {raised} to report that {said}.",
    "What {alert} says is that {said}.",
    "The {severity} alert of {raised} tells us that {said}.",
    "Alarm at {raised}: {said} ({alert}).",
    "{said}, as alert {alert} put it at {raised}.",
)
TRIP = (
    "{alert} records a {event} at {raised}.",
    "There was a {event} at {raised} on {day}, under alarm {alert}.",
    "The {event} came with a {severity} alarm, {alert}, at {raised}.",
    "At {raised} a {event} was signalled by {alert}.",
)
UNDER_AN_HOUR = (
    "{alert} on {asset} lasted less than an hour.",
    "Within an hour of being raised, {alert} on {asset} had cleared.",
    "Alarm {alert} was not up for a full hour.",
)
OVER_AN_HOUR = (
    "{alert} on {asset} lasted longer than an hour.",
    "It took more than an hour until {alert} returned to normal on {asset}.",
    "One hour was not enough for {alert} to clear.",
)
# what an alert's message says, its asset left out → clauses that say the same
MESSAGES: Mapping[str, tuple[str, ...]] = {
    "vibration above the trip limit, pump tripped": (
        "pump {} tripped with its vibration over the trip limit",
        "pump {} had shut down and its vibration was above the trip limit",
        "vibration on {} had exceeded the trip limit and the pump had tripped",
    ),
    "level falling without a transfer": (
        "the level in {} was going down with no transfer",
        "the level of {} was dropping although there was no transfer",
    ),
    "motor current above limit, drive stopped": (
        "the drive of {} had stopped and its motor current was over the limit",
        "the motor current of {} exceeded its limit and the drive stopped",
    ),
    "gate not closed within the allowed time": (
        "gate {} had not closed within the time allowed",
        "{} failed to close within the allowed time",
    ),
    "bearing temperature above limit": (
        "the bearing temperature of {} was over its limit",
        "the bearing of {} was at a temperature above the limit",
    ),
    "level signal implausible": ("the level signal of {} was not plausible",),
    "motor current above limit": ("the motor current of {} was over its limit", "{} had a motor current above the limit"),
    "gate drive fault": ("the gate drive of {} had a fault", "there was a fault in the gate drive of {}"),
    "belt misalignment": ("the belt of {} was misaligned", "{} had a misaligned belt"),
    "mixer stopped": ("the mixer of {} had stopped",),
    "burner flame signal weak": ("the burner flame signal of {} was weak", "{} had a weak burner flame signal"),
    "tap changer moved slowly": ("the tap changer of {} was moving slowly", "the tap changer on {} moved slowly"),
    "suction strainer pressure drop high": ("the pressure drop of the suction strainer on {} was high",),
    "obstruction detected": ("an obstruction had been detected at {}",),
    "winding fan failed to start": ("a winding fan of {} had failed to start", "the winding fan on {} did not start"),
    "oil temperature sensor drift": ("the oil temperature sensor of {} was drifting", "{} had a drifting oil temperature sensor"),
    "low feed water": ("the feed water of {} was low", "{} was low on feed water"),
    "blowdown valve slow to close": ("the blowdown valve of {} was slow to close", "the blowdown valve on {} closed slowly"),
    "gate motor thermal trip": ("the gate motor of {} had tripped thermally", "there was a thermal trip of the gate motor of {}"),
    "emergency cord pulled": ("the emergency cord of {} had been pulled", "the emergency cord on {} was pulled"),
    "seal water flow low": ("the seal water flow of {} was low", "{} had a low flow of seal water"),
    "vent filter clogged": ("the vent filter of {} was clogged", "{} had a clogged vent filter"),
}  # fmt: skip
# messages that tell of a stop → nouns for it
EVENTS: Mapping[str, tuple[str, ...]] = {
    "vibration above the trip limit, pump tripped": ("trip of pump {}", "pump trip on {}"),
    "motor current above limit, drive stopped": ("stop of the drive of {}", "drive stop on {}"),
}


def slots_of(alert: Evidence, voice: v.Voice, rng: random.Random) -> dict[str, Slot]:
    """What there is to say of an alert."""
    slots = alert_slots(alert, voice, rng)
    raised, cleared = slots["raised"].value, slots["cleared"].value
    slots["lasted"] = v.duration((cleared - raised) / 1e6, rng)
    slots["until"] = v.moment(slots["cleared"])
    minutes = (cleared - raised) // s.MINUTE
    slots["mid"] = v.moment(voice.time(raised + rng.randrange(1, max(2, minutes)) * s.MINUTE))
    return slots | _message_slots(fields(alert), rng)


def _message_slots(row: Mapping[str, str], rng: random.Random) -> dict[str, Slot]:
    asset, message = row["asset"], row["message"].removeprefix(f"{row['asset']} ")
    known = {"said": MESSAGES.get(message, ()), "event": EVENTS.get(message, ())}
    return {name: s.name(name, rng.choice(told).format(asset)) for name, told in known.items() if told}


def alert(world: World, rng: random.Random) -> ScriptedClaim | None:
    """One alert: when, how long, how severe, what it said."""
    one = rng.choice(world.of_kind[Kind.ALERT])
    slots = slots_of(one, v.Voice(world.zone, rng), rng)
    seconds = slots["lasted"].value
    groups = [
        (True, ALERT),
        (True, SAID),
        (True, TRIP),
        (seconds < 3540, UNDER_AN_HOUR),
        (seconds > 3660, OVER_AN_HOUR),
    ]
    return v.tell("alert", groups, slots, (one,), rng)
