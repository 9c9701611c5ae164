"""Wrong claims by another sense: swapped roles, invented causes, sweeping words, added details, two truths merged into one."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from eval.claims.held_causes import CAUSES
from eval.claims.held_frames import family, labels_of
from eval.claims.held_slots import MINUTE, shuffled, twists, write_number
from eval.claims.held_values import replaced, vague
from eval.claims.types import ScriptedClaim, Span
from eval.claims.world import World
from retrieval.types import EntityType, Kind

# words that tell the two sides of a claim apart, so that changing the sides makes it false
_ASYMMETRIC = frozenset(("before", "after", "longer", "higher", "was_followed", "gives", "stood"))
_CARRIED = frozenset(
    (
        "raised", "cleared", "lasting", "severity", "message", "opened", "closed", "priority", "job", "fix", "cause", "max",
        "min", "mean", "first", "last", "t_max", "t_min", "thing", "at", "minutes", "litres", "title", "person", "gap", "zone",
    )
)  # fmt: skip
_NAMING = frozenset(("alert", "order", "asset", "sensor", "camera", "span", "day", "routine", "report"))

_CAUSES: Mapping[str, Sequence[str]] = {
    "alert": (
        "because an operator had bypassed the interlock", "due to a dip in the mains voltage", "as a result of poor lubrication",
        "triggered by a fault in {other}", "which led to a stop of {other}", "which forced the shift to throttle {other}",
        "caused by work on {other}", "owing to a setting left over from commissioning", "in consequence of the night's rain",
        "so that the area had to be cleared", "since the maintenance interval had been missed", "after being set off by {other}",
        "because {cause}", "caused by the fact that {cause}",
    ),
    "order": (
        "because the insurer had asked for it", "in order to make room for work on {other}", "which delayed the work on {other}",
        "due to a shortage of spare parts", "as a consequence of the failure of {other}", "after an audit had demanded it",
        "so as to avoid a second failure that month", "because the night crew had complained", "prompted by a fault in {other}",
    ),
    "window": (
        "because the cooling had been switched off", "due to a heavier load after the shift change", "driven by the fault in {other}",
        "which led to a trip of {other}", "as a result of a blocked filter", "caused by the warm weather", "because {cause}",
        "which made the operators slow {other} down", "owing to a drifting transmitter", "because the feed from {other} had changed",
    ),
    "frame": (
        "because a hose had burst", "due to the late delivery", "which led to the stop of {other}", "as a result of work on {other}",
        "because the door had been left unlocked", "in order to reach {other}", "caused by the fault in {other}",
        "which made the shift lead raise the alarm", "since the day shift had left early",
    ),
    "passage": (
        "because the procedure had been changed the week before", "as a result of the fault in {other}",
        "due to the shortage of staff", "which led to a new rule for {other}", "so that {other} could go on running",
        "in consequence of an audit finding", "owing to the time pressure of the night shift", "because the insurer insists on it",
    ),
    "pair": (
        "the one having caused the other", "the second being a consequence of the first", "both because of a fault in {other}",
        "since the first had overloaded {other}", "which in turn led to the trip of {other}", "due to the same power dip",
        "because of a shared supply fault", "the first of them being what triggered the second",
    ),
}  # fmt: skip
_KINDS = {"windows": "pair", "frames": "pair"}
_DETAILS: Mapping[str, Sequence[str]] = {
    "alert": (
        "and the control room acknowledged it within a minute", "the third of its kind that week", "with the horn sounding on site",
        "and the duty electrician was called out", "as a second sensor confirmed beyond doubt", "while {other} was being serviced",
        "and the shift lead informed the plant manager", "the longest on record for this asset", "after two warnings had gone unheeded",
        "with no one on site at the time", "and {other} was stopped as a precaution", "as a test of the alarm chain",
    ),
    "order": (
        "with two mechanics on the job", "at a cost of about 4,200 euros", "and was signed off by the duty electrician",
        "after the parts had arrived from the maker", "while {other} was shut down", "as a warranty case", "with a permit in place",
        "and was two days behind schedule", "following the same job on {other}", "with the spare part taken from stock",
    ),
    "window": (
        "an all-time high for the site", "with {other} running at full load", "as the calibration log confirms", "during the start-up",
        "with the sensor newly calibrated", "the steadiest hour of the week", "while {other} was out of service",
        "as the operators had predicted", "with an outside temperature of 31 °C", "just as on the previous day",
    ),
    "frame": (
        "as the guard on duty had reported", "and the plant manager was told by phone", "during the visit of an inspector",
        "although the area had been closed off since the day before", "as a motion alarm had announced",
        "for the first time since the cameras were installed", "and the picture was handed to the insurer",
        "on an order from the shift lead", "half an hour later than planned", "while an alarm was sounding at {other}",
    ),
    "passage": (
        "as the plant manager has confirmed in writing", "as an outside inspector has confirmed", "for the second time this year",
        "with the works council's consent", "as laboratory tests proved beyond doubt", "and the repair cost 4,200 euros",
        "in the presence of the fire brigade", "as in the case of {other} a month before", "and this was entered in the risk register",
        "though the night shift had been warned",
    ),
    "pair": (
        "with the same crew attending to both", "and both were reported to the authority", "as the control room had expected",
        "with {other} shut down throughout", "and in each case the duty electrician was on site", "for the first time this year",
        "as camera footage proves beyond doubt", "while {other} ran normally",
    ),
}  # fmt: skip
_SWEEPING: Mapping[str, Sequence[str]] = {
    "alert": (
        "Every alert on {asset} was rated {severity} severity.", "{asset} raised no other alert in the whole period.",
        "{alert} was the only alert raised at the site that day.", "No alert took longer to clear than {alert} with its {lasting}.",
        "{alert} was raised at least twice, the last time at {raised}.", "All {severity}-severity alerts of the period came from {asset}.",
        "More than one sensor of {asset} reported {message} under {alert}.", "Only {alert} ever concerned {message}.",
        "None of the other alerts had cleared when {alert} cleared at {cleared}.",
    ),
    "order": (
        "Every work order on {asset} carries {priority} priority.", "{order} was the only work order opened for {asset}.",
        "At least three work orders were opened for {asset}, {order} among them.", "No other asset needed {job}.",
        "All work orders of {priority} priority are {status}, {order} included.", "More than one crew worked under {order}.",
        "Each work order for {asset} was opened at {opened}.", "{order} took longer than any other job, {lasting} in all.",
        "None of the work orders before {order} had been of {priority} priority.",
    ),
    "window": (
        "No asset had a higher {quantity} than {asset} with its {max} {unit} {span}.",
        "Every reading of {sensor} {span} was {mean} {unit} or more.",
        "At least half of the readings of {sensor} {span} were {max} {unit} or more.",
        "None of {sensor}'s readings {span} was above {mean} {unit}.",
        "{sensor} read {max} {unit} throughout, {span}.", "All of the readings of {sensor} {span} lay at {min} {unit}.",
        "At {t_max}, {quantity} on every asset of the kind peaked at {max} {unit}.",
        "Only once in the whole period, at {t_max}, did {asset} reach {max} {unit}.",
        "{asset} never once had a {quantity} below {first} {unit} in the whole period.",
    ),
    "frame": (
        "All cameras showed {thing} at {at}.", "{camera} showed {thing} without a break for the hour from {at}.",
        "At {at}, no camera saw anything but {thing}.", "No camera but {camera} ever saw {thing}.",
        "{thing} was seen by at least two cameras at {at}.", "{camera} never again showed {thing} after {at}.",
        "Every picture that {camera} took that day shows {thing}, among them that of {at}.",
    ),
}  # fmt: skip


# --- swapped roles --------------------------------------------------------------------------------------------------


def roles(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """The opposite word for how two things stand to each other, or the two things in each other's place."""
    made = [
        replaced(claim, "roles", (span, text))
        for span in claim.spans
        for kind, text in twists(span.slot)
        if kind == "roles"
    ]
    made += [replaced(claim, "roles", *swap) for swap in _swaps(claim)]
    made = [wrong for wrong in made if wrong.text != claim.text]
    return rng.choice(made) if made else None


