"""True sentences under a citation that does not show them: another's piece, another hour's, half of what is needed."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from eval.claims import exam_editing as e
from eval.claims.exam_editing import Mutator
from eval.claims.slots import MINUTE
from eval.claims.types import ScriptedClaim, Span
from eval.claims.world import World
from retrieval.types import Evidence, Kind, Micros

_DAY = 1440 * MINUTE


def _unnamed(claim: ScriptedClaim, piece: Evidence) -> list[Span]:
    """What the claim is about that a piece does not name."""
    return [span for span in e.places(claim, *e.IDENTITY) if not e.names(span.slot.text, piece.text)]


def _recited(
    claim: ScriptedClaim, world: World, pieces: Sequence[Evidence], rng: random.Random
) -> ScriptedClaim | None:
    """The same words citing one of these pieces in the place of the first that is cited."""
    return e.retold(claim, claim.text, (rng.choice(pieces).id, *claim.evidence[1:])) if pieces else None


def elsewhere(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """A piece of the same kind about something else: it does not name what the claim is about."""
    own = e.cited(world, claim)[0]
    if claim.kind in ("frame count", "order count", "alert count", "finding and order"):
        return None
    others = (rng.choice(world.of_kind[own.kind]) for _ in range(20))
    unneeded = _unnamed(claim, own)
    found = [
        o for o in others if o.id not in claim.evidence and any(span not in unneeded for span in _unnamed(claim, o))
    ]
    return _recited(claim, world, found, rng)


def another_day(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """The shift log of another day."""
    own = e.cited(world, claim)[0]
    if claim.kind != "log" or not e.places(claim, "date") or len(claim.evidence) > 1:
        return None
    logs = [p for p in world.of_kind[Kind.PASSAGE] if p.data.get("title", "").startswith("Shift log")]
    return _recited(claim, world, [p for p in logs if p.valid != own.valid], rng)


def another_hour(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """The same series at another hour of the day."""
    own = e.cited(world, claim)[0]
    times = e.places(claim, "time", "bound")
    if claim.kind not in ("window", "window limit") or not times or own.valid is None:
        return None
    apart = own.valid.t0 % _DAY
    others = [
        w for w in world.of_kind[Kind.WINDOW] if w.source == own.source and w.valid and w.valid.t0 % _DAY != apart
    ]
    return _recited(claim, world, others, rng)


def sister_sensor(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """The same asset in the same hour, measured by another sensor."""
    own = e.cited(world, claim)[0]
    if own.kind is not Kind.WINDOW:
        return None
    others = [
        w for w in world.of_kind[Kind.WINDOW]
        if w.valid == own.valid and world.assets(w) == world.assets(own) and w.data["quantity"] != own.data["quantity"]
    ]  # fmt: skip
    return _recited(claim, world, others, rng)


def another_moment(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """A frame of the same camera, minutes away from the time that is told."""
    own = e.cited(world, claim)[0]
    if claim.kind != "frame" or own.valid is None:
        return None
    frames = [rng.choice(world.of_kind[Kind.FRAME]) for _ in range(30)]
    own_camera = own.text.split()[0]
    others = [
        f for f in frames
        if f.valid and f.text.split()[0] == own_camera and _apart(f.valid.t0, own.valid.t0)
    ]  # fmt: skip
    return _recited(claim, world, others, rng)


def _apart(one: Micros, other: Micros) -> bool:
    """Whether two times of day differ by more than three minutes, whatever their days."""
    return 3 * MINUTE < (one - other) % _DAY < _DAY - 3 * MINUTE


def another_camera(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """A frame of another camera that shows the same thing."""
    own, thing = e.cited(world, claim)[0], e.place(claim, "thing")
    if claim.kind != "frame" or thing is None:
        return None
    frames = [rng.choice(world.of_kind[Kind.FRAME]) for _ in range(60)]
    others = [f for f in frames if thing.slot.value in f.data["counts"] and f.text.split()[0] != own.text.split()[0]]
    return _recited(claim, world, others, rng)


def half(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """One of the pieces left out that the claim rests on."""
    if len(claim.evidence) < 2:
        return None
    lost = rng.choice(claim.evidence)
    return e.retold(claim, claim.text, [one for one in claim.evidence if one != lost])


def other_part(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """Another part of the same document, or the record of the same asset in another table."""
    own = e.cited(world, claim)[0]
    if claim.kind not in ("report", "cause", "standing", "alert", "order"):
        return None
    if own.kind is Kind.PASSAGE:
        return _recited(claim, world, [p for p in _parts(world, own) if _says_none(claim, p)], rng)
    kind = Kind.ROW if own.kind is Kind.ALERT else Kind.ALERT
    return _recited(claim, world, [p for p in world.of_kind[kind] if world.assets(p) == world.assets(own)], rng)


def _parts(world: World, own: Evidence) -> list[Evidence]:
    return [p for p in world.of_kind[Kind.PASSAGE] if p.source == own.source and p.id != own.id]


def _says_none(claim: ScriptedClaim, piece: Evidence) -> bool:
    """Whether the part says nothing of what is told beside the asset's name (and the report's, which heads every part)."""
    told = [span for span in claim.spans if span.slot.kind not in ("asset", "report", "title", "unit", "date")]
    return bool(told) and not any(
        e.names(str(span.slot.value), piece.text) or e.names(span.slot.text, piece.text) for span in told
    )


MUTATORS: Mapping[str, Mutator] = {
    "elsewhere": elsewhere, "another day": another_day, "another hour": another_hour, "sister sensor": sister_sensor,
    "another moment": another_moment, "another camera": another_camera, "half": half, "other part": other_part,
}  # fmt: skip
