"""Right claims about frames in other people's words: what was found in them, when, by which camera."""

from __future__ import annotations

import random
from collections.abc import Mapping

from eval.claims import slots as s
from eval.claims import voices_slots as v
from eval.claims.right_frames import at_slot, camera, of_frames, things
from eval.claims.types import ScriptedClaim, Slot
from eval.claims.world import World
from retrieval.types import Evidence, Kind

FRAME = (
    "{camera} picked up {thing} at {at}.",
    "At {at}, {camera} had {thing} in view.",
    "Footage from {camera} at {at} shows {thing}.",
    "{thing} was picked up by {camera} at {at} on {day}.",
    "In the picture that {camera} took at {at}, there is {thing}.",
    "{camera}, {at}: {thing}.",
    "{camera} {day} {at} - {thing} in view",
    "We see {thing} on {camera} at {at}.",
    "There was {thing} in front of {camera} at {at}.",
    "On {day}, the image from {camera} at {at} has {thing} in it.",
    "Seen at {at} by {camera}: {thing}.",
    "The camera {camera} recorded {thing} on {day} at {at}.",
    "{thing} appears on {camera} at {at}.",
    "At {at} on {day} one can make out {thing} on {camera}.",
    "Looking at {camera} at {at}, {thing} is in the frame.",
    "{camera} detected {thing}. The time was {at}.",
    "A look at {camera} for {at} reveals {thing}.",
    "It was at {at} that {camera} had {thing} in the picture.",
)
TWO_THINGS = (
    "{camera} had both {thing} and {other} in view at {at}.",
    "In one and the same frame of {camera}, at {at}, there are {thing} and {other}.",
    "At {at}, {thing} and {other} were in view of {camera}.",
    "{camera} at {at}: {thing}, {other}.",
    "{thing} can be made out on {camera} at {at}, and {other} as well.",
    "Besides {thing}, {camera} picked up {other} at {at}.",
)
NIGHT = (
    "{camera} picked up {thing} at night, at {at}.",
    "The night picture of {camera} from {at} has {thing} in it.",
    "{camera} at {at}, a night scene with {thing}.",
)  # fmt: skip
RAIN = (
    "In the rain, {camera} picked up {thing} at {at}.",
    "{camera} had {thing} in view at {at} while it was raining.",
    "Rain and {thing} on {camera} at {at}.",
)
WEATHER = ("{camera} showed rain at {at}.", "Rain was falling in view of {camera} at {at} on {day}.")
AGAIN = (
    "{camera} picked up {thing} at {at_a} and once more at {at_b}.",
    "Twice, at {at_a} and at {at_b}, {camera} had {thing} in view.",
    "{thing} was on {camera} at {at_a} and {apart} later too.",
    "At {at_a} there was {thing} on {camera}; the same holds for {at_b}.",
    "Both frames of {camera}, {at_a} and {at_b}, have {thing} in them.",
    "{thing} turns up on {camera} at {at_a} as well as at {at_b}.",
)
THEN = (
    "First {camera} had {thing} in view, at {at_a}; at {at_b} it was {other}.",
    "{camera} picked up {other} at {at_b}, {apart} after it had picked up {thing}.",
    "At {at_a} {camera} shows {thing}, at {at_b} {other}.",
    "{thing} ({at_a}) came before {other} ({at_b}) on {camera}.",
    "Having picked up {thing} at {at_a}, {camera} had {other} in view at {at_b}.",
    "{camera}: {thing} at {at_a}, {other} at {at_b}.",
    "After {thing} at {at_a}, {other} was picked up by {camera} at {at_b}.",
)
COUNT = (
    "{thing} is in view in {count} out of {all} frames of {camera}.",
    "{thing} turns up in {count} of {all} pictures from {camera}.",
    "{camera} picked up {thing} in {count} out of {all} frames.",
    "Of the {all} images of {camera}, {thing} is in {count}.",
)
# labels of what is seen → noun phrases in the singular that say the same
THINGS: Mapping[str, tuple[str, ...]] = {
    "person": ("a person", "somebody", "someone"),
    "person with hard hat": ("a person in a hard hat", "a person wearing a helmet", "someone with a hard hat on"),
    "hi-vis vest": ("a hi-vis vest", "a high-visibility vest"),
    "forklift": ("a forklift", "a forklift truck", "a fork-lift"),
    "blue forklift": ("a blue forklift", "a forklift painted blue"),
    "red forklift": ("a red forklift", "a forklift painted red"),
    "yellow forklift": ("a yellow forklift", "a forklift painted yellow"),
    "green forklift": ("a green forklift", "a forklift painted green"),
    "white forklift": ("a white forklift", "a forklift painted white"),
    "orange forklift": ("an orange forklift", "a forklift painted orange"),
    "truck": ("a truck", "a lorry"),
    "pallet": ("a pallet", "at least one pallet"),
    "smoke": ("smoke", "some smoke"),
    "fire": ("fire", "a fire", "something burning"),
    "spill": ("a spill", "spilled liquid", "some liquid on the floor", "a spillage"),
    "open door": ("an open door", "a door standing open"),
}


