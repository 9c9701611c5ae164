"""Added details: a right claim with something more that nothing cited says."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from eval.claims import exam_editing as e
from eval.claims.exam_editing import Mutator
from eval.claims.types import ScriptedClaim
from eval.claims.world import World
from retrieval.types import EntityType, Kind

_COLOURS = ("red", "blue", "white", "green", "orange")
# a label → other words for it that say more
_MORE: Mapping[str, Sequence[str]] = {
    "person": ("two people", "a person on a ladder", "a person with a torch", "a woman", "a person lying on the floor"),
    "person with hard hat": ("a person with a white hard hat", "a person with a hard hat and gloves"),
    "hi-vis vest": ("an orange hi-vis vest", "two hi-vis vests", "a torn hi-vis vest"),
    "truck": ("a white truck", "a tanker truck", "two trucks", "a truck with its doors open"),
    "pallet": ("a broken pallet", "two pallets", "a pallet of drums", "a pallet blocking the walkway"),
    "smoke": ("black smoke", "smoke from the motor", "thick smoke"),
    "fire": ("fire on the ground", "a fire being put out"),
    "spill": ("an acid spill", "a spill of diesel", "a spill with a warning sign beside it"),
    "open door": ("two open doors", "an open emergency door", "a forced open door"),
}
_HAPPENED = ("alert", "alert order", "alert and window", "alert and order", "order", "log", "report", "alert and frame")
_WITNESSES = ("the duty electrician", "a contractor", "the night guard", "the plant manager", "a lorry driver")


def _told(claim: ScriptedClaim) -> bool:
    """Whether something can be added to the end: the claim tells what happened, at a time or for a time."""
    return claim.kind in _HAPPENED and bool(e.places(claim, "time", "duration"))


def witness(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """Somebody who saw or said it."""
    fresh = [one for one in _WITNESSES if not e.overlapping(world, claim, one)]
    links = (", as {} reported", ", and {} confirmed it", "; {} was the first to notice", ", in the presence of {}")
    return e.extended(claim, rng.choice(links).format(rng.choice(fresh))) if fresh and _told(claim) else None


def figure(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """A figure of money, people or things."""
    additions = (
        f", at a cost of {rng.randrange(3, 90) * 100} euros", f", with {rng.randrange(2, 9)} people on site",
        f"; {rng.randrange(2, 12)} deliveries were delayed", f", and {rng.randrange(2, 20)} pallets had to be moved",
    )  # fmt: skip
    return e.extended(claim, rng.choice(additions)) if _told(claim) else None


def seen_more(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """More of a thing than a frame was found to show: its colour, its number, what it does."""
    span = e.place(claim, "thing")
    others = _MORE.get(str(span.slot.value), ()) if span else ()
    return e.refilled(claim, span, rng.choice(others)) if span and others else None


def colour(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """A forklift of a colour that was not found."""
    span = e.place(claim, "thing")
    if span is None or "forklift" not in str(span.slot.value):
        return None
    shown = {label for frame in e.cited(world, claim, Kind.FRAME) for label in frame.data["counts"]}
    colour_ = rng.choice([one for one in _COLOURS if f"{one} forklift" not in shown])
    return e.refilled(claim, span, f"{'an' if colour_ == 'orange' else 'a'} {colour_} forklift")


def where(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """A zone in which the asset is not."""
    assets = e.places(claim, "asset")
    if len(assets) != 1 or not _told(claim) or e.places(claim, "zone"):
        return None
    own = world.entities[assets[0].slot.text].facts.get("zone")
    others = [world.entities[one].name for one in world.names(EntityType.ZONE) if one != own]
    fresh = [one for one in others if not e.stated(world, claim, one)]
    after = claim.text[assets[0].end : assets[0].end + 5]
    if not fresh or after not in (" was ", " at 1", " at 0", " had "):
        return None
    return e.edited(claim, (assets[0].end, assets[0].end, f" in {rng.choice(fresh)}"))


def topology(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """An asset that another is said to feed."""
    assets = [
        span for span in e.places(claim, "asset") if claim.text[span.end :].startswith((" was ", " had ", " stood "))
    ]
    if not assets:
        return None
    # pumps feed tanks here, and nothing else feeds anything
    tanks = {one.id for one in world.entities.values() if one.facts.get("type") == "tank"}
    own = assets[0].slot.text
    others = [one for one in world.names(EntityType.ASSET) if own not in tanks and one not in tanks and one != own]
    fresh = [one for one in others if not e.stated(world, claim, one)]
    if not fresh:
        return None
    told = rng.choice((", which feeds {},", ", which is fed by {},", ", wired in series with {},")).format(
        rng.choice(fresh)
    )
    return e.edited(claim, (assets[0].end, assets[0].end, told))


def repeated(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """How often it had happened before."""
    additions = (
        ", for the third time that week",
        ", for the first time that year",
        ", as on the day before",
        ", once again",
    )
    return e.extended(claim, rng.choice(additions)) if _told(claim) else None


def aftermath(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """What happened besides."""
    additions = (
        "nobody was hurt", "two people were treated by first aiders", "the area was cordoned off", "it was photographed",
        "a follow-up inspection was agreed", "the insurer was told",
    )  # fmt: skip
    fresh = [one for one in additions if not e.overlapping(world, claim, one) and "hurt" not in claim.text]
    return e.extended(claim, f", and {rng.choice(fresh)}") if fresh and _told(claim) else None


def meaning(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """What a reading is said to mean."""
    additions = (
        ", a sign of imminent failure", ", which is normal for this time of day", ", more than on the day before",
        ", as the maker had predicted", ", a record for the month",
    )  # fmt: skip
    figure_ = any(e.place(claim, name) for name in ("max", "min", "mean", "value"))
    return e.extended(claim, rng.choice(additions)) if claim.kind == "window" and figure_ else None


MUTATORS: Mapping[str, Mutator] = {
    "witness": witness, "figure": figure, "seen more": seen_more, "colour": colour, "where": where, "topology": topology,
    "repeated": repeated, "aftermath": aftermath, "meaning": meaning,
}  # fmt: skip
