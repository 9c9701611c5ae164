"""Right claims about frames: what a camera saw, and when; two frames beside each other."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping

from eval.claims.held_slots import lasting_slot, name_slot, shuffled, time_slot, word
from eval.claims.held_words import SEEN, wording
from eval.claims.types import ScriptedClaim, Slot, places, right_claim
from eval.claims.world import World
from retrieval.types import Evidence, Kind, Relation

ONE = (
    "{camera} {showed} {thing} at {at}.",
    "At {at}, {camera} {showed} {thing}.",
    "{thing} {was_seen} by {camera} at {at}.",
    "At {at}, {thing} {was_visible} on {camera}.",
    "{camera} {had} {thing} in view at {at}.",
    "The picture from {camera} at {at} {shows} {thing}.",
    "{thing} {was_in} the view of {camera} at {at}.",
)
TWO = (
    "{camera} {showed} {thing} and {thing2} at {at}.",
    "At {at}, both {thing} and {thing2} {were_seen} by {camera}.",
    "{camera} {showed} {thing} together with {thing2} at {at}.",
)
DARK = (
    "{camera}'s view {was_dark} at {at}.",
    "It {was_dark} in front of {camera} at {at}, with {thing} in view.",
)
AGAIN = (
    "{camera} {showed} {thing} at {one_at} and again at {other_at}.",
    "{thing} {was_seen} by {camera} at {one_at} and also {gap} later.",
)
ORDER = (
    "{one_camera} {showed} {one_thing} at {one_at}, {gap} {before} {other_camera} showed {other_thing}.",
    "{one_thing} {was_seen} by {one_camera}, {gap} {before} {other_thing} was seen by {other_camera}, at {other_at}.",
)
PEOPLE = frozenset(("person", "hi-vis vest", "person with hard hat", "person without hard hat"))
_VERBS: Mapping[str, Slot] = {
    "showed": word("showed", negation="did not show|showed no sign of", quantifier="was the only camera that showed"),
    "shows": word("shows", negation="does not show", quantifier="shows, like every other camera's,"),
    "was_seen": word("was seen", negation="was not seen|was missed", quantifier="was seen only"),
    "was_visible": word("was visible", negation="was not visible|was nowhere visible", quantifier="was visible on every camera and also"),
    "was_in": word("was in", negation="was not in|had left", quantifier="was, on no other camera than this, in"),
    "had": word("had", negation="did not have|no longer had", quantifier="was one of at least two cameras that had"),
    "were_seen": word("were seen", negation="were missed"),
    "was_dark": word("was dark", negation="was not dark", quantifier="was dark, as on all cameras,"),
    "before": word("before", roles="after"),
}  # fmt: skip


def frames(world: World, rng: random.Random) -> Iterator[ScriptedClaim]:
    """Claims about single frames, with every label and every combination of them about as often."""
    kinds = _by_labels(world)
    while kinds:
        for labels in shuffled(sorted(kinds), rng):
            frame = rng.choice(kinds[labels])
            template = rng.choice((*ONE, *TWO, *DARK))
            slots = _slots(frame, world, rng)
            if places(template) <= slots.keys():
                yield right_claim("frame", template, slots, frame.id)


def pairs(world: World, rng: random.Random) -> Iterator[ScriptedClaim]:
    """Claims over two frames: one thing again, or one thing before another."""
    kinds = _by_labels(world)
    telling = sorted(labels for labels in kinds if any(label in SEEN for label in labels))
    while telling:
        template = rng.choice((*AGAIN, *ORDER))
        one = rng.choice(kinds[rng.choice(telling)])
        other = rng.choice(kinds[rng.choice(telling)])
        slots = _again(one, other, world, rng) if template in AGAIN else _order(one, other, world, rng)
        if places(template) <= slots.keys():
            yield right_claim("frames", template, slots, one.id, other.id)


def labels_of(frame: Evidence) -> tuple[str, ...]:
    """What the detectors saw in a frame, in order."""
    return tuple(sorted(frame.data.get("counts", {})))


def family(label: str) -> frozenset[str]:
    """What a label stands for where claims must not be true by chance: all signs of people are one, so are forklifts of no colour."""
    if label in PEOPLE:
        return PEOPLE
    return frozenset((label, "forklift")) if label.endswith("forklift") else frozenset((label,))


def camera_of(frame: Evidence) -> str | None:
    """The camera that took a frame."""
    return next((m.entity for m in frame.entities if m.relation is Relation.OBSERVED_AT), None)


def thing_slot(label: str, rng: random.Random) -> Slot | None:
    """A thing in view. Its kind is "label", so that another can be put in its stead; a coloured forklift keeps its colour."""
    said = wording(SEEN, label, rng)
    if said is None and label.endswith(" forklift"):
        said = word(rng.choice((f"a {label}", f"a {label.replace('forklift', 'lift truck')}")))
    return Slot("label", said.text, (label, said.value)) if said else None


def _by_labels(world: World) -> dict[tuple[str, ...], list[Evidence]]:
    found = defaultdict(list)
    for frame in world.of_kind.get(Kind.FRAME, ()):
        if labels_of(frame) and frame.valid is not None and camera_of(frame):
            found[labels_of(frame)].append(frame)
    return found


def _slots(frame: Evidence, world: World, rng: random.Random) -> dict[str, Slot]:
    assert frame.valid is not None
    slots = {**_VERBS, "camera": _camera(frame, world, rng), "at": time_slot(frame.valid.t0, world.zone, rng)}
    seen = [slot for label in shuffled(_apart(labels_of(frame)), rng) if (slot := thing_slot(label, rng))]
    slots |= dict(zip(("thing", "thing2"), seen, strict=False))
    if "night" not in labels_of(frame) or frame.data.get("brightness", 0) > 100:  # of 255; daylight pictures are above
        del slots["was_dark"]
    return slots


def _apart(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Without the labels that others of the same frame include: a yellow forklift is not a second forklift."""
    return tuple(label for label in labels if not any(label in other.split() and label != other for other in labels))


