"""Strengthened words: some told as all, about as exactly, a mean as a constant, a value as less than was allowed."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence

from eval.claims import exam_editing as e
from eval.claims.exam_editing import Mutator
from eval.claims.types import ScriptedClaim
from eval.claims.world import World
from retrieval.types import Kind

# figures that are told as they are, so that "more than" them is too much and "less than" too little
_FIGURES = ("max", "min", "mean", "value", "litres", "minutes", "number")
_RULES: Sequence[tuple[str, str]] = (
    (r"every second week", "every week"),
    (r"every second week", "every second day"),
    (r"Every two weeks", "Every day"),
    (r"a confined space permit and a standby person are", "only a confined space permit is"),
    (
        r"without a confined space permit and a standby person",
        "without a confined space permit and two standby persons",
    ),
    (r"is reserved for emergencies", "is reserved for emergencies and drills alike"),
    (r"on the site\b", "on the site and on public roads"),
    (r"in the period", "in every period"),
)


def every_one(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """Some of the cited pieces told as all of them."""
    count, total = next(iter(e.places(claim, "count")), None), next(iter(e.places(claim, "total")), None)
    if count is None or total is None or claim.kind not in ("frame count", "order count"):
        return None
    if count.start > total.start:
        made = e.refilled(claim, count, "all")
    else:
        made = e.edited(
            claim, (count.start, total.end, rng.choice((f"all {total.slot.text}", f"all of the {total.slot.text}")))
        )
    # "one of the three is" → "all three are"
    return made and made._replace(text=re.sub(r"\bis(?= \w+\.$)", "are", made.text))


def none_at_all(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """Some told as none."""
    count = next(iter(e.places(claim, "count")), None)
    if count is None or claim.kind not in ("frame count", "order count"):
        return None
    return e.refilled(claim, count, rng.choice(("none", "not one")))


def exactly(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """About told as exactly; a duration in whole minutes only where it is none."""
    duration = next((span for span in e.places(claim, "duration") if span.slot.form == "about"), None)
    if duration is not None and 5 < duration.slot.value % 60 < 55:
        return e.refilled(claim, duration, duration.slot.text.replace("about", "exactly"))
    span = e.place(claim, "litres") or e.place(claim, "noticed")
    if span is None or not claim.text[: span.start].endswith("about "):
        return None
    return e.edited(claim, (span.start - len("about "), span.start, "exactly "))


def more_than(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """A figure told as passed."""
    found = [span for span in claim.spans if span.name in _FIGURES and e.places(claim, "unit")]
    if not found:
        return None
    span = rng.choice(found)
    if float(span.slot.text) < float(span.slot.value) or re.search(
        r"ranged|stayed|between $", claim.text[: span.start]
    ):
        return None
    return e.edited(claim, (span.start, span.start, rng.choice(("more than ", "over ", "well over "))))


def less_than(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """A figure told as not reached."""
    found = [span for span in claim.spans if span.name in _FIGURES and e.places(claim, "unit")]
    if not found or e.at_least(claim):
        return None
    span = rng.choice(found)
    if float(span.slot.text) > float(span.slot.value) or re.search(r"ranged|stayed", claim.text[: span.start]):
        return None
    return e.edited(claim, (span.start, span.start, rng.choice(("less than ", "under ", "well under "))))


def constant(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """A mean told as what was read all the time, or as a bound."""
    span, own = e.place(claim, "mean"), e.series(world, claim)
    if span is None or own is None:
        return None
    mean = float(span.slot.text)
    if not min(own.v) < mean - e.step(span) < mean + e.step(span) < max(own.v):
        return None
    words = ("was constantly", "never fell below", "never exceeded", "did not move from")
    return e.reworded(claim, r"\baveraged\b", rng.choice(words))


def throughout(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """For a time told as all the time; the series was below its limit in that window too."""
    over, own = e.place(claim, "over"), e.series(world, claim)
    limit = e.place(claim, "limit")
    if own is None or limit is None or min(own.v) > float(limit.slot.value):
        return None
    if over is not None:
        return e.edited(claim, (over.start - len("for about "), over.end, "the whole time"))
    samples = e.place(claim, "samples")
    return (
        e.edited(claim, (samples.start, samples.end, rng.choice(("All", "Nearly all 60"))))
        if samples and samples.slot.value < 40
        else None
    )


def only(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """One of several things that a frame shows told as the only one."""
    span = e.place(claim, "thing")
    frames = e.cited(world, claim, Kind.FRAME)
    if span is None or claim.kind != "frame" or e.place(claim, "other"):
        return None
    shown = [one for one in frames[0].data["counts"] if one not in ("night", "rain", "hi-vis vest")]
    apart = [one for one in shown if not (one in str(span.slot.value) or str(span.slot.value) in one)]
    return e.refilled(claim, span, rng.choice(("only ", "nothing but ")) + span.slot.text) if apart else None


def rules(claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
    """A standing rule told as stricter, laxer or wider than it is."""
    if claim.kind != "standing":
        return None
    made = [e.reworded(claim, pattern, new) for pattern, new in _RULES]
    fresh = [one for one in made if one]
    return rng.choice(fresh) if fresh else None


MUTATORS: Mapping[str, Mutator] = {
    "all": every_one, "none": none_at_all, "exactly": exactly, "more than": more_than, "less than": less_than,
    "constant": constant, "throughout": throughout, "only": only, "rule": rules,
}  # fmt: skip