def thing(label: str, rng: random.Random) -> Slot:
    return s.name("thing", rng.choice(THINGS[label]), label)


def frame(world: World, rng: random.Random) -> ScriptedClaim | None:
    """One frame."""
    voice, one = v.Voice(world.zone, rng), rng.choice([e for e in world.of_kind[Kind.FRAME] if e.valid])
    assert one.valid is not None
    found, counts = things(one), one.data["counts"]
    slots = {"camera": s.name("camera", camera(one)), "day": voice.date(one.valid.t0)}
    slots["at"] = voice.time(one.valid.t0, seconds=rng.choice((True, True, None)))
    chosen = rng.sample(_apart(found), min(2, len(_apart(found))))
    slots |= {name: thing(label, rng) for name, label in zip(("thing", "other"), chosen, strict=False)}
    groups = [(True, FRAME), (True, TWO_THINGS), ("night" in counts, NIGHT), ("rain" in counts, RAIN)]
    return v.tell("frame", [*groups, ("rain" in counts, WEATHER)], slots, (one,), rng)


def _apart(found: list[str]) -> list[str]:
    """What is seen, a forklift whose colour is known told once: it is no second one."""
    coloured = any(label.endswith(" forklift") for label in found)
    return [label for label in found if not (coloured and label == "forklift")]


def two_frames(world: World, rng: random.Random) -> ScriptedClaim | None:
    """Two frames of one clip: the same thing twice, or one thing and then another."""
    one = rng.choice(of_frames(world))
    later = [e for e in of_frames(world) if e.source == one.source and _after(e, one)]
    if not later:
        return None
    other, voice = rng.choice(later), v.Voice(world.zone, rng)
    slots = {"camera": s.name("camera", camera(one)), "at_a": at_slot(one, voice), "at_b": at_slot(other, voice)}
    slots["apart"] = v.duration((slots["at_b"].value - slots["at_a"].value) / 1e6, rng)
    shared, first, second = _told(one, other)
    if shared and rng.random() < 0.5:
        slots["thing"] = thing(rng.choice(shared), rng)
        return v.tell("frames", [(True, AGAIN)], slots, (one, other), rng)
    if not first or not second:
        return None
    slots |= {"thing": thing(rng.choice(first), rng), "other": thing(rng.choice(second), rng)}
    return v.tell("frames", [(True, THEN)], slots, (one, other), rng)


def _after(frame: Evidence, other: Evidence) -> bool:
    assert frame.valid is not None and other.valid is not None
    return frame.valid.t0 > other.valid.t0 + s.MINUTE


def _told(one: Evidence, other: Evidence) -> tuple[list[str], list[str], list[str]]:
    """What both frames show, what only the first shows, and what only the second shows."""
    a, b = things(one), things(other)
    return [x for x in a if x in b], [x for x in a if x not in b], [x for x in b if x not in a]


def frame_count(world: World, rng: random.Random) -> ScriptedClaim | None:
    """In how many of the cited frames something is seen."""
    one = rng.choice(of_frames(world))
    own = [e for e in world.of_kind[Kind.FRAME] if e.source == one.source and e.valid]
    frames = rng.sample(own, min(len(own), rng.choice((3, 4))))
    label = rng.choice(things(one))
    met = sum(label in e.data["counts"] for e in frames)
    if not 0 < met < len(frames):
        return None
    slots = {"count": s.count(met, rng), "all": s.name("total", s.write_count(len(frames), "word"))}
    slots |= {"thing": thing(label, rng), "camera": s.name("camera", camera(one))}
    return v.tell(
        "frame count", [(True, COUNT)], slots, sorted(frames, key=lambda e: e.valid.t0 if e.valid else 0), rng
    )
