"""Wrong claims by another value in a place of a right one: figure, unit, time, name or grade, each checked to be false."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC
from functools import partial

from eval.claims.held_facts import OTHER_PARTS
from eval.claims.held_frames import family, labels_of, thing_slot
from eval.claims.held_slots import (
    HOUR,
    MINUTE,
    shuffled,
    twists,
    write_lasting,
    write_name,
    write_number,
    write_span,
    write_time,
)
from eval.claims.held_words import SEEN
from eval.claims.types import ScriptedClaim, Span
from eval.claims.world import World
from retrieval.times import to_datetime
from retrieval.types import EntityType, Interval, Kind, Micros

DAY: Micros = 24 * HOUR
GRADES: Mapping[str, Sequence[str]] = {
    "severity": ("low", "medium", "high", "critical"),
    "priority": ("low", "normal", "urgent"),
    "status": ("open", "closed", "cancelled", "on hold"),
}
ENTITIES = {
    "asset": EntityType.ASSET, "sensor": EntityType.SENSOR, "camera": EntityType.CAMERA, "zone": EntityType.ZONE,
    "person": EntityType.PERSON,
}  # fmt: skip
_FORKLIFTS = ("red forklift", "blue forklift", "yellow forklift")
_VAGUE = re.compile(r"\b(about|around|roughly)\s*$", re.IGNORECASE)
_NUMBERS = re.compile(r"\d+(?:\.\d+)?")
# units of a duration, one step up and one step down
_LONGER = {"second": "minute", "minute": "hour", "hour": "day", "min": "h", "s": "min"}
_SHORTER = {"minute": "second", "hour": "minute", "min": "s"}

Texts = Iterator[str]
Change = Callable[[ScriptedClaim, Span, World, random.Random], Texts]


def replaced(claim: ScriptedClaim, mutation: str, *changes: tuple[Span, str]) -> ScriptedClaim:
    """The claim with other texts in some of its places, as a wrong one."""
    text = claim.text
    for span, other in sorted(changes, key=lambda change: -change[0].start):
        text = text[: span.start] + other + text[span.end :]
    return ScriptedClaim(text[:1].upper() + text[1:], claim.evidence, False, mutation, claim.text, claim.kind)


def changed(mutation: str, change: Change) -> Callable[[ScriptedClaim, World, random.Random], ScriptedClaim | None]:
    """A mutation that puts another text in one place: the first that `change` offers for a random place, or a twin of a word."""

    def make(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
        for span in shuffled(claim.spans, rng):
            twins = [text for kind, text in twists(span.slot) if kind == mutation]
            for other in (*shuffled(twins, rng), *change(claim, span, world, rng)):
                wrong = replaced(claim, mutation, (span, other))
                if wrong.text != claim.text:
                    return wrong
        return None

    return make


def vague(claim: ScriptedClaim, span: Span) -> bool:
    """Whether a place is said to be near the truth only."""
    return bool(_VAGUE.search(claim.text[: span.start])) or bool(re.match("(about|around|roughly)", span.slot.text))


def none(claim: ScriptedClaim, span: Span, world: World, rng: random.Random) -> Texts:
    """No other text than the twins of words."""
    yield from ()


# --- figures --------------------------------------------------------------------------------------------------------


def numbers(claim: ScriptedClaim, span: Span, world: World, rng: random.Random) -> Texts:
    """Other figures, far enough from the true one, that stand nowhere in what is cited."""
    known = set(_NUMBERS.findall(world.words(claim.evidence)))
    slot, loose = span.slot, vague(claim, span)
    if slot.kind == "lasting":
        yield from _lastings(slot.form, slot.value, loose, rng)
    if slot.kind in ("number", "count"):
        for other in shuffled(list(_figures(slot.value, slot.kind == "count", loose)), rng):
            text = write_number(slot.form, other)
            if not known & set(_NUMBERS.findall(text)):
                yield text


def _figures(value: float, whole: bool, loose: bool) -> Iterator[float]:
    off = 0.2 if loose else 0.03
    tries = [value * 10, value / 10, value * 1.1, value * 0.9, value * 1.3, value * 0.75, value + 10, value - 10]
    tries += [_turned(value), float(f"{value:.1g}")]  # two digits changed about; rounded too far
    tries += [value + 1, value - 1] if whole and not loose else []
    for other in tries:
        least = 0.5 if whole and not loose else off * abs(value)
        if other > 0 and abs(other - value) > least:
            yield float(round(other)) if whole else round(other, 2)


def _turned(value: float) -> float:
    """The figure with its first two unlike neighbouring digits in each other's place."""
    text = f"{value:.2f}"
    for at in range(len(text) - 1):
        a, b = text[at], text[at + 1]
        if a.isdigit() and b.isdigit() and a != b:
            return float(text[:at] + b + a + text[at + 2 :])
    return value


