"""Swapped roles: who did what to whom, which came first, which was higher, what fell and what rose."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from eval.claims import exam_editing as e
from eval.claims.exam_editing import Mutator
from eval.claims.types import ScriptedClaim
from eval.claims.world import World

# places that say different things of two parties
_PARTIES = (
    ("first", "second"), ("asset_a", "asset_b"), ("more", "less"), ("max_more", "max_less"), ("mean_a", "mean_b"),
    ("begin", "end"),
)  # fmt: skip
# a cause as it is written → the same words with the doer and what it was done to exchanged
CAUSES: Mapping[str, Sequence[str]] = {
    "the grease line to the drive-end bearing was blocked": ("the drive-end bearing had blocked the grease line",),
    "the outer race of the drive-end bearing had spalled": ("the inner race of the drive-end bearing had spalled",),
    "the coupling had been left misaligned after the last overhaul": (
        "the coupling had been left misaligned before the last overhaul",
        "the last overhaul had been put off because the coupling was misaligned",
    ),
    "a flange gasket on the outlet line had perished": ("an outlet line had perished at the flange gasket",),
    "the sample valve had been left half open": ("the sample valve had been left closed",),
    "the drain plug had worked loose": ("the drain plug had been screwed too tight",),
    "a jammed carton stalled the belt and overheated the motor": (
        "the belt stalled the motor and jammed a carton",
        "an overheated motor stalled the belt and jammed a carton",
        "a stalled belt jammed a carton and overheated the motor",
    ),
    "dust had built up inside the motor housing": ("dust had built up outside the motor housing",),
    "the motor overload relay had been set too high": ("the motor overload relay had been set too low",),
    "the limit switch was covered in mud": ("the limit switch had been cleared of mud",),
    "the gate chain had jumped off its sprocket": ("the sprocket had jumped off the gate chain",),
    "a relay in the gate drive had welded shut": ("the gate had been welded shut at its drive relay",),
    "the cooling water valve had been closed by mistake": (
        "the cooling water valve had been opened by mistake",
        "the cooling water valve had been left open on purpose",
    ),
    "water had entered the transmitter junction box": ("water had leaked out of the transmitter junction box",),
    "the belt tension had been lost": ("the belt tension had been too high",),
    "a lorry had clipped the gate post sensor": (
        "the gate had clipped a lorry",
        "the gate post sensor had clipped a lorry",
        "a lorry had been clipped by the gate",
    ),
}
# what was done, likewise
FIXES: Mapping[str, Sequence[str]] = {
    "cleared the grease line and fitted a new bearing": ("the bearing was cleared and a new grease line was fitted",),
    "realigned the coupling and replaced the bearing": (
        "the bearing was realigned and the coupling replaced",
        "the coupling was replaced and the bearing realigned",
    ),
    "replaced the gasket and tightened the flange": ("the flange was replaced and the gasket tightened",),
    "closed the valve and fitted a lock": (
        "the lock was closed and a valve fitted",
        "the lock was removed and the valve opened",
    ),
    "removed the carton and changed the motor": ("the motor was removed and the carton changed",),
    "cleaned the housing and rewound the motor": ("the motor was cleaned and the housing rewound",),
    "reset the relay and changed the motor": ("the motor was reset and the relay changed",),
    "reopened the cooling water valve": ("the cooling water valve was closed",),
    "refitted and tensioned the chain": ("the chain was removed and slackened",),
    "tensioned the belt": ("the belt was slackened",),
    "dried and resealed the junction box": ("the junction box was opened and flooded",),
}
_MOVED = {"rose": "fell", "increased": "decreased", "fell": "rose", "dropped": "climbed"}
_COMPARED: Sequence[tuple[str, str]] = (
    (r"\ba higher\b", "a lower"),
    (r"\bhigher\b", "lower"),
    (r"\bhighest\b", "lowest"),
    (r"\blowest\b", "highest"),
    (r"\bpeaked at\b", "bottomed out at"),
    (r"\bdipped to a minimum\b", "climbed to a maximum"),
    (r"\bmaximum of\b", "minimum of"),
    (r"\bminimum of\b", "maximum of"),
    (r"\bat most\b", "at least"),
    (r"\bfirst exceeded\b", "first fell below"),
    (r"\babove its limit\b", "below its limit"),
)


def parties(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """What is said of one said of the other."""
    found = [(e.place(claim, a), e.place(claim, b)) for a, b in _PARTIES]
    both = [(a, b) for a, b in found if a and b and a.slot.text != b.slot.text]
    return e.exchanged(claim, *rng.choice(both)) if both else None


def things(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """What was seen first exchanged with what was seen then."""
    one, other = e.place(claim, "thing"), e.place(claim, "other")
    return e.exchanged(claim, one, other) if one and other and claim.kind == "frames" else None


def compared(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """Higher told as lower, a maximum as a minimum. Half an hour above a limit may be half an hour below it: left alone."""
    own = e.series(world, claim)
    if e.places(claim, "count") or e.place(claim, "over") or (own and max(own.v) == min(own.v)):
        return None
    made = (e.reworded(claim, pattern, new) for pattern, new in _COMPARED)
    return next((one for one in made if one), None)


def direction(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """What rose told as falling."""
    span = e.place(claim, "moved")
    return e.refilled(claim, span, _MOVED[span.slot.text]) if span else None


def cause_roles(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """In a stated cause, who did what to whom."""
    span = e.place(claim, "cause")
    others = CAUSES.get(str(span.slot.value), ()) if span else ()
    return e.refilled(claim, span, rng.choice(others)) if span and others else None


def fix_roles(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """In what was done, what it was done to."""
    span = e.place(claim, "fix")
    others = FIXES.get(str(span.slot.value), ()) if span else ()
    return e.refilled(claim, span, rng.choice(others)) if span and others else None


def first_then(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """ "First one, then another" told the other way round, each with its own times."""
    made = e.reworded(claim, r", then ", ", but even earlier ")
    return made and e.retold(made, made.text.removeprefix("First ")) if claim.text.startswith("First ") else None


MUTATORS: Mapping[str, Mutator] = {
    "parties": parties, "things seen": things, "compared": compared, "direction": direction, "cause": cause_roles,
    "fix": fix_roles, "first and then": first_then,
}  # fmt: skip
