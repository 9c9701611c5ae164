"""Right claims about frames: what was found in them, when, by which camera."""

from __future__ import annotations

import random

from eval.claims import slots as s
from eval.claims.phrases import THINGS
from eval.claims.types import ScriptedClaim, Slot, right_claim
from eval.claims.world import World
from retrieval.types import Evidence, Kind

FRAME = (
    "{camera} showed {thing} at {at}.",
    "At {at} on {day}, {thing} was visible on {camera}.",
    "{thing} can be seen in the {camera} frame from {at}.",
    "On {day} at {at}, {camera} captured {thing}.",
)
TWO_THINGS = (
    "The {camera} frame at {at} shows {thing} and {other}.",
    "{camera} saw {thing} together with {other} at {at} on {day}.",
)
NIGHT = ("It was night when {camera} showed {thing} at {at}.", "{camera} showed {thing} at {at}, at night.")
RAIN = ("It was raining when {camera} showed {thing} at {at}.", "{camera} showed {thing} in the rain at {at}.")
WEATHER = ("It was raining in the view of {camera} at {at} on {day}.",)
AGAIN = (
    "{camera} showed {thing} at {at_a} and again at {at_b}.",
    "{thing} was visible on {camera} both at {at_a} and at {at_b}.",
)
THEN = (
    "{camera} showed {thing} at {at_a}, and {other} at {at_b}.",
    "{thing} was seen by {camera} at {at_a}, before {other} was seen at {at_b}.",
)
COUNT = (
    "{count} of the {all} frames of {camera} show {thing}.",
    "{thing} is visible in {count} of the {all} cited frames of {camera}.",
)


def things(frame: Evidence) -> list[str]:
    """The labels of what stands in the view, weather and daylight left out."""
    return sorted(label for label in frame.data["counts"] if label in THINGS)


def camera(frame: Evidence) -> str:
    return frame.text.split()[0]


def thing(label: str, rng: random.Random) -> Slot:
    return s.name("thing", rng.choice(THINGS[label]), label)


def at_slot(frame: Evidence, clock: s.Clock, exact: bool = True) -> Slot:
    assert frame.valid is not None
    return clock.time(frame.valid.t0, seconds=exact)


def of_frames(world: World) -> list[Evidence]:
    """Frames with something in them, at a known time."""
    return [e for e in world.of_kind[Kind.FRAME] if e.valid and things(e)]


def frame(world: World, rng: random.Random) -> ScriptedClaim | None:
    """One frame."""
    clock = s.Clock(world.zone, rng)
    one = rng.choice([e for e in world.of_kind[Kind.FRAME] if e.valid and e.data["counts"]])
    assert one.valid is not None
    found, counts = things(one), one.data["counts"]
    at = at_slot(one, clock, rng.random() < 0.7)
    slots = {"camera": s.name("camera", camera(one)), "at": at, "day": clock.date(one.valid.t0)}
    groups: list[tuple[str, ...]] = [FRAME, FRAME] if found else []
    groups += [g for label, g in (("night", NIGHT), ("rain", RAIN)) if found and label in counts]
    groups += [WEATHER] if "rain" in counts else []
    groups += [TWO_THINGS] * 2 if len(found) > 1 else []
    if not groups:
        return None
    chosen = rng.sample(found, min(2, len(found)))
    slots |= {name: thing(label, rng) for name, label in zip(("thing", "other"), chosen, strict=False)}
    return right_claim("frame", rng.choice(rng.choice(groups)), slots, one.id)


def two_frames(world: World, rng: random.Random) -> ScriptedClaim | None:
    """Two frames of one clip: the same thing twice, or one thing and then another."""
    one = rng.choice(of_frames(world))
    later = [e for e in of_frames(world) if e.source == one.source and e.valid.t0 > one.valid.t0 + s.MINUTE]  # type: ignore[union-attr]
    if not later:
        return None
    other, clock = rng.choice(later), s.Clock(world.zone, rng)
    slots = {"camera": s.name("camera", camera(one)), "at_a": at_slot(one, clock), "at_b": at_slot(other, clock)}
    both = [label for label in things(one) if label in things(other)]
    first = [label for label in things(one) if label not in things(other)]
    second = [label for label in things(other) if label not in things(one)]
    if both and rng.random() < 0.5:
        slots["thing"] = thing(rng.choice(both), rng)
        return right_claim("frames", rng.choice(AGAIN), slots, one.id, other.id)
    if not first or not second:
        return None
    slots |= {"thing": thing(rng.choice(first), rng), "other": thing(rng.choice(second), rng)}
    return right_claim("frames", rng.choice(THEN), slots, one.id, other.id)


def frame_count(world: World, rng: random.Random) -> ScriptedClaim | None:
    """In how many of the cited frames something is seen."""
    one = rng.choice(of_frames(world))
    own = [e for e in world.of_kind[Kind.FRAME] if e.source == one.source and e.valid]
    frames = sorted(rng.sample(own, 3), key=lambda e: e.valid.t0 if e.valid else 0)
    label = rng.choice(things(one))
    met = sum(label in e.data["counts"] for e in frames)
    if not 0 < met < 3:
        return None
    slots = {"count": s.count(met, rng), "all": s.name("total", "three"), "thing": thing(label, rng)}
    slots["camera"] = s.name("camera", camera(one))
    return right_claim("frame count", rng.choice(COUNT), slots, *(e.id for e in frames))