def _lastings(form: str, seconds: float, loose: bool, rng: random.Random) -> Texts:
    minutes, rest = divmod(round(seconds), 60)
    tries = [seconds * factor for factor in (0.5, 0.7, 1.4, 2.0)]
    if not loose:
        tries += [seconds + 300, seconds - 300, _turned(minutes / 100) * 6000 + rest, seconds * 1.1, seconds * 0.9]
    for other in shuffled(tries, rng):
        exact = round(other) if rest else round(other / 60) * 60
        if exact > 0 and abs(exact - seconds) > max(30, (0.15 if loose else 0.03) * seconds):
            yield write_lasting(form, exact)


# --- units ----------------------------------------------------------------------------------------------------------


def units(claim: ScriptedClaim, span: Span, world: World, rng: random.Random) -> Texts:
    """A duration with the next longer or shorter units."""
    if span.slot.kind == "lasting":
        # of two units the smaller would become the larger's twin
        steps = (_LONGER, _SHORTER) if len(_NUMBERS.findall(span.slot.text.replace(",", ""))) == 1 else (_LONGER,)
        for step in shuffled(steps, rng):
            yield re.sub(r"[a-z]+", partial(_stepped, step), span.slot.text)


def _stepped(step: Mapping[str, str], match: re.Match[str]) -> str:
    word = match.group()
    if word in step:
        return step[word]
    single = word.removesuffix("s")
    return f"{step[single]}s" if single in step and word != single else word


# --- times ----------------------------------------------------------------------------------------------------------


def times(claim: ScriptedClaim, span: Span, world: World, rng: random.Random) -> Texts:
    """Another minute, hour, day, half of the day, zone, or the other end of the same event."""
    slot = span.slot
    if slot.kind == "span":
        for by in shuffled((HOUR, -HOUR, 2 * HOUR, -3 * HOUR, 12 * HOUR, DAY, -DAY), rng):
            yield write_span(slot.form, Interval(slot.value.t0 + by, slot.value.t1 + by), world.zone)
    if slot.kind == "time":
        for at in shuffled(list(_moments(claim, span, world)), rng):
            if not _shown(claim, at, world):
                yield write_time(slot.form, at, world.zone)


def _moments(claim: ScriptedClaim, span: Span, world: World) -> Iterator[Micros]:
    at, form = span.slot.value, span.slot.form
    offset = to_datetime(at, world.zone).utcoffset()
    yield from (at + by * HOUR for by in (-3, -1, 1, 4))
    if "{d" in form or "{nth}" in form:
        yield from (at - DAY, at + DAY, at + 7 * DAY)
    if "{S}" in form:
        yield from (at + 70_000_000, at - 65_000_000)
    if not vague(claim, span):
        yield from (at + by * MINUTE for by in (-20, -6, -3, 3, 7, 30))
    if offset:  # the hands of the one zone under the name of the other
        yield at + int(offset.total_seconds()) * 1_000_000 * (1 if form.startswith("u") else -1)
    if "{p}" in form:
        morning = to_datetime(at, UTC if form.startswith("u") else world.zone).hour < 12
        yield at + 12 * HOUR * (1 if morning else -1)
    yield from (end for end in _ends(claim, world) if abs(end - at) >= (15 if vague(claim, span) else 3) * MINUTE)


