"""Wrong names: another asset, camera, record, document, person or place, or one that only looks like the right one."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence

from eval.claims import exam_editing as e
from eval.claims.exam_editing import Mutator
from eval.claims.right_tables import fields
from eval.claims.types import ScriptedClaim, Span
from eval.claims.world import World
from retrieval.types import EntityType, Kind

_RECORDS = {"alert": Kind.ALERT, "order": Kind.ROW}
_PLAIN: Mapping[str, Sequence[str]] = {
    "zone": ("Zone A", "Zone B", "Zone C", "Zone D", "Zone E", "Zone F"),
    "firm": ("Alder Services", "Birch Services", "Cedar Services", "Rowan Services"),
    "grease": ("Lithium EP1", "Lithium EP2", "Polyurea EP1", "Polyurea EP2", "Calcium EP1", "Calcium EP2"),
    "place": ("north car park", "canteen forecourt", "east gatehouse", "cabinet", "container", "shelf"),
    "person": ("Shift lead A", "Shift lead B", "Shift lead C", "safety officer", "duty mechanic", "plant manager"),
    "title": ("bearing failure", "product leak", "motor fire", "belt slip", "level signal fault", "gate drive fault"),
}
_ROOMS = ("cabinet", "container", "shelf")


def _instead(
    claim: ScriptedClaim, world: World, span: Span | None, others: Sequence[str], rng: random.Random
) -> ScriptedClaim | None:
    """Another name in a place: one that what is cited says nothing of."""
    fresh = [name for name in others if span and name != span.slot.text and not e.stated(world, claim, name)]
    return e.refilled(claim, span, rng.choice(fresh)) if span and fresh else None


def _any(claim: ScriptedClaim, rng: random.Random, *kinds: str) -> Span | None:
    found = e.places(claim, *kinds)
    return rng.choice(found) if found else None


def asset(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """Another asset of the site."""
    return _instead(claim, world, _any(claim, rng, "asset"), world.names(EntityType.ASSET), rng)


def camera(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """Another camera of the site."""
    return _instead(claim, world, _any(claim, rng, "camera"), world.names(EntityType.CAMERA), rng)


def sensor(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """Another sensor: of the same quantity elsewhere, or of the same asset."""
    return _instead(claim, world, _any(claim, rng, "sensor"), world.names(EntityType.SENSOR), rng)


def record(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """Another alert or work order that there is."""
    span = _any(claim, rng, *_RECORDS)
    if span is None:
        return None
    return _instead(claim, world, span, [fields(one)["id"] for one in world.of_kind[_RECORDS[span.slot.kind]]], rng)


def document(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """Another incident report that there is."""
    told = " ".join(str(one.data.get("title", "")) for one in world.of_kind[Kind.PASSAGE])
    return _instead(claim, world, _any(claim, rng, "report"), sorted(set(re.findall(r"IR-\d+-\d+", told))), rng)


def source(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """What the shift log says told as another document's words, and the other way round."""
    others = ["the maintenance review", "the site induction", "the permit register"]
    title = str(e.cited(world, claim)[0].data.get("title", ""))
    others += [] if title.startswith("Incident") else ["the incident report"]
    match = next(e.between(claim, r"[Tt]he (shift log|findings|machine's counter)(?! of)"), None)
    fresh = [name for name in others if not e.stated(world, claim, name.removeprefix("the "))]
    return match and e.edited(claim, (match.start(), match.end(), rng.choice(fresh))) if fresh else None


def _near(name: str, rng: random.Random) -> str:
    """A name one slip of a key away: a digit changed, exchanged, doubled or lost, a letter more, another first letter."""
    at = rng.choice([n for n, c in enumerate(name) if c.isdigit()])
    changed = str((int(name[at]) + rng.choice((1, 9))) % 10)
    swapped = re.sub(r"(\d)(\d)(?!\d)", r"\2\1", name)
    letter = {"P": "B", "T": "F", "K": "H", "G": "C", "B": "P", "A": "E", "W": "V", "C": "K", "L": "I"}.get(
        name[0], "X"
    )
    return rng.choice((
        name[:at] + changed + name[at + 1 :], swapped, name[:at] + name[at] + name[at:], name[:at] + name[at + 1 :],
        name + rng.choice("AB"), f"{name}-{rng.choice('12')}", letter + name[1:],
    ))  # fmt: skip


def near(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """An asset, camera or sensor that is all but written alike."""
    span = _any(claim, rng, "asset", "asset", "camera", "sensor")
    return _instead(claim, world, span, [_near(span.slot.text, rng)], rng) if span else None


def near_record(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """A number of an alert, order, report or permit that is all but written alike."""
    span = _any(claim, rng, "alert", "order", "report", "permit")
    return _instead(claim, world, span, [_near(span.slot.text, rng)], rng) if span else None


def plain(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """Another zone, firm, grease, place, person or kind of incident."""
    span = _any(claim, rng, *_PLAIN)
    if span is None or span.slot.text == "control room":
        return None
    room = span.slot.text in _ROOMS
    others = [n for n in _PLAIN[span.slot.kind] if span.slot.kind != "place" or (n in _ROOMS) == room]
    return _instead(claim, world, span, others, rng)


def message(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """The message of another alert, or the description of another order."""
    span = _any(claim, rng, "message", "description")
    if span is None:
        return None
    kind = Kind.ALERT if span.slot.kind == "message" else Kind.ROW
    return _instead(claim, world, span, [fields(one)[span.slot.kind] for one in world.of_kind[kind]], rng)


def thing(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """Something else than what a cited frame shows."""
    span = _any(claim, rng, "thing")
    shown = {label for frame in e.cited(world, claim, Kind.FRAME) for label in frame.data["counts"]}
    others = {"a dog": "", "a bicycle": "", "a ladder": "", "a forklift": "forklift", "a lorry": "truck", "a pallet": "pallet",
              "smoke": "smoke", "flames": "fire", "a spill": "spill", "a person": "person"}  # fmt: skip
    fresh = [words for words, label in others.items() if not any(label and label in one for one in shown)]
    # a hard hat or a vest is worn by somebody, and where there is fire there may be smoke
    fresh = [words for words in fresh if not (words == "a person" and shown & {"hi-vis vest"})]
    return e.refilled(claim, span, rng.choice(fresh)) if span and fresh else None


MUTATORS: Mapping[str, Mutator] = {
    "asset": asset, "camera": camera, "sensor": sensor, "record": record, "document": document, "source": source,
    "near name": near, "near record": near_record, "person or place": plain, "message": message, "thing seen": thing,
}  # fmt: skip