def _again(one: Evidence, other: Evidence, world: World, rng: random.Random) -> dict[str, Slot]:
    shared = [label for label in labels_of(one) if label in labels_of(other) and label in SEEN]
    if camera_of(one) != camera_of(other) or not shared or _gap(one, other) < 60:
        return {}
    thing = thing_slot(rng.choice(shared), rng)
    return _timed(one, other, world, rng) | {"camera": _camera(one, world, rng)} | ({"thing": thing} if thing else {})


def _order(one: Evidence, other: Evidence, world: World, rng: random.Random) -> dict[str, Slot]:
    if not 60 <= _gap(one, other) <= 43_200:
        return {}
    slots = _timed(one, other, world, rng)
    for side, frame, against in (("one", one, other), ("other", other, one)):
        # a thing that both frames show a sign of would be seen both before and after
        shown = frozenset().union(*map(family, labels_of(against)))
        own = [label for label in labels_of(frame) if label in SEEN and not family(label) & shown]
        thing = thing_slot(rng.choice(own), rng) if own else None
        slots |= {f"{side}_camera": _camera(frame, world, rng)} | ({f"{side}_thing": thing} if thing else {})
    return slots


def _timed(one: Evidence, other: Evidence, world: World, rng: random.Random) -> dict[str, Slot]:
    assert one.valid is not None and other.valid is not None
    return {
        **_VERBS,
        "one_at": time_slot(one.valid.t0, world.zone, rng),
        "other_at": time_slot(other.valid.t0, world.zone, rng),
        "gap": lasting_slot(_gap(one, other), rng),
    }


def _gap(one: Evidence, other: Evidence) -> float:
    """Seconds from the first frame to the second, negative where it is the earlier one."""
    assert one.valid is not None and other.valid is not None
    return (other.valid.t0 - one.valid.t0) / 1e6


def _camera(frame: Evidence, world: World, rng: random.Random) -> Slot:
    return name_slot("camera", camera_of(frame) or "", world, rng)