def _ends(claim: ScriptedClaim, world: World) -> Iterator[Micros]:
    """When the records that are cited began and ended, and when cited windows were at their lowest and highest."""
    for one in (world.by_id[id_] for id_ in claim.evidence if id_ in world.by_id):
        if one.kind in (Kind.ALERT, Kind.ROW) and one.valid and len(claim.evidence) == 1:
            yield from (one.valid.t0, one.valid.t1)
        yield from (one.data[name] for name in ("t_min", "t_max") if name in one.data)


def _shown(claim: ScriptedClaim, at: Micros, world: World) -> bool:
    """Whether a cited frame was taken at a moment, give or take what is said without seconds."""
    frames = [world.by_id[id_] for id_ in claim.evidence if world.by_id[id_].kind is Kind.FRAME]
    return any(one.valid.t0 - 15_000_000 <= at <= one.valid.t1 + 15_000_000 for one in frames if one.valid)


# --- names and grades -----------------------------------------------------------------------------------------------


def names(claim: ScriptedClaim, span: Span, world: World, rng: random.Random) -> Texts:
    """Another thing of the same kind, the most alike first now and then, that no cited piece names."""
    slot, cited = span.slot, world.words(claim.evidence)
    if slot.kind == "label":
        yield from _labels(claim, span, world, rng)
    if slot.kind in OTHER_PARTS:
        yield from shuffled([other for other in OTHER_PARTS[slot.kind] if other not in cited], rng)
    for other in _alike(slot.kind, slot.value, world, rng):
        text = write_name(slot.kind, slot.form, other, world)
        if other not in cited and text.lower() not in cited.lower() and other not in claim.text:
            yield text


def _alike(kind: str, id_: str, world: World, rng: random.Random) -> Iterable[str]:
    if kind in ENTITIES:
        others = [other for other in world.names(ENTITIES[kind]) if other != id_]
        near = [other for other in others if other.split("-")[:1] == id_.split("-")[:1]]
        return shuffled(near if near and rng.random() < 0.7 else others, rng)
    if kind not in ("alert", "order", "report", "permit"):
        return ()
    known = [
        str(one.data.get("fields", {}).get("id", ""))
        for one in world.evidence
        if one.kind is (Kind.ALERT if kind == "alert" else Kind.ROW) and kind in ("alert", "order")
    ]
    others = [other for other in known if other and other != id_]
    return shuffled([*rng.sample(others, min(2, len(others))), *_misread(id_)], rng)


def _misread(id_: str) -> Iterator[str]:
    """The tag with one digit off, and with its last two digits in each other's place."""
    yield id_[:-1] + str((int(id_[-1]) + 3) % 10)
    if id_[-1] != id_[-2] and id_[-2].isdigit():
        yield id_[:-2] + id_[-1] + id_[-2]


def _labels(claim: ScriptedClaim, span: Span, world: World, rng: random.Random) -> Texts:
    """Things that no cited frame shows a sign of; in the place of a coloured forklift also one of another colour."""
    cited = [world.by_id[id_] for id_ in claim.evidence]
    labels = {label for one in cited for label in labels_of(one)}
    seen = {part for label in labels for part in family(label)}
    other = [label for label in SEEN if not family(label) & seen]
    if span.slot.value[0].endswith(" forklift"):
        other += [label for label in _FORKLIFTS if label not in labels]
    for label in shuffled(sorted(other), rng):
        thing = thing_slot(label, rng)
        if thing is not None:
            yield thing.text


def grades(claim: ScriptedClaim, span: Span, world: World, rng: random.Random) -> Texts:
    """Another severity, priority or status."""
    yield from shuffled([other for other in GRADES.get(span.slot.kind, ()) if other != span.slot.value], rng)