def _swaps(claim: ScriptedClaim) -> Iterator[tuple[tuple[Span, str], tuple[Span, str]]]:
    sides = {span.name: span for span in claim.spans}
    names = [name.removeprefix("one_") for name in sides if name.startswith("one_") and f"other_{name[4:]}" in sides]
    if len(names) < 2 and not _ASYMMETRIC & sides.keys():
        return
    for name in names:
        one, other = sides[f"one_{name}"], sides[f"other_{name}"]
        if one.slot.value != other.slot.value and _apart(one, other):
            yield (one, other.slot.text), (other, one.slot.text)


# --- what is put at the end of a claim ------------------------------------------------------------------------------


def invented(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """A cause, purpose or consequence that no cited source states, or another cause than the one that is stated."""
    made = [replaced(claim, "cause", change) for change in _other_causes(claim, world, rng)]
    if made and rng.random() < 0.8:
        return rng.choice(made)
    return _extended(claim, "cause", _CAUSES, world, rng)


def added(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """A detail, or a certainty, that would be plausible but that no cited source states."""
    made = [
        replaced(claim, "added", (span, text))
        for span in claim.spans
        for kind, text in twists(span.slot)
        if kind == "added"
    ]
    if made and rng.random() < 0.5:
        return rng.choice(made)
    return _extended(claim, "added", _DETAILS, world, rng)


def _other_causes(claim: ScriptedClaim, world: World, rng: random.Random) -> Iterator[tuple[Span, str]]:
    cited = " ".join(world.words(claim.evidence).split())
    for span in claim.spans:
        yield from ((span, text) for kind, text in twists(span.slot) if kind == "cause")
        if span.name == "cause":
            other = rng.choice([cause for cause in CAUSES if cause not in cited])
            yield span, rng.choice(list(CAUSES[other])).text


def _extended(
    claim: ScriptedClaim, mutation: str, clauses: Mapping[str, Sequence[str]], world: World, rng: random.Random
) -> ScriptedClaim:
    cited = world.words(claim.evidence)
    assets = [name for name in world.names(EntityType.ASSET) if name not in cited and name not in claim.text]
    pattern = rng.choice(list(clauses[_KINDS.get(claim.kind, claim.kind)]))
    clause = pattern.format(other=rng.choice(assets or ["the day tank"]), cause=_unstated(claim, world, rng))
    text = f"{claim.text.removesuffix('.')}, {clause}."
    return ScriptedClaim(text, claim.evidence, False, mutation, claim.text, claim.kind)


def _unstated(claim: ScriptedClaim, world: World, rng: random.Random) -> str:
    """A cause that no cited piece states: now and then the one that an uncited passage states of the same asset."""
    cited = " ".join(world.words(claim.evidence).split())
    about = {asset for id_ in claim.evidence for asset in world.assets(world.by_id[id_])}
    told = " ".join(
        " ".join(one.text.split()) for one in world.of_kind.get(Kind.PASSAGE, ()) if about & set(world.assets(one))
    )
    others = [cause for cause in CAUSES if cause not in cited]
    known = [cause for cause in others if cause in told]
    return rng.choice(known if known and rng.random() < 0.6 else others)


# --- sweeping words -------------------------------------------------------------------------------------------------


def sweeping(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """All, only, none, at least: more than a single piece can show."""
    sharp = {span: _sharp(span) for span in claim.spans}
    exact = [(span, text) for span, text in sharp.items() if text != span.slot.text]
    made = [
        replaced(claim, "quantifier", (span, text), *exact)
        for span in claim.spans
        for kind, text in twists(span.slot)
        if kind == "quantifier" and not (span.slot.kind == "label" and _several(claim, world))
    ]
    texts = {span.name: text for span, text in sharp.items()}
    fitting = [form for form in _SWEEPING.get(claim.kind, ()) if set(re.findall(r"\{(\w+)\}", form)) <= texts.keys()]
    if made and (not fitting or rng.random() < 0.4):
        return rng.choice(made)
    if not fitting:
        return None
    text = rng.choice(fitting).format_map(texts)
    return ScriptedClaim(text[:1].upper() + text[1:], claim.evidence, False, "quantifier", claim.text, claim.kind)


def _sharp(span: Span) -> str:
    """A place's text, its figure to two decimals: "never below about 57" would be a matter of opinion."""
    return write_number("2|", span.slot.value) if span.slot.kind == "number" else span.slot.text


def _several(claim: ScriptedClaim, world: World) -> bool:
    """Whether a cited frame shows two of a kind: forklifts of two colours, people with and without a hard hat."""
    shown = [set(labels_of(world.by_id[id_])) for id_ in claim.evidence]
    hats = {"person with hard hat", "person without hard hat"}
    return any(sum(label.endswith(" forklift") for label in labels) > 1 or hats <= labels for labels in shown)


# --- two truths in one ----------------------------------------------------------------------------------------------


class Merger:
    """Puts half of one right claim with half of another that is worded alike, citing the pieces of both."""

    def __init__(self, right: Sequence[ScriptedClaim], world: World) -> None:
        self._alike: dict[str, list[ScriptedClaim]] = defaultdict(list)
        for claim in right:
            self._alike[_skeleton(claim, world)].append(claim)

    def __call__(self, claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
        """One claim with the other's value in a place; half of the time each with the other's."""
        for other in shuffled(self._alike[_skeleton(claim, world)], rng):
            pairs = [] if set(other.evidence) & set(claim.evidence) else list(_exchangeable(claim, other, world))
            if pairs:
                mine, theirs = rng.choice(pairs)
                first = replaced(claim, "merged", (mine, theirs.slot.text)).text
                second = replaced(other, "merged", (theirs, mine.slot.text)).text
                text = first if rng.random() < 0.5 else f"{first.removesuffix('.')}; {_inner(second)}"
                return ScriptedClaim(text, claim.evidence + other.evidence, False, "merged", claim.text, claim.kind)
        return None


def _skeleton(claim: ScriptedClaim, world: World) -> str:
    """How a claim is worded, its places left open, and which quantity it is about."""
    text, at = f"{claim.kind} {world.by_id[claim.evidence[0]].data.get('quantity')} ", 0
    for span in claim.spans:
        text += claim.text[at : span.start].lower() + f"{{{span.name}}}"
        at = span.end
    return text


def _exchangeable(claim: ScriptedClaim, other: ScriptedClaim, world: World) -> Iterator[tuple[Span, Span]]:
    """Places whose values differ, in claims that differ elsewhere too: else each would only be told of the other."""
    pairs = list(zip(claim.spans, other.spans, strict=True))
    telling = [mine.name for mine, theirs in pairs if mine.name in _CARRIED | _NAMING and _apart(mine, theirs)]
    for mine, theirs in pairs:
        apart = _apart(mine, theirs) and not (_near(mine, theirs) and (vague(claim, mine) or vague(other, theirs)))
        fit = mine.name in _CARRIED and set(telling) > {mine.name} and apart
        if fit and _unseen(mine, theirs, (claim, other), world):
            yield mine, theirs


def _unseen(mine: Span, theirs: Span, claims: tuple[ScriptedClaim, ScriptedClaim], world: World) -> bool:
    """Whether what would be said of the one claim's view is not to be seen there, nor, for a time, in the other's view."""
    claim, other = claims
    if mine.slot.kind == "label":
        return not _seen(claim, world) & family(theirs.slot.value[0])
    things = [span.slot.value[0] for span in claim.spans if span.slot.kind == "label"]
    return mine.name != "at" or not any(_seen(other, world) & family(thing) for thing in things)


def _seen(claim: ScriptedClaim, world: World) -> set[str]:
    return {part for id_ in claim.evidence for label in labels_of(world.by_id[id_]) for part in family(label)}


def _apart(one: Span, other: Span) -> bool:
    """Whether two values differ by more than wording and rounding."""
    if one.slot.text == other.slot.text:
        return False
    if one.slot.kind == "time":
        return bool(abs(one.slot.value - other.slot.value) >= 3 * MINUTE)
    if one.slot.kind in ("number", "lasting", "count"):
        return bool(abs(one.slot.value - other.slot.value) > 0.06 * abs(one.slot.value))
    return bool(one.slot.value != other.slot.value or one.slot.kind == "word")


def _near(one: Span, other: Span) -> bool:
    if one.slot.kind == "time":
        return bool(abs(one.slot.value - other.slot.value) < 30 * MINUTE)
    return one.slot.kind in ("number", "lasting", "count") and bool(
        abs(one.slot.value - other.slot.value) < 0.2 * abs(one.slot.value)
    )


def _inner(sentence: str) -> str:
    """A sentence as the second half of another: its first word small, unless it is a tag or a name."""
    first = sentence.split(maxsplit=1)[0]
    plain = (first == "A" or first[1:].islower()) and first != "Shift"
    return sentence[:1].lower() + sentence[1:] if plain else sentence
