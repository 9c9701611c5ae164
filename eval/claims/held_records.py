"""Right claims about records: alerts, and rows of work orders."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import product

from eval.claims.held_causes import FIXES
from eval.claims.held_slots import MINUTE, lasting_slot, name_slot, plain_slot, shuffled, time_slot, word
from eval.claims.held_words import JOBS, MESSAGES, wording
from eval.claims.types import ScriptedClaim, Slot, places, right_claim
from eval.claims.world import World
from retrieval.times import to_micros
from retrieval.types import Evidence, Interval, Kind

ALERT = (
    "{alert} {was_raised} on {asset} at {raised}.",
    "At {raised}, {alert} {came_in} for {asset}.",
    "{alert} on {asset} {was_raised} at {raised} with {severity} severity.",
    "{alert} {cleared_} at {cleared}.",
    "{alert}, raised on {asset}, {cleared_} at {cleared}.",
    "{alert} {stayed} active for {lasting}.",
    "It took {lasting} for {alert} to clear.",
    "{asset} {was_in} alarm for {lasting} under {alert}.",
    "The severity of {alert} {was_set} {severity}.",
    "{alert} {was_rated} {severity} severity and {concerned} {asset}.",
    "{alert} {was_active} from {raised} until {cleared}.",
    "The alert {was_lifted} {lasting} after {alert} had gone up on {asset}.",
)
TOLD = (
    "{alert} {reported} {message} on {asset}.",
    "On {asset}, {alert} {reported} {message}.",
    "At {raised} an alert for {message} {was_raised} on {asset}.",
    "The alert for {message} on {asset} {cleared_} at {cleared}.",
    "{message} at {asset} {was_behind} {alert}, an alert of {severity} severity.",
    "{alert} ({severity} severity) {was_about} {message} at {asset}, and {cleared_} after {lasting}.",
)
ORDER = (
    "{order} {was_opened} for {asset} at {opened}.",
    "At {opened}, maintenance {opened_} {order} for {asset}.",
    "{order} {was_given} {priority} priority.",
    "The priority of {order}, for {asset}, {was_set} {priority}.",
    "{order} on {asset} {was_} {status}.",
    "{asset} {is_subject} {order}.",
)
WORK = (
    "{order} {covers} {job} on {asset}.",
    "{job} on {asset} {was_booked} {order}.",
    "{order} for {job} on {asset} {was_opened} at {opened}.",
    "Maintenance {gave} {job} on {asset} {priority} priority.",
    "{order}, for {job} on {asset}, {was_} {status}.",
)
CLOSED = (
    "{order} {was_closed} at {closed}.",
    "{order} for {asset} {was_opened} at {opened} and closed {lasting} later.",
    "Closing {order} {took} {lasting} from its opening.",
    "{asset}'s {order} {was_open_from} {opened} to {closed}.",
    "{order} on {asset}, of {priority} priority, {was_closed} at {closed}.",
)
DONE = (
    "Under {order} the crew {fix}.",
    "{order} {records} that the crew {fix}.",
    "For {asset}, {order} {records} that they {fix}.",
)
_VERBS: Mapping[str, Slot] = {
    "was_raised": word("was raised", negation="was not raised|was never raised"),
    "came_in": word("came in", negation="did not come in", status="was withdrawn"),
    "cleared_": word("cleared", negation="did not clear|failed to clear"),
    "stayed": word("stayed", negation="did not stay", quantifier="was one of three alerts to stay"),
    "was_in": word("was in", negation="was not in|was at no time in"),
    "was_set": word("was set at", negation="was not set at|was never set at"),
    "was_rated": word("was rated", negation="was not rated|was anything but rated"),
    "concerned": word("concerned", negation="did not concern", quantifier="concerned every pump as well as"),
    "was_active": word("was active", negation="was not active", quantifier="was active without pause, as on every other day,"),
    "was_lifted": word("was lifted", negation="was not lifted"),
    "reported": word("reported", negation="did not report|ruled out", quantifier="reported, like every other alert that day,"),
    "was_behind": word("was behind", negation="was not behind", roles="was a consequence of"),
    "was_about": word("was about", negation="was not about"),
    "was_opened": word("was opened", negation="was not opened|was never opened"),
    "opened_": word("opened", negation="did not open|declined to open", status="closed"),
    "was_given": word("was given", negation="was not given|was never given"),
    "was_": word("is listed as", negation="is not listed as"),
    "is_subject": word("is the subject of", negation="is not the subject of|has nothing to do with"),
    "covers": word("covers", negation="does not cover|excludes", quantifier="covers nothing but the second round of"),
    "was_booked": word("was booked under", negation="was not booked under", quantifier="was booked under four orders, one of them"),
    "gave": word("gave", negation="did not give|refused to give"),
    "was_closed": word("was closed", negation="was not closed|was never closed"),
    "took": word("took", negation="did not take", quantifier="took at least twice"),
    "was_open_from": word("was open from", negation="was not open from"),
    "records": word("records", negation="does not record", added="records, with photographs,"),
}  # fmt: skip


def alerts(world: World, rng: random.Random) -> Iterator[ScriptedClaim]:
    """Claims about single alerts, every way of telling of every alert."""
    for template, alert in shuffled(list(product((*ALERT, *TOLD), world.of_kind.get(Kind.ALERT, ()))), rng):
        slots = alert_slots(alert, world, rng)
        if slots and places(template) <= slots.keys():
            yield right_claim("alert", template, slots, alert.id)


def orders(world: World, rng: random.Random) -> Iterator[ScriptedClaim]:
    """Claims about single work orders, every way of telling of every order."""
    templates = (*ORDER, *WORK, *CLOSED, *DONE)
    for template, row in shuffled(list(product(templates, world.of_kind.get(Kind.ROW, ()))), rng):
        slots = order_slots(row, world, rng)
        if slots and places(template) <= slots.keys():
            yield right_claim("order", template, slots, row.id)


def alert_slots(alert: Evidence, world: World, rng: random.Random) -> dict[str, Slot] | None:
    """What an alert says; None where it has no time, asset or severity."""
    told = fields(alert)
    valid = alert.valid
    if valid is None or not {"id", "asset", "severity", "message"} <= told.keys():
        return None
    slots = {
        "alert": name_slot("alert", told["id"], world, rng),
        "asset": name_slot("asset", told["asset"], world, rng),
        "severity": plain_slot("severity", told["severity"]),
        "raised": time_slot(valid.t0, world.zone, rng),
        "message": wording(MESSAGES, told["message"].removeprefix(f"{told['asset']} "), rng),
        **_ending("cleared", valid, "cleared" in told, world, rng),
    }
    return _known(slots) | dict(_VERBS)


def order_slots(row: Evidence, world: World, rng: random.Random) -> dict[str, Slot] | None:
    """What a work order's row says; None for rows of other tables."""
    told = fields(row)
    if not {"id", "asset", "opened", "status", "priority", "description"} <= told.keys():
        return None
    job, _, fix = told["description"].partition(": ")
    opened = moment(told["opened"])
    span = Interval(opened, moment(told.get("closed", told["opened"])))
    slots = {
        "order": name_slot("order", told["id"], world, rng),
        "asset": name_slot("asset", told["asset"], world, rng),
        "priority": plain_slot("priority", told["priority"]),
        "status": plain_slot("status", told["status"]),
        "opened": time_slot(opened, world.zone, rng),
        "job": wording(JOBS, job.removesuffix(f" on {told['asset']}"), rng),
        "fix": wording(FIXES, fix, rng),
        **_ending("closed", span, "closed" in told, world, rng),
    }
    return _known(slots) | dict(_VERBS)


def fields(piece: Evidence) -> Mapping[str, str]:
    """The fields of a record, all as text."""
    return {name: str(value) for name, value in piece.data.get("fields", {}).items()}


def moment(text: str) -> int:
    """An RFC 3339 time of a record in UTC microseconds."""
    return to_micros(datetime.fromisoformat(text))


def _ending(name: str, span: Interval, ended: bool, world: World, rng: random.Random) -> dict[str, Slot]:
    if not ended or span.t1 - span.t0 < MINUTE:
        return {}
    return {name: time_slot(span.t1, world.zone, rng), "lasting": lasting_slot(span.seconds, rng)}


def _known(slots: Mapping[str, Slot | None]) -> dict[str, Slot]:
    return {name: slot for name, slot in slots.items() if slot is not None}
