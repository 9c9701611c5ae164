"""Halves of two right claims in one sentence: what one is about with what the other tells, or a wrong half beside a right one."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from eval.claims import exam_editing as e
from eval.claims.exam_editing import Edit, Mutator
from eval.claims.exam_names import asset, near_record
from eval.claims.exam_negation import not_
from eval.claims.exam_numbers import off_by_one, scaled
from eval.claims.exam_times import hour, minute
from eval.claims.slots import MINUTE
from eval.claims.types import ScriptedClaim, Span
from eval.claims.world import World

_KEPT = (*e.IDENTITY, "zone", "total")
# what is told of these does not hang on one name
_UNCROSSED = ("order count", "alert count", "frame count", "order order", "standing", "windows compared")
_LONGEST = 110
# plain changes for the half that is to be wrong
_WRONG: Sequence[Mutator] = (off_by_one, scaled, hour, minute, asset, near_record, not_)


def _differs(one: Span, other: Span) -> bool:
    """Whether two places say different things, not the same thing in other words."""
    if one.slot.kind in ("number", "limit"):
        return abs(float(one.slot.value) - float(other.slot.value)) > 2 * max(e.step(one), e.step(other))
    if one.slot.kind in ("time", "bound"):
        return bool(abs(one.slot.value - other.slot.value) > 2 * MINUTE)
    if one.slot.kind == "date":
        return bool(abs(one.slot.value - other.slot.value) > 1440 * MINUTE)
    if one.slot.kind == "duration":
        return bool(abs(one.slot.value - other.slot.value) > max(180, 0.25 * one.slot.value))
    return bool(one.slot.value != other.slot.value)


def _crossed(one: ScriptedClaim, other: ScriptedClaim) -> ScriptedClaim | None:
    """What `one` is about with what `other` tells of something else, in the template of both."""
    pairs = list(zip(one.spans, other.spans, strict=True))
    about = [(a, b) for a, b in pairs if a.slot.kind in _KEPT]
    told = [(a, b) for a, b in pairs if a.slot.kind not in _KEPT]
    jarring = [(a, b) for a, b in told if a.slot.kind in ("unit", "quantity") and a.slot.value != b.slot.value]
    if jarring or not any(_differs(a, b) for a, b in told) or not about or not all(_differs(a, b) for a, b in about):
        return None
    edits: list[Edit] = [(a.start, a.end, b.slot.text) for a, b in told]
    made = e.edited(one, *edits)
    return made and e.retold(made, made.text, list(dict.fromkeys((*one.evidence, *other.evidence))))


class Mixer:
    """Mutators that take their second half from among the right claims of the set."""

    def __init__(self, right: Sequence[ScriptedClaim]) -> None:
        self._right = [claim for claim in right if claim.spans]
        self._alike: dict[tuple[str, ...], list[ScriptedClaim]] = {}
        for claim in self._right:
            self._alike.setdefault((claim.kind, *e.template(claim)), []).append(claim)

    def crossed(self, claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
        """The names of one claim with the figures, times and words of another of the same template; both are cited."""
        if claim.kind in _UNCROSSED or e.at_least(claim):
            return None
        return _crossed(claim, rng.choice(self._alike[(claim.kind, *e.template(claim))]))

    def half_wrong(self, claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
        """A right claim and a wrong one in a breath, what both need cited."""
        other = rng.choice(self._right)
        wrong = rng.choice(_WRONG)(other, world, rng)
        if wrong is None or not self._fit(claim, other):
            return None
        halves = [claim.text, wrong.text]
        rng.shuffle(halves)
        cited = list(dict.fromkeys((*claim.evidence, *other.evidence)))
        return e.retold(claim, self._joined(halves[0], halves[1], rng), cited)

    def half_cited(self, claim: ScriptedClaim, world: World, rng: random.Random) -> ScriptedClaim | None:
        """Two right claims in a breath, the evidence of only one cited."""
        other = rng.choice(self._right)
        words = world.words(claim.evidence)
        unnamed = [span for span in e.places(other, *e.IDENTITY) if not e.names(span.slot.text, words)]
        if not self._fit(claim, other) or not unnamed:
            return None
        halves = [claim.text, other.text]
        rng.shuffle(halves)
        return e.retold(claim, self._joined(halves[0], halves[1], rng))

    def _fit(self, one: ScriptedClaim, other: ScriptedClaim) -> bool:
        short = max(len(one.text), len(other.text)) <= _LONGEST
        return short and not set(one.evidence) & set(other.evidence)

    def _joined(self, first: str, second: str, rng: random.Random) -> str:
        if rng.random() < 0.5:
            return f"{first} {second}"
        # a sentence goes on with a capital only where it begins with a name
        word = second.split()[0]
        plain = word.isalpha() and not word.isupper()
        return f"{first.removesuffix('.')}; {second[0].lower() + second[1:] if plain else second}"

    @property
    def mutators(self) -> Mapping[str, Mutator]:
        return {"crossed": self.crossed, "half wrong": self.half_wrong, "half cited": self.half_cited}
