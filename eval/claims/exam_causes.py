"""Invented causes and effects: plausible ones, some of them true of the site, that what is cited does not state."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence

from eval.claims import exam_editing as e
from eval.claims.exam_editing import Mutator
from eval.claims.phrases import CAUSES
from eval.claims.types import ScriptedClaim
from eval.claims.world import World

# what could have caused an alert or a reading anywhere in a plant; none of it happens on a sample site
_FAULTS = (
    "a worn shaft seal", "a dip in the supply voltage", "an operator error", "a failed cooling fan", "a software update",
    "poor lubrication", "a cavitating impeller", "a lightning strike", "the hot weather", "a calibration mistake",
)  # fmt: skip
_DELAYS = (
    "missing spare parts",
    "a shortage of mechanics",
    "a late delivery",
    "a holiday",
    "another repair that took longer",
)
_EFFECTS = (
    "the whole zone was evacuated", "the night shift was called out", "the fire brigade was called", "a new seal was ordered",
    "two deliveries had to wait", "the plant manager was informed", "overtime was needed", "the supplier was changed",
)  # fmt: skip
_HAPPENING = {
    "alert",
    "alert and window",
    "alert and order",
    "window limit",
    "window",
    "alert and frame",
    "windows compared",
}
_WAITING = {"order", "order order"}
_STARTLING = ("smoke", "fire", "spill", "open door")


def _happens(claim: ScriptedClaim) -> bool:
    """Whether a cause can be asked for at all: something happened, moved, passed a limit or took its time."""
    return bool(e.places(claim, "time", "duration", "moved")) or claim.kind == "window limit"


def _causes(claim: ScriptedClaim, world: World) -> Sequence[str]:
    """Noun phrases for causes that nothing cited hints at."""
    thing = e.place(claim, "thing")
    startling = claim.kind == "frame" and thing is not None and thing.slot.value in _STARTLING
    if claim.kind in _WAITING:
        return _DELAYS if e.places(claim, "duration") or claim.kind == "order order" else ()
    if not startling and (claim.kind not in _HAPPENING or not _happens(claim)):
        return ()
    words = " ".join(world.words(claim.evidence).split())
    known = [noun for key, (_, noun) in CAUSES.items() if key not in words and noun not in words]
    return [one for one in (*_FAULTS, *known) if not e.overlapping(world, claim, one)]


def _lowered(claim: ScriptedClaim) -> str:
    """The claim as the second half of a sentence: "Alert AL-1 …" → "alert AL-1 …"; names keep their capitals."""
    first = claim.text.split()[0]
    named = any(span.start == 0 for span in claim.spans if span.slot.kind not in ("thing", "count")) or first.isupper()
    return claim.text if named else claim.text[0].lower() + claim.text[1:]


def because(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """A cause after the fact."""
    causes = _causes(claim, world)
    links = (
        ", because of {}",
        ", owing to {}",
        ", caused by {}",
        ", as a result of {}",
        "; the cause was {}",
        ", thanks to {}",
    )
    return e.extended(claim, rng.choice(links).format(rng.choice(causes))) if causes else None


def due_to(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """A cause before the fact."""
    causes = _causes(claim, world)
    link = rng.choice(("Due to", "Because of", "As a result of", "Owing to"))
    return e.retold(claim, f"{link} {rng.choice(causes)}, {_lowered(claim)}") if causes else None


def led_to(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """A cause as the sentence's subject."""
    causes = _causes(claim, world)
    named = e.place(claim, "alert") or e.place(claim, "order")
    where = e.place(claim, "asset")
    if not causes or named is None or where is None or e.stated(world, claim, "Cause"):
        return None
    what = f"{'alert' if named.slot.kind == 'alert' else 'work order'} {named.slot.text}"
    verb = rng.choice(("led to", "triggered", "was behind", "explains"))
    return e.retold(claim, f"{rng.choice(causes)} {verb} {what} on {where.slot.text}.")


def consequence(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """An effect that nobody wrote down."""
    if claim.kind not in _HAPPENING | _WAITING | {"alert order", "log", "report"} or not _happens(claim):
        return None
    fresh = [one for one in _EFFECTS if not e.overlapping(world, claim, one)]
    links = (
        ", and as a result {}",
        ", which is why {}",
        ", so {}",
        "; because of this, {}",
        ", with the consequence that {}",
    )
    return e.extended(claim, rng.choice(links).format(rng.choice(fresh))) if fresh else None


def _one_from_other(claim: ScriptedClaim) -> Iterator[str]:
    """Two things that the claim tells side by side, told as cause and effect."""
    told = {span.name: span.slot.text for span in claim.spans}
    if {"first", "second", "asset_a", "asset_b"} <= told.keys():
        what = "alert" if claim.kind == "alert order" else "work order"
        both = f"{what} {told['first']} on {told['asset_a']}", f"{what} {told['second']} on {told['asset_b']}"
        yield "{} led to {}.".format(*both)
        yield "{} was the cause of {}.".format(*both)
        yield "Because of {}, {} followed.".format(*both)
    if {"alert", "quantity", "asset", "max", "unit"} <= told.keys():
        yield "Alert {alert} on {asset} made the {quantity} rise to {max} {unit}.".format_map(told)
        yield "The {quantity} of {asset} rose to {max} {unit} because alert {alert} was raised.".format_map(told)
    thing = e.place(claim, "thing")
    if {"alert", "camera", "asset"} <= told.keys() and thing and thing.slot.value in _STARTLING:
        yield "Alert {alert} on {asset} was caused by {thing} that {camera} showed.".format_map(told)
        yield "Because of alert {alert} on {asset}, {camera} showed {thing}.".format_map(told)
    if {"more", "less", "quantity"} <= told.keys():
        yield "The {quantity} of {more} was higher because {less} stood still.".format_map(told)
        yield "The {quantity} of {less} was lower because {more} took over its load.".format_map(told)


def linked(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """What only came after something told as coming from it."""
    found = list(_one_from_other(claim))
    return e.retold(claim, rng.choice(found)) if found else None


def another_cause(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """Where a cause is stated, another one: of another incident, or one that could be."""
    span = e.place(claim, "cause_noun") or e.place(claim, "cause")
    if span is None:
        return None
    words = " ".join(world.words(claim.evidence).split())
    fresh = [both for key, both in CAUSES.items() if key != span.slot.value and key not in words]
    if span.slot.kind == "cause":
        return e.refilled(claim, span, rng.choice(fresh)[0])
    return e.refilled(claim, span, rng.choice([*(noun for _, noun in fresh), *_FAULTS]))


def reversed_cause(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """Cause and effect exchanged."""
    title, asset = e.place(claim, "title"), e.place(claim, "asset")
    cause, noun = e.place(claim, "cause"), e.place(claim, "cause_noun")
    if title is None or asset is None or not (cause or noun):
        return None
    effect = f"the {title.slot.text} on {asset.slot.text}"
    told = [f"{cause.slot.text} because of {effect}."] if cause else []
    told += [f"{effect} was the cause of {noun.slot.text}."] if noun else []
    return e.retold(claim, rng.choice(told))


MUTATORS: Mapping[str, Mutator] = {
    "because": because, "due to": due_to, "led to": led_to, "consequence": consequence, "linked": linked,
    "another cause": another_cause, "reversed": reversed_cause,
}  # fmt: skip
