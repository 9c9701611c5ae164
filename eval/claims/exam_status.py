"""Changed status: open told as closed, raised as cleared, urgent as low; states that nobody recorded."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from eval.claims import exam_editing as e
from eval.claims.exam_editing import Mutator
from eval.claims.types import ScriptedClaim
from eval.claims.world import World
from retrieval.types import Kind

_STATUS = ("open", "closed", "on hold", "cancelled", "in progress", "awaiting approval")
_LEVELS = {"severity": ("low", "medium", "high", "critical"), "priority": ("low", "normal", "urgent")}
# deeds of records, each followed by its time: another deed was not done at that time
_DEEDS: Mapping[str, Sequence[str]] = {
    "raised": ("cleared", "acknowledged", "suppressed"),
    "cleared": ("acknowledged", "escalated", "reset by hand"),
    "opened": ("closed", "cancelled", "approved"),
    "closed": ("reopened", "cancelled", "put on hold"),
}
# every alert was cleared; that one was acknowledged is written nowhere, nor that it was not
_STILL = (
    "Alert {alert} on {asset} is still active.", "Alert {alert} on {asset} has not been cleared yet.",
    "Alert {alert} on {asset} was never acknowledged.",
)  # fmt: skip
_WAITING = (
    "Work order {order} on {asset} is still open.", "Work order {order} on {asset} has been waiting for parts until now.",
)  # fmt: skip
_DONE = ("Work order {order} on {asset} is done.", "Work order {order} on {asset} has been closed.")
_STANDING: Sequence[tuple[str, Sequence[str]]] = (
    (r"\breleased for service\b", ("withdrawn from service", "scrapped", "handed over to a contractor")),
    (r"\bclosed by\b", ("rejected by", "drafted by", "reopened by")),
    (r"\bissued to\b", ("revoked from", "refused to")),
    (r"\bholds\b", ("has applied for", "has returned")),
    (r"\bwas entered at\b", ("was struck out at", "was cleared at")),
    (r"\bunder investigation\b", ("known", "human error")),
    (r"\bkept the shift log\b", ("signed off the shift log late",)),
    (r"\bis reserved\b", ("is out of use",)),
)


def status(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """Another status of a work order."""
    span = e.place(claim, "status")
    if span is None or claim.kind == "order count":
        return None
    # an order that is open may well be in progress; one that is closed is not
    near = {"open": ("open", "in progress"), "closed": ("closed",)}[span.slot.text]
    return e.refilled(claim, span, rng.choice([one for one in _STATUS if one not in near]))


def counted_status(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """As many closed told as open, where there are not as many of both."""
    span, count = e.place(claim, "status"), e.place(claim, "count")
    if span is None or count is None or 2 * count.slot.value == len(claim.evidence):
        return None
    return e.refilled(claim, span, {"open": "closed", "closed": "open"}[span.slot.text])


def level(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """Another severity or priority."""
    found = e.places(claim, *_LEVELS)
    if not found:
        return None
    others = [one for one in _LEVELS[found[0].slot.kind] if one != found[0].slot.text]
    return e.refilled(claim, found[0], rng.choice(others))


def deed(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """What was raised at a time told as cleared at that time, and the like."""
    timed = [span for span in claim.spans if span.name in _DEEDS and span.slot.kind == "time"]
    told = [
        (verb, span) for span in timed for verb in e.between(claim, rf"\b{span.name}(?= )") if verb.end() <= span.start
    ]  # fmt: skip
    if not told:
        return None
    verb, span = rng.choice(told)
    return e.edited(claim, (verb.start(), verb.end(), rng.choice(_DEEDS[span.name])))


def unrecorded(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """A state that no record has a word of."""
    added = {
        "alert": (
            ", and was acknowledged at once",
            ", and has come back since",
            ", and was later found to be a false alarm",
        ),
        "order": (", and was approved by the safety officer", ", and is overdue", ", and was later reopened"),
        "alert and order": (", and both were escalated", ", which was acknowledged late"),
    }.get(claim.kind, ())
    return e.extended(claim, rng.choice(added)) if added and e.places(claim, "time", "duration", "date") else None


def still_active(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """What was cleared or closed told as going on, what is open as done with."""
    told = {span.name: span.slot.text for span in claim.spans}
    if claim.kind == "alert" and {"alert", "asset"} <= told.keys():
        return e.retold(claim, rng.choice(_STILL).format_map(told))
    row = next((one for one in e.cited(world, claim, Kind.ROW) if claim.kind == "order"), None)
    if row is None or not {"order", "asset"} <= told.keys():
        return None
    ways = _WAITING if row.data["fields"].get("closed") else _DONE
    return e.retold(claim, rng.choice(ways).format_map(told))


def standing(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """What a document says of a state, changed."""
    made = [e.reworded(claim, pattern, rng.choice(new)) for pattern, new in _STANDING]
    return next((one for one in made if one), None)


MUTATORS: Mapping[str, Mutator] = {
    "status": status, "counted status": counted_status, "severity or priority": level, "deed": deed,
    "unrecorded": unrecorded, "still or done": still_active, "documented state": standing,
}  # fmt: skip
